#define _GNU_SOURCE
#include "migrate_json.h"

#include <jansson.h>
#include <string.h>

static json_t *text_of(const char *s, size_t len)
{
	json_t *j = json_stringn(s, len);

	return j ? j : json_string("(not UTF-8)");
}

static void print(json_t *o)
{
	char *text = json_dumps(o, JSON_PRESERVE_ORDER | JSON_COMPACT);

	puts(text);
	free(text);
	json_decref(o);
}

/* Lines that follow each other, and where they begin in the old file. */
static json_t *new_change(json_t *list, long line)
{
	json_t *o = json_object();

	json_object_set_new(o, "line", json_integer(line));
	json_object_set_new(o, "removed", json_array());
	json_object_set_new(o, "added", json_array());
	json_array_append_new(list, o);
	return o;
}

/* The changes of a hunk, which lines of context divide; returns where the next hunk begins. */
static const char *add_hunk(json_t *list, const char *head)
{
	long line = strtol(head + 4, NULL, 10); /* "@@ -LINE,..." */
	json_t *change = NULL;
	const char *s = strchr(head, '\n');

	for (; s && s[1] && strncmp(s + 1, "@@ ", 3); s = strchr(s + 1, '\n')) {
		json_t *text = text_of(s + 2, strcspn(s + 2, "\r\n"));

		if (s[1] != '-' && s[1] != '+' && s[1] != '\\')
			change = NULL;
		else if (s[1] != '\\' && !change)
			change = new_change(list, line);
		if (s[1] == '-' || s[1] == '+')
			json_array_append(json_object_get(change, s[1] == '-' ? "removed" : "added"), text);
		line += s[1] == '-' || s[1] == ' ';
		json_decref(text);
	}
	return s && s[1] ? s + 1 : NULL;
}

static json_t *changes_of(const char *diff)
{
	json_t *list = json_array();
	const char *at = strstr(diff, "\n@@ ");

	for (at = at ? at + 1 : NULL; at;)
		at = add_hunk(list, at);
	return list;
}

/* A message "name:line:column: text", of which the first line counts. */
static void set_message(json_t *o, const char *name, const char *text)
{
	size_t len = strlen(name);
	int line = 0, column = 0, used = 0;

	if (!strncmp(text, name, len) && sscanf(text + len, ":%d:%d: %n", &line, &column, &used) == 2 && used)
		text += len + (size_t)used;
	else if (!strncmp(text, name, len) && !strncmp(text + len, ": ", 2))
		text += len + 2;
	if (line)
		json_object_set_new(o, "line", json_integer(line));
	if (line)
		json_object_set_new(o, "column", json_integer(column));
	json_object_set_new(o, "message", text_of(text, strcspn(text, "\n")));
}

void migrate_print_json(const char *name, enum kubeadm_api to, bool changed, const char *diff,
			const struct strs *notices)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < notices->n; i++) {
		json_t *notice = json_object();

		set_message(notice, name, notices->v[i]);
		json_array_append_new(list, notice);
	}
	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "file", text_of(name, strlen(name)));
	json_object_set_new(o, "to", json_string(kubeadm_api_name(to)));
	json_object_set_new(o, "changed", json_boolean(changed));
	json_object_set_new(o, "changes", changes_of(diff));
	json_object_set_new(o, "notices", list);
	print(o);
}

void migrate_print_error(const char *name, const struct err *err)
{
	json_t *o = json_object(), *e = json_object();

	set_message(e, name, err->msg);
	json_object_set_new(o, "ok", json_false());
	json_object_set_new(o, "file", text_of(name, strlen(name)));
	json_object_set_new(o, "exitStatus", json_integer((int)err->kind));
	json_object_set_new(o, "error", e);
	print(o);
}
