#define _GNU_SOURCE
#include "ssh/known_hosts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "pki/pki.h"
#include "ssh/known_names.h"
#include "ssh/wire.h"

#define MAX_FILE (16 << 20)

struct entry {
	enum { PLAIN, AUTHORITY, REVOKED } marker;
	struct wire_string names, type;
	struct buf key;
};

void known_hosts_add_text(struct known_hosts *k, const char *path, const char *text)
{
	struct known_file *f;

	k->files = reallocarray(k->files, k->n + 1, sizeof(*k->files));
	if (!k->files)
		abort();
	f = &k->files[k->n++];
	*f = (struct known_file){ strdup(path), BUF_INIT };
	if (!f->path)
		abort();
	buf_puts(&f->text, text);
}

int known_hosts_read(struct known_hosts *k, const char *const *paths, struct err *err)
{
	for (; *paths; paths++) {
		auto_free char *path = file_resolve(*paths, NULL);
		auto_buf struct buf text = BUF_INIT;

		if (access(path, F_OK) == 0 && file_read(path, MAX_FILE, &text, err) < 0)
			return -1;
		known_hosts_add_text(k, path, buf_str(&text));
	}
	return 0;
}

void known_hosts_release(struct known_hosts *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->files[i].path);
		buf_release(&k->files[i].text);
	}
	free(k->files);
	*k = (struct known_hosts)KNOWN_HOSTS_INIT;
}

static struct wire_string next_word(const char **at, const char *end)
{
	const char *start;

	while (*at < end && isspace((unsigned char)**at))
		++*at;
	start = *at;
	while (*at < end && !isspace((unsigned char)**at))
		++*at;
	return (struct wire_string){ start, (size_t)(*at - start) };
}

/* 1: e is filled in; 0: blank or comment; -1: malformed. */
static int parse_line(const char *at, const char *end, struct entry *e)
{
	auto_err struct err ignored = ERR_INIT;
	struct wire_string word = next_word(&at, end), key;
	struct wire w;

	if (!word.len || word.data[0] == '#')
		return 0;
	e->marker = PLAIN;
	if (word.data[0] == '@') {
		if (wire_is(word, "@revoked"))
			e->marker = REVOKED;
		else if (wire_is(word, "@cert-authority"))
			e->marker = AUTHORITY;
		else
			return -1;
		word = next_word(&at, end);
	}
	e->names = word;
	e->type = next_word(&at, end);
	key = next_word(&at, end);
	buf_clear(&e->key);
	if (!key.len || pki_base64_decode(key.data, key.len, &e->key, &ignored) < 0)
		return -1;
	w = wire_from(e->key.data, e->key.len);
	word = wire_string(&w);
	return !w.bad && word.len == e->type.len && !memcmp(word.data, e->type.data, word.len) ? 1 : -1;
}

struct visit {
	/* Called for each line of a file; parsed as of parse_line.  false ends the visit. */
	bool (*line)(void *ctx, const struct entry *e, int parsed, const char *file, int number);
	void *ctx;
};

static void visit_lines(const struct known_hosts *k, struct visit v)
{
	struct entry e = { .key = BUF_INIT };
	bool go_on = true;

	for (size_t i = 0; i < k->n && go_on; i++) {
		const char *at = buf_str(&k->files[i].text), *end;

		for (int number = 1; *at && go_on; number++) {
			int parsed;

			end = strchrnul(at, '\n');
			parsed = parse_line(at, end, &e);
			if (parsed)
				go_on = v.line(v.ctx, &e, parsed, k->files[i].path, number);
			at = end + (*end == '\n');
		}
	}
	buf_release(&e.key);
}

static bool any_matches(const struct strs *names, struct wire_string listed)
{
	for (size_t i = 0; i < names->n; i++)
		if (known_name_matches(listed.data, listed.len, names->v[i]))
			return true;
	return false;
}

/* *plain: by a name without the port only. */
static bool names_match(const struct known_names *names, struct wire_string listed, bool *plain)
{
	bool exact = any_matches(&names->exact, listed);

	*plain = !exact && any_matches(&names->plain, listed);
	return exact || *plain;
}

struct check {
	const struct known_names *names;
	struct wire_string key, type;
	struct known_result *res;
};

static void set_place(struct buf *b, const char *file, int number)
{
	buf_clear(b);
	buf_printf(b, "%s:%d", file, number);
}

static void decide(struct check *c, enum known_verdict verdict, const char *file, int number)
{
	c->res->verdict = verdict;
	set_place(&c->res->place, file, number);
}

static bool check_line(void *ctx, const struct entry *e, int parsed, const char *file, int number)
{
	struct check *c = ctx;
	bool plain, equal, same_type;

	if (parsed < 0) {
		if (!c->res->malformed.len)
			set_place(&c->res->malformed, file, number);
		return true;
	}
	if (!names_match(c->names, e->names, &plain))
		return true;
	equal = e->key.len == c->key.len && !memcmp(e->key.data, c->key.data, c->key.len);
	same_type = e->type.len == c->type.len && !memcmp(e->type.data, c->type.data, c->type.len);
	if (e->marker == AUTHORITY) {
		set_place(&c->res->authority, file, number);
	} else if (e->marker == REVOKED) {
		if (equal)
			decide(c, KNOWN_REVOKED, file, number);
		return !equal;
	} else if (equal) {
		decide(c, KNOWN_MATCH, file, number);
	} else if (!plain && c->res->verdict != KNOWN_MATCH &&
		   (same_type || c->res->verdict == KNOWN_NOT_FOUND)) {
		decide(c, same_type ? KNOWN_CHANGED : KNOWN_OTHER_TYPE, file, number);
	}
	return true;
}

static struct wire_string type_of(const char *key, size_t len)
{
	struct wire w = wire_from(key, len);

	return wire_string(&w);
}

void known_hosts_check(const struct known_hosts *k, const struct known_names *names,
		       const char *key, size_t len, struct known_result *res)
{
	struct check c = { names, { key, len }, type_of(key, len), res };

	*res = (struct known_result){ KNOWN_NOT_FOUND, BUF_INIT, BUF_INIT, BUF_INIT };
	visit_lines(k, (struct visit){ check_line, &c });
}

void known_result_release(struct known_result *res)
{
	buf_release(&res->place);
	buf_release(&res->authority);
	buf_release(&res->malformed);
}

struct collect {
	const struct known_names *names;
	struct strs *types;
};

static bool collect_type(void *ctx, const struct entry *e, int parsed, const char *file, int number)
{
	struct collect *c = ctx;
	auto_free char *type = NULL;
	bool plain;

	(void)file;
	(void)number;
	if (parsed < 0 || e->marker != PLAIN || !names_match(c->names, e->names, &plain))
		return true;
	type = strndup(e->type.data, e->type.len);
	if (!type)
		abort();
	if (!strs_has(c->types, type))
		strs_add(c->types, type);
	return true;
}

void known_hosts_types(const struct known_hosts *k, const struct known_names *names,
		       struct strs *types)
{
	struct collect c = { names, types };

	visit_lines(k, (struct visit){ collect_type, &c });
}

void known_hosts_line(const struct known_names *names, const char *key, size_t len,
		      struct buf *out)
{
	struct wire_string type = type_of(key, len);
	auto_free char *list = strs_join(&names->exact, ",");

	buf_printf(out, "%s %.*s ", list, (int)type.len, type.data);
	pki_base64_encode(key, len, out);
}

static bool ends_in_newline(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char last = '\n';

	return size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

int known_hosts_append(const char *path, const char *line, struct err *err)
{
	auto_free char *file = file_resolve(path, NULL), *dir = strdup(file);
	auto_buf struct buf text = BUF_INIT;
	auto_close int fd = -1;
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		abort();
	if (slash && slash != dir) {
		*slash = '\0';
		if (file_mkdirs(dir, 0700, err) < 0)
			return -1;
	}
	fd = open(file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, "%s", file);
	buf_printf(&text, "%s%s\n", ends_in_newline(fd) ? "" : "\n", line);
	errno = ENOSPC; /* for a short write */
	if (write(fd, text.data, text.len) != (ssize_t)text.len)
		return err_errno(err, "%s", file);
	return 0;
}
