#define _GNU_SOURCE
#include "ssh/public.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "pki/pki.h"
#include "ssh/agent.h"
#include "ssh/cert.h"
#include "ssh/key.h"
#include "ssh/wire.h"

#define MAX_LINE 16384
#define AGENT_MS 5000
#define ED25519 "ssh-ed25519"
#define ED25519_LEN 32
#define MAGIC "openssh-key-v1" /* and its NUL */
#define BLOCK 8                /* what the secret part is padded to when it is not encrypted */
#define PEM_COLUMNS 70

/* ---- found ---- */

static void write_line(const struct buf *blob, const char *comment, struct buf *line)
{
	struct wire w = wire_from(buf_str(blob), blob->len);
	struct wire_string type = wire_string(&w);

	buf_add(line, type.data, type.len);
	buf_puts(line, " ");
	pki_base64_encode(blob->data, blob->len, line);
	if (!strpbrk(comment, "\r\n"))
		buf_printf(line, "%s%s", *comment ? " " : "", comment);
}

/* The line as it stands in the file, which is the operator's: with its comment. */
static int read_pub(const char *path, struct buf *line, struct err *err)
{
	auto_buf struct buf blob = BUF_INIT, text = BUF_INIT;

	if (ssh_public_load(path, &blob, err) < 0 || file_read(path, MAX_LINE, &text, err) < 0)
		return -1;
	if (ssh_cert_is(&blob))
		return err_set(err, ERR_FAILED, "'%s' is a certificate, which authorized_keys does not take", path);
	buf_add(line, buf_str(&text), strcspn(buf_str(&text), "\r\n"));
	return 0;
}

static int read_private(const char *path, struct buf *line, struct err *err)
{
	struct ssh_key key = SSH_KEY_INIT;
	int rc = ssh_key_load(path, &key, err);

	if (rc == 0 && !key.blob.len)
		rc = err_set(err, ERR_FAILED, "'%s' is encrypted and does not tell its public key; make it with "
			     "ssh-keygen -y -f '%s' >'%s.pub'", path, path, path);
	else if (rc == 0)
		write_line(&key.blob, "", line);
	ssh_key_release(&key);
	return rc;
}

static int read_identity(const char *path, struct buf *line, struct err *err)
{
	auto_free char *file = file_resolve(path, NULL), *pub = NULL;

	if (asprintf(&pub, "%s.pub", file) < 0)
		abort();
	if (access(pub, F_OK) == 0)
		return read_pub(pub, line, err);
	return access(file, F_OK) == 0 ? read_private(file, line, err) : 1;
}

static int read_agent(struct buf *line)
{
	auto_err struct err ignored = ERR_INIT;
	struct ssh_agent agent = SSH_AGENT_INIT;
	int rc = 1;

	if (ssh_agent_open(&agent, NULL, clock_ms() + AGENT_MS, &ignored) == 0)
		for (size_t i = 0; i < agent.n && rc; i++)
			if (!ssh_cert_is(&agent.keys[i].blob)) {
				write_line(&agent.keys[i].blob, agent.keys[i].comment, line);
				rc = 0;
			}
	ssh_agent_close(&agent);
	return rc;
}

int ssh_public_find(const char *identity_file, struct buf *line, struct err *err)
{
	static const char *const usual[] = { "~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa", NULL };
	int rc;

	if (identity_file)
		return read_identity(identity_file, line, err);
	rc = read_agent(line);
	for (const char *const *path = usual; rc == 1 && *path; path++)
		rc = read_identity(*path, line, err);
	return rc;
}

/* ---- made ---- */

struct pair {
	unsigned char secret[2 * ED25519_LEN]; /* the seed, and the public key again */
	unsigned char public[ED25519_LEN];
};

static void make_pair(struct pair *p)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	size_t secret = ED25519_LEN, public = ED25519_LEN;

	if (!key || EVP_PKEY_get_raw_private_key(key, p->secret, &secret) <= 0 ||
	    EVP_PKEY_get_raw_public_key(key, p->public, &public) <= 0)
		abort();
	memcpy(p->secret + ED25519_LEN, p->public, ED25519_LEN);
	EVP_PKEY_free(key);
}

static void add_secret_part(const struct pair *p, const char *comment, struct buf *out)
{
	unsigned char check[4];

	if (RAND_bytes(check, sizeof(check)) != 1)
		abort();
	buf_add(out, check, sizeof(check));
	buf_add(out, check, sizeof(check));
	wire_add_text(out, ED25519);
	wire_add_string(out, p->public, sizeof(p->public));
	wire_add_string(out, p->secret, sizeof(p->secret));
	wire_add_text(out, comment);
	for (char pad = 1; out->len % BLOCK; pad++)
		buf_add(out, &pad, 1);
}

/* OpenSSH's PROTOCOL.key.  Buffers of secrets are reserved first. */
static void write_private(const struct pair *p, const struct buf *blob, const char *comment, struct buf *out)
{
	auto_wipe struct buf inner = BUF_INIT, whole = BUF_INIT, text = BUF_INIT;
	size_t size = 512 + strlen(comment);

	buf_reserve(&inner, size);
	buf_reserve(&whole, 2 * size);
	buf_reserve(&text, 4 * size);
	buf_reserve(out, 6 * size);
	add_secret_part(p, comment, &inner);
	buf_add(&whole, MAGIC, sizeof(MAGIC));
	wire_add_text(&whole, "none");
	wire_add_text(&whole, "none");
	wire_add_text(&whole, "");
	wire_add_u32(&whole, 1);
	wire_add_string(&whole, blob->data, blob->len);
	wire_add_string(&whole, inner.data, inner.len);
	pki_base64_encode(whole.data, whole.len, &text);
	buf_puts(out, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	for (size_t i = 0; i < text.len; i += PEM_COLUMNS) {
		buf_add(out, text.data + i, text.len - i < PEM_COLUMNS ? text.len - i : PEM_COLUMNS);
		buf_puts(out, "\n");
	}
	buf_puts(out, "-----END OPENSSH PRIVATE KEY-----\n");
}

static int write_files(const char *path, const char *pub, const struct buf *private, const struct buf *line,
		       struct err *err)
{
	auto_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (access(path, F_OK) == 0 || access(pub, F_OK) == 0)
		return err_set(err, ERR_FAILED, "'%s' or '%s' exists already", path, pub);
	if (slash && slash != dir) {
		*slash = '\0';
		if (file_mkdirs(dir, 0700, err) < 0)
			return -1;
	}
	if (file_write(path, private->data, private->len, 0600, err) < 0)
		return -1;
	return file_write(pub, line->data, line->len, 0644, err);
}

int ssh_public_generate(const char *path, const char *comment, struct err *err)
{
	auto_wipe struct buf private = BUF_INIT;
	auto_buf struct buf blob = BUF_INIT, line = BUF_INIT;
	auto_free char *file = file_resolve(path, NULL), *pub = NULL;
	struct pair p;
	int rc;

	if (asprintf(&pub, "%s.pub", file) < 0)
		abort();
	make_pair(&p);
	wire_add_text(&blob, ED25519);
	wire_add_string(&blob, p.public, sizeof(p.public));
	write_private(&p, &blob, comment, &private);
	write_line(&blob, comment, &line);
	buf_puts(&line, "\n");
	rc = write_files(file, pub, &private, &line, err);
	explicit_bzero(&p, sizeof(p));
	return rc;
}
