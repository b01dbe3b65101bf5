/* Reading strictly: every field known, every value of its type. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"
#include "kubeadm/config.h"

#define PATH_FIELDS_MAX 16 /* of the tables; the deepest has six */
#define NAMES_MAX 64

struct checking {
	struct kubeadm_config *config;
	const struct kubeadm_doc *doc;
	const struct kubeadm_field *path[PATH_FIELDS_MAX];
	size_t depth;
	struct err *err;
};

static int check_map(struct checking *c, const struct kubeadm_field *f, const struct yaml_node *n);

static int wrong_type(struct checking *c, const struct yaml_node *n, const char *name,
		      const char *wanted)
{
	bool quote = n->type == YAML_SCALAR && n->plain && !strncmp(wanted, "a string", 8);

	return yaml_error(c->config->stream, n, c->err, "'%s' takes %s, but this is %s%s", name, wanted,
			  yaml_describe(n), quote ? "; put it in quotes" : "");
}

static const char *name_of(const struct yaml_node *n)
{
	for (; n; n = n->parent)
		if (n->key)
			return n->key->value;
	return "document";
}

/* kubeadm's reader knows more tags (!!binary), and takes unknown ones for strings. */
static int check_tag(struct checking *c, const struct yaml_node *n)
{
	if (n->key && n->key->odd_tag)
		n = n->key;
	return n->odd_tag ? yaml_error(c->config->stream, n, c->err, "this tag is not known here; remove it") : 0;
}

static int check_strings(struct checking *c, const struct yaml_node *n, enum yaml_type type)
{
	if (n->type != type)
		return wrong_type(c, n, name_of(n), type == YAML_SEQ ? "a list of strings"
								      : "a map of strings");
	for (const struct yaml_node *item = n->child; item; item = item->next) {
		if (check_tag(c, item) < 0)
			return -1;
		if (item->merge) {
			for (const struct yaml_node *m = item->type == YAML_SEQ ? item->child : item; m;
			     m = item->type == YAML_SEQ ? m->next : NULL)
				if (check_strings(c, m, type) < 0)
					return -1;
		} else if (!yaml_is_null(item) && !yaml_is_string(item)) {
			return wrong_type(c, item, name_of(item), "a string");
		}
	}
	return 0;
}

static int check_bools(struct checking *c, const struct yaml_node *n);

static int check_merged_bools(struct checking *c, const struct yaml_node *merge)
{
	const struct yaml_node *list = merge->type == YAML_SEQ ? merge->child : NULL;
	int rc = list ? 0 : check_bools(c, merge);

	for (const struct yaml_node *m = list; m && rc == 0; m = m->next)
		rc = check_bools(c, m);
	return rc;
}

static int check_bools(struct checking *c, const struct yaml_node *n)
{
	bool b;

	if (n->type != YAML_MAP)
		return wrong_type(c, n, name_of(n), "a map of true and false");
	for (const struct yaml_node *item = n->child; item; item = item->next) {
		if (check_tag(c, item) < 0 || (item->merge && check_merged_bools(c, item) < 0))
			return -1;
		if (!item->merge && !yaml_is_null(item) && yaml_bool(item, &b) < 0)
			return wrong_type(c, item, name_of(item), "true or false");
	}
	return 0;
}

static int check_scalar(struct checking *c, const struct kubeadm_field *f,
			const struct yaml_node *n)
{
	long long ns;
	long i;
	bool b;

	if (f->type == INT && (yaml_int(n, &i) < 0 || i > INT32_MAX || i < INT32_MIN))
		return wrong_type(c, n, name_of(n), "a whole number of 32 bits");
	if (f->type == BOOL && yaml_bool(n, &b) < 0)
		return wrong_type(c, n, name_of(n), "true or false");
	if (f->type == DURATION && !yaml_is_string(n))
		return wrong_type(c, n, name_of(n), "a duration, which is a string such as 4m0s");
	if ((f->type == STRING || f->type == TIME) && !yaml_is_string(n))
		return wrong_type(c, n, name_of(n), "a string");
	if (f->type == DURATION && kubeadm_duration(n->value, &ns) < 0)
		return yaml_error(c->config->stream, n, c->err, "'%s' takes a duration such as 4m0s",
				  name_of(n));
	return 0;
}

static int check_items(struct checking *c, const struct kubeadm_field *f, const struct yaml_node *n)
{
	if (n->type != YAML_SEQ)
		return wrong_type(c, n, name_of(n), n->type == YAML_MAP && kubeadm_field(f, "value", 5) &&
						    kubeadm_field(f, "name", 4)
						    ? "a list of name and value in this API version"
						    : "a list");
	for (const struct yaml_node *item = n->child; item; item = item->next)
		if (!yaml_is_null(item) && check_map(c, f, item) < 0)
			return -1;
	return 0;
}

static int check_value(struct checking *c, const struct kubeadm_field *f, const struct yaml_node *n)
{
	if (check_tag(c, n) < 0)
		return -1;
	if (f->type == ANY || yaml_is_null(n))
		return 0;
	switch (f->type) {
	case STRINGS:
		return check_strings(c, n, YAML_SEQ);
	case STRING_MAP:
		return check_strings(c, n, YAML_MAP);
	case BOOL_MAP:
		return check_bools(c, n);
	case STRUCT:
	case STRUCT_MAP:
		return check_map(c, f, n);
	case ITEMS:
		return check_items(c, f, n);
	default:
		return check_scalar(c, f, n);
	}
}

/* The field of this name at the same place in another version. */
static const struct kubeadm_field *same_place(struct checking *c, enum kubeadm_api api,
					      const struct yaml_node *key)
{
	const struct kubeadm_field *f = kubeadm_schema(c->config, api)->kinds[c->doc->kind];

	for (size_t i = 1; i < c->depth && f; i++)
		f = kubeadm_field(f, c->path[i]->name, c->path[i]->len);
	return f ? kubeadm_field(f, key->value, key->len) : NULL;
}

/* Newer versions first come into question, then older ones, the nearest first. */
static enum kubeadm_api other_version(struct checking *c, const struct yaml_node *key)
{
	for (enum kubeadm_api v = c->doc->api + 1; v <= KUBEADM_NEWEST; v++)
		if (same_place(c, v, key))
			return v;
	for (enum kubeadm_api v = c->doc->api - 1; v >= KUBEADM_OLDEST; v--)
		if (same_place(c, v, key))
			return v;
	return KUBEADM_NONE;
}

static char *nearest_field(const struct kubeadm_field *parent, const char *word)
{
	char *names[NAMES_MAX + 1] = { NULL };
	const char *found;
	char *copy = NULL;
	size_t n = 0;

	for (const struct kubeadm_field *f = parent->child; f && n < NAMES_MAX; f = f->next)
		if (!(names[n++] = strndup(f->name, f->len)))
			abort();
	found = near_match(word, (const char *const *)names);
	if (found && !(copy = strdup(found)))
		abort();
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	return copy;
}

static int unknown_field(struct checking *c, const struct kubeadm_field *parent,
			 const struct yaml_node *key)
{
	const struct yaml_stream *s = c->config->stream;
	const char *here = kubeadm_api_name(c->doc->api);
	enum kubeadm_api other = other_version(c, key);
	auto_free char *near = nearest_field(parent, key->value);

	if (other != KUBEADM_NONE)
		return yaml_error(s, key, c->err, "%s has no field '%.100s' here; %s has it", here,
				  key->value, kubeadm_api_name(other));
	if (near && !strcasecmp(near, key->value))
		return yaml_error(s, key, c->err, "unknown field '%.100s'; upper and lower case matter: '%s'",
				  key->value, near);
	if (near)
		return yaml_error(s, key, c->err, "unknown field '%.100s'; did you mean '%s'?", key->value,
				  near);
	return yaml_error(s, key, c->err, "unknown field '%.100s' in %s", key->value, here);
}

/* The maps of a << stand for entries of the map around it. */
static int check_merged(struct checking *c, const struct kubeadm_field *f, const struct yaml_node *n)
{
	const struct yaml_node *list = n->type == YAML_SEQ ? n->child : NULL;
	int rc = 0;

	c->depth--;
	if (n->type == YAML_MAP)
		rc = check_map(c, f, n);
	for (const struct yaml_node *m = list; m && rc == 0; m = m->next)
		rc = check_map(c, f, m);
	c->depth++;
	return rc;
}

static int check_entry(struct checking *c, const struct kubeadm_field *f, const struct yaml_node *n)
{
	const struct kubeadm_field *field;

	if (n->merge)
		return check_merged(c, f, n);
	if (n->key->explicit_key)
		return yaml_error(c->config->stream, n->key, c->err, "write '%.100s: ...' instead of '? %.100s'",
				  n->key->value, n->key->value);
	field = kubeadm_field(f, n->key->value, n->key->len);
	return field ? check_value(c, field, n) : unknown_field(c, f, n->key);
}

static int check_map(struct checking *c, const struct kubeadm_field *f, const struct yaml_node *n)
{
	int rc = 0;

	if (n->type != YAML_MAP)
		return wrong_type(c, n, name_of(n), "a map");
	if (c->depth == PATH_FIELDS_MAX)
		return yaml_error(c->config->stream, n, c->err, "nested too deep");
	c->path[c->depth++] = f;
	for (const struct yaml_node *entry = n->child; entry && rc == 0; entry = entry->next)
		rc = check_entry(c, f, entry);
	c->depth--;
	return rc;
}

int kubeadm_check(struct kubeadm_config *config, const struct kubeadm_doc *d, struct err *err)
{
	struct checking c = { .config = config, .doc = d, .err = err };

	return check_map(&c, kubeadm_schema(config, d->api)->kinds[d->kind], d->root);
}
