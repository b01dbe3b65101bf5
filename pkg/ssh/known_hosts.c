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

struct known_line {
	enum { PLAIN, AUTHORITY, REVOKED, MALFORMED } marker;
	struct wire_string names, type;
	const struct known_file *file;
	size_t key, key_len; /* where in fill->keys */
	int number;
};

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

/* The type is said twice. */
static bool parse_key(struct known_line *l, struct wire_string text, struct buf *keys)
{
	auto_err struct err ignored = ERR_INIT;
	struct wire_string type;
	struct wire w;

	l->key = keys->len;
	if (!text.len || pki_base64_decode(text.data, text.len, keys, &ignored) < 0)
		return false;
	l->key_len = keys->len - l->key;
	w = wire_from(keys->data + l->key, l->key_len);
	type = wire_string(&w);
	return !w.bad && type.len == l->type.len && !memcmp(type.data, l->type.data, type.len);
}

/* false: blank or comment. */
static bool parse_line(const char *at, const char *end, struct known_line *l, struct buf *keys)
{
	struct wire_string word = next_word(&at, end);

	if (!word.len || word.data[0] == '#')
		return false;
	l->marker = PLAIN;
	if (word.data[0] == '@') {
		l->marker = wire_is(word, "@revoked") ? REVOKED :
			    wire_is(word, "@cert-authority") ? AUTHORITY : MALFORMED;
		word = next_word(&at, end);
	}
	l->names = word;
	l->type = next_word(&at, end);
	if (l->marker != MALFORMED && !parse_key(l, next_word(&at, end), keys))
		l->marker = MALFORMED;
	return true;
}

static void parse_file(struct known_hosts *k, struct known_file *f)
{
	const char *at = buf_str(&f->text), *end;
	size_t room = k->nlines;

	for (int number = 1; *at; number++) {
		struct known_line l = { .file = f, .number = number };

		end = strchrnul(at, '\n');
		if (parse_line(at, end, &l, &f->keys)) {
			if (k->nlines == room) {
				room = room * 2 + 16;
				k->lines = reallocarray(k->lines, room, sizeof(*k->lines));
				if (!k->lines)
					abort();
			}
			k->lines[k->nlines++] = l;
		}
		at = end + (*end == '\n');
	}
}

void known_hosts_add_text(struct known_hosts *k, const char *path, const char *text)
{
	struct known_file *f = calloc(1, sizeof(*f));

	k->files = reallocarray(k->files, k->n + 1, sizeof(*k->files));
	if (!f || !k->files)
		abort();
	k->files[k->n++] = f;
	f->path = strdup(path);
	if (!f->path)
		abort();
	buf_puts(&f->text, text);
	parse_file(k, f);
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
		free(k->files[i]->path);
		buf_release(&k->files[i]->text);
		buf_release(&k->files[i]->keys);
		free(k->files[i]);
	}
	free(k->files);
	free(k->lines);
	*k = (struct known_hosts)KNOWN_HOSTS_INIT;
}

struct visit {
	/* Called for each line.  false ends the visit. */
	bool (*line)(void *ctx, const struct known_line *l);
	void *ctx;
};

static void visit_lines(const struct known_hosts *k, struct visit v)
{
	for (size_t i = 0; i < k->nlines && v.line(v.ctx, &k->lines[i]); i++)
		;
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

static void set_place(struct buf *b, const struct known_line *l)
{
	buf_clear(b);
	buf_printf(b, "%s:%d", l->file->path, l->number);
}

static void decide(struct check *c, enum known_verdict verdict, const struct known_line *l)
{
	c->res->verdict = verdict;
	set_place(&c->res->place, l);
}

static bool check_line(void *ctx, const struct known_line *l)
{
	struct check *c = ctx;
	bool plain, equal, same_type;

	if (l->marker == MALFORMED) {
		if (!c->res->malformed.len)
			set_place(&c->res->malformed, l);
		return true;
	}
	if (!names_match(c->names, l->names, &plain))
		return true;
	equal = l->key_len == c->key.len && !memcmp(l->file->keys.data + l->key, c->key.data, c->key.len);
	same_type = l->type.len == c->type.len && !memcmp(l->type.data, c->type.data, c->type.len);
	if (l->marker == AUTHORITY) {
		set_place(&c->res->authority, l);
	} else if (l->marker == REVOKED) {
		if (equal)
			decide(c, KNOWN_REVOKED, l);
		return !equal;
	} else if (equal) {
		decide(c, KNOWN_MATCH, l);
	} else if (!plain && c->res->verdict != KNOWN_MATCH &&
		   (same_type || c->res->verdict == KNOWN_NOT_FOUND)) {
		decide(c, same_type ? KNOWN_CHANGED : KNOWN_OTHER_TYPE, l);
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

static bool collect_type(void *ctx, const struct known_line *l)
{
	struct collect *c = ctx;
	auto_free char *type = NULL;
	bool plain;

	if (l->marker != PLAIN || !names_match(c->names, l->names, &plain))
		return true;
	type = strndup(l->type.data, l->type.len);
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
