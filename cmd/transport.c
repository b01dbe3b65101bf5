#define _GNU_SOURCE
#include "transport.h"

#include "openssh/openssh.h"

/* What ssh reads from its configuration itself it is not told, but what hactl.yaml says it is. */
static struct remote *over_openssh(const struct inv_node *n, const struct ssh_options *o, struct err *err)
{
	struct ssh_options own = *o;

	own.host = n->address;
	own.config_file = n->ssh.config_file;
	own.jump = n->ssh.bastion;
	return openssh_connect(&own, err);
}

static void tell(struct transport_note *note, const struct inv_node *n, const char *why)
{
	auto_free char *text = NULL;

	if (!note || !note->say || __atomic_exchange_n(&note->said, true, __ATOMIC_RELAXED))
		return;
	if (asprintf(&text, "reached over OpenSSH, as are all nodes that libssh2 cannot reach: %s", why) < 0)
		abort();
	note->say(note->ctx, n->name, text);
}

static struct remote *over_either(const struct inv_node *n, const struct ssh_options *o,
				  struct transport_note *note, struct err *err)
{
	auto_err struct err why = ERR_INIT, other = ERR_INIT;
	bool unsupported = false;
	struct ssh_options first = *o;
	struct remote *r;

	first.unsupported = &unsupported;
	r = ssh_connect(&first, &why);
	if (r)
		return r;
	if (unsupported) {
		if (o->untrusted)
			*o->untrusted = false;
		r = over_openssh(n, o, &other);
		if (r)
			tell(note, n, why.msg);
		else
			err_set(err, other.kind, "%s; over libssh2 neither: %s", other.msg, why.msg);
		return r;
	}
	err_set(err, why.kind, "%s", why.msg);
	return NULL;
}

struct remote *transport_connect(const struct inv_node *n, const struct ssh_options *o,
				 struct transport_note *note, struct err *err)
{
	if (n->ssh.transport == INV_TRANSPORT_LIBSSH2)
		return ssh_connect(o, err);
	if (n->ssh.transport == INV_TRANSPORT_OPENSSH)
		return over_openssh(n, o, err);
	return over_either(n, o, note, err);
}
