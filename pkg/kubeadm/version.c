/* Versions: kubeadm's own, the API's, and which reads which. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kubeadm/table.h"

static const struct kubeadm_table *const tables[] = {
	&kubeadm_v1beta1, &kubeadm_v1beta2, &kubeadm_v1beta3, &kubeadm_v1beta4, &kubeadm_v1,
};

#define NTABLES (sizeof(tables) / sizeof(*tables))

const struct kubeadm_table *kubeadm_table(enum kubeadm_api api)
{
	for (size_t i = 0; i < NTABLES; i++)
		if (tables[i]->api == api)
			return tables[i];
	return NULL;
}

enum kubeadm_api kubeadm_api_by_name(const char *name)
{
	for (size_t i = 0; i < NTABLES; i++)
		if (!strcmp(tables[i]->name, name))
			return tables[i]->api;
	return strcmp(name, "v1alpha3") ? KUBEADM_NONE : KUBEADM_V1ALPHA3;
}

const char *kubeadm_api_name(enum kubeadm_api api)
{
	const struct kubeadm_table *table = kubeadm_table(api);

	return table ? table->name : api == KUBEADM_V1ALPHA3 ? "v1alpha3" : "no version";
}

/* At most five digits; NULL when there is none. */
static const char *number(const char *s, int *value)
{
	size_t n = strspn(s, "0123456789");

	if (!n || n > 5)
		return NULL;
	*value = atoi(s);
	return s + n;
}

int kubeadm_parse_version(const char *text, struct kubeadm_version *v, struct err *err)
{
	struct kubeadm_version got = { 0, 0, 0 };
	const char *s = text + (*text == 'v');

	s = number(s, &got.major);
	s = s && *s == '.' ? number(s + 1, &got.minor) : NULL;
	s = s && *s == '.' ? number(s + 1, &got.patch) : NULL;
	if (!s || (*s && !strchr("-+", *s)) || s[strspn(s, "-+.0123456789abcdefghijklmnopqrstuvwxyz"
							   "ABCDEFGHIJKLMNOPQRSTUVWXYZ~")])
		return err_set(err, ERR_FAILED, "'%.40s' is no Kubernetes version such as v1.31.0", text);
	*v = got;
	return 0;
}

int kubeadm_api_for(const struct kubeadm_version *v, enum kubeadm_api *api, struct err *err)
{
	const struct kubeadm_table *best = NULL;

	for (size_t i = 0; i < NTABLES; i++)
		if (tables[i]->written_from && v->minor >= tables[i]->written_from)
			best = tables[i];
	if (v->major != 1 || !best)
		return err_set(err, ERR_CONFIG, "kubeadm %d.%d.%d reads no API version that hactl knows "
			       "(kubeadm 1.13 and newer)", v->major, v->minor, v->patch);
	*api = best->api;
	return 0;
}
