#define _GNU_SOURCE
#include "inventory/read.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/near.h"
#include "inventory/inventory.h"

enum { STRING_MAX = 4096, HOPS_MAX = 8 };

static const struct inv_key *find_key(const struct inv_key *keys, const char *name)
{
	for (; keys->type; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

static void list_names(const struct inv_key *keys, struct strs *names)
{
	for (; keys->type; keys++)
		strs_add(names, keys->name);
}

static int unknown_key(const struct inv_reader *r, const struct yaml_node *key,
		       const struct inv_key *keys, struct err *err)
{
	auto_strs struct strs names = STRS_INIT;
	auto_free char *all = NULL;
	const char *meant;

	list_names(keys, &names);
	all = strs_join(&names, ", ");
	meant = near_match(key->value, (const char *const *)names.v);
	if (meant)
		return yaml_error(r->stream, key, err, "unknown key '%s': did you mean '%s'?",
				  key->value, meant);
	return yaml_error(r->stream, key, err, "unknown key '%s': allowed here are %s", key->value, all);
}

void inv_keep_error(struct inv_reader *r, struct err *err)
{
	/* a map's first error is handed on by the maps around it */
	if (r->errors.n < INV_ERRORS_MAX && !strs_has(&r->errors, err->msg))
		strs_add(&r->errors, err->msg);
	err_clear(err);
}

int inv_errors_since(const struct inv_reader *r, size_t before, struct err *err)
{
	size_t n = r->errors.n;

	if (n < INV_ERRORS_MAX && n == before)
		return 0;
	return err_set(err, ERR_CONFIG, "%s", r->errors.v[before < n ? before : n - 1]);
}

static bool is_known(const struct yaml_node *key, const struct inv_key *keys)
{
	return key->value && find_key(keys, key->value);
}

static void check_map(struct inv_reader *r, const struct yaml_node *map, const struct inv_key *keys)
{
	auto_err struct err err = ERR_INIT;

	for (const struct yaml_node *n = map->child; n && r->errors.n < INV_ERRORS_MAX; n = n->next)
		if (!is_known(n->key, keys) &&
		    (n->key->value ? unknown_key(r, n->key, keys, &err) :
				     yaml_error(r->stream, n->key, &err, "a key must be a word")) < 0)
			inv_keep_error(r, &err);
	for (const struct inv_key *k = keys; k->type; k++)
		if (k->required && yaml_is_null(yaml_find(map, k->name)) &&
		    yaml_error(r->stream, map, &err, "key '%s' is missing%s%s%s%s", k->name, k->example ? ": for example " : "",
			       k->example ? k->name : "", k->example ? ": " : "", k->example ? k->example : "") < 0)
			inv_keep_error(r, &err);
}

static const char *keep(struct inv_reader *r, const char *s)
{
	strs_add(&r->strings, s);
	return r->strings.v[r->strings.n - 1];
}

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return true;
	return false;
}

/* A scalar's text, checked against a rule; what names it. */
static int read_text(const struct inv_reader *r, const struct yaml_node *n, const char *what,
		     const struct inv_rule *rule, bool secret, const char **value, struct err *err)
{
	if (n->type != YAML_SCALAR)
		return yaml_error(r->stream, n, err, "%s must be one value: %s", what, rule->allowed);
	if (has_control(n->value, n->len))
		return yaml_error(r->stream, n, err, "%s holds a control character: allowed is %s", what,
				  rule->allowed);
	if (n->len > STRING_MAX || (secret && !rule->ok(n->value)))
		return yaml_error(r->stream, n, err, "this %s is not allowed: it must be %s", what,
				  rule->allowed);
	if (!rule->ok(n->value))
		return yaml_error(r->stream, n, err, "%s '%s' is not allowed: it must be %s", what,
				  n->value, rule->allowed);
	*value = n->value;
	return 0;
}

static int choice_of(const char *const *choices, const char *value)
{
	for (int i = 0; choices[i]; i++)
		if (!strcmp(choices[i], value))
			return i;
	return -1;
}

static int read_choice(const struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		       int *index, struct err *err)
{
	auto_strs struct strs all = STRS_INIT;
	auto_free char *words = NULL;

	*index = n->type == YAML_SCALAR ? choice_of(k->choices, n->value) : -1;
	if (*index >= 0)
		return 0;
	for (int i = 0; k->choices[i]; i++)
		strs_add(&all, k->choices[i]);
	words = strs_join(&all, " or ");
	return yaml_error(r->stream, n, err, "%s must be %s", k->name, words);
}

static int read_string(struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		       const char **value, struct err *err)
{
	auto_free char *path = NULL;
	int index;

	if (k->choices) {
		if (read_choice(r, n, k, &index, err) < 0)
			return -1;
		*value = k->choices[index];
		return 0;
	}
	if (read_text(r, n, k->name, k->rule, k->secret, value, err) < 0)
		return -1;
	if (k->type == INV_PATH && (!k->word || strcmp(*value, k->word))) {
		path = file_resolve(*value, r->path);
		*value = keep(r, path);
	}
	return 0;
}

static int read_number(const struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		       int *value, struct err *err)
{
	long v;

	if (k->type == INV_DURATION) {
		if (n->type != YAML_SCALAR || inv_duration_ms(n->value, &v) < 0 || v < k->min || v > k->max)
			return yaml_error(r->stream, n, err, "%s must be a duration of %ld ms to %ld s: "
					  "10s, 1500ms, or a number of seconds", k->name, k->min,
					  k->max / 1000);
	} else if (yaml_int(n, &v) < 0 || v < k->min || v > k->max) {
		return yaml_error(r->stream, n, err, "%s must be a number from %ld to %ld", k->name,
				  k->min, k->max);
	}
	*value = (int)v;
	return 0;
}

int inv_count(const struct inv_reader *r, const struct yaml_node *list, const char *name,
	      const char *items, size_t *n, struct err *err)
{
	*n = 0;
	if (yaml_is_null(list))
		return 0;
	if (list->type != YAML_SEQ)
		return yaml_error(r->stream, list, err, "%s must be a list of %s", name, items);
	for (const struct yaml_node *i = list->child; i; i = i->next)
		if (++*n > INV_ITEMS_MAX)
			return yaml_error(r->stream, i, err, "%s has more than %d items", name, INV_ITEMS_MAX);
	return 0;
}

static int read_strs(struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		     struct strs *list, struct err *err)
{
	const char *value = NULL;
	size_t count;

	if (inv_count(r, n, k->name, "words", &count, err) < 0)
		return -1;
	for (const struct yaml_node *i = n->child; i; i = i->next) {
		if (read_text(r, i, k->name, k->rule, false, &value, err) < 0)
			return -1;
		strs_add(list, value);
	}
	return 0;
}

/* One, or a list in order. */
static int read_hops(struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		     const char **hops, struct err *err)
{
	const struct yaml_node *first = n->type == YAML_SEQ ? n->child : n;
	auto_buf struct buf all = BUF_INIT;
	const char *value = NULL;
	int count = 0;

	for (const struct yaml_node *i = first; i; i = n->type == YAML_SEQ ? i->next : NULL) {
		bool none = i == n && i->type == YAML_SCALAR && k->word && !strcmp(i->value, k->word);

		if (!none && read_text(r, i, k->name, k->rule, false, &value, err) < 0)
			return -1;
		if (++count > HOPS_MAX)
			return yaml_error(r->stream, i, err, "%s has more than %d items", k->name, HOPS_MAX);
		if (!none)
			buf_printf(&all, "%s%s", all.len ? "," : "", value);
	}
	*hops = all.len ? keep(r, buf_str(&all)) : k->word;
	return 0;
}

static int read_labels(struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		       struct strs *list, struct err *err)
{
	const char *key = NULL, *value = NULL;

	if (n->type != YAML_MAP)
		return yaml_error(r->stream, n, err, "%s must be a map, as {zone: a}", k->name);
	for (const struct yaml_node *i = n->child; i; i = i->next) {
		if (read_text(r, i->key, "the key of a label", &inv_label_key_rule, false, &key, err) < 0 ||
		    read_text(r, i, "the value of a label", &inv_label_value_rule, false, &value, err) < 0)
			return -1;
		strs_printf(list, "%s=%s", key, value);
		if (list->n > INV_ITEMS_MAX)
			return yaml_error(r->stream, i, err, "%s has more than %d items", k->name,
					  INV_ITEMS_MAX);
	}
	return 0;
}

/* KEY[=VALUE]:EFFECT, as kubectl taint takes it. */
static int split_taint(struct inv_reader *r, const struct yaml_node *n, struct inv_taint *t,
		       struct err *err)
{
	const struct inv_key *effect = find_key(inv_taint_keys, "effect");
	auto_free char *text = strdup(n->value);
	char *colon, *equals;
	int index;

	if (!text)
		abort();
	colon = strrchr(text, ':');
	if (has_control(n->value, n->len) || !colon || (index = choice_of(effect->choices, colon + 1)) < 0)
		return yaml_error(r->stream, n, err, "a taint must be KEY[=VALUE]:EFFECT, where EFFECT is "
				  "NoSchedule, PreferNoSchedule or NoExecute");
	*colon = '\0';
	equals = strchr(text, '=');
	if (equals)
		*equals++ = '\0';
	if (!inv_label_key_rule.ok(text))
		return yaml_error(r->stream, n, err, "the key '%s' of a taint is not allowed: it must be %s",
				  text, inv_label_key_rule.allowed);
	if (equals && !inv_label_value_rule.ok(equals))
		return yaml_error(r->stream, n, err, "the value '%s' of a taint is not allowed: it must be %s",
				  equals, inv_label_value_rule.allowed);
	t->key = keep(r, text);
	t->value = keep(r, equals ? equals : "");
	t->effect = effect->choices[index];
	return 0;
}

static int read_taints(struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		       struct inv_node *node, struct err *err)
{
	size_t count;

	if (inv_count(r, n, k->name, "KEY[=VALUE]:EFFECT", &count, err) < 0)
		return -1;
	node->taints = calloc(count + 1, sizeof(*node->taints));
	if (!node->taints)
		abort();
	for (const struct yaml_node *i = n->child; i; i = i->next) {
		struct inv_taint *t = &node->taints[node->ntaints++];
		int rc = -1;

		inv_defaults(k->keys, t);
		if (i->type == YAML_SEQ)
			return yaml_error(r->stream, i, err, "a taint must be KEY[=VALUE]:EFFECT");
		rc = i->type == YAML_MAP ? inv_read_map(r, i, k->keys, t, err) : split_taint(r, i, t, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int read_value(struct inv_reader *r, const struct yaml_node *n, const struct inv_key *k,
		      void *base, struct err *err)
{
	int nowhere = 0;
	char *field = k->offset == INV_NOWHERE ? (char *)&nowhere : (char *)base + k->offset;

	assert(k->offset != INV_NOWHERE || k->type == INV_CHOICE); /* nowhere has room for no more */
	switch (k->type) {
	case INV_STR:
	case INV_PATH:
		return read_string(r, n, k, (const char **)field, err);
	case INV_CHOICE:
		return read_choice(r, n, k, (int *)field, err);
	case INV_BOOL:
		if (yaml_bool(n, (bool *)field) < 0)
			return yaml_error(r->stream, n, err, "%s must be true or false", k->name);
		return 0;
	case INV_INT:
	case INV_DURATION:
		return read_number(r, n, k, (int *)field, err);
	case INV_STRS:
		return read_strs(r, n, k, (struct strs *)field, err);
	case INV_HOPS:
		return read_hops(r, n, k, (const char **)field, err);
	case INV_LABELS:
		return read_labels(r, n, k, (struct strs *)field, err);
	case INV_TAINTS:
		return read_taints(r, n, k, (struct inv_node *)field, err);
	case INV_MAP:
		return inv_read_map(r, n, k->keys, field, err);
	case INV_NODES:
		return 0;
	case INV_END:
		break;
	}
	abort();
}

int inv_read_map(struct inv_reader *r, const struct yaml_node *map, const struct inv_key *keys,
		 void *base, struct err *err)
{
	size_t before = r->errors.n;

	if (map->type != YAML_MAP) {
		auto_strs struct strs names = STRS_INIT;
		auto_free char *all = NULL;

		list_names(keys, &names);
		all = strs_join(&names, ", ");
		return yaml_error(r->stream, map, err, "%s%smust be a map with the keys %s",
				  map->key && map->key->value ? map->key->value : "",
				  map->key && map->key->value ? " " : "this ", all);
	}
	check_map(r, map, keys);
	for (const struct yaml_node *n = map->child; n && r->errors.n < INV_ERRORS_MAX; n = n->next)
		if (!yaml_is_null(n) && is_known(n->key, keys) &&
		    read_value(r, n, find_key(keys, n->key->value), base, err) < 0)
			inv_keep_error(r, err);
	return inv_errors_since(r, before, err);
}

void inv_defaults(const struct inv_key *keys, void *base)
{
	long ms = 0;

	for (const struct inv_key *k = keys; k->type; k++) {
		char *field = k->offset == INV_NOWHERE ? NULL : (char *)base + k->offset;

		if (k->type == INV_MAP)
			inv_defaults(k->keys, field);
		if (!k->fallback || !field)
			continue;
		if (k->type == INV_STR)
			*(const char **)field = k->fallback;
		else if (k->type == INV_BOOL)
			*(bool *)field = !strcmp(k->fallback, "true");
		else if (k->type == INV_INT)
			*(int *)field = atoi(k->fallback);
		else if (k->type == INV_CHOICE)
			*(int *)field = choice_of(k->choices, k->fallback);
		else if (k->type == INV_DURATION && !inv_duration_ms(k->fallback, &ms))
			*(int *)field = (int)ms;
	}
}
