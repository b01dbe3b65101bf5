#define _GNU_SOURCE
#include <string.h>

#include "ssh/session.h"
#include "ssh/wire.h"

#define MSG_KEXINIT 20

/* CTR with plain MACs first: they are what libssh2 1.10 has, and newer versions' code for the
 * others has had holes (CVE-2026-55200) that a node could reach before it is known to be one. */
#define CIPHERS "aes256-ctr,aes192-ctr,aes128-ctr,aes256-gcm@openssh.com,aes128-gcm@openssh.com," \
	"chacha20-poly1305@openssh.com"
#define MACS "hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
/* SHA-1 signatures (ssh-rsa) are not asked for. */
#define HOST_KEYS "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521," \
	"rsa-sha2-512,rsa-sha2-256"

/* The name lists of SSH_MSG_KEXINIT in their order (RFC 4253, 7.1), as far as they must agree. */
static const struct list {
	const char *what, *option; /* option: where sshd_config(5) sets it */
	int method;
	const char *names; /* NULL: libssh2's own choice */
} lists[] = {
	{ "key exchange", "KexAlgorithms", LIBSSH2_METHOD_KEX, NULL },
	{ "host key algorithm", "HostKeyAlgorithms", LIBSSH2_METHOD_HOSTKEY, HOST_KEYS },
	{ "cipher", "Ciphers", LIBSSH2_METHOD_CRYPT_CS, CIPHERS },
	{ "cipher", "Ciphers", LIBSSH2_METHOD_CRYPT_SC, CIPHERS },
	{ "MAC", "MACs", LIBSSH2_METHOD_MAC_CS, MACS },
	{ "MAC", "MACs", LIBSSH2_METHOD_MAC_SC, MACS },
};

/* The first packet after the lines that end in the peer's version. */
static struct wire find_kexinit(const struct buf *greeting)
{
	const char *at = buf_str(greeting), *end = at + greeting->len, *newline;
	struct wire w = wire_from("", 0);

	for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
		if (strncmp(at, "SSH-", 4))
			continue;
		w = wire_from(newline + 1, (size_t)(end - newline - 1));
		break;
	}
	wire_u32(&w); /* packet length */
	wire_byte(&w); /* padding length */
	if (wire_byte(&w) != MSG_KEXINIT)
		w.bad = true;
	for (int i = 0; i < 16; i++) /* cookie */
		wire_byte(&w);
	return w;
}

static bool list_has(struct wire_string list, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = list.data, *end = at + list.len, *comma; at < end; at = comma + 1) {
		comma = memchr(at, ',', (size_t)(end - at));
		comma = comma ? comma : end;
		if ((size_t)(comma - at) == n && !memcmp(at, name, n))
			return true;
	}
	return false;
}

static void supported(struct ssh_session *s, int method, struct strs *names)
{
	const char **list = NULL;
	int n = libssh2_session_supported_algs(s->lib, method, &list);

	for (int i = 0; i < n; i++)
		strs_add(names, list[i]);
	if (n > 0)
		libssh2_free(s->lib, list);
}

/* Those of names that this libssh2 has.  1.10 could drop the others itself, but does it by a
 * memcpy that overlaps. */
static void choose(struct ssh_session *s, int method, const char *names, struct strs *chosen)
{
	auto_strs struct strs known = STRS_INIT;
	auto_free char *copy = names ? strdup(names) : NULL;
	char *place;

	if (!names) {
		supported(s, method, chosen);
		return;
	}
	if (!copy)
		abort();
	supported(s, method, &known);
	for (char *name = strtok_r(copy, ",", &place); name; name = strtok_r(NULL, ",", &place))
		if (strs_has(&known, name))
			strs_add(chosen, name);
}

static int prefer(struct ssh_session *s, int method, const char *names, struct err *err)
{
	auto_strs struct strs chosen = STRS_INIT;
	auto_free char *list = NULL;

	choose(s, method, names, &chosen);
	list = strs_join(&chosen, ",");
	if (!chosen.n || libssh2_session_method_pref(s->lib, method, list))
		return err_set(err, ERR_CONNECT, "%s: libssh2 %s has none of the algorithms %s: use a newer one",
			       s->name, libssh2_version(0), names);
	return 0;
}

/* A host has keys of several types, and one whose type is not known would look like a stranger's. */
static char *host_key_order(const struct strs *types)
{
	auto_strs struct strs order = STRS_INIT;

	for (int known = 1; known >= 0; known--) {
		auto_free char *copy = strdup(HOST_KEYS);
		char *place;

		if (!copy)
			abort();
		for (char *name = strtok_r(copy, ",", &place); name; name = strtok_r(NULL, ",", &place))
			if (strs_has(types, !strncmp(name, "rsa-", 4) ? "ssh-rsa" : name) == known)
				strs_add(&order, name);
	}
	return strs_join(&order, ",");
}

int ssh_prefer(struct ssh_session *s, const struct strs *host_key_types, struct err *err)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		bool host_key = lists[i].method == LIBSSH2_METHOD_HOSTKEY;
		auto_free char *order = host_key ? host_key_order(host_key_types) : NULL;
		const char *names = order ? order : lists[i].names;

		if (names && prefer(s, lists[i].method, names, err) < 0)
			return -1;
	}
	return 0;
}

static bool any_in(const struct strs *ours, struct wire_string theirs)
{
	for (size_t i = 0; i < ours->n; i++)
		if (list_has(theirs, ours->v[i]))
			return true;
	return false;
}

void ssh_explain_algorithms(struct ssh_session *s, struct buf *out)
{
	struct wire w = find_kexinit(&s->greeting);

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		auto_strs struct strs ours = STRS_INIT;
		auto_free char *list = NULL;
		struct wire_string theirs = wire_string(&w);

		if (w.bad)
			return;
		choose(s, lists[i].method, lists[i].names, &ours);
		if (any_in(&ours, theirs))
			continue;
		if (s->unsupported)
			*s->unsupported = true;
		list = strs_join(&ours, ",");
		buf_printf(out, "no common %s: sshd offers '%.*s', libssh2 %s has '%s'; allow one of these "
			   "there (%s in sshd_config), or use a newer libssh2 here",
			   lists[i].what, (int)theirs.len, theirs.data, libssh2_version(0), list,
			   lists[i].option);
		return;
	}
}
