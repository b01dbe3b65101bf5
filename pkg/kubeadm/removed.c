/* Options of the components that are gone in the releases an API version is for: the file is
 * valid, and the component will not start. */
#include <string.h>

#include "kubeadm/migrate.h"

struct removed {
	const char *paths[3];  /* of extraArgs or featureGates, ends in NULL */
	const char *name;
	const char *value;     /* one of the comma-separated values; NULL: any */
	int since;             /* minor release without it */
	const char *instead;
};

/* Kubernetes' change logs of the release named; the gate: kubernetes/kubernetes#106648. */
static const struct removed removed[] = {
	{ { "apiServer.extraArgs" }, "insecure-port", NULL, 24, "leave it out" },
	{ { "apiServer.extraArgs" }, "insecure-bind-address", NULL, 24, "leave it out" },
	{ { "controllerManager.extraArgs", "scheduler.extraArgs" }, "port", NULL, 24, "secure-port is the one that is left" },
	{ { "controllerManager.extraArgs", "scheduler.extraArgs" }, "address", NULL, 24, "bind-address is the one that is left" },
	{ { "apiServer.extraArgs" }, "enable-admission-plugins", "PodSecurityPolicy", 25, "PodSecurity took its place" },
	{ { "nodeRegistration.kubeletExtraArgs" }, "network-plugin", NULL, 24, "leave it out, the container runtime knows" },
	{ { "nodeRegistration.kubeletExtraArgs" }, "cni-bin-dir", NULL, 24, "the container runtime's configuration says it" },
	{ { "nodeRegistration.kubeletExtraArgs" }, "cni-conf-dir", NULL, 24, "the container runtime's configuration says it" },
	{ { "nodeRegistration.kubeletExtraArgs" }, "container-runtime", NULL, 27, "leave it out" },
	{ { "featureGates" }, "IPv6DualStack", NULL, 24, "leave it out, both families are always possible" },
};

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

static void look_at_entry(const struct kubeadm_config *c, const struct removed *r, const struct yaml_node *name,
			  const struct yaml_node *value, struct strs *notices)
{
	if (!name || !name->value || strcmp(name->value, r->name))
		return;
	if (!r->value)
		kubeadm_notice(c, name, notices, "'%s' is gone since Kubernetes 1.%d: %s", r->name, r->since, r->instead);
	else if (value && value->value && has_word(value->value, r->value))
		kubeadm_notice(c, value, notices, "'%s' of %s is gone since Kubernetes 1.%d: %s", r->value, r->name,
			       r->since, r->instead);
}

/* A map of names and values, or from v1beta4 on a list of maps with these keys. */
static void look_at_entries(const struct kubeadm_config *c, const struct removed *r, const struct yaml_node *all,
			    struct strs *notices)
{
	for (const struct yaml_node *n = all ? all->child : NULL; n; n = n->next)
		if (all->type == YAML_MAP)
			look_at_entry(c, r, n->key, n, notices);
		else if (n->type == YAML_MAP)
			look_at_entry(c, r, yaml_get(n, "name"), yaml_get(n, "value"), notices);
}

/* The oldest minor release that writes this version; v1 is younger than all that are named here. */
static int first_release(enum kubeadm_api to)
{
	return kubeadm_table(to)->written_from ? kubeadm_table(to)->written_from : first_release(to - 1);
}

void kubeadm_notice_removed(const struct kubeadm_config *c, const struct yaml_node *root, enum kubeadm_api to,
			    struct strs *notices)
{
	for (size_t i = 0; i < sizeof(removed) / sizeof(*removed); i++)
		if (removed[i].since <= first_release(to))
			for (const char *const *path = removed[i].paths; *path; path++)
				look_at_entries(c, &removed[i], yaml_find(root, *path), notices);
}
