/* Running kubeadm on a node: output to a log, its phases as progress, its first error as ours. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mask.h"
#include "cause/cause.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define GRACE_S 60 /* a kubeadm that takes too long goes on so much longer, and is ended then on its node */
#define MAX_CAUSE 2000

/* What is kept of kubeadm's output while it runs. */
struct listener {
	struct plan_node *node;
	const char *step;
	FILE *log;
	char phase[32];
	struct buf cause; /* its error lines */
	size_t heard;     /* bytes of the output so far */
};

static FILE *open_log(struct steps_node *n, struct err *err)
{
	auto_free char *path = NULL;
	FILE *log;
	int fd;

	if (asprintf(&path, "%s/%s.log", n->run->opt.log_dir, n->inv->name) < 0)
		abort();
	if (file_mkdirs(n->run->opt.log_dir, 0700, err) < 0)
		return NULL;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	log = fd < 0 ? NULL : fdopen(fd, "a");
	if (!log)
		err_errno(err, "%s", path);
	free(n->log_path);
	n->log_path = TAKE(path);
	return log;
}

/* "[control-plane] Using ..." tells the phase. */
static void note_phase(struct listener *l, const char *line)
{
	const char *close = line[0] == '[' ? strchr(line, ']') : NULL;
	char phase[sizeof(l->phase)];

	if (!close || close - line > (int)sizeof(phase) - 1 || !islower((unsigned char)line[1]))
		return;
	snprintf(phase, sizeof(phase), "%.*s", (int)(close - line - 1), line + 1);
	if (!strcmp(phase, l->phase))
		return;
	memcpy(l->phase, phase, sizeof(phase));
	plan_progress(l->node, l->step, phase);
}

static void note_cause(struct listener *l, const char *line)
{
	while (isspace((unsigned char)*line))
		line++;
	if (strncmp(line, "[ERROR ", 7) && strncmp(line, "error", 5) && strncmp(line, "Error", 5))
		return;
	if (l->cause.len + strlen(line) > MAX_CAUSE)
		return;
	buf_puts(&l->cause, l->cause.len ? "; " : "");
	buf_puts(&l->cause, line);
}

static void hear(void *ctx, int fd, const char *line)
{
	struct listener *l = ctx;
	auto_free char *safe = strdup(line);

	l->heard += fd == 1 ? strlen(line) + 1 : 0;
	if (!safe)
		abort();
	mask_secrets(safe);
	fprintf(l->log, "%s\n", safe);
	note_phase(l, safe);
	note_cause(l, safe);
}

/* The file's place on the node; one that holds a token is removed by the script. */
static int put_config(struct steps_node *n, const char *path, const struct buf *config, struct err *err)
{
	const struct remote_file file = { path, buf_str(config), config->len, 0600 };

	return remote_put(n->remote, &file, 1, NULL, err);
}

/* While what happened is fresh, the node is asked: "; likely cause: ..., or "" when it does not tell. */
static void add_cause(struct steps_node *n, struct buf *text)
{
	auto_cause struct cause c = CAUSE_INIT;

	if (steps_find_cause(n, STEPS_CAUSE_MS, &c) == 0)
		buf_printf(text, "; likely cause: %s; %s", c.text, c.remedy);
}

static int explain(struct steps_node *n, const char *verb, int status, const struct listener *l,
		   struct err *err)
{
	auto_buf struct buf cause = BUF_INIT;

	if (status == STEPS_LOCKED)
		return err_set(err, ERR_LOCKED, "another run's kubeadm is at work on it; wait for its end, and run the same command again");
	add_cause(n, &cause);
	return err_set(err, ERR_REMOTE, "kubeadm %s failed%s; kubeadm said (status %d): %s; its output: %s", verb, buf_str(&cause),
		       status, l->cause.len ? buf_str(&l->cause) : "nothing of a cause", n->log_path);
}

/* Takes err over, which says that its time was over. */
static int explain_late(struct steps_node *n, const char *verb, const struct remote_result *res,
			const struct listener *l, struct err *err)
{
	bool silent = res->late == REMOTE_TOO_SILENT;
	const struct inventory *inv = n->run->inv;
	auto_buf struct buf cause = BUF_INIT;

	err_clear(err);
	add_cause(n, &cause);
	return err_set(err, ERR_REMOTE, "kubeadm %s %s %d s (timeouts.%s)%s%s%s; kubeadm said: %s; it goes on there, and the same command waits for its end; its output: %s",
		       verb, silent ? "printed nothing for" : "did not end within",
		       (silent ? inv->timeouts.silence_ms : inv->timeouts.kubeadm_ms) / 1000, silent ? "silence" : "kubeadm",
		       *l->phase ? ", in its phase " : "", l->phase, buf_str(&cause),
		       l->cause.len ? buf_str(&l->cause) : "nothing of a cause", n->log_path);
}

/* rc: 0 when it ran to its end.  What goes on needs its token. */
static int tell_end(struct steps_node *n, const char *verb, int rc, const struct remote_result *res, const struct listener *l,
		    struct err *err)
{
	bool left = rc < 0 && !n->again && (err->kind == ERR_INTERRUPTED || err->kind == ERR_CONNECT);

	if (left || (rc < 0 && res->late))
		__atomic_store_n(&n->run->token_used, true, __ATOMIC_RELAXED);
	if (left)
		return err_wrap(err, "kubeadm %s goes on without us, the same command waits for its end", verb);
	if (rc < 0 && res->late)
		return explain_late(n, verb, res, l, err);
	if (rc < 0)
		return err_wrap(err, "kubeadm %s", verb);
	return res->status ? explain(n, verb, res->status, l, err) : 0;
}

int steps_run_kubeadm(struct plan_node *p, const char *step, const char *verb, const char *part,
		      const struct buf *config, struct err *err)
{
	struct steps_node *n = steps_node(p);
	const char *path = strcmp(verb, "init") ? STEPS_JOIN_CONFIG : STEPS_INIT_CONFIG;
	int limit_ms = n->run->inv->timeouts.kubeadm_ms;
	char limit[16], id[48], what[32];
	const struct remote_var vars[] = {
		{ "verb", verb }, { "part", part }, { "config", path }, { "limit", limit }, { "id", id },
		{ "pki", n->run->kubeadm.certificates_dir }, { NULL, NULL },
	};
	struct listener l = { .node = p, .step = step, .log = open_log(n, err) };
	const struct remote_cmd cmd = {
		.script = tmpl_text("kubeadm-run.sh"), .vars = vars, .on_line = hear, .ctx = &l,
		.timeout_ms = n->run->inv->timeouts.kubeadm_ms, .silence_ms = n->run->inv->timeouts.silence_ms,
		.max_output = 8 << 20, .survives = true,
	};
	const struct steps_lasting job = { &cmd, id, limit, &l.heard };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	int rc;

	if (!l.log)
		return -1;
	snprintf(limit, sizeof(limit), "%d", limit_ms ? limit_ms / 1000 + GRACE_S : 0);
	snprintf(id, sizeof(id), "%d-%lld", (int)getpid(), (long long)clock_wall_ms());
	snprintf(what, sizeof(what), "kubeadm %s", verb);
	n->stale = true;
	fprintf(l.log, "# %s\n", what);
	if (put_config(n, path, config, err) < 0) {
		fclose(l.log);
		return err_wrap(err, "%s", what);
	}
	rc = steps_run_lasting(p, what, &job, &res, err);
	fclose(l.log);
	rc = tell_end(n, verb, rc, &res, &l, err);
	buf_release(&l.cause);
	return rc;
}
