/* `hactl config migrate -o json`. */
#ifndef CMD_MIGRATE_JSON_H
#define CMD_MIGRATE_JSON_H

#include "kubeadm/kubeadm.h"
#include "run.h"

/* Prints {ok, file, to, changed, changes, notices}.  diff is unified; each of its hunks becomes a
 * change {line, removed, added}.  notices begin with "name:line:column: " or "name: "; they become
 * {line, column, message}, without a place where they have none. */
void migrate_print_json(const char *name, enum kubeadm_api to, bool changed, const char *diff,
			const struct strs *notices);

/* Prints {ok, file, exitStatus, error}; error looks like a notice. */
void migrate_print_error(const char *name, const struct err *err);

#endif
