#define _GNU_SOURCE
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mask.h"
#include "remote/log.h"

#define KEPT 20
#define MAX_FILE (64 << 20) /* a 'status --watch' of weeks must not fill a disk */
#define TRACED_OUTPUT (1 << 20)

/* A place that lines go to. */
struct sink {
	int fd; /* -1: none, or it failed */
	size_t max_output, left;
};

struct log {
	struct sink sinks[2]; /* the log, the trace */
	char *path;
	struct remote_log hook;
	pthread_mutex_t lock; /* of the sinks; records stay whole */
};

static void stamp(struct buf *out)
{
	int64_t ms = clock_wall_ms();
	time_t seconds = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	buf_printf(out, "%s.%03dZ ", text, (int)(ms % 1000));
}

/* A place that cannot be written to any more is done without: a run does not end for its log. */
static void write_to(struct sink *s, const char *text, size_t len)
{
	static const char full[] = "the log is full: nothing more is written to it\n";

	if (len > s->left) {
		text = full;
		len = sizeof(full) - 1;
		s->left = len;
	}
	s->left -= len;
	while (s->fd >= 0 && len) {
		ssize_t n = write(s->fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			s->left = 0;
		if (n <= 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	if (!s->left && s->fd > 2)
		close(s->fd);
	if (!s->left)
		s->fd = -1;
}

static void record(void *ctx, const struct remote_record *rec)
{
	struct log *l = ctx;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < sizeof(l->sinks) / sizeof(*l->sinks); i++) {
		auto_buf struct buf text = BUF_INIT;

		if (l->sinks[i].fd < 0)
			continue;
		stamp(&text);
		remote_record_text(rec, l->sinks[i].max_output, &text);
		write_to(&l->sinks[i], buf_str(&text), text.len);
	}
	pthread_mutex_unlock(&l->lock);
}

void log_line(struct log *l, const char *node, const char *fmt, ...)
{
	auto_buf struct buf line = BUF_INIT;
	auto_free char *text = NULL;
	va_list ap;

	if (!l)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' && *c != '\t')
			*c = *c == '\n' ? ' ' : '?';
	mask_secrets(text);
	pthread_mutex_lock(&l->lock);
	stamp(&line);
	buf_printf(&line, "%s%s%s\n", node ? node : "", node ? ": " : "", text);
	for (size_t i = 0; i < sizeof(l->sinks) / sizeof(*l->sinks); i++)
		if (l->sinks[i].fd >= 0)
			write_to(&l->sinks[i], buf_str(&line), line.len);
	pthread_mutex_unlock(&l->lock);
}

/* ---- files ---- */

/* The user's: kept with its mode when it is there; a pipe that nobody reads is an error, no wait. */
static int open_given(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);

	if (fd < 0)
		return err_errno(err, "%s", path);
	fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

/* "ssh setup" is "ssh-setup-" in a file's name. */
static char *prefix_of(const char *command)
{
	char *prefix;

	if (asprintf(&prefix, "%s-", command) < 0)
		abort();
	for (char *c = prefix; *c; c++)
		if (*c == ' ' || *c == '/')
			*c = '-';
	return prefix;
}

static int open_new(struct log *l, const struct log_options *o, const char *prefix, struct err *err)
{
	char when[32];
	time_t now = time(NULL);
	struct tm tm;
	int fd;

	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	if (asprintf(&l->path, "%s/%s%s-%d.log", o->dir, prefix, when, (int)getpid()) < 0)
		abort();
	if (file_mkdirs(o->dir, 0700, err) < 0)
		return -1;
	fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? err_errno(err, "%s", l->path) : fd;
}

static int is_one(const struct dirent *d, const char *prefix, const char *suffix)
{
	size_t n = strlen(prefix), len = strlen(d->d_name), end = strlen(suffix);

	return !strncmp(d->d_name, prefix, n) && d->d_name[n] >= '0' && d->d_name[n] <= '9' && len > n + end &&
	       !strcmp(d->d_name + len - end, suffix);
}

void log_keep_newest(const char *dir, const char *prefix, const char *suffix)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort), left = 0;

	for (int i = 0; i < n; i++)
		left += is_one(list[i], prefix, suffix);
	for (int i = 0; i < n; i++) {
		auto_free char *path = NULL;

		if (is_one(list[i], prefix, suffix) && left-- > KEPT) {
			if (asprintf(&path, "%s/%s", dir, list[i]->d_name) < 0)
				abort();
			unlink(path);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static int open_log(struct log *l, const struct log_options *o, struct err *err)
{
	auto_free char *prefix = prefix_of(o->command);

	if (o->file && !strcmp(o->file, "none"))
		return -1;
	if (o->file && !strcmp(o->file, "-"))
		return 2;
	if (o->file) {
		l->path = strdup(o->file);
		if (!l->path)
			abort();
		return open_given(o->file, err);
	}
	l->sinks[0].fd = open_new(l, o, prefix, err);
	if (l->sinks[0].fd >= 0)
		log_keep_newest(o->dir, prefix, ".log");
	return l->sinks[0].fd;
}

/* As git's GIT_TRACE. */
static int open_trace(struct err *err)
{
	const char *to = getenv("HACTL_TRACE");

	if (!to || !*to || !strcmp(to, "0") || !strcmp(to, "false"))
		return -1;
	if (!strcmp(to, "1") || !strcmp(to, "2") || !strcmp(to, "true"))
		return 2;
	if (*to == '/')
		return open_given(to, err);
	return err_set(err, ERR_USAGE, "HACTL_TRACE is '%s': it must be 1 (for standard error) or an absolute path", to);
}

struct log *log_open(const struct log_options *o, struct err *err)
{
	struct log *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	pthread_mutex_init(&l->lock, NULL);
	l->hook = (struct remote_log){ record, l };
	l->sinks[0] = (struct sink){ .fd = -1, .max_output = REMOTE_LOG_OUTPUT, .left = MAX_FILE };
	l->sinks[1] = (struct sink){ .fd = open_trace(err), .max_output = TRACED_OUTPUT, .left = SIZE_MAX };
	if (!err->msg)
		l->sinks[0].fd = open_log(l, o, err);
	if (err->msg) {
		log_close(l);
		return NULL;
	}
	if (l->sinks[0].fd == 2)
		l->sinks[0].left = SIZE_MAX;
	log_line(l, NULL, "hactl %s: process %d, user %d, %s", o->command, (int)getpid(), (int)getuid(), o->config);
	return l;
}

void log_close(struct log *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < sizeof(l->sinks) / sizeof(*l->sinks); i++)
		if (l->sinks[i].fd > 2)
			close(l->sinks[i].fd);
	pthread_mutex_destroy(&l->lock);
	free(l->path);
	free(l);
}

const struct remote_log *log_hook(const struct log *l)
{
	return l ? &l->hook : NULL;
}

const char *log_path(const struct log *l)
{
	return l ? l->path : NULL;
}

bool log_on_terminal(const struct log *l)
{
	return l && (l->sinks[0].fd == 2 || l->sinks[1].fd == 2) && isatty(2);
}
