#define _GNU_SOURCE
#include "ssh/cert.h"

#include <libssh2.h>
#include <string.h>

#include "base/file.h"
#include "pki/pki.h"
#include "ssh/key.h"
#include "ssh/wire.h"

#define MAX_PUBLIC_FILE 65536
#define USER_CERTIFICATE 1
#define SUFFIX "-cert-v01@openssh.com"

void ssh_cert_release(struct ssh_cert *c)
{
	buf_release(&c->key);
	free(c->principals);
	c->principals = NULL;
}

/* The type of key that a certificate's type is for; len 0: it is no certificate. */
static struct wire_string plain_type(struct wire_string type)
{
	size_t n = strlen(SUFFIX);
	bool is = type.len > n && !memcmp(type.data + type.len - n, SUFFIX, n);

	return (struct wire_string){ type.data, is ? type.len - n : 0 };
}

bool ssh_cert_is(const struct buf *blob)
{
	struct wire w = wire_from(buf_str(blob), blob->len);

	return plain_type(wire_string(&w)).len;
}

static uint64_t wire_u64(struct wire *w)
{
	uint64_t high = wire_u32(w);

	return high << 32 | wire_u32(w);
}

/* ed25519 has one field, the others two. */
static void copy_key(struct wire *w, struct wire_string type, struct buf *key)
{
	int fields = wire_is(type, "ssh-ed25519") ? 1 : 2;

	wire_add_string(key, type.data, type.len);
	for (int i = 0; i < fields; i++) {
		struct wire_string field = wire_string(w);

		wire_add_string(key, field.data, field.len);
	}
}

static void copy_principals(struct wire_string list, struct ssh_cert *c)
{
	struct wire w = wire_from(list.data, list.len);
	struct buf b = BUF_INIT;

	while (w.left && !w.bad) {
		struct wire_string name = wire_string(&w);

		buf_printf(&b, "%s%.*s", b.len ? "," : "", (int)name.len, name.data);
	}
	c->principals = buf_detach(&b);
}

int ssh_cert_parse(const char *path, const struct buf *blob, struct ssh_cert *c, struct err *err)
{
	struct wire w = wire_from(buf_str(blob), blob->len);
	struct wire_string type = plain_type(wire_string(&w));
	uint32_t kind;

	wire_string(&w); /* nonce */
	copy_key(&w, type, &c->key);
	wire_u64(&w); /* serial number */
	kind = wire_u32(&w);
	wire_string(&w); /* key id */
	copy_principals(wire_string(&w), c);
	c->after = wire_u64(&w);
	c->before = wire_u64(&w);
	if (w.bad || !type.len || !ssh_key_type(&c->key))
		return err_set(err, ERR_CONNECT, "'%s' is a certificate that cannot be used", path);
	if (kind != USER_CERTIFICATE)
		return err_set(err, ERR_CONNECT, "'%s' is the certificate of a host, not of a user", path);
	return 0;
}

int ssh_public_load(const char *path, struct buf *blob, struct err *err)
{
	auto_err struct err ignored = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;
	const char *start;

	if (file_read(path, MAX_PUBLIC_FILE, &text, err) < 0)
		return -1;
	start = strchr(buf_str(&text), ' ');
	buf_clear(blob);
	if (start && !pki_base64_decode(start + 1, strcspn(start + 1, " \r\n"), blob, &ignored) && blob->len)
		return 0;
	buf_clear(blob);
	return err_set(err, ERR_CONNECT, "'%s' is no public key", path);
}

bool ssh_cert_usable(const struct ssh_cert *c)
{
	const char *type = ssh_key_type(&c->key);

	return ssh_curve_find(type, strlen(type)) || libssh2_version(0x010b00);
}
