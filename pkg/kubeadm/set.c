/* Setting one value: the text is edited and read again, so that the next one sees it. */
#include "kubeadm/migrate.h"

static int replace(struct kubeadm_config **c, struct yaml_edit *e, struct err *err)
{
	struct kubeadm_config *next = kubeadm_edited(*c, e, err);

	if (!next)
		return -1;
	kubeadm_free(*c);
	*c = next;
	return 0;
}

static int append_document(struct kubeadm_config **c, enum kubeadm_api api, enum kubeadm_kind kind,
			   struct err *err)
{
	auto_yaml_edit struct yaml_edit e = YAML_EDIT_INIT;
	auto_buf struct buf text = BUF_INIT;

	buf_printf(&text, "apiVersion: " KUBEADM_GROUP "%s\nkind: %s\n", kubeadm_api_name(api),
		   kubeadm_kind_name(kind));
	yaml_edit_append_document(&e, (*c)->stream, buf_str(&text));
	return replace(c, &e, err);
}

int kubeadm_set(struct kubeadm_config **c, enum kubeadm_api api, enum kubeadm_kind kind,
		const char *path, const struct yaml_new *value, struct err *err)
{
	auto_yaml_edit struct yaml_edit e = YAML_EDIT_INIT;

	if (!kubeadm_doc(*c, kind) && append_document(c, api, kind, err) < 0)
		return -1;
	if (value->strings || value->pairs) {
		if (yaml_edit_append(&e, (*c)->stream, kubeadm_doc(*c, kind)->root, path, value, err) < 0)
			return -1;
	} else if (yaml_edit_set(&e, (*c)->stream, kubeadm_doc(*c, kind)->root, path, value, err) < 0) {
		return -1;
	}
	return replace(c, &e, err);
}
