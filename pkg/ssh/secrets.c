#define _GNU_SOURCE
#include "ssh/secrets.h"

#include <stdlib.h>

struct ssh_secrets {
	struct ssh_asker asker;
};

struct ssh_secrets *ssh_secrets_new(const struct ssh_asker *asker)
{
	struct ssh_secrets *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	if (asker)
		s->asker = *asker;
	return s;
}

void ssh_secrets_free(struct ssh_secrets *s)
{
	free(s);
}
