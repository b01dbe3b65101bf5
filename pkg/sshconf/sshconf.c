#define _GNU_SOURCE
#include "sshconf/sshconf.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "sshconf/run.h"

/* Each ssh costs some milliseconds of CPU; many at once only keep each other waiting. */
#define MAX_RUNNING 8
/* Stands for no user in a configuration whose last lines say so. */
#define NOBODY "hactl.no.user.given"

struct answer {
	struct answer *next;
	char *key;
	bool ready;
	struct sshconf conf;
	struct err err;
};

struct sshconf_run {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct answer *answers;
	int running;
	bool available;
	bool asked; /* the defaults */
	struct sshconf defaults;
};

static bool is_installed(void)
{
	const char *path = getenv("PATH");
	auto_free char *dirs = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
	char *place;

	if (!dirs)
		abort();
	for (char *dir = strtok_r(dirs, ":", &place); dir; dir = strtok_r(NULL, ":", &place)) {
		auto_buf struct buf file = BUF_INIT;

		buf_printf(&file, "%s/ssh", dir);
		if (access(buf_str(&file), X_OK) == 0)
			return true;
	}
	return false;
}

struct sshconf_run *sshconf_run_new(void)
{
	struct sshconf_run *run = calloc(1, sizeof(*run));

	if (!run)
		abort();
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->changed, NULL);
	run->available = is_installed();
	return run;
}

void sshconf_run_free(struct sshconf_run *run)
{
	if (!run)
		return;
	for (struct answer *a; (a = run->answers);) {
		run->answers = a->next;
		sshconf_release(&a->conf);
		err_clear(&a->err);
		free(a->key);
		free(a);
	}
	sshconf_release(&run->defaults);
	pthread_mutex_destroy(&run->lock);
	pthread_cond_destroy(&run->changed);
	free(run);
}

bool sshconf_available(const struct sshconf_run *run)
{
	return run->available;
}

static void add_arguments(const struct sshconf_ask *ask, const char *file, struct strs *argv)
{
	strs_add(argv, "ssh");
	strs_add(argv, "-G");
	strs_add(argv, "-T");
	if (file) {
		strs_add(argv, "-F");
		strs_add(argv, file);
	}
	if (ask->user) {
		strs_add(argv, "-l");
		strs_add(argv, ask->user);
	}
	if (ask->port) {
		strs_add(argv, "-p");
		strs_printf(argv, "%d", ask->port);
	}
	strs_add(argv, "--");
	strs_add(argv, ask->host);
}

static int ask_ssh(const struct sshconf_ask *ask, const char *file, int input, struct sshconf *c,
		   struct err *err)
{
	auto_strs struct strs argv = STRS_INIT;
	auto_buf struct buf out = BUF_INIT;

	add_arguments(ask, file, &argv);
	if (sshconf_ssh(&argv, input, &out, err) < 0)
		return -1;
	sshconf_parse(buf_str(&out), c);
	return 0;
}

/* What ssh does without any configuration, to tell what was given from what was not. */
static int ask_defaults(struct sshconf_run *run, struct err *err)
{
	static const struct sshconf_ask ask = { .host = "localhost" };
	int rc = 0;

	pthread_mutex_lock(&run->lock);
	if (!run->asked)
		rc = ask_ssh(&ask, "none", -1, &run->defaults, err);
	run->asked = !rc;
	pthread_mutex_unlock(&run->lock);
	return rc;
}

/* The name of this machine's user may be given, or it is what ssh takes when nothing is: a last
 * line for all hosts tells.  In doubt it was given. */
static bool is_user_given(const struct sshconf_ask *ask)
{
	auto_err struct err ignored = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;
	auto_close int fd = memfd_create("ssh_config", MFD_CLOEXEC);
	struct sshconf c = { 0 };
	bool given;

	if (ask->config_file)
		buf_printf(&text, "Include \"%s\"\n", ask->config_file);
	else
		buf_puts(&text, "Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n");
	buf_puts(&text, "Host *\n\tUser " NOBODY "\n");
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len ||
	    lseek(fd, 0, SEEK_SET) < 0 || ask_ssh(ask, "/dev/stdin", fd, &c, &ignored) < 0)
		return true;
	given = !c.user || strcmp(c.user, NOBODY);
	sshconf_release(&c);
	return given;
}

static bool same_list(const struct strs *a, const struct strs *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++)
		if (strcmp(a->v[i], b->v[i]))
			return false;
	return a->n == b->n;
}

/* The tokens of IdentityFile and CertificateFile that ssh -G leaves as they are; what is unknown
 * stays. */
static const char *token(char c, const struct sshconf_ask *ask, const struct sshconf *conf,
			 const char *local_user, char port[16])
{
	switch (c) {
	case 'd':
		return getenv("HOME") ? getenv("HOME") : "~";
	case 'h':
		return conf->hostname ? conf->hostname : ask->host;
	case 'n':
		return ask->host;
	case 'p':
		snprintf(port, 16, "%d", conf->port ? conf->port : 22);
		return port;
	case 'r':
		return ask->user ? ask->user : conf->user ? conf->user : "root";
	case 'u':
		return local_user;
	case '%':
		return "%";
	}
	return NULL;
}

static void expand(const struct sshconf_ask *ask, const struct sshconf *conf, const char *local_user,
		   struct strs *paths)
{
	struct strs expanded = STRS_INIT;

	for (size_t i = 0; i < paths->n; i++) {
		auto_buf struct buf path = BUF_INIT;
		auto_free char *full = NULL;
		char port[16];

		for (const char *c = paths->v[i]; *c; c++) {
			const char *value = *c == '%' && c[1] ? token(c[1], ask, conf, local_user, port) : NULL;

			if (value)
				buf_puts(&path, value);
			else
				buf_add(&path, c, 1);
			c += value != NULL;
		}
		full = file_resolve(buf_str(&path), NULL);
		strs_add(&expanded, full);
	}
	strs_release(paths);
	*paths = expanded;
}

static int ask_one(struct sshconf_run *run, const struct sshconf_ask *ask, struct sshconf *c,
		   struct err *err)
{
	const struct sshconf *d = &run->defaults;

	if (*ask->host == '-' || (ask->user && *ask->user == '-'))
		return err_set(err, ERR_CONNECT, "'%s' is no host for ssh", ask->host);
	if (ask_defaults(run, err) < 0 || ask_ssh(ask, ask->config_file, -1, c, err) < 0)
		return -1;
	if (ask->user || (c->user && d->user && !strcmp(c->user, d->user) && !is_user_given(ask))) {
		free(c->user);
		c->user = NULL;
	}
	if (same_list(&c->identity_files, &d->identity_files))
		strs_release(&c->identity_files);
	expand(ask, c, d->user ? d->user : "root", &c->identity_files);
	expand(ask, c, d->user ? d->user : "root", &c->certificate_files);
	return 0;
}

static struct answer *find(struct sshconf_run *run, const char *key)
{
	struct answer *a = run->answers;

	while (a && strcmp(a->key, key))
		a = a->next;
	return a;
}

/* With the lock held, which is let go while ssh runs. */
static struct answer *answer_new(struct sshconf_run *run, const char *key, const struct sshconf_ask *ask)
{
	struct answer *a = calloc(1, sizeof(*a));

	if (!a || !(a->key = strdup(key)))
		abort();
	a->next = run->answers;
	run->answers = a;
	while (run->running >= MAX_RUNNING)
		pthread_cond_wait(&run->changed, &run->lock);
	run->running++;
	pthread_mutex_unlock(&run->lock);
	ask_one(run, ask, &a->conf, &a->err);
	pthread_mutex_lock(&run->lock);
	run->running--;
	a->ready = true;
	pthread_cond_broadcast(&run->changed);
	return a;
}

const struct sshconf *sshconf_get(struct sshconf_run *run, const struct sshconf_ask *ask,
				  struct err *err)
{
	auto_buf struct buf key = BUF_INIT;
	struct answer *a;

	buf_printf(&key, "%s\n%s\n%s\n%d", ask->config_file ? ask->config_file : "", ask->host,
		   ask->user ? ask->user : "", ask->port);
	pthread_mutex_lock(&run->lock);
	a = find(run, buf_str(&key));
	if (!a)
		a = answer_new(run, buf_str(&key), ask);
	while (!a->ready)
		pthread_cond_wait(&run->changed, &run->lock);
	pthread_mutex_unlock(&run->lock);
	if (!a->err.kind)
		return &a->conf;
	err_set(err, a->err.kind, "%s", a->err.msg);
	return NULL;
}
