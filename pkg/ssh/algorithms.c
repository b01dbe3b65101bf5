#define _GNU_SOURCE
#include <string.h>

#include "ssh/session.h"
#include "ssh/wire.h"

#define MSG_KEXINIT 20

/* The name lists of SSH_MSG_KEXINIT in their order (RFC 4253, 7.1), as far as they must agree. */
static const struct list {
	const char *what, *option; /* option: where sshd_config(5) sets it */
	int method;
} lists[] = {
	{ "key exchange", "KexAlgorithms", LIBSSH2_METHOD_KEX },
	{ "host key algorithm", "HostKeyAlgorithms", LIBSSH2_METHOD_HOSTKEY },
	{ "cipher", "Ciphers", LIBSSH2_METHOD_CRYPT_CS },
	{ "cipher", "Ciphers", LIBSSH2_METHOD_CRYPT_SC },
	{ "MAC", "MACs", LIBSSH2_METHOD_MAC_CS },
	{ "MAC", "MACs", LIBSSH2_METHOD_MAC_SC },
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

/* libssh2 1.10 can drop the names it does not know itself, but by a memcpy that overlaps. */
int ssh_prefer(struct ssh_session *s, int method, const char *names, struct err *err)
{
	auto_strs struct strs known = STRS_INIT, chosen = STRS_INIT;
	auto_free char *copy = strdup(names), *list = NULL;
	char *place;

	if (!copy)
		abort();
	supported(s, method, &known);
	for (char *name = strtok_r(copy, ",", &place); name; name = strtok_r(NULL, ",", &place))
		if (strs_has(&known, name))
			strs_add(&chosen, name);
	list = strs_join(&chosen, ",");
	if (!chosen.n || libssh2_session_method_pref(s->lib, method, list))
		return err_set(err, ERR_CONNECT, "%s: libssh2 %s has none of the algorithms %s: use a newer one",
			       s->name, libssh2_version(0), names);
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
		supported(s, lists[i].method, &ours);
		if (any_in(&ours, theirs))
			continue;
		list = strs_join(&ours, ",");
		buf_printf(out, "no common %s: sshd offers '%.*s', libssh2 %s has '%s'; allow one of these "
			   "there (%s in sshd_config), or use a newer libssh2 here",
			   lists[i].what, (int)theirs.len, theirs.data, libssh2_version(0), list,
			   lists[i].option);
		return;
	}
}
