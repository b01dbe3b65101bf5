/* Finding values and telling their types, as go-yaml 2 does for kubeadm (YAML 1.1). */
#include "yaml/stream.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

size_t yaml_count(const struct yaml_stream *s)
{
	return s->ndocs;
}

struct yaml_node *yaml_root(const struct yaml_stream *s, size_t doc)
{
	return doc < s->ndocs ? s->docs[doc].root : NULL;
}

const char *yaml_name(const struct yaml_stream *s)
{
	return s->name;
}

const char *yaml_text(const struct yaml_stream *s, size_t *len)
{
	*len = s->len;
	return s->text;
}

static struct yaml_node *get(const struct yaml_node *map, const char *key, size_t len);

/* A map's << holds a map or a list of maps; the first that has the key wins. */
static struct yaml_node *get_merged(const struct yaml_node *merge, const char *key, size_t len)
{
	struct yaml_node *found = NULL;

	if (merge->type == YAML_MAP)
		return get(merge, key, len);
	for (struct yaml_node *n = merge->child; n && !found; n = n->next)
		if (n->type == YAML_MAP)
			found = get(n, key, len);
	return found;
}

static struct yaml_node *get(const struct yaml_node *map, const char *key, size_t len)
{
	struct yaml_node *merge = NULL;

	for (struct yaml_node *n = map->child; n; n = n->next) {
		if (n->merge)
			merge = n;
		else if (n->key->len == len && !memcmp(n->key->value, key, len))
			return n;
	}
	return merge ? get_merged(merge, key, len) : NULL;
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	return map && map->type == YAML_MAP ? get(map, key, strlen(key)) : NULL;
}

struct yaml_node *yaml_find(const struct yaml_node *map, const char *path)
{
	const struct yaml_node *n = map;
	size_t len;

	for (;; path += len + 1) {
		if (!n || n->type != YAML_MAP)
			return NULL;
		len = strcspn(path, ".");
		n = get(n, path, len);
		if (!path[len])
			return (struct yaml_node *)n;
	}
}

static bool one_of(const char *value, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(value, *words))
			return true;
	return false;
}

bool yaml_says_null(const struct yaml_node *n)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return n->type == YAML_SCALAR && n->plain && one_of(n->value, words);
}

int yaml_bool(const struct yaml_node *n, bool *value)
{
	static const char *const yes[] = { "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE",
					   "on", "On", "ON", NULL };
	static const char *const no[] = { "n", "N", "no", "No", "NO", "false", "False", "FALSE",
					  "off", "Off", "OFF", NULL };

	if (!n || n->type != YAML_SCALAR || !n->plain)
		return -1;
	if (!one_of(n->value, yes) && !one_of(n->value, no))
		return -1;
	*value = one_of(n->value, yes);
	return 0;
}

#define DIGITS_MAX 400 /* of a number; the largest float has 309 in front of its point */

/* What go-yaml takes for a number by its first character, without its underscores. */
static int number_text(const struct yaml_node *n, char digits[DIGITS_MAX + 1])
{
	size_t len = 0;

	if (!n || n->type != YAML_SCALAR || !n->plain || !strchr("+-.0123456789", *n->value))
		return -1;
	for (const char *p = n->value; *p; p++) {
		if (*p != '_' && len == DIGITS_MAX)
			return -1;
		if (*p != '_')
			digits[len++] = *p;
	}
	digits[len] = '\0';
	return 0;
}

/* Go's strconv.ParseInt with base 0. */
int yaml_int(const struct yaml_node *n, long *value)
{
	char digits[DIGITS_MAX + 1], *s = digits, *end;
	int base = 10;
	long v;

	if (number_text(n, digits) < 0)
		return -1;
	if (*s == '-' || *s == '+')
		s++;
	if (*s == '0' && s[1]) {
		char mark = (char)tolower((unsigned char)s[1]);

		base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
		s += mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1;
	}
	if (!isxdigit((unsigned char)*s) || isspace((unsigned char)*n->value))
		return -1;
	errno = 0;
	v = strtol(s, &end, base);
	if (*end || errno)
		return -1;
	*value = digits[0] == '-' ? -v : v;
	return 0;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ of go-yaml's resolve.go */
static bool is_float(const struct yaml_node *n)
{
	static const char *const words[] = {
		".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF",
		"-.inf", "-.Inf", "-.INF", NULL
	};
	char digits[DIGITS_MAX + 1];
	const char *s = digits;
	size_t whole, part = 0;

	if (n->plain && one_of(n->value, words))
		return true;
	if (number_text(n, digits) < 0)
		return false;
	s += *s == '-' || *s == '+';
	whole = strspn(s, "0123456789");
	s += whole;
	if (*s == '.')
		part = strspn(++s, "0123456789");
	s += part;
	if (!whole && !part)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!isdigit((unsigned char)*s))
			return false;
		s += strspn(s, "0123456789");
	}
	return !*s;
}

bool yaml_is_string(const struct yaml_node *n)
{
	bool b;
	long i;

	if (!n || n->type != YAML_SCALAR)
		return false;
	return !n->plain || !(yaml_is_null(n) || yaml_bool(n, &b) == 0 || yaml_int(n, &i) == 0 ||
			      is_float(n));
}

const char *yaml_describe(const struct yaml_node *n)
{
	bool b;

	if (yaml_is_null(n))
		return "null";
	if (n->type != YAML_SCALAR)
		return n->type == YAML_MAP ? "a map" : "a list";
	if (yaml_is_string(n))
		return "a string";
	return yaml_bool(n, &b) == 0 ? "true or false" : "a number";
}
