#define _GNU_SOURCE
#include "base/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MAX_DIFF (16u << 20)

extern char **environ;

/* A descriptor from which diff reads the text; close-on-exec, -1 on failure. */
static int in_memory(const struct buf *text)
{
	int fd = memfd_create("diff", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0 && errno != EINTR) {
			close(fd);
			return -1;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

/* The child reads the texts as its descriptors 3 and 4, whatever ours are. */
static int spawn_diff(const char *old_name, int old_fd, const char *new_name, int new_fd, int out_fd,
		      pid_t *pid)
{
	const char *const argv[] = { "diff", "-u", "--label", old_name, "--label", new_name,
				     "/dev/fd/3", "/dev/fd/4", NULL };
	posix_spawn_file_actions_t actions;
	auto_close int a = fcntl(old_fd, F_DUPFD_CLOEXEC, 10);
	auto_close int b = fcntl(new_fd, F_DUPFD_CLOEXEC, 10);
	auto_close int o = fcntl(out_fd, F_DUPFD_CLOEXEC, 10);
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, o, 1);
	posix_spawn_file_actions_adddup2(&actions, a, 3);
	posix_spawn_file_actions_adddup2(&actions, b, 4);
	rc = posix_spawnp(pid, "diff", &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static int read_all(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0 && out->len < MAX_DIFF)
			buf_add(out, chunk, (size_t)n);
	}
	return 0;
}

int diff_unified(const char *old_name, const struct buf *old_text, const char *new_name,
		 const struct buf *new_text, struct buf *out, struct err *err)
{
	auto_close int old_fd = in_memory(old_text), new_fd = in_memory(new_text);
	int ends[2], status = -1, rc;
	pid_t pid;

	if (old_fd < 0 || new_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "diff");
	rc = spawn_diff(old_name, old_fd, new_name, new_fd, ends[1], &pid);
	close(ends[1]);
	if (rc == 0) {
		rc = read_all(ends[0], out) < 0 ? errno : 0;
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	errno = rc;
	if (rc)
		return err_errno(err, "cannot run diff (Debian: diffutils)");
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return err_set(err, ERR_FAILED, "diff failed");
	return 0;
}
