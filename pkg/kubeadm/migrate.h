/* The steps of a migration, for the files of this module. */
#ifndef KUBEADM_MIGRATE_H
#define KUBEADM_MIGRATE_H

#include "kubeadm/config.h"

/* Moves the documents to an API version; a file without any stays as it is.  notices may be
 * NULL.  The result is read strictly again; caller frees it. */
struct kubeadm_config *kubeadm_moved(const struct kubeadm_config *c, enum kubeadm_api to,
				     struct strs *notices, struct err *err) MUST_CHECK;

/* A config of the same name from an edited text. */
struct kubeadm_config *kubeadm_edited(const struct kubeadm_config *c, struct yaml_edit *e,
				      struct err *err) MUST_CHECK;

/* Sets one value of a document, which is appended when the file has none of this kind. */
int kubeadm_set(struct kubeadm_config **c, enum kubeadm_api api, enum kubeadm_kind kind,
		const char *path, const struct yaml_new *value, struct err *err) MUST_CHECK;

/* Refuses what cannot be migrated and notices what is lost, on the file as the user wrote it. */
int kubeadm_migrate_check(const struct kubeadm_config *c, enum kubeadm_api to, struct strs *notices,
			  struct err *err) MUST_CHECK;

/* Values that will fail later with the target's kubeadm. */
void kubeadm_notices(const struct kubeadm_config *c, enum kubeadm_api to, struct strs *notices);

/* Of one document: options that no component of the target's releases takes any more. */
void kubeadm_notice_removed(const struct kubeadm_config *c, const struct yaml_node *root,
			    enum kubeadm_api to, struct strs *notices);

/* Does the value lose nothing: null, empty or the change's harmless one? */
bool kubeadm_harmless(const struct kubeadm_change *change, const struct yaml_node *n);

void kubeadm_notice(const struct kubeadm_config *c, const struct yaml_node *at,
		    struct strs *notices, const char *fmt, ...) PRINTF(4, 5);

#endif
