#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "cmd.h"
#include "run.h"

extern char **environ;

struct lock_opts {
	struct run_opts run;
};

static const struct cli_opt opts[] = {
	RUN_OPTS_LOCK(struct lock_opts),
	OPT_END,
};

static const struct plan_phase *const look_phases[] = { &steps_connect, NULL };
static const struct plan_phase *const hold_phases[] = { &steps_connect, &steps_lock, NULL };

/* Without a command: who has it. */
static int tell(struct steps_run *run, void *data, struct err *err)
{
	bool reached = false;

	(void)data;
	for (size_t i = 0; i < run->n; i++) {
		auto_buf struct buf who = BUF_INIT;
		struct steps_node *n = &run->nodes[i];

		if (!n->remote)
			continue;
		reached = true;
		if (steps_lock_holder(n, &who, err) < 0)
			return err_wrap(err, "%s", n->inv->name);
		if (who.len)
			return err_set(err, ERR_LOCKED, "%s: somebody is at work on this cluster: %s", n->inv->name, buf_str(&who));
	}
	if (!reached)
		return err_set(err, ERR_CONNECT, "no control-plane node can be reached");
	puts("free");
	return 0;
}

/* Without what is ignored here: a pipe's end is to end it. */
static int start(char **words, pid_t *pid)
{
	posix_spawnattr_t attr;
	sigset_t usual;
	int rc;

	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(pid, words[0], NULL, &attr, words, environ);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/* With one: it runs while the lock is held. */
static int hold(struct steps_run *run, void *data, struct err *err)
{
	char **words = data;
	int status, rc;
	pid_t pid;

	if (!run->held)
		return err_set(err, ERR_CONNECT, "no control-plane node can be reached");
	rc = start(words, &pid);
	if (rc)
		return err_set(err, ERR_FAILED, "%s: %s", words[0], strerror(rc));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, "%s", words[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) ? err_set(err, (enum err_kind)WEXITSTATUS(status), "%s ended with status %d", words[0], WEXITSTATUS(status)) :
				   err_set(err, (enum err_kind)(128 + WTERMSIG(status)), "%s was ended by signal %d", words[0], WTERMSIG(status));
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct lock_opts *o = data;
	const struct run_spec spec = {
		.command = *operands ? operands[0] : "lock", .part = run_ask_control_plane,
		.phases = *operands ? hold_phases : look_phases, .finish = *operands ? hold : tell, .data = operands,
		.quiet = true,
	};

	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_lock = {
	.name = "lock",
	.summary = "tell who is at work on the cluster, or keep others out while a command runs",
	.description =
		"Commands that change a cluster lock its control-plane nodes meanwhile, so that two of them do not meet.  "
		"Without a command: prints 'free', or says who has the lock, with exit status 8.  With one: takes the "
		"lock, runs the command on this machine, and lets the lock go; the exit status is the command's.\n\n"
		"A lock ends with its holder, 15 seconds after the connection is gone at the latest.",
	.operands = "[-- COMMAND [ARGUMENT...]]",
	.max_operands = -1,
	.examples = "hactl lock\n# nobody changes the cluster during a backup\nhactl lock --wait -- ./backup-etcd.sh",
	.group = "Running a cluster",
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct lock_opts),
	.run = run,
};
