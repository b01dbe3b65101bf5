#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "openssh/master.h"

#define MAX_SAID 16384
#define GRACE_MS 1000

extern char **environ;

void openssh_own_path(struct buf *out)
{
	/* Not the path it was started by: that file may have been replaced since. */
	buf_printf(out, "/proc/%d/exe", (int)getpid());
}

static bool is_replaced(const char *variable, const char *const *env)
{
	size_t n = strcspn(variable, "=") + 1;

	while (*env && strncmp(*env, variable, n))
		env++;
	return *env;
}

/* env, and of environ what it does not replace; ends in NULL, caller frees. */
static char **environment(const char *const *env)
{
	size_t n = 0, size = 1;
	char **all;

	for (const char *const *v = env; *v; v++)
		size++;
	for (char **v = environ; v && *v; v++)
		size++;
	all = calloc(size, sizeof(*all));
	if (!all)
		abort();
	for (const char *const *v = env; *v; v++)
		all[n++] = (char *)*v;
	for (char **v = environ; v && *v; v++)
		if (!is_replaced(*v, env))
			all[n++] = *v;
	return all;
}

/* After fork: nothing that takes a lock.  Waits until the keeper knows of it: go is closed without
 * a byte when this program was killed before. */
static void become(char *const *argv, char **env, int log, int go)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;
	char byte;

	setsid();
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(log, 2);
	if (read(go, &byte, 1) == 1) {
		execve(argv[0], argv, env);
		dprintf(2, "%s: %m\n", argv[0]);
	}
	_exit(127);
}

static int fork_it(struct openssh_process *p, char *const *argv, char **env, int log, int go[2])
{
	p->pid = fork();
	if (p->pid < 0) {
		p->pid = 0;
		return -1;
	}
	if (!p->pid) {
		close(go[1]);
		become(argv, env, log, go[0]);
	}
	openssh_keeper_watch(p->pid);
	return write(go[1], "", 1) == 1 ? 0 : -1;
}

int openssh_start(struct openssh_process *p, char *const *argv, const char *const *env,
		  struct err *err)
{
	int log[2] = { -1, -1 }, go[2] = { -1, -1 }, rc = -1;
	auto_free char **all = environment(env);

	if (!pipe2(log, O_CLOEXEC) && !pipe2(go, O_CLOEXEC))
		rc = fork_it(p, argv, all, log[1], go);
	if (rc < 0)
		err_errno(err, "'%s' cannot be started", argv[0]);
	for (int i = 0; i < 2; i++)
		if (go[i] >= 0)
			close(go[i]);
	if (log[1] >= 0)
		close(log[1]);
	p->log = log[0];
	if (p->log >= 0)
		fcntl(p->log, F_SETFL, O_NONBLOCK);
	return rc;
}

void openssh_listen(struct openssh_process *p)
{
	char chunk[4096];
	ssize_t n;

	while (p->log >= 0 && (n = read(p->log, chunk, sizeof(chunk))) != -1) {
		if (n == 0) {
			close(p->log);
			p->log = -1;
			return;
		}
		buf_add(&p->said, chunk, (size_t)n);
		if (p->said.len > MAX_SAID) {
			size_t cut = p->said.len - MAX_SAID / 2;

			memmove(p->said.data, p->said.data + cut, MAX_SAID / 2);
			p->said.len = MAX_SAID / 2;
			p->said.data[p->said.len] = '\0';
		}
	}
}

bool openssh_has_ended(struct openssh_process *p)
{
	pid_t got;

	if (!p->pid)
		return true;
	got = waitpid(p->pid, NULL, WNOHANG);
	if (got == 0 || (got < 0 && errno == EINTR))
		return false;
	p->pid = 0;
	return true;
}

void openssh_end(struct openssh_process *p)
{
	struct clock_poll poll = clock_poll_start(GRACE_MS, 20);

	if (p->pid)
		kill(p->pid, SIGTERM);
	while (!openssh_has_ended(p))
		if (!clock_poll_pause(&poll))
			kill(p->pid, SIGKILL);
	openssh_listen(p);
	if (p->log >= 0)
		close(p->log);
	p->log = -1;
}
