#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "kube/client.h"

#define PAGE 500      /* nodes of one answer: about 6.5 KB each */

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static char *copy(const char *s)
{
	char *p = strdup(s);

	if (!p)
		abort();
	return p;
}

/* The first item of an array of objects whose key has this value. */
static json_t *item_where(const json_t *array, const char *key, const char *value)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
		if (!strcmp(text_of(item, key), value))
			return item;
	return NULL;
}

static void read_taints(const json_t *taints, struct kube_node *out)
{
	json_t *item;
	size_t i;

	out->taints = calloc(json_array_size(taints) + 1, sizeof(*out->taints));
	if (!out->taints)
		abort();
	json_array_foreach(taints, i, item)
		out->taints[out->ntaints++] = (struct kube_taint){
			.key = copy(text_of(item, "key")),
			.value = copy(text_of(item, "value")),
			.effect = copy(text_of(item, "effect")),
		};
}

static char *why_not_ready(const json_t *condition)
{
	const char *reason = text_of(condition, "reason"), *message = text_of(condition, "message");
	char *out;

	if (asprintf(&out, "%s%s%s", reason, *reason && *message ? ": " : "", message) < 0)
		abort();
	return out;
}

static void read_labels(const json_t *labels, struct kube_node *out)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)labels, key, value)
		strs_printf(&out->labels, "%s=%s", key, json_string_value(value) ? json_string_value(value) : "");
}

static void read_node(const json_t *node, struct kube_node *out)
{
	const json_t *metadata = json_object_get(node, "metadata");
	const json_t *labels = json_object_get(metadata, "labels");
	const json_t *status = json_object_get(node, "status");
	const json_t *ready = item_where(json_object_get(status, "conditions"), "type", "Ready");
	const json_t *address = item_where(json_object_get(status, "addresses"), "type", "InternalIP");

	*out = (struct kube_node){
		.name = copy(text_of(metadata, "name")),
		.version = copy(text_of(json_object_get(status, "nodeInfo"), "kubeletVersion")),
		.internal_ip = copy(text_of(address, "address")),
		.ready = !strcmp(text_of(ready, "status"), "True"),
		.control_plane = json_object_get(labels, "node-role.kubernetes.io/control-plane") ||
				 json_object_get(labels, "node-role.kubernetes.io/master"),
	};
	out->not_ready_reason = out->ready ? copy("") : why_not_ready(ready);
	read_labels(labels, out);
	read_taints(json_object_get(json_object_get(node, "spec"), "taints"), out);
}

static void release_node(struct kube_node *n)
{
	for (size_t i = 0; i < n->ntaints; i++) {
		free(n->taints[i].key);
		free(n->taints[i].value);
		free(n->taints[i].effect);
	}
	free(n->taints);
	strs_release(&n->labels);
	free(n->name);
	free(n->version);
	free(n->internal_ip);
	free(n->not_ready_reason);
}

void kube_nodes_release(struct kube_nodes *l)
{
	for (size_t i = 0; i < l->n; i++)
		release_node(&l->v[i]);
	free(l->v);
	*l = (struct kube_nodes){ NULL, 0 };
}

/* Adds one page of nodes; *more is the path of the next, or NULL.  Caller frees. */
static int list_page(struct kube *k, const char *path, struct kube_nodes *out, char **more,
		     struct err *err)
{
	const struct kube_request q = { .method = "GET", .path = path };
	auto_answer struct kube_answer a = { 0 };
	json_t *items, *item;
	const char *token;
	size_t i;

	if (kube_request(k, &q, &a, err) < 0)
		return -1;
	if (a.status != 200)
		return kube_refused(k, &q, &a, err);
	auto_json json_t *root = kube_parse(k, &q, &a, err);

	if (!root)
		return -1;
	items = json_object_get(root, "items");
	out->v = realloc(out->v, (out->n + json_array_size(items) + 1) * sizeof(*out->v));
	if (!out->v)
		abort();
	json_array_foreach(items, i, item)
		read_node(item, &out->v[out->n++]);
	token = text_of(json_object_get(root, "metadata"), "continue");
	*more = NULL;
	if (*token && json_array_size(items)) {
		auto_free char *first = NULL;

		if (asprintf(&first, "/api/v1/nodes?limit=%d&continue=", PAGE) < 0)
			abort();
		*more = kube_path(first, token);
	}
	return 0;
}

int kube_list_nodes(struct kube *k, struct kube_nodes *out, struct err *err)
{
	auto_kube_nodes struct kube_nodes all = { NULL, 0 };
	char *path, *more = NULL;

	if (asprintf(&path, "/api/v1/nodes?limit=%d", PAGE) < 0)
		abort();
	while (path) {
		int rc = list_page(k, path, &all, &more, err);

		free(path);
		if (rc < 0)
			return -1;
		path = more;
	}
	*out = all;
	all = (struct kube_nodes){ NULL, 0 };
	return 0;
}

/* Returns the merge patch that turns a node into what is wanted, or NULL when it is that. */
typedef json_t *edit_node(const json_t *node, const void *wanted);

static json_t *get_node(struct kube *k, const char *path, bool *again, struct err *err)
{
	const struct kube_request q = { .method = "GET", .path = path };
	auto_answer struct kube_answer a = { 0 };

	if (kube_request(k, &q, &a, err) < 0) {
		*again = kube_may_return(k);
		return NULL;
	}
	if (a.status == 200)
		return kube_parse(k, &q, &a, err);
	*again = kube_passing(a.status);
	kube_refused(k, &q, &a, err);
	return NULL;
}

/* The node's resourceVersion goes along, so that another writer's change in between is a
 * conflict instead of lost. */
static int patch_node(struct kube *k, const char *path, const json_t *node, json_t *patch,
		      bool *again, struct err *err)
{
	const json_t *version = json_object_get(json_object_get(node, "metadata"), "resourceVersion");
	auto_answer struct kube_answer a = { 0 };
	auto_free char *body = NULL;
	json_t *metadata = json_object_get(patch, "metadata");

	if (!metadata) {
		metadata = json_object();
		json_object_set_new(patch, "metadata", metadata);
	}
	json_object_set(metadata, "resourceVersion", (json_t *)version);
	body = json_dumps(patch, JSON_COMPACT);
	if (!body)
		abort();
	const struct kube_request q = {
		.method = "PATCH", .path = path, .type = "application/merge-patch+json",
		.body = body, .len = strlen(body),
	};

	if (kube_request(k, &q, &a, err) < 0) {
		*again = kube_may_return(k);
		return -1;
	}
	if (a.status == 200)
		return 0;
	*again = kube_passing(a.status);
	return kube_refused(k, &q, &a, err);
}

static int change_once(struct kube *k, const char *path, edit_node *edit, const void *wanted,
		       bool *changed, bool *again, struct err *err)
{
	auto_json json_t *node = get_node(k, path, again, err);
	auto_json json_t *patch = node ? edit(node, wanted) : NULL;

	if (!node)
		return -1;
	*changed = patch;
	return patch ? patch_node(k, path, node, patch, again, err) : 0;
}

static int change_node(struct kube *k, const char *name, edit_node *edit, const void *wanted,
		       bool *changed, struct err *err)
{
	auto_free char *path = kube_path("/api/v1/nodes/", name);
	struct clock_poll poll = kube_patience();

	for (bool tried = false;;) {
		bool again = false, did = false;
		int rc = change_once(k, path, edit, wanted, &did, &again, err);

		tried |= did; /* a try without an answer may have done it */
		if (rc == 0) {
			*changed = tried;
			return 0;
		}
		if (!again || !kube_pause(k, &poll))
			return -1;
		err_clear(err);
	}
}

struct wanted_taint {
	const char *key, *value, *effect; /* value NULL: whatever it is */
	bool present;
};

/* The API knows a taint by key and effect. */
static bool is_taint(const json_t *item, const struct wanted_taint *w)
{
	return !strcmp(text_of(item, "key"), w->key) && !strcmp(text_of(item, "effect"), w->effect);
}

static bool as_wanted(const json_t *item, const struct wanted_taint *w)
{
	return !w->value || !strcmp(text_of(item, "value"), w->value);
}

static json_t *edit_taints(const json_t *node, const void *wanted)
{
	const struct wanted_taint *w = wanted;
	const json_t *old = json_object_get(json_object_get(node, "spec"), "taints");
	json_t *taints = json_array(), *item;
	bool found = false, good = false;
	size_t i;

	json_array_foreach(old, i, item) {
		bool it = is_taint(item, w);

		found |= it;
		good |= it && as_wanted(item, w);
		if (!it)
			json_array_append(taints, item);
	}
	if (w->present ? good : !found) {
		json_decref(taints);
		return NULL;
	}
	if (w->present)
		json_array_append_new(taints, json_pack("{s:s, s:s*, s:s}", "key", w->key, "value",
							w->value, "effect", w->effect));
	return json_pack("{s:{s:o}}", "spec", "taints", taints);
}

int kube_set_taint_value(struct kube *k, const char *node, const char *key, const char *value,
			 const char *effect, bool present, bool *changed, struct err *err)
{
	const struct wanted_taint wanted = { key, value, effect, present };

	return change_node(k, node, edit_taints, &wanted, changed, err);
}

int kube_set_taint(struct kube *k, const char *node, const char *key, const char *effect,
		   bool present, bool *changed, struct err *err)
{
	return kube_set_taint_value(k, node, key, NULL, effect, present, changed, err);
}

static json_t *edit_labels(const json_t *node, const void *wanted)
{
	const json_t *old = json_object_get(json_object_get(node, "metadata"), "labels");
	json_t *labels = json_object();

	for (const char *const *p = wanted; *p; p += 2) {
		const char *is = json_string_value(json_object_get(old, p[0]));

		if (!is || strcmp(is, p[1]))
			json_object_set_new(labels, p[0], json_string(p[1]));
	}
	if (json_object_size(labels))
		return json_pack("{s:{s:o}}", "metadata", "labels", labels);
	json_decref(labels);
	return NULL;
}

int kube_set_labels(struct kube *k, const char *node, const char *const *pairs, bool *changed,
		    struct err *err)
{
	return change_node(k, node, edit_labels, pairs, changed, err);
}

int kube_delete_node(struct kube *k, const char *name, struct err *err)
{
	auto_free char *path = kube_path("/api/v1/nodes/", name);
	const struct kube_request q = { .method = "DELETE", .path = path, .metadata_only = true };
	auto_answer struct kube_answer a = { 0 };
	int tries;

	if (kube_send_patiently(k, &q, &a, &tries, err) < 0)
		return -1;
	return a.status == 200 || a.status == 404 ? 0 : kube_refused(k, &q, &a, err);
}
