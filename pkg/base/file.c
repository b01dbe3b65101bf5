#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int open_for_reading(const char *path)
{
	return strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(0, F_DUPFD_CLOEXEC, 3);
}

/* Reserving the whole of a regular file first keeps a growing buffer from scattering copies. */
static int reserve_size(int fd, const char *path, size_t max, struct buf *b, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAILED, "%s: is a directory", path);
	if (S_ISREG(st.st_mode) && (unsigned long long)st.st_size > max)
		return err_set(err, ERR_FAILED, "%s: larger than %zu bytes", path, max);
	buf_reserve(b, b->len + (S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 4096));
	return 0;
}

int file_read(const char *path, size_t max, struct buf *b, struct err *err)
{
	const char *name = strcmp(path, "-") ? path : "standard input";
	auto_close int fd = open_for_reading(path);
	size_t start = b->len;
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return err_errno(err, "%s", name);
	if (reserve_size(fd, name, max, b, err) < 0)
		return -1;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "%s", name);
		if (b->len - start + (size_t)n > max)
			return err_set(err, ERR_FAILED, "%s: larger than %zu bytes", name, max);
		buf_add(b, chunk, (size_t)n);
	}
	explicit_bzero(chunk, sizeof(chunk));
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int sync_dir_of(const char *path)
{
	auto_free char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		abort();
	if (slash)
		slash[slash == dir] = '\0';
	auto_close int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : fsync(fd);
}

/* How a file is created: owner NULL is whoever runs. */
struct looks {
	mode_t mode;
	const struct stat *owner;
};

/* An owner that cannot be given (one is not root) is not worth failing for, but then group and
 * others must not read what they could not before. */
static int dress(int fd, const struct looks *looks)
{
	mode_t mode = looks->mode;

	if (looks->owner && fchown(fd, looks->owner->st_uid, looks->owner->st_gid) < 0)
		mode &= 0700;
	return fchmod(fd, mode);
}

static int write_renamed(const char *path, const struct looks *looks, const void *data, size_t len,
			 struct err *err)
{
	auto_free char *tmp = NULL;
	auto_close int fd = -1;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		abort();
	fd = mkostemp(tmp, O_CLOEXEC); /* 0600 from the start */
	if (fd < 0)
		return err_errno(err, "%s", path);
	if (write_all(fd, data, len) < 0 || dress(fd, looks) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0) {
		err_errno(err, "%s", path);
		unlink(tmp);
		return -1;
	}
	if (sync_dir_of(path) < 0)
		return err_errno(err, "%s", path);
	return 0;
}

int file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	return write_renamed(path, &(struct looks){ mode, NULL }, data, len, err);
}

static int write_direct(const char *path, const void *data, size_t len, struct err *err)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 || write_all(fd, data, len) < 0 ? err_errno(err, "%s", path) : 0;
}

int file_replace(const char *path, const char *like, const void *data, size_t len, struct err *err)
{
	auto_free char *real = NULL;
	struct stat st;
	struct looks looks = { 0600, NULL };
	bool there = stat(path, &st) == 0;

	/* Not by its real path: that of /dev/stdout may be "pipe:[4711]". */
	if (there && !S_ISREG(st.st_mode))
		return write_direct(path, data, len, err);
	if (there && !(real = realpath(path, NULL)))
		return err_errno(err, "%s", path);
	if (there || (like && stat(like, &st) == 0 && S_ISREG(st.st_mode)))
		looks = (struct looks){ st.st_mode & 07777, &st };
	if (!there && lstat(path, &(struct stat){ 0 }) == 0)
		return err_set(err, ERR_FAILED, "%s: a symbolic link to what is not there", path);
	return write_renamed(real ? real : path, &looks, data, len, err);
}

int file_backup(const char *path, char **name, struct err *err)
{
	auto_free char *real = realpath(path, NULL);

	if (!real)
		return err_errno(err, "%s", path);
	for (int i = 0; i < 1000; i++) {
		auto_free char *other = NULL;

		if ((i ? asprintf(&other, "%s.bak.%d", real, i) : asprintf(&other, "%s.bak", real)) < 0)
			abort();
		if (link(real, other) == 0) {
			*name = TAKE(other);
			return 0;
		}
		if (errno != EEXIST)
			return err_errno(err, "cannot keep a backup: %s", other);
	}
	return err_set(err, ERR_FAILED, "%s: has a thousand backups already", path);
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	auto_free char *p = strdup(path);
	struct stat st;

	if (!p)
		abort();
	for (char *s = p + 1; *p; s++) {
		char c = *s;

		if (c && c != '/')
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && (errno != EEXIST || stat(p, &st) < 0 || !S_ISDIR(st.st_mode)))
			return err_errno(err, "%s", p);
		*s = c;
		if (!c)
			break;
	}
	return 0;
}

/* Caller frees. */
static char *home(void)
{
	const char *dir = getenv("HOME");
	struct passwd pw, *found = NULL;
	char space[4096];
	char *copy;

	if (!dir || !*dir)
		dir = getpwuid_r(getuid(), &pw, space, sizeof(space), &found) == 0 && found ? pw.pw_dir : "/";
	copy = strdup(dir);
	if (!copy)
		abort();
	return copy;
}

char *file_resolve(const char *path, const char *base)
{
	const char *slash = base && strcmp(base, "-") ? strrchr(base, '/') : NULL;
	auto_free char *dir = home();
	char *out;
	int n;

	if (path[0] == '~' && (!path[1] || path[1] == '/'))
		n = asprintf(&out, "%s%s", dir, path + 1);
	else if (path[0] != '/' && slash)
		n = asprintf(&out, "%.*s%s", (int)(slash - base + 1), base, path);
	else
		n = asprintf(&out, "%s", path);
	if (n < 0)
		abort();
	return out;
}
