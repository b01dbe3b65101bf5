/* What the files of this module share: the documents of a file. */
#ifndef KUBEADM_CONFIG_H
#define KUBEADM_CONFIG_H

#include "kubeadm/schema.h"
#include "yaml/edit.h"
#include "yaml/yaml.h"

#define KUBEADM_BYTES_MAX (4u << 20)
#define KUBEADM_EDITED_MAX (32u << 20) /* with five times as many nodes: maps become lists */
#define KUBEADM_EDITED_NODES 2500000u
#define KUBEADM_DEPTH_MAX 64
#define KUBEADM_GROUP "kubeadm.k8s.io/"

struct kubeadm_doc {
	size_t index;          /* in the stream */
	enum kubeadm_api api;
	enum kubeadm_kind kind;
	struct yaml_node *root;
};

struct kubeadm_config {
	struct yaml_stream *stream;
	struct kubeadm_doc docs[KINDS]; /* in the file's order; no kind stands twice */
	size_t ndocs;
	struct kubeadm_schema *schemas[KUBEADM_NEWEST + 1]; /* made when needed */
};

/* kubeadm_load with another maximum: what hactl makes of a file is larger than the file. */
struct kubeadm_config *kubeadm_read(const char *name, const char *text, size_t len, size_t max,
				    struct err *err) MUST_CHECK;

/* Says why a file without documents of kubeadm's is refused: empty, other groups, a ConfigMap. */
int kubeadm_nothing(const struct kubeadm_config *c, struct err *err);

/* NULL: not in the file. */
const struct kubeadm_doc *kubeadm_doc(const struct kubeadm_config *c, enum kubeadm_kind kind);

const struct kubeadm_schema *kubeadm_schema(struct kubeadm_config *c, enum kubeadm_api api);

/* Checks a document's fields against the tables. */
int kubeadm_check(struct kubeadm_config *c, const struct kubeadm_doc *d, struct err *err) MUST_CHECK;

/* Nanoseconds of Go's time.ParseDuration; -1: it is none. */
int kubeadm_duration(const char *text, long long *ns);

#endif
