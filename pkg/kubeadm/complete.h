/* Completing the user's documents with what hactl knows, for init and join alike. */
#ifndef KUBEADM_COMPLETE_H
#define KUBEADM_COMPLETE_H

#include "kubeadm/migrate.h"

struct completion {
	struct kubeadm_config *config; /* the result so far */
	enum kubeadm_api api;
	const struct kubeadm_version *kubeadm;
	struct err *err;
};

/* The node a file is for: what init and join say about it. */
struct completion_node {
	enum kubeadm_kind kind;
	const char *endpoint_path;  /* of localAPIEndpoint; NULL: the node has none */
	const char *name, *address, *cri_socket;
	const char *const *ignore_preflight_errors;
	bool untainted;
};

/* The user's documents, or those of templates/, in the API version of this kubeadm; those that
 * are newer are refused. */
int completion_start(struct completion *c, const struct kubeadm_config *user,
		     const struct kubeadm_version *kubeadm, struct err *err) MUST_CHECK;

/* How a value of the user's and one of hactl's are compared. */
bool same_endpoint(const char *user, const char *ours);
bool same_version(const char *user, const char *ours);
bool same_socket(const char *user, const char *ours);
bool same_address(const char *user, const char *ours);
bool same_name(const char *user, const char *ours);

/* Refuses a value of the user's file that contradicts what hactl.yaml says; names both. */
int completion_check(const struct kubeadm_config *user, enum kubeadm_kind kind, const char *path,
		     const char *ours, const char *what, bool (*same)(const char *, const char *),
		     struct err *err) MUST_CHECK;
int completion_check_node(const struct kubeadm_config *user, const struct completion_node *n,
			  struct err *err) MUST_CHECK;

/* Sets a string when the file has none. */
int completion_default(struct completion *c, enum kubeadm_kind kind, const char *path,
		       const char *value) MUST_CHECK;
int completion_set(struct completion *c, enum kubeadm_kind kind, const char *path,
		   const char *value) MUST_CHECK;
int completion_unset(struct completion *c, enum kubeadm_kind kind, const char *path) MUST_CHECK;

/* Adds those strings that the list does not have; values may be NULL. */
int completion_add(struct completion *c, enum kubeadm_kind kind, const char *path,
		   const char *const *values) MUST_CHECK;

/* Sets an argument of a component (path of its extraArgs), unless the file has one of that name. */
int completion_argument(struct completion *c, enum kubeadm_kind kind, const char *path,
			const char *name, const char *value) MUST_CHECK;

int completion_node(struct completion *c, const struct completion_node *n) MUST_CHECK;

/* Keeps only documents of these kinds, and other groups' documents if foreign. */
int completion_keep(struct completion *c, unsigned kinds, bool foreign) MUST_CHECK;

/* The text, in the form that every kubeadm splits into documents: "---" alone on its line, no
 * document without content. */
int completion_finish(struct completion *c, struct buf *out) MUST_CHECK;

#endif
