#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openssh/master.h"

/* ssh gives a silent peer up after one interval more than it counts: 9 s. */
#define ALIVE_INTERVAL_S 3
#define ALIVE_COUNT 2
_Static_assert(ALIVE_INTERVAL_S * (ALIVE_COUNT + 1) < 10, "a dead peer is noticed in 10 s");

/* As a value of a configuration line: one word, in which ssh expands nothing. */
static int quote(const char *value, struct buf *out, struct err *err)
{
	if (strpbrk(value, "\"\n\r") || strstr(value, "${"))
		return err_set(err, ERR_CONFIG, "'%s' cannot be told to ssh: it must not contain \", ${ or a "
			       "newline", value);
	buf_puts(out, "\"");
	for (; *value; value++)
		buf_add(out, *value == '%' ? "%%" : value, *value == '%' ? 2 : 1);
	buf_puts(out, "\"");
	return 0;
}

static void add_option(struct strs *argv, const char *option)
{
	strs_add(argv, "-o");
	strs_add(argv, option);
}

static int add_path(struct strs *argv, const char *name, const char *path, struct err *err)
{
	auto_buf struct buf option = BUF_INIT;

	buf_printf(&option, "%s=", name);
	if (quote(path, &option, err) < 0)
		return -1;
	add_option(argv, buf_str(&option));
	return 0;
}

/* All files as the user's: ssh adds nothing itself, so it does not matter which are. */
static int add_known_hosts(struct strs *argv, const char *const *paths, struct err *err)
{
	auto_buf struct buf option = BUF_INIT;

	if (!paths)
		return 0;
	buf_puts(&option, "UserKnownHostsFile=");
	for (; *paths; paths++) {
		buf_puts(&option, option.data[option.len - 1] == '=' ? "" : " ");
		if (quote(*paths, &option, err) < 0)
			return -1;
	}
	add_option(argv, buf_str(&option));
	add_option(argv, "GlobalKnownHostsFile=none");
	return 0;
}

static int add_host_key(const struct ssh_options *o, const struct openssh_purpose *p,
			struct strs *argv, struct err *err)
{
	const char *const one[] = { p->known_hosts, NULL };

	if (o->host_key_alias && add_path(argv, "HostKeyAlias", o->host_key_alias, err) < 0)
		return -1;
	return add_known_hosts(argv, p->known_hosts ? one : o->known_hosts, err);
}

static int add_line(const char *word, const char *value, struct buf *text, struct err *err)
{
	buf_puts(text, word);
	if (quote(value, text, err) < 0)
		return -1;
	buf_puts(text, "\n");
	return 0;
}

/* The files that say which host keys of bastions to believe. */
static int add_bastions_hosts(const struct ssh_options *o, struct buf *text, struct err *err)
{
	auto_strs struct strs all = STRS_INIT;

	for (const struct ssh_options *via = o->via; via; via = via->via)
		for (const char *const *f = via->known_hosts; f && *f; f++)
			if (!strs_has(&all, *f))
				strs_add(&all, *f);
	if (!all.n)
		return 0;
	buf_puts(text, "GlobalKnownHostsFile none\nUserKnownHostsFile");
	for (size_t i = 0; i < all.n; i++) {
		buf_puts(text, " ");
		if (quote(all.v[i], text, err) < 0)
			return -1;
	}
	buf_puts(text, "\n");
	return 0;
}

static int add_includes(const struct ssh_options *o, struct buf *text, struct err *err)
{
	if (!o->config_file) {
		buf_puts(text, "Include ~/.ssh/config /etc/ssh/ssh_config\n");
	} else if (strcmp(o->config_file, "none") != 0) {
		auto_free char *path = realpath(o->config_file, NULL);

		if (!path)
			return err_errno(err, "%s", o->config_file);
		return add_line("Include ", path, text, err);
	}
	return 0;
}

/* The first that is said counts, so that a lax configuration does not matter. */
int openssh_config(const struct ssh_options *o, struct buf *text, struct err *err)
{
	if (!o->via && (!o->jump || !strcmp(o->jump, "none")))
		return 0;
	buf_puts(text, "StrictHostKeyChecking yes\nUpdateHostKeys no\n");
	if (add_bastions_hosts(o, text, err) < 0 || add_includes(o, text, err) < 0)
		return -1;
	for (const char *const *f = o->identity_files; f && *f; f++)
		if (add_line("IdentityFile ", *f, text, err) < 0)
			return -1;
	return 0;
}

static int add_route(const struct ssh_options *o, const struct openssh_purpose *p, struct strs *argv,
		     struct err *err)
{
	const char *config = p->config ? p->config : o->config_file;

	if (config) {
		strs_add(argv, "-F");
		strs_add(argv, config);
	}
	if (!o->jump)
		return 0;
	if (strpbrk(o->jump, " \t\n\"'%"))
		return err_set(err, ERR_CONFIG, "'%s' is no list of bastions", o->jump);
	strs_add(argv, "-o");
	strs_printf(argv, "ProxyJump=%s", o->jump);
	return 0;
}

static int add_login(const struct ssh_options *o, struct strs *argv, struct err *err)
{
	for (const char *const *f = o->identity_files; f && *f; f++)
		if (add_path(argv, "IdentityFile", *f, err) < 0)
			return -1;
	for (const char *const *f = o->certificate_files; f && *f; f++)
		if (add_path(argv, "CertificateFile", *f, err) < 0)
			return -1;
	if (o->identities_only)
		add_option(argv, "IdentitiesOnly=yes");
	if (o->keys_only)
		add_option(argv, "PreferredAuthentications=publickey");
	if (o->password || o->password_file) /* sent once; that ssh asks again tells that it was refused */
		add_option(argv, "NumberOfPasswordPrompts=2");
	if (o->identity_agent && add_path(argv, "IdentityAgent", o->identity_agent, err) < 0)
		return -1;
	return 0;
}

void openssh_tell_key_command(struct buf *option)
{
	auto_buf struct buf own = BUF_INIT;

	openssh_own_path(&own);
	buf_printf(option, "KnownHostsCommand=%s host-key %%H %%t %%K", buf_str(&own));
}

static void add_purpose(const struct openssh_purpose *p, struct strs *argv)
{
	auto_buf struct buf option = BUF_INIT;

	strs_add(argv, "-o");
	strs_printf(argv, "ConnectTimeout=%d", (p->timeout_ms + 999) / 1000);
	if (p->control_path) {
		strs_add(argv, "-M");
		strs_add(argv, "-S");
		strs_add(argv, p->control_path);
		add_option(argv, "ControlPersist=no");
	} else {
		openssh_tell_key_command(&option);
		strs_add(argv, "-S");
		strs_add(argv, "none");
		add_option(argv, buf_str(&option));
	}
	add_option(argv, p->ask ? "BatchMode=no" : "BatchMode=yes");
}

/* Strict, however lax the configuration: a new key is judged and added by the rules of ssh/ssh.h,
 * not by accept-new, which takes a key of another type than the known one for new. */
static const char *const always[] = {
	"StrictHostKeyChecking=yes", "UpdateHostKeys=no", "ClearAllForwardings=yes", "ForwardAgent=no",
	"ForwardX11=no", "PermitLocalCommand=no", "RemoteCommand=none", "RequestTTY=no", "Tunnel=no",
	"EscapeChar=none", "LogLevel=INFO", "TCPKeepAlive=yes", "ConnectionAttempts=1",
	"GSSAPIDelegateCredentials=no",
};

static void add_alive(const struct ssh_options *o, struct strs *argv)
{
	int interval_s = (o->alive_interval_ms + 999) / 1000;

	strs_add(argv, "-o");
	strs_printf(argv, "ServerAliveInterval=%d", interval_s ? interval_s : ALIVE_INTERVAL_S);
	strs_add(argv, "-o");
	strs_printf(argv, "ServerAliveCountMax=%d",
		    !interval_s ? ALIVE_COUNT : o->alive_count > 1 ? o->alive_count - 1 : 1);
}

static const char *find_ssh(struct buf *path)
{
	const char *given = getenv("PATH");
	auto_free char *dirs = strdup(given ? given : "/usr/local/bin:/usr/bin:/bin");
	char *place;

	if (!dirs)
		abort();
	for (char *dir = strtok_r(dirs, ":", &place); dir; dir = strtok_r(NULL, ":", &place)) {
		buf_clear(path);
		buf_printf(path, "%s/ssh", dir);
		if (*dir == '/' && access(buf_str(path), X_OK) == 0)
			return buf_str(path);
	}
	return NULL;
}

int openssh_arguments(const struct ssh_options *o, const struct openssh_purpose *p,
		      struct strs *argv, struct err *err)
{
	auto_buf struct buf path = BUF_INIT;

	if (!find_ssh(&path))
		return err_set(err, ERR_CONNECT, "there is no ssh on this machine: install openssh-client");
	strs_add(argv, buf_str(&path));
	strs_add(argv, "-N");
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		add_option(argv, always[i]);
	add_alive(o, argv);
	add_purpose(p, argv);
	if (add_route(o, p, argv, err) < 0 || add_login(o, argv, err) < 0 ||
	    add_host_key(o, p, argv, err) < 0)
		return -1;
	if (o->port) {
		strs_add(argv, "-p");
		strs_printf(argv, "%d", o->port);
	}
	if (o->user) {
		strs_add(argv, "-l");
		strs_add(argv, o->user);
	}
	strs_add(argv, "--");
	strs_add(argv, o->host);
	return 0;
}
