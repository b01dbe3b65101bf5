/* `hactl config migrate -o json`. */
#ifndef CMD_MIGRATE_JSON_H
#define CMD_MIGRATE_JSON_H

#include "kubeadm/kubeadm.h"
#include "run.h"

/* diff is unified; each of its hunks becomes a change.  notices begin with "name:line:column: ". */
void migrate_print_json(const char *name, enum kubeadm_api to, bool changed, const char *diff,
			const struct strs *notices);
void migrate_print_error(const struct err *err);

#endif
