/* What a migration refuses or speaks of, on the file as the user wrote it. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kubeadm/args.h"
#include "kubeadm/migrate.h"

void kubeadm_notice(const struct kubeadm_config *c, const struct yaml_node *at,
		    struct strs *notices, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	auto_free char *msg = NULL;
	va_list ap;

	if (!notices)
		return;
	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		abort();
	va_end(ap);
	yaml_notice(c->stream, at, &text, "%s", msg);
	strs_add(notices, buf_str(&text));
}

struct look {
	const struct kubeadm_config *config;
	enum kubeadm_api to;
	struct strs *notices;
	struct err *err;
};

/* An alias elsewhere in the document that needs an anchor inside this node, or NULL. */
static const struct yaml_node *alias_into(const struct yaml_node *from, const struct yaml_node *n)
{
	const struct yaml_node *found = NULL;

	if (from->alias)
		return from->alias->start >= n->start && from->alias->end <= n->end &&
		       !(from->start >= n->start && from->end <= n->end) ? from : NULL;
	for (const struct yaml_node *c = from->child; c && !found; c = c->next)
		found = alias_into(c, n);
	return found;
}

/* A value that is taken out. */
static int check_gone(const struct look *l, const struct kubeadm_doc *d, const struct yaml_node *n,
		      const struct kubeadm_table *t)
{
	const struct yaml_node *alias = alias_into(d->root, n);

	return alias ? yaml_error(l->config->stream, alias, l->err, "'%s', where the anchor of this alias "
				  "stands, is gone in %s; write the value out here", n->key->value, t->name) : 0;
}

/* A value that is moved to a document of the file: is there a way? */
static int check_place(const struct look *l, const struct kubeadm_doc *d, const char *path)
{
	auto_yaml_edit struct yaml_edit none = YAML_EDIT_INIT;
	const struct yaml_new value = { .raw = "" };

	return yaml_edit_set(&none, l->config->stream, d->root, path, &value, l->err);
}

/* A value that moves to where another one already stands. */
static int check_meeting(const struct look *l, const struct kubeadm_change *c,
			 const struct yaml_node *n)
{
	const struct kubeadm_doc *d = kubeadm_doc(l->config, c->to_kind);
	const struct yaml_node *there = d ? yaml_find(d->root, c->to_path) : NULL;
	long long a, b;

	if (kubeadm_harmless(c, n) || (yaml_is_null(there) && !d))
		return 0;
	if (yaml_is_null(there))
		return check_place(l, d, c->to_path);
	if (kubeadm_duration(n->value, &a) == 0 && kubeadm_duration(there->value, &b) == 0 && a == b)
		return 0;
	return yaml_error(l->config->stream, n, l->err, "'%s: %s' becomes %s of %s, where line %d already "
			  "says '%s'; remove one of them", n->key->value, n->value, c->to_path,
			  kubeadm_kind_name(c->to_kind), there->line, there->value);
}

/* A map of arguments that becomes a list. */
static int look_at_args(const struct look *l, const struct kubeadm_doc *d, const struct yaml_node *map,
			const struct kubeadm_table *t)
{
	if (map->alias)
		return 0; /* looked at where it stands */
	if (args_check(l->config->stream, map, l->err) < 0)
		return -1;
	for (const struct yaml_node *n = map->child; n; n = n->next) {
		if (n->merge && check_gone(l, d, n, t) < 0)
			return -1;
		if (!n->merge && !yaml_is_string(n->key))
			kubeadm_notice(l->config, n->key, l->notices, "the argument %s gets quotes: names are "
				       "strings", n->key->value);
	}
	return 0;
}

static int look_at(const struct look *l, const struct kubeadm_doc *d, const struct kubeadm_change *c,
		   const struct kubeadm_table *t)
{
	const struct yaml_node *n = c->path ? yaml_find(d->root, c->path) : NULL;

	if (c->op == OP_DROP_KIND)
		kubeadm_notice(l->config, d->root, l->notices, "%s is left out: %s has no such kind, %s",
			       kubeadm_kind_name(d->kind), t->name, c->note);
	if (!n)
		return 0;
	if ((c->op == OP_DROP || c->op == OP_MOVE) && check_gone(l, d, n, t) < 0)
		return -1;
	if (c->op == OP_DROP && !kubeadm_harmless(c, n))
		kubeadm_notice(l->config, n, l->notices, "'%s: %s' is left out: %s", n->key->value,
			       n->type == YAML_SCALAR ? n->value : "...", c->note);
	if (c->op == OP_MOVE && c->harmless && !yaml_is_null(n) && kubeadm_harmless(c, n))
		kubeadm_notice(l->config, n, l->notices, "'%s: %s' is left out: kubeadm ignores it",
			       n->key->value, n->value);
	if (c->op == OP_LIST && n->type == YAML_MAP)
		return look_at_args(l, d, n, t);
	return c->op == OP_MOVE || c->op == OP_COPY ? check_meeting(l, c, n) : 0;
}

static int look_at_document(const struct look *l, const struct kubeadm_doc *d)
{
	if (d->api > l->to)
		return yaml_error(l->config->stream, yaml_get(d->root, "apiVersion"), l->err,
				  "the document is %s, newer than %s; there is no way back",
				  kubeadm_api_name(d->api), kubeadm_api_name(l->to));
	for (enum kubeadm_api v = d->api + 1; v <= l->to; v++) {
		const struct kubeadm_table *t = kubeadm_table(v);

		for (size_t i = 0; i < t->nchanges; i++)
			if (t->changes[i].kind == d->kind && look_at(l, d, &t->changes[i], t) < 0)
				return -1;
	}
	return 0;
}

static bool has_kind(enum kubeadm_api api, enum kubeadm_kind kind)
{
	struct kubeadm_schema *s = kubeadm_schema_new(api);
	bool has = s->kinds[kind];

	kubeadm_schema_free(s);
	return has;
}

int kubeadm_migrate_check(const struct kubeadm_config *c, enum kubeadm_api to, struct strs *notices,
			  struct err *err)
{
	const struct look l = { c, to, notices, err };

	for (size_t i = 0; i < c->ndocs; i++)
		if (look_at_document(&l, &c->docs[i]) < 0)
			return -1;
	if (c->ndocs == 1 && !has_kind(to, c->docs[0].kind))
		return yaml_error(c->stream, yaml_get(c->docs[0].root, "kind"), err, "nothing of kubeadm's would "
				  "be left: %s has no kind '%s'",
				  kubeadm_api_name(to), kubeadm_kind_name(c->docs[0].kind));
	return 0;
}

/* The text of a scalar on a path, or NULL. */
static const struct yaml_node *scalar(const struct yaml_node *root, const char *path)
{
	const struct yaml_node *n = yaml_find(root, path);

	return n && n->type == YAML_SCALAR && !yaml_is_null(n) ? n : NULL;
}

static void look_at_cluster(const struct kubeadm_config *c, const struct yaml_node *root,
			    enum kubeadm_api to, struct strs *notices)
{
	static const char *const repositories[] = { "imageRepository", "dns.imageRepository",
						    "etcd.local.imageRepository" };
	const struct yaml_node *n = scalar(root, "featureGates.PublicKeysECDSA");

	if (n && to >= KUBEADM_V1BETA4)
		kubeadm_notice(c, n, notices, "the gate PublicKeysECDSA is gone in kubeadm 1.37; "
			       "encryptionAlgorithm: ECDSA-P256 says the same");
	for (size_t i = 0; i < sizeof(repositories) / sizeof(*repositories); i++) {
		n = scalar(root, repositories[i]);
		if (n && to >= KUBEADM_V1BETA3 && !strncmp(n->value, "k8s.gcr.io", 10))
			kubeadm_notice(c, n, notices, "k8s.gcr.io is frozen since April 2023; "
				       "registry.k8s.io has the images");
	}
	n = scalar(root, "kubernetesVersion");
	if (n && kubeadm_table(to)->written_from) {
		auto_err struct err err = ERR_INIT;
		struct kubeadm_version v;

		/* kubeadm refuses versions more than one minor release older than itself. */
		if (kubeadm_parse_version(n->value, &v, &err) == 0 &&
		    v.minor < kubeadm_table(to)->written_from - 1)
			kubeadm_notice(c, n, notices, "kubeadm 1.%d, the first that reads %s, refuses "
				       "Kubernetes %s; it wants at least 1.%d",
				       kubeadm_table(to)->written_from, kubeadm_api_name(to), n->value,
				       kubeadm_table(to)->written_from - 1);
	}
}

static void look_at_socket(const struct kubeadm_config *c, const struct yaml_node *socket, enum kubeadm_api to,
			   struct strs *notices)
{
	if (socket && to >= KUBEADM_V1BETA3 && strstr(socket->value, "dockershim"))
		kubeadm_notice(c, socket, notices, "dockershim is gone since Kubernetes 1.24; "
			       "unix:///run/containerd/containerd.sock or another runtime's socket is needed");
	else if (socket && to >= KUBEADM_V1BETA3 && *socket->value == '/')
		kubeadm_notice(c, socket, notices, "kubeadm 1.24 and newer want 'unix://%s'", socket->value);
}

static void look_at_registration(const struct kubeadm_config *c, const struct yaml_node *root,
				 enum kubeadm_api to, struct strs *notices)
{
	const struct yaml_node *taints = yaml_find(root, "nodeRegistration.taints");

	look_at_socket(c, scalar(root, "nodeRegistration.criSocket"), to, notices);
	for (const struct yaml_node *t = taints ? taints->child : NULL; t; t = t->next) {
		const struct yaml_node *key = scalar(t, "key");

		if (key && to >= KUBEADM_V1BETA3 && !strcmp(key->value, "node-role.kubernetes.io/master"))
			kubeadm_notice(c, key, notices, "the taint is node-role.kubernetes.io/control-plane "
				       "since Kubernetes 1.24");
	}
}

void kubeadm_notices(const struct kubeadm_config *c, enum kubeadm_api to, struct strs *notices)
{
	if (kubeadm_table(to)->notice)
		strs_printf(notices, "%s: %s", yaml_name(c->stream), kubeadm_table(to)->notice);
	for (size_t i = 0; i < c->ndocs; i++) {
		if (c->docs[i].kind == CLUSTER)
			look_at_cluster(c, c->docs[i].root, to, notices);
		if (c->docs[i].kind == INIT || c->docs[i].kind == JOIN)
			look_at_registration(c, c->docs[i].root, to, notices);
		if (c->docs[i].kind == RESET)
			look_at_socket(c, scalar(c->docs[i].root, "criSocket"), to, notices);
		kubeadm_notice_removed(c, c->docs[i].root, to, notices);
	}
}
