/* What may stand where an address or a name goes, in any of the files; private to the module. */
#ifndef HA_CHECK_H
#define HA_CHECK_H

#include <stdbool.h>

/* Made of no more than names, DNS names and addresses are, and no option. */
bool ha_is_host(const char *s);

#endif
