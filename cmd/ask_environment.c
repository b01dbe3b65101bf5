#define _GNU_SOURCE
#include <string.h>

#include "ask.h"

static struct taken {
	struct taken *next;
	char *name;
	struct buf value;
} *all;

const char *ask_from_environment(const char *name)
{
	for (const struct taken *t = all; t; t = t->next)
		if (!strcmp(t->name, name))
			return buf_str(&t->value);
	return NULL;
}

static int take(const char *name, struct err *err)
{
	char *value = getenv(name);
	struct taken *t;

	if (ask_from_environment(name))
		return 0;
	if (!value || !*value)
		return err_set(err, ERR_CONFIG, "ssh.passwordEnv: the environment has no variable '%s'", name);
	t = calloc(1, sizeof(*t));
	if (!t || !(t->name = strdup(name)))
		abort();
	buf_reserve(&t->value, strlen(value));
	buf_puts(&t->value, value);
	explicit_bzero(value, strlen(value));
	unsetenv(name);
	t->next = all;
	all = t;
	return 0;
}

int ask_take_environment(const struct inventory *inv, struct err *err)
{
	for (size_t i = 0; i < inv->nnodes; i++)
		if (inv->nodes[i].ssh.password_env && take(inv->nodes[i].ssh.password_env, err) < 0)
			return -1;
	return 0;
}

void ask_forget_environment(void)
{
	while (all) {
		struct taken *t = all;

		all = t->next;
		buf_wipe(&t->value);
		free(t->name);
		free(t);
	}
}
