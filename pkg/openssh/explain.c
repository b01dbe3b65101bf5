#define _GNU_SOURCE
#include <string.h>

#include "openssh/master.h"
#include "remote/frame.h"

/* Words of ssh's, and what they mean for the user; the first row that fits counts.  They are
 * OpenSSH's since 7.x; what is not here is passed on as it is. */
static const struct meaning {
	const char *said, *means;
	bool again; /* before the login: sshd may have had too many of them at once */
} meanings[] = {
	{ "Too many authentication failures",
	  "login refused: sshd takes no more offers; name the key (ssh.identityFile), or set IdentitiesOnly for "
	  "this host in your ssh_config", false },
	{ "incorrect passphrase", "the key's passphrase is wrong", false },
	{ "Permission denied", NULL, false },
	{ "bad configuration option", "ssh does not understand its configuration: mend your ssh_config", false },
	{ "Bad configuration option", "ssh does not understand its configuration: mend your ssh_config", false },
	{ "Bad owner or permissions", "ssh does not trust its configuration: chmod go-w it", false },
	{ "no matching", "ssh and sshd have no common algorithm: allow one of these in the sshd_config there, "
			 "or in your ssh_config", false },
	{ "Could not resolve hostname", "the name has no address: give a numeric address, or mend the name service",
	  false },
	{ "Connection refused", "it cannot be reached: is the machine up, the address right, and sshd running "
				"there?", false },
	{ "timed out", "no answer in time: is the machine up, the address right, and no firewall between?",
	  false },
	{ "No route to host", "there is no way to it: is the machine up, and the address right?", false },
	{ "Network is unreachable", "there is no way to it: is this machine's network up, and the address right?",
	  false },
	{ "administratively prohibited",
	  "the bastion forbids forwarding: allow it there (AllowTcpForwarding in sshd_config)", false },
	{ "kex_exchange_identification",
	  "the connection was dropped before the login: is it sshd that listens there, and its MaxStartups "
	  "large enough?", true },
	{ "Connection reset", "the connection was dropped before the login: is it sshd that listens there, and "
			      "its MaxStartups large enough?", true },
	{ "Connection closed", "the connection was dropped before the login: is it sshd that listens there, and "
			       "its MaxStartups large enough?", true },
};

static const struct meaning *find(const char *said)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		if (strstr(said, meanings[i].said))
			return &meanings[i];
	return NULL;
}

static int refused(const struct ssh_options *o, const char *name, const char *words, struct err *err)
{
	const char *user = o->user ? o->user : "root";

	return err_set(err, ERR_CONNECT,
		       "%s: login refused; is '%s' the right user (ssh.user) and has it one of your keys in its "
		       "authorized_keys (ssh-copy-id -p %d %s@%s)? (ssh said '%s')",
		       name, user, o->port ? o->port : 22, user, o->host, words);
}

int openssh_explain(const struct ssh_options *o, const char *name, const struct buf *said,
		    bool *again, struct err *err)
{
	const struct meaning *m = find(buf_str(said));
	auto_buf struct buf words = BUF_INIT;

	frame_last_lines(said, &words);
	*again = m && m->again;
	if (!m)
		return err_set(err, ERR_CONNECT, "%s: ssh ended: %s", name,
			       words.len ? buf_str(&words) : "it did not say why; try it by hand");
	if (!m->means)
		return refused(o, name, buf_str(&words), err);
	return err_set(err, ERR_CONNECT, "%s: %s (ssh said '%s')", name, m->means, buf_str(&words));
}

bool openssh_refused_host_key(const struct buf *said)
{
	return strstr(buf_str(said), "Host key verification failed") != NULL;
}

bool openssh_refused_login(const struct buf *said)
{
	return strstr(buf_str(said), "Permission denied (") || strstr(buf_str(said), "Too many authentication failures");
}
