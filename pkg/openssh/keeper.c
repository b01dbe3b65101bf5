#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "openssh/master.h"

#define GRACE_MS 1000

extern char **environ;

static struct {
	pthread_mutex_t lock;
	unsigned int users, number;
	char dir[48];
	int fd; /* closes when this program ends, however it ends */
	pid_t pid;
} keeper = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* A directory of the user's own; a control socket's path must stay below 108 bytes with what ssh
 * appends while it makes it. */
static int make_dir(struct err *err)
{
	char runtime[32];
	struct stat st;

	snprintf(runtime, sizeof(runtime), "/run/user/%u", (unsigned int)geteuid());
	if (stat(runtime, &st) < 0 || st.st_uid != geteuid() || access(runtime, W_OK) < 0)
		strcpy(runtime, "/tmp");
	snprintf(keeper.dir, sizeof(keeper.dir), "%s/hactl.XXXXXX", runtime);
	return mkdtemp(keeper.dir) ? 0 : err_errno(err, "'%s'", keeper.dir);
}

/* This program again, in a session of its own and with nothing open but its end of the socket. */
static int spawn(int fd, struct err *err)
{
	char *argv[] = { (char *)"hactl-keeper", keeper.dir, NULL };
	char *env[] = { (char *)"HACTL_SSH_HELPER=keeper", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, fd, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(&keeper.pid, "/proc/self/exe", &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	errno = rc;
	return rc ? err_errno(err, "this program cannot start itself") : 0;
}

static int start(struct err *err)
{
	int ends[2] = { -1, -1 };

	if (make_dir(err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		err_errno(err, "a socket");
	} else if (!spawn(ends[1], err)) {
		close(ends[1]);
		keeper.fd = ends[0];
		return 0;
	}
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	rmdir(keeper.dir);
	return -1;
}

int openssh_keeper_join(char **path, struct err *err)
{
	int rc = 0;

	pthread_mutex_lock(&keeper.lock);
	if (!keeper.users)
		rc = start(err);
	if (!rc) {
		keeper.users++;
		if (asprintf(path, "%s/%u", keeper.dir, keeper.number++) < 0)
			abort();
	}
	pthread_mutex_unlock(&keeper.lock);
	return rc;
}

void openssh_keeper_leave(const char *path)
{
	pthread_mutex_lock(&keeper.lock);
	unlink(path);
	if (!--keeper.users) {
		close(keeper.fd);
		keeper.fd = -1;
		while (waitpid(keeper.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	pthread_mutex_unlock(&keeper.lock);
}

void openssh_keeper_watch(pid_t pid)
{
	(void)!send(keeper.fd, &pid, sizeof(pid), MSG_NOSIGNAL);
}

/* ---- what follows runs in the keeper ---- */

struct kept {
	struct pollfd *fds; /* the socket, then descriptors of processes: their numbers are used again */
	nfds_t n;
};

static void keep(struct kept *k, int fd)
{
	if (fd < 0)
		return;
	k->fds = reallocarray(k->fds, k->n + 1, sizeof(*k->fds));
	if (!k->fds)
		abort();
	k->fds[k->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

/* Drops the processes that have ended. */
static void look(struct kept *k, int timeout_ms)
{
	poll(k->fds, k->n, timeout_ms);
	for (nfds_t i = 1; i < k->n;) {
		if (!k->fds[i].revents) {
			i++;
			continue;
		}
		close(k->fds[i].fd);
		k->fds[i] = k->fds[--k->n];
	}
}

static void signal_all(const struct kept *k, int sig)
{
	for (nfds_t i = 1; i < k->n; i++)
		syscall(SYS_pidfd_send_signal, k->fds[i].fd, sig, NULL, 0);
}

static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);

	for (const struct dirent *d; dir && (d = readdir(dir));)
		unlinkat(dirfd(dir), d->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

int openssh_keeper_main(const char *dir)
{
	struct kept k = { NULL, 0 };
	pid_t pid;

	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	keep(&k, 0);
	for (;;) {
		look(&k, -1);
		if (!k.fds[0].revents)
			continue;
		if (recv(0, &pid, sizeof(pid), 0) != sizeof(pid))
			break;
		keep(&k, (int)syscall(SYS_pidfd_open, pid, 0));
	}
	signal_all(&k, SIGTERM);
	k.fds[0].fd = -1;
	for (int64_t until = clock_ms() + GRACE_MS; k.n > 1 && clock_ms() < until;)
		look(&k, 20);
	signal_all(&k, SIGKILL);
	remove_dir(dir);
	free(k.fds);
	return 0;
}
