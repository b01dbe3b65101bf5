#define _GNU_SOURCE
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "remote/remote.h"
#include "term/term.h"

#define TERMINAL "/dev/tty"
#define MAX_LINE 1024
#define SLICE_MS 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct term *shown;
static const int *stop_asked;

void ask_configure(struct term *display, const int *stop)
{
	shown = display;
	stop_asked = stop;
}

void ask_lock(void)
{
	pthread_mutex_lock(&lock);
}

void ask_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* ---- the terminal without echo; signals end the question before they end the program ---- */

static struct termios before;
static volatile sig_atomic_t changed_fd = -1, caught;
static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define NDEADLY (sizeof(deadly) / sizeof(*deadly))

static void note(int number)
{
	caught = number;
}

/* Those that the program handles itself stay as they are. */
static void catch_deadly(struct sigaction old[NDEADLY])
{
	const struct sigaction sa = { .sa_handler = note };

	for (size_t i = 0; i < NDEADLY; i++)
		if (sigaction(deadly[i], NULL, &old[i]) == 0 && old[i].sa_handler == SIG_DFL)
			sigaction(deadly[i], &sa, NULL);
}

static void release_deadly(const struct sigaction old[NDEADLY])
{
	for (size_t i = 0; i < NDEADLY; i++)
		if (old[i].sa_handler == SIG_DFL)
			sigaction(deadly[i], &old[i], NULL);
	if (caught)
		raise(caught);
	caught = 0;
}

void ask_restore(void)
{
	int fd = changed_fd;

	if (fd >= 0)
		tcsetattr(fd, TCSAFLUSH, &before);
	changed_fd = -1;
}

static void hide_typing(int fd)
{
	struct termios now;

	if (tcgetattr(fd, &now) < 0)
		return;
	if (changed_fd < 0)
		before = now;
	changed_fd = fd;
	now.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	now.c_lflag |= ECHONL;
	tcsetattr(fd, TCSAFLUSH, &now);
}

/* A shell that had us stopped in between has turned the echo on again. */
static bool typing_is_shown(int fd)
{
	struct termios now;

	return tcgetattr(fd, &now) == 0 && now.c_lflag & ECHO;
}

static void print(int fd, const char *prompt)
{
	int out = dup(fd);
	FILE *f = out < 0 ? NULL : fdopen(out, "w");

	if (f) {
		term_print_safe(f, prompt);
		fclose(f); /* and out with it */
	} else if (out >= 0) {
		close(out);
	}
}

static int wait_for_line(int fd, const char *prompt, bool echo, struct err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, SLICE_MS) <= 0) {
		if (caught || remote_interrupted() || (stop_asked && __atomic_load_n(stop_asked, __ATOMIC_RELAXED)))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (!echo && typing_is_shown(fd)) {
			hide_typing(fd);
			print(fd, prompt);
		}
	}
	return 0;
}

static int read_line(int fd, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	char line[MAX_LINE];
	ssize_t n = -1;
	int rc = wait_for_line(fd, prompt, echo, err);

	if (rc < 0)
		return rc;
	do
		n = read(fd, line, sizeof(line));
	while (n < 0 && errno == EINTR && !caught);
	if (n <= 0)
		rc = err_set(err, ERR_CONNECT, "the question '%s' was not answered", prompt);
	else if (line[n - 1] != '\n')
		rc = err_set(err, ERR_CONNECT, "an answer of more than %d characters", MAX_LINE - 1);
	else
		buf_add(answer, line, (size_t)n - 1);
	explicit_bzero(line, sizeof(line));
	return rc;
}

static int ask(void *ctx, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	auto_close int fd = open(TERMINAL, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct sigaction old[NDEADLY];
	int rc;

	(void)ctx;
	if (fd < 0)
		return err_errno(err, "%s", TERMINAL);
	ask_lock();
	if (shown)
		term_hide(shown);
	catch_deadly(old);
	if (!echo)
		hide_typing(fd);
	print(fd, prompt);
	rc = read_line(fd, prompt, echo, answer, err);
	if (rc < 0)
		print(fd, "\n");
	ask_restore();
	release_deadly(old);
	ask_unlock();
	return rc;
}

bool ask_yes(const char *question)
{
	auto_buf struct buf answer = BUF_INIT;
	auto_err struct err ignored = ERR_INIT;

	if (!isatty(0) || !isatty(2) || ask(NULL, question, true, &answer, &ignored) < 0)
		return false;
	return *buf_str(&answer) == 'y' || *buf_str(&answer) == 'Y';
}

struct ssh_secrets *ask_secrets_new(void)
{
	auto_close int fd = open(TERMINAL, O_RDWR | O_NOCTTY | O_CLOEXEC);

	return ssh_secrets_new(fd < 0 ? NULL : &(struct ssh_asker){ ask, NULL });
}
