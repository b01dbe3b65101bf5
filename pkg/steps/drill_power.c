#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "steps/drill_break.h"

/* A machine that is asked to boot by its management board may take a while to say yes. */
#define COMMAND_TIMEOUT_MS 180000
#define SAID_MAX 500

extern char **environ;

struct drill_power {
	pid_t pid;
	int fd; /* its end tells the guard that this process is gone */
};

static void compose(const char *command, const char *what, const char *node, struct buf *out)
{
	buf_printf(out, "%s %s ", command, what);
	remote_quote(out, node);
}

static void add_last_words(const struct remote_result *res, struct buf *out)
{
	const struct buf *said = res->err.len ? &res->err : &res->out;
	size_t from = said->len > SAID_MAX ? said->len - SAID_MAX : 0;

	if (!said->len)
		return;
	buf_puts(out, ": ");
	for (const char *s = buf_str(said) + from; *s; s++)
		buf_add(out, (unsigned char)*s < 0x20 ? " " : s, 1);
}

int drill_power_run(const char *command, const char *what, const char *node, struct err *err)
{
	auto_buf struct buf line = BUF_INIT, said = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote *here = remote_local();
	struct remote_exec e = { .timeout_ms = COMMAND_TIMEOUT_MS, .max_output = 1 << 20 };
	int rc;

	compose(command, what, node, &line);
	e.command = buf_str(&line);
	rc = here->ops->exec(here, &e, &res, err);
	remote_close(here);
	if (rc < 0)
		return err_wrap(err, "drill.powerCommand '%s'", e.command);
	if (!res.status)
		return 0;
	add_last_words(&res, &said);
	return err_set(err, ERR_FAILED, "drill.powerCommand '%s' ended with status %d%s", e.command, res.status,
		       buf_str(&said));
}

/* In a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. */
static int spawn_guard(const char *script, int fd, pid_t *pid)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t usual;
	int rc;

	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, fd, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

struct drill_power *drill_power_guard(const char *command, const char *node, struct err *err)
{
	auto_buf struct buf script = BUF_INIT;
	struct drill_power *p = calloc(1, sizeof(*p));
	int pair[2];

	if (!p)
		abort();
	buf_puts(&script, "trap '' INT TERM HUP; read -r done && exit; for i in 1 2 3; do ");
	compose(command, "on", node, &script);
	buf_puts(&script, " </dev/null && exit; done");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(p);
		err_errno(err, "no socket");
		return NULL;
	}
	errno = spawn_guard(buf_str(&script), pair[1], &p->pid);
	close(pair[1]);
	p->fd = pair[0];
	if (!errno)
		return p;
	err_errno(err, "'sh' cannot be started on this machine");
	close(p->fd);
	free(p);
	return NULL;
}

void drill_power_release(struct drill_power *p)
{
	if (!p)
		return;
	(void)!send(p->fd, "done\n", 5, MSG_NOSIGNAL);
	close(p->fd);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(p);
}
