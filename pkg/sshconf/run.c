#define _GNU_SOURCE
#include "sshconf/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "remote/remote.h"

#define TIMEOUT_MS 15000
#define SLICE_MS 100
#define MAX_OUTPUT (256 << 10)

struct process {
	pid_t pid;
	int fds[2]; /* of its stdout and stderr; -1: at its end */
	struct buf *out[2];
};

static int start(struct process *p, const struct strs *argv, int input, const int pipes[2])
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int rc;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	if (input >= 0)
		posix_spawn_file_actions_adddup2(&files, input, 0);
	else
		posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, pipes[0], 1);
	posix_spawn_file_actions_adddup2(&files, pipes[1], 2);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(&p->pid, argv->v[0], &files, &attr, argv->v, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/* false: too much. */
static bool collect(struct process *p, int i)
{
	char chunk[4096];
	ssize_t n = read(p->fds[i], chunk, sizeof(chunk));

	if (n > 0) {
		buf_add(p->out[i], chunk, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		close(p->fds[i]);
		p->fds[i] = -1;
	}
	return p->out[i]->len <= MAX_OUTPUT;
}

static int listen_to(struct process *p, struct err *err)
{
	int64_t deadline_ms = clock_ms() + TIMEOUT_MS;

	while (p->fds[0] >= 0 || p->fds[1] >= 0) {
		struct pollfd fds[2] = { { p->fds[0], POLLIN, 0 }, { p->fds[1], POLLIN, 0 } };

		if (remote_interrupted())
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (clock_ms() >= deadline_ms)
			return err_set(err, ERR_CONNECT, "ssh -G does not end within %d s: does a 'Match exec' of "
				       "ssh_config hang?", TIMEOUT_MS / 1000);
		poll(fds, 2, SLICE_MS);
		for (int i = 0; i < 2; i++)
			if (fds[i].revents && !collect(p, i))
				return err_set(err, ERR_CONNECT, "ssh -G says too much");
	}
	return 0;
}

/* The last line is the cause: "FILE line N: Bad configuration option: x" comes before
 * "FILE: terminating, 1 bad configuration options". */
static int failed(const struct buf *said, int status, struct err *err)
{
	const char *line = buf_str(said);
	size_t len = strcspn(line, "\r\n");

	if (!len)
		return err_set(err, ERR_CONNECT, "ssh -G ended with status %d and said nothing", status);
	return err_set(err, ERR_CONNECT, "ssh does not take its configuration: %.*s",
		       len > 400 ? 400 : (int)len, line);
}

int sshconf_ssh(const struct strs *argv, int input, struct buf *out, struct err *err)
{
	auto_buf struct buf said = BUF_INIT;
	struct process p = { .fds = { -1, -1 }, .out = { out, &said } };
	int ends[2][2] = { { -1, -1 }, { -1, -1 } }, rc = -1, status = 0;

	if (pipe2(ends[0], O_CLOEXEC) < 0 || pipe2(ends[1], O_CLOEXEC) < 0) {
		err_errno(err, "a pipe for ssh");
	} else {
		errno = start(&p, argv, input, (const int[]){ ends[0][1], ends[1][1] });
		rc = errno ? err_errno(err, "%s", argv->v[0]) : 0;
		p.fds[0] = ends[0][0];
		p.fds[1] = ends[1][0];
	}
	for (int i = 0; i < 2; i++)
		if (ends[i][1] >= 0)
			close(ends[i][1]);
	if (!rc)
		rc = listen_to(&p, err);
	for (int i = 0; i < 2; i++)
		if (p.fds[i] >= 0)
			close(p.fds[i]);
	if (p.pid <= 0)
		return -1;
	if (rc)
		kill(-p.pid, SIGKILL);
	while (waitpid(p.pid, &status, 0) < 0 && errno == EINTR)
		;
	return rc || !status ? rc : failed(&said, WEXITSTATUS(status), err);
}
