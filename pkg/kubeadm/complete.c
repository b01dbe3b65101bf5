#define _GNU_SOURCE
#include "kubeadm/complete.h"

#include <stdio.h>
#include <string.h>

#include "tmpl/tmpl.h"

/* unix:// since 1.24 (kubeadm warns without); 1.20 is written without, as its documentation is. */
#define SOCKET_SCHEME_SINCE 24

static struct kubeadm_config *from_template(enum kubeadm_api api, struct err *err)
{
	char name[32];
	const char *text;

	snprintf(name, sizeof(name), "kubeadm-%s.yaml", kubeadm_api_name(api));
	text = tmpl_text(name);
	return kubeadm_load(name, text, strlen(text), err);
}

static int check_newer(const struct kubeadm_config *user, const struct kubeadm_version *kubeadm,
		       enum kubeadm_api api, struct err *err)
{
	for (size_t i = 0; i < user->ndocs; i++)
		if (user->docs[i].api > api)
			return yaml_error(user->stream, yaml_get(user->docs[i].root, "apiVersion"), err,
					  "the document is %s, but the kubeadm on the nodes, %d.%d.%d, "
					  "reads %s at most", kubeadm_api_name(user->docs[i].api),
					  kubeadm->major, kubeadm->minor, kubeadm->patch,
					  kubeadm_api_name(api));
	return 0;
}

int completion_start(struct completion *c, const struct kubeadm_config *user,
		     const struct kubeadm_version *kubeadm, struct err *err)
{
	*c = (struct completion){ .kubeadm = kubeadm, .err = err };
	if (kubeadm_api_for(kubeadm, &c->api, err) < 0)
		return -1;
	if (user && check_newer(user, kubeadm, c->api, err) < 0)
		return -1;
	c->config = user ? kubeadm_moved(user, c->api, NULL, err) : from_template(c->api, err);
	return c->config ? 0 : -1;
}

/* NULL: not given, or empty. */
static const struct yaml_node *given(const struct kubeadm_config *config, enum kubeadm_kind kind,
				     const char *path)
{
	const struct kubeadm_doc *d = kubeadm_doc(config, kind);
	const struct yaml_node *n = d ? yaml_find(d->root, path) : NULL;

	return yaml_is_null(n) || (n->type == YAML_SCALAR && !*n->value) ? NULL : n;
}

int completion_check(const struct kubeadm_config *user, enum kubeadm_kind kind, const char *path,
		     const char *ours, const char *what, bool (*same)(const char *, const char *),
		     struct err *err)
{
	const struct yaml_node *n = user && ours ? given(user, kind, path) : NULL;

	if (!n || same(n->value, ours))
		return 0;
	return yaml_error(user->stream, n, err, "'%s' is '%s' here, but %s is '%s'; remove it here or "
			  "make both the same", path, n->value, what, ours);
}

int completion_check_node(const struct kubeadm_config *user, const struct completion_node *n,
			  struct err *err)
{
	auto_free char *address = NULL;

	if (completion_check(user, n->kind, "nodeRegistration.name", n->name, "the node's name", same_name,
			     err) < 0 ||
	    completion_check(user, n->kind, "nodeRegistration.criSocket", n->cri_socket,
			     "the node's CRI socket", same_socket, err) < 0)
		return -1;
	if (!n->endpoint_path)
		return 0;
	if (asprintf(&address, "%s.advertiseAddress", n->endpoint_path) < 0)
		abort();
	return completion_check(user, n->kind, address, n->address, "the node's address", same_address,
				err);
}

int completion_set(struct completion *c, enum kubeadm_kind kind, const char *path,
		   const char *value)
{
	const struct yaml_new new = { .string = value };

	return kubeadm_set(&c->config, c->api, kind, path, &new, c->err);
}

int completion_default(struct completion *c, enum kubeadm_kind kind, const char *path,
		       const char *value)
{
	return !value || given(c->config, kind, path) ? 0 : completion_set(c, kind, path, value);
}

static int edited(struct completion *c, struct yaml_edit *e)
{
	struct kubeadm_config *next = kubeadm_edited(c->config, e, c->err);

	if (!next)
		return -1;
	kubeadm_free(c->config);
	c->config = next;
	return 0;
}

int completion_unset(struct completion *c, enum kubeadm_kind kind, const char *path)
{
	const struct kubeadm_doc *d = kubeadm_doc(c->config, kind);
	const struct yaml_node *n = d ? yaml_find(d->root, path) : NULL;
	auto_yaml_edit struct yaml_edit e = YAML_EDIT_INIT;

	if (!n)
		return 0;
	yaml_edit_remove(&e, c->config->stream, n, true);
	return edited(c, &e);
}

static bool has(const struct yaml_node *list, const char *value)
{
	for (const struct yaml_node *n = list ? list->child : NULL; n; n = n->next)
		if (n->value && !strcasecmp(n->value, value))
			return true;
	return false;
}

int completion_add(struct completion *c, enum kubeadm_kind kind, const char *path,
		   const char *const *values)
{
	const struct yaml_node *list = given(c->config, kind, path);
	auto_strs struct strs missing = STRS_INIT;

	for (; values && *values; values++)
		if (!has(list, *values) && !strs_has(&missing, *values))
			strs_add(&missing, *values);
	if (!missing.n)
		return 0;
	const struct yaml_new new = { .strings = (const char *const *)missing.v };

	return kubeadm_set(&c->config, c->api, kind, path, &new, c->err);
}

static bool has_argument(const struct yaml_node *args, const char *name)
{
	if (args && args->type == YAML_MAP)
		return yaml_get(args, name);
	for (const struct yaml_node *n = args ? args->child : NULL; n; n = n->next) {
		const struct yaml_node *is = yaml_get(n, "name");

		if (is && is->value && !strcmp(is->value, name))
			return true;
	}
	return false;
}

int completion_argument(struct completion *c, enum kubeadm_kind kind, const char *path,
			const char *name, const char *value)
{
	const char *const pairs[] = { "name", name, "value", value, NULL };
	const struct yaml_new item = { .pairs = pairs };
	auto_free char *key = NULL;

	if (has_argument(given(c->config, kind, path), name))
		return 0;
	if (c->api >= KUBEADM_V1BETA4)
		return kubeadm_set(&c->config, c->api, kind, path, &item, c->err);
	if (asprintf(&key, "%s.%s", path, name) < 0)
		abort();
	return completion_set(c, kind, key, value);
}

/* kubelet takes the address of the default route unless it is told. */
static int add_node_ip(struct completion *c, const struct completion_node *n)
{
	return n->address ? completion_argument(c, n->kind, "nodeRegistration.kubeletExtraArgs", "node-ip", n->address) : 0;
}

static int set_socket(struct completion *c, const struct completion_node *n)
{
	static const char scheme[] = "unix://";
	const char *plain = n->cri_socket;
	char url[256];

	if (!plain)
		return 0;
	plain += strncmp(plain, scheme, sizeof(scheme) - 1) ? 0 : sizeof(scheme) - 1;
	snprintf(url, sizeof(url), "%s%s", *plain == '/' ? scheme : "", plain);
	return completion_default(c, n->kind, "nodeRegistration.criSocket",
				  c->kubeadm->minor < SOCKET_SCHEME_SINCE ? plain : url);
}

/* An empty list; an absent one means the control-plane taint. */
static int set_no_taints(struct completion *c, const struct completion_node *n)
{
	const struct yaml_new none = { .raw = "[]" };

	if (!n->untainted || given(c->config, n->kind, "nodeRegistration.taints"))
		return 0;
	return kubeadm_set(&c->config, c->api, n->kind, "nodeRegistration.taints", &none, c->err);
}

int completion_node(struct completion *c, const struct completion_node *n)
{
	auto_free char *address = NULL;

	if (n->endpoint_path) {
		if (asprintf(&address, "%s.advertiseAddress", n->endpoint_path) < 0)
			abort();
		if (completion_default(c, n->kind, address, n->address) < 0)
			return -1;
	}
	if (completion_default(c, n->kind, "nodeRegistration.name", n->name) < 0 ||
	    set_socket(c, n) < 0 || add_node_ip(c, n) < 0 || set_no_taints(c, n) < 0)
		return -1;
	if (c->api < KUBEADM_V1BETA2)
		return 0;
	return completion_add(c, n->kind, "nodeRegistration.ignorePreflightErrors",
			      n->ignore_preflight_errors);
}

int completion_keep(struct completion *c, unsigned kinds, bool foreign)
{
	auto_yaml_edit struct yaml_edit e = YAML_EDIT_INIT;

	for (size_t i = 0; i < yaml_count(c->config->stream); i++) {
		const struct kubeadm_doc *d = NULL;

		for (size_t k = 0; k < c->config->ndocs; k++)
			if (c->config->docs[k].index == i)
				d = &c->config->docs[k];
		if (d ? !(kinds & 1u << d->kind) : !foreign)
			yaml_edit_remove_document(&e, c->config->stream, i, false);
	}
	return e.n ? edited(c, &e) : 0;
}

int completion_finish(struct completion *c, struct buf *out)
{
	auto_yaml_edit struct yaml_edit e = YAML_EDIT_INIT;

	yaml_edit_split_documents(&e, c->config->stream);
	yaml_edit_apply(c->config->stream, &e, out);
	return 0;
}
