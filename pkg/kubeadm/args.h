/* extraArgs: from a map of strings to a list of name and value, as text. */
#ifndef KUBEADM_ARGS_H
#define KUBEADM_ARGS_H

#include "yaml/edit.h"

/* Can the map be turned into a list?  A key that kubeadm reads as something else than the text
 * it shows (on, 0x10) cannot. */
int args_check(const struct yaml_stream *s, const struct yaml_node *map, struct err *err) MUST_CHECK;

/* Turns one map, which args_check accepted, into a list: every entry becomes an item at its own
 * place, with its comments; what merge keys bring is written out. */
void args_to_list(struct yaml_edit *e, const struct yaml_stream *s, const struct yaml_node *map);

#endif
