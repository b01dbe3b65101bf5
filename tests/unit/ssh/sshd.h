/* A real sshd for tests: run by the current user, on a free port of 127.0.0.1, with keys and
 * configuration in a folder of its own.  Included by one test program each, hence static. */
#ifndef TESTS_SSHD_H
#define TESTS_SSHD_H

#include <arpa/inet.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "ssh/ssh.h"

#define SSHD "/usr/sbin/sshd"

struct sshd {
	char dir[64];
	char user[64];
	int port;
	pid_t pid;
};

#define SYSTEM(...) sshd_system((const char *)({ \
	char *command_; \
	assert_true(asprintf(&command_, __VA_ARGS__) > 0); \
	command_; \
}))

static inline void sshd_system(const char *command)
{
	int rc = system(command);

	if (rc)
		print_error("failed: %s\n", command);
	free((char *)command);
	assert_int_equal(rc, 0);
}

static inline char *sshd_path(const struct sshd *d, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", d->dir, name) > 0);
	return path;
}

static inline void sshd_write(const struct sshd *d, const char *name, const char *text)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *path = sshd_path(d, name);

	assert_int_equal(file_write(path, text, strlen(text), 0600, &err), 0);
}

static inline void sshd_read(const struct sshd *d, const char *name, struct buf *b)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *path = sshd_path(d, name);

	assert_int_equal(file_read(path, 1 << 20, b, &err), 0);
}

/* A socket that listens on a free port of 127.0.0.1. */
static inline int listen_anywhere(int *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static inline bool sshd_answers(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) },
				    .sin_port = htons((uint16_t)port) };
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

/* The folder with a host key of each type and a user's key of type ed25519, "id". */
static inline void sshd_prepare(struct sshd *d)
{
	const struct passwd *pw = getpwuid(getuid());

	assert_non_null(pw);
	snprintf(d->user, sizeof(d->user), "%s", pw->pw_name);
	snprintf(d->dir, sizeof(d->dir), "/tmp/test_ssh.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	if (access(SSHD, X_OK) < 0) {
		print_error("%s is missing: run make deps\n", SSHD);
		fail();
	}
	if (getuid() == 0)
		mkdir("/run/sshd", 0755); /* sshd run by root wants it */
	SYSTEM("cd %s && ssh-keygen -q -t ed25519 -N '' -C host -f host_ed25519 && "
	       "ssh-keygen -q -t ecdsa -N '' -C host -f host_ecdsa && "
	       "ssh-keygen -q -t ed25519 -N '' -C user -f id && cp id.pub authorized_keys && : >known_hosts",
	       d->dir);
}

/* With the configuration that it has. */
static inline void sshd_run(struct sshd *d)
{
	auto_free char *config = sshd_path(d, "sshd_config"), *log = sshd_path(d, "log");
	struct clock_poll p = clock_poll_start(10000, 50);

	d->pid = fork();
	if (!d->pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)!freopen("/dev/null", "w", stderr); /* sessions that outlive the log complain */
		execl(SSHD, SSHD, "-D", "-f", config, "-E", log, NULL);
		_exit(127);
	}
	while (!sshd_answers(d->port))
		assert_true(clock_poll_pause(&p));
}

/* extra: more lines of sshd_config, which win as the first do.  SHLVL keeps bash from reading the
 * .bashrc of whoever runs the tests, which may say things. */
static inline void sshd_start(struct sshd *d, const char *extra)
{
	auto_buf struct buf text = BUF_INIT;

	close(listen_anywhere(&d->port));
	buf_printf(&text,
		   "%s\nListenAddress 127.0.0.1:%d\nHostKey %s/host_ed25519\nHostKey %s/host_ecdsa\n"
		   "AuthorizedKeysFile %s/authorized_keys\nStrictModes no\nUsePAM %s\nPidFile none\n"
		   "PermitRootLogin yes\nPasswordAuthentication no\n"
		   "SetEnv SHLVL=2\n%s\n",
		   extra ? extra : "", d->port, d->dir, d->dir, d->dir,
		   getuid() ? "yes" : "no", /* without PAM, an sshd not run by root takes all for locked */
		   extra && strstr(extra, "MaxStartups") ? "" : "MaxStartups 100"); /* here the last wins */
	sshd_write(d, "sshd_config", buf_str(&text));
	sshd_run(d);
}

static inline void sshd_stop(struct sshd *d)
{
	if (d->pid > 0) {
		kill(d->pid, SIGCONT);
		kill(d->pid, SIGTERM);
		waitpid(d->pid, NULL, 0);
	}
	d->pid = 0;
}

static inline void sshd_remove(struct sshd *d)
{
	sshd_stop(d);
	/* Its sessions may still write to the log. */
	SYSTEM("rm -rf %s || { sleep 0.5; rm -rf %s; }", d->dir, d->dir);
}

/* Makes the key of the running sshd known, as ssh-keyscan would: type is "ed25519" or "ecdsa". */
static inline void sshd_know(const struct sshd *d, const char *type)
{
	SYSTEM("cd %s && sed 's/^/[127.0.0.1]:%d /' host_%s.pub >known_hosts", d->dir, d->port, type);
}

struct sshd_client {
	struct ssh_options options;
	char *known_hosts[2], *identity[2];
};

static inline void sshd_client_init(struct sshd_client *c, const struct sshd *d, const char *key)
{
	memset(c, 0, sizeof(*c));
	c->known_hosts[0] = sshd_path(d, "known_hosts");
	c->identity[0] = sshd_path(d, key);
	c->options = (struct ssh_options){
		.host = "127.0.0.1",
		.port = d->port,
		.user = d->user,
		.identity_files = (const char *const *)c->identity,
		.known_hosts = (const char *const *)c->known_hosts,
		.connect_timeout_ms = 60000,
	};
}

static inline void sshd_client_release(struct sshd_client *c)
{
	free(c->known_hosts[0]);
	free(c->identity[0]);
}

#define auto_client AUTO(sshd_client_release)

/* Logs in as the current user, so no sudo is needed whoever that is. */
static inline struct remote *sshd_connect(const struct sshd *d, const char *key, struct err *err)
{
	auto_client struct sshd_client c;
	struct remote *r;

	sshd_client_init(&c, d, key);
	r = ssh_connect(&c.options, err);
	if (!r)
		print_error("%s\n", err->msg);
	else
		r->root = REMOTE_ROOT_NONE;
	return r;
}

#endif
