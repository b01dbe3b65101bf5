#define _GNU_SOURCE
#include "sudo.h"

#include <pthread.h>
#include <stdio.h>

#include "ask.h"

struct sudo_source {
	struct sudo_source *next;
	struct remote_password password;
	struct ssh_password wanted;
	struct ssh_secrets *secrets;
	char *what, *place;
};

static int get(void *ctx, struct buf *password, struct err *err)
{
	struct sudo_source *s = ctx;

	return ssh_secrets_password(s->secrets, &s->wanted, password, err);
}

static void settle(void *ctx, bool taken)
{
	struct sudo_source *s = ctx;

	ssh_secrets_settle(s->secrets, &s->wanted, taken ? SSH_PASSWORD_TAKEN : SSH_PASSWORD_REFUSED);
}

/* Without a file of its own it is the password of the login, given in the same way: the equal text
 * has a person asked once for both. */
static struct sudo_source *source_of(const struct inv_node *n, const char *user, struct ssh_secrets *secrets)
{
	const char *own = n->ssh.sudo_password_file;
	const char *given = !own && n->ssh.password_env ? ask_from_environment(n->ssh.password_env) : NULL;
	struct sudo_source *s = calloc(1, sizeof(*s));

	if (!s || asprintf(&s->what, own ? "sudo password for %s" : "password for %s", user) < 0 ||
	    asprintf(&s->place, "sudo on %s", n->name) < 0)
		abort();
	s->secrets = secrets;
	s->password = (struct remote_password){ get, settle, s };
	s->wanted = (struct ssh_password){
		.what = s->what, .place = s->place, .value = given,
		.file = own ? own : given ? NULL : n->ssh.password_file,
		.hint = "set ssh.sudoPasswordFile, or let the user run everything with NOPASSWD",
	};
	return s;
}

void sudo_prepare(struct remote *r, const struct inv_node *n, const char *user,
		  struct ssh_secrets *secrets, struct sudo_source **list)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static const enum remote_root roots[] = {
		[INV_SUDO_AUTO] = REMOTE_ROOT_AUTO, [INV_SUDO_SUDO] = REMOTE_ROOT_SUDO,
		[INV_SUDO_DOAS] = REMOTE_ROOT_DOAS, [INV_SUDO_NONE] = REMOTE_ROOT_NONE,
	};
	struct sudo_source *s;

	if (r->root == REMOTE_ROOT_NONE) /* root already */
		return;
	s = source_of(n, user, secrets);
	r->root = roots[n->ssh.sudo];
	r->password = &s->password;
	pthread_mutex_lock(&lock);
	s->next = *list;
	*list = s;
	pthread_mutex_unlock(&lock);
}

void sudo_free(struct sudo_source **list)
{
	for (struct sudo_source *s; (s = *list);) {
		*list = s->next;
		free(s->what);
		free(s->place);
		free(s);
	}
}
