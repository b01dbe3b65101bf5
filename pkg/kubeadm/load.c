/* A file's documents: which are kubeadm's, in which version, of which kind. */
#define _GNU_SOURCE
#include <string.h>
#include <strings.h>

#include "base/near.h"
#include "kubeadm/config.h"

static const char *const components[] = { "kubelet.config.k8s.io/", "kubeproxy.config.k8s.io/" };

const struct kubeadm_doc *kubeadm_doc(const struct kubeadm_config *c, enum kubeadm_kind kind)
{
	for (size_t i = 0; i < c->ndocs; i++)
		if (c->docs[i].kind == kind)
			return &c->docs[i];
	return NULL;
}

const struct kubeadm_schema *kubeadm_schema(struct kubeadm_config *c, enum kubeadm_api api)
{
	if (!c->schemas[api])
		c->schemas[api] = kubeadm_schema_new(api);
	return c->schemas[api];
}

static int unknown_version(const struct yaml_stream *s, const struct yaml_node *n, struct err *err)
{
	const char *name = strchr(n->value, '/') + 1;
	static const struct {
		const char *api, *kubeadm;
	} old[] = { { "v1alpha1", "1.11" }, { "v1alpha2", "1.12" }, { "v1alpha3", "1.14" } };

	for (size_t i = 0; i < sizeof(old) / sizeof(*old); i++)
		if (!strcmp(name, old[i].api))
			return yaml_error(s, n, err, "'%s' is older than hactl reads; migrate it with "
					  "kubeadm %s first (kubeadm config migrate)", n->value,
					  old[i].kubeadm);
	return yaml_error(s, n, err, "'%.100s' is no known version of kubeadm's API; v1beta1 to %s are",
			  n->value, kubeadm_api_name(KUBEADM_NEWEST - 1));
}

static int unknown_kind(const struct yaml_stream *s, const struct yaml_node *n,
			enum kubeadm_api api, struct err *err)
{
	const char *names[KINDS + 1] = { NULL }, *near;

	for (int i = 0; i < KINDS; i++)
		names[i] = kubeadm_kind_name((enum kubeadm_kind)i);
	near = near_match(n->value, names);
	if (near && !strcasecmp(near, n->value))
		return yaml_error(s, n, err, "unknown kind '%.100s'; upper and lower case matter: '%s'",
				  n->value, near);
	if (near)
		return yaml_error(s, n, err, "unknown kind '%.100s'; did you mean '%s'?", n->value, near);
	return yaml_error(s, n, err, "%s has no kind '%.100s'", kubeadm_api_name(api), n->value);
}

/* A kind that this version does not have, but another one. */
static int kind_of_other_version(struct kubeadm_config *c, const struct yaml_node *n,
				 enum kubeadm_api api, enum kubeadm_kind kind, struct err *err)
{
	enum kubeadm_api other = api + 1;

	while (other <= KUBEADM_NEWEST && !kubeadm_schema(c, other)->kinds[kind])
		other++;
	if (other > KUBEADM_NEWEST)
		for (other = api - 1; !kubeadm_schema(c, other)->kinds[kind];)
			other--;
	return yaml_error(c->stream, n, err, "%s has no kind '%s'; %s has it", kubeadm_api_name(api),
			  n->value, kubeadm_api_name(other));
}

static int add_document(struct kubeadm_config *c, size_t index, const struct yaml_node *version,
			const struct yaml_node *kind, struct err *err)
{
	struct kubeadm_doc d = { .index = index, .root = yaml_root(c->stream, index) };
	const struct kubeadm_doc *twice;

	d.api = kubeadm_api_by_name(version->value + strlen(KUBEADM_GROUP));
	if (!kubeadm_table(d.api))
		return unknown_version(c->stream, version, err);
	d.kind = kubeadm_kind_by_name(kind->value);
	if (d.kind == KINDS)
		return unknown_kind(c->stream, kind, d.api, err);
	if (!kubeadm_schema(c, d.api)->kinds[d.kind])
		return kind_of_other_version(c, kind, d.api, d.kind, err);
	twice = kubeadm_doc(c, d.kind);
	if (twice)
		return yaml_error(c->stream, kind, err, "the kind '%s' is given twice, first on line %d",
				  kind->value, yaml_get(twice->root, "kind")->line);
	if (kubeadm_check(c, &d, err) < 0)
		return -1;
	c->docs[c->ndocs++] = d;
	return 0;
}

/* "v1beta3" or "Kubeadm.k8s.io/v1beta3", or a core version with a kind of kubeadm's. */
static bool meant_for_kubeadm(const char *version, const char *kind)
{
	if (!strncasecmp(version, KUBEADM_GROUP, strlen(KUBEADM_GROUP) - 1))
		return true;
	return !strchr(version, '/') && kubeadm_kind_by_name(kind) != KINDS;
}

/* Neither apiVersion nor kind can be missing; the key may be there in another case. */
static int missing(const struct yaml_stream *s, const struct yaml_node *root, const char *key, struct err *err)
{
	for (const struct yaml_node *n = root->child; n; n = n->next)
		if (strcmp(n->key->value, key) && !strcasecmp(n->key->value, key))
			return yaml_error(s, n->key, err, "unknown field '%s'; upper and lower case matter: '%s'",
					  n->key->value, key);
	return yaml_error(s, root, err, "the document has no %s", key);
}

static int read_document(struct kubeadm_config *c, size_t index, struct err *err)
{
	struct yaml_node *root = yaml_root(c->stream, index);
	const struct yaml_node *version, *kind;

	if (yaml_is_null(root))
		return 0;
	if (root->type != YAML_MAP)
		return yaml_error(c->stream, root, err, "the document is %s and no map with apiVersion and "
				  "kind", yaml_describe(root));
	version = yaml_get(root, "apiVersion");
	kind = yaml_get(root, "kind");
	if (yaml_is_null(version) || yaml_is_null(kind))
		return missing(c->stream, root, yaml_is_null(version) ? "apiVersion" : "kind", err);
	if (!yaml_is_string(version) || !yaml_is_string(kind))
		return yaml_error(c->stream, yaml_is_string(version) ? kind : version, err,
				  "apiVersion and kind are strings");
	if (!strncmp(version->value, KUBEADM_GROUP, strlen(KUBEADM_GROUP)))
		return add_document(c, index, version, kind, err);
	if (meant_for_kubeadm(version->value, kind->value))
		return yaml_error(c->stream, version, err, "'%.100s' is no version of kubeadm's API; they are "
				  "written like '" KUBEADM_GROUP "v1beta3'", version->value);
	return 0;
}

static bool has_component(const struct kubeadm_config *c)
{
	for (size_t i = 0; i < yaml_count(c->stream); i++) {
		const struct yaml_node *version = yaml_get(yaml_root(c->stream, i), "apiVersion");

		for (size_t k = 0; version && k < sizeof(components) / sizeof(*components); k++)
			if (!strncmp(version->value, components[k], strlen(components[k])))
				return true;
	}
	return false;
}

#define WANTED "no document of kubeadm's (apiVersion: " KUBEADM_GROUP "...)"

/* A ConfigMap is what `kubectl get cm kubeadm-config -o yaml` prints. */
static int other_group(const struct yaml_stream *s, const struct yaml_node *root, struct err *err)
{
	const struct yaml_node *kind = yaml_get(root, "kind"), *version = yaml_get(root, "apiVersion");
	const struct yaml_node *part = yaml_find(root, "data.ClusterConfiguration");

	if (part && kind->value && !strcmp(kind->value, "ConfigMap"))
		return yaml_error(s, part->key, err, "a ConfigMap is no document of kubeadm's; the part to migrate "
				  "is the text that stands here, under data.ClusterConfiguration");
	return yaml_error(s, version, err, "'%.100s' is another group: " WANTED, version->value);
}

int kubeadm_nothing(const struct kubeadm_config *c, struct err *err)
{
	const struct yaml_node *first = NULL;
	size_t len;
	const char *text = yaml_text(c->stream, &len);

	for (size_t i = 0; i < yaml_count(c->stream); i++) {
		const struct yaml_node *root = yaml_root(c->stream, i);

		if (yaml_is_null(root))
			continue;
		if (!first || yaml_find(root, "data.ClusterConfiguration"))
			first = root;
	}
	if (first)
		return other_group(c->stream, first, err);
	return yaml_error(c->stream, NULL, err, "%s: " WANTED,
			  memchr(text, '#', len) ? "the file holds only comments" : "the file is empty");
}

struct kubeadm_config *kubeadm_read(const char *name, const char *text, size_t len, size_t max,
				    struct err *err)
{
	const struct yaml_limits limits = { .bytes = max, .depth = KUBEADM_DEPTH_MAX,
					    .nodes = max > KUBEADM_BYTES_MAX ? KUBEADM_EDITED_NODES : 0 };
	auto_kubeadm struct kubeadm_config *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->stream = yaml_parse(name, text, len, &limits, err);
	if (!c->stream)
		return NULL;
	for (size_t i = 0; i < yaml_count(c->stream); i++)
		if (read_document(c, i, err) < 0)
			return NULL;
	if (!c->ndocs && !has_component(c)) {
		kubeadm_nothing(c, err);
		return NULL;
	}
	return TAKE(c);
}

struct kubeadm_config *kubeadm_load(const char *name, const char *text, size_t len, struct err *err)
{
	return kubeadm_read(name, text, len, KUBEADM_BYTES_MAX, err);
}

void kubeadm_free(struct kubeadm_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i <= KUBEADM_NEWEST; i++)
		kubeadm_schema_free(c->schemas[i]);
	yaml_stream_free(c->stream);
	free(c);
}
