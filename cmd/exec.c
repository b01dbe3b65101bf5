#define _GNU_SOURCE
#include <ctype.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "ask.h"
#include "base/clock.h"
#include "cmd.h"
#include "connect.h"
#include "log.h"
#include "run.h"
#include "term/term.h"

#define TRUST_PATIENCE_MS 1000
#define MAX_OUTPUT (16 << 20) /* of a stream of a node */

struct exec_opts {
	struct run_opts run;
	bool no_sudo;
	int timeout_s; /* 0: none */
};

static const struct cli_opt opts[] = {
	OPT_FLAG(struct exec_opts, no_sudo, 0, "no-sudo", "run as the user who logs in, not as root"),
	OPT_INT(struct exec_opts, timeout_s, 0, "timeout", "SECONDS", "end the command on a node where it takes longer (default: no limit)"),
	OPT_END,
};

/* One node's part; its own thread writes it, everybody may read it after the run. */
struct job {
	const struct inv_node *inv;
	struct exec *exec;
	struct remote *remote;
	bool untrusted;
	bool reached;         /* and logged in */
	bool held_back;       /* as the host key of another node is refused */
	enum err_kind failed; /* ERR_NONE: the command ran to its end */
	int status;
};

struct exec {
	const struct exec_opts *opts;
	struct connect *connect;
	const char *script;
	struct job *jobs;
	struct plan_node *nodes;
	size_t n;
	pthread_mutex_t lock; /* of what follows up to untrusted */
	pthread_cond_t settled;
	size_t pending;       /* nodes of which it is not known yet whether they can be reached and trusted */
	int64_t settled_ms;   /* when that became known of the last one */
	bool untrusted;       /* a host key was refused */
	bool begun;           /* the command, somewhere */
	bool safe[3]; /* of stdout and stderr: a terminal, which gets no control characters */
};

/* ---- signals: the first ends the commands on the nodes ---- */

static int stop;

static void end_now(void)
{
	ask_restore();
	_exit(ERR_INTERRUPTED);
}

static void on_signal(int number)
{
	(void)number;
	if (__atomic_add_fetch(&stop, 1, __ATOMIC_RELAXED) > 1)
		end_now();
	remote_interrupt(true);
}

static void catch_signals(void)
{
	const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction old, sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- which nodes, which command ---- */

static bool is_chosen(const struct inv_node *n, char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], n->name) || !strcmp(names[i], n->control_plane ? "control-plane" : "workers"))
			return true;
	return !count;
}

static int check_names(const struct inventory *inv, char **names, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], "control-plane") && strcmp(names[i], "workers") && !inventory_node(inv, names[i]))
			return err_set(err, ERR_USAGE, "%s has no node '%s' (nor is it 'control-plane' or 'workers')", inv->path, names[i]);
	return 0;
}

static int choose(struct exec *x, const struct inventory *inv, char **names, size_t count, struct err *err)
{
	if (check_names(inv, names, count, err) < 0)
		return -1;
	x->jobs = calloc(inv->nnodes + 1, sizeof(*x->jobs));
	x->nodes = calloc(inv->nnodes + 1, sizeof(*x->nodes));
	if (!x->jobs || !x->nodes)
		abort();
	for (size_t i = 0; i < inv->nnodes; i++) {
		if (!is_chosen(&inv->nodes[i], names, count))
			continue;
		x->jobs[x->n] = (struct job){ .inv = &inv->nodes[i], .exec = x, .failed = ERR_INTERRUPTED };
		x->nodes[x->n] = (struct plan_node){ .name = inv->nodes[i].name, .data = &x->jobs[x->n] };
		x->n++;
	}
	x->pending = x->n;
	return x->n ? 0 : err_set(err, ERR_USAGE, "%s has no such nodes", inv->path);
}

/* One argument is a line for the shell; several are one word each, whatever is in them. */
static void write_script(char **words, struct buf *script)
{
	if (!words[1]) {
		buf_puts(script, words[0]);
		return;
	}
	for (char **w = words; *w; w++) {
		buf_puts(script, w == words ? "" : " ");
		remote_quote(script, *w);
	}
}

/* ---- output: whole lines, each with its node ---- */

static void print_line(void *ctx, int fd, const char *line)
{
	const struct job *j = ctx;
	FILE *out = fd == 1 ? stdout : stderr;
	auto_buf struct buf b = BUF_INIT;

	buf_printf(&b, "%s: %s\n", j->inv->name, line);
	for (size_t i = 0; j->exec->safe[fd] && i + 1 < b.len; i++)
		if (iscntrl((unsigned char)b.data[i]) && b.data[i] != '\t')
			b.data[i] = '?';
	fwrite(b.data, 1, b.len, out);
}

static void flush(void *ctx)
{
	(void)ctx;
	fflush(stdout);
}

static void print_json(const struct job *j, const struct remote_result *res, const char *error, int64_t ms)
{
	json_t *o = json_object();

	json_object_set_new(o, "node", json_string(j->inv->name));
	json_object_set_new(o, "status", error ? json_null() : json_integer(res->status));
	json_object_set_new(o, "stdout", term_json_text(buf_str(&res->out), res->out.len));
	json_object_set_new(o, "stderr", term_json_text(buf_str(&res->err), res->err.len));
	if (error)
		json_object_set_new(o, "error", term_json_text(error, strlen(error)));
	json_object_set_new(o, "seconds", json_real((double)ms / 1000));
	auto_free char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));

	if (!text)
		abort();
	puts(text);
	json_decref(o);
}

/* ---- steps ---- */

static int note_failure(struct job *j, const struct remote_result *res, int64_t since, const struct err *err)
{
	j->failed = err->kind;
	if (run_is_json(&j->exec->opts->run))
		print_json(j, res, err->msg, clock_ms() - since);
	return -1;
}

static void settle(struct job *j)
{
	struct exec *x = j->exec;

	pthread_mutex_lock(&x->lock);
	x->pending--;
	x->settled_ms = clock_wall_ms();
	x->untrusted |= j->untrusted;
	pthread_cond_broadcast(&x->settled);
	pthread_mutex_unlock(&x->lock);
}

/* Where one host key is refused nothing runs on any other node.  Nodes that are slow to answer, or
 * dead, do not keep the others waiting: only for a moment after the last that did answer. */
static bool all_are_trusted(struct exec *x)
{
	bool trusted;

	pthread_mutex_lock(&x->lock);
	while (x->pending && !x->untrusted && !remote_interrupted()) {
		int64_t until = x->settled_ms + TRUST_PATIENCE_MS;

		if (clock_wall_ms() >= until)
			break;
		pthread_cond_timedwait(&x->settled, &x->lock, &(struct timespec){ until / 1000, until % 1000 * 1000000 });
	}
	trusted = !x->untrusted;
	x->begun |= trusted;
	pthread_mutex_unlock(&x->lock);
	return trusted;
}

static bool has_begun(struct exec *x)
{
	bool begun;

	pthread_mutex_lock(&x->lock);
	begun = x->begun;
	pthread_mutex_unlock(&x->lock);
	return begun;
}

static int connect_job(struct plan_node *n, bool *done, struct err *err)
{
	auto_remote_result struct remote_result none = REMOTE_RESULT_INIT;
	struct job *j = n->data;
	int64_t since = clock_ms();

	*done = true;
	j->remote = connect_node(j->exec->connect, j->inv, j->inv->address, &j->untrusted, err);
	if (!j->remote && j->untrusted && has_begun(j->exec))
		err_wrap(err, "it answered late, when other nodes ran the command already");
	if (!j->remote)
		return note_failure(j, &none, since, err);
	j->reached = true;
	if (j->exec->opts->no_sudo)
		j->remote->root = REMOTE_ROOT_NONE;
	return 0;
}

static int look_connect(struct plan_node *n, bool *done, struct err *err)
{
	int rc = connect_job(n, done, err);

	settle(n->data);
	return rc;
}

static int apply_run(struct plan_node *n, struct err *err)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct job *j = n->data;
	bool json = run_is_json(&j->exec->opts->run);
	int timeout_s = j->exec->opts->timeout_s;
	const struct remote_cmd cmd = {
		.script = j->exec->script, .max_output = MAX_OUTPUT, .ctx = j,
		.timeout_ms = timeout_s > 0 ? timeout_s * 1000 : REMOTE_NO_TIMEOUT,
		.on_line = json ? NULL : print_line,
		.name = "exec", .private = true, /* nobody but the user knows what is secret in it */
	};
	int64_t since = clock_ms();

	if (!all_are_trusted(j->exec)) {
		j->held_back = true;
		err_set(err, ERR_CONNECT, "nothing was run: the host key of another node is refused");
		return note_failure(j, &res, since, err);
	}
	if (remote_run(j->remote, &cmd, &res, err) < 0)
		return note_failure(j, &res, since, err);
	j->failed = ERR_NONE;
	j->status = res.status;
	if (json)
		print_json(j, &res, NULL, clock_ms() - since);
	remote_close(TAKE(j->remote));
	return 0;
}

static void show(void *ctx, const struct plan_event *e)
{
	const struct exec *x = ctx;

	if (e->type == PLAN_STEP && e->state == PLAN_FAILED) {
		flush(NULL);
		flockfile(stderr); /* lines of nodes stay whole, and out of this one */
		fprintf(stderr, "hactl: %s: ", e->node);
		term_print_safe(stderr, e->text);
		fputs("\n", stderr);
		funlockfile(stderr);
	}
	if (e->type == PLAN_STEP && e->state == PLAN_CHANGED)
		for (size_t i = 0; i < x->n; i++)
			if (!strcmp(x->nodes[i].name, e->node) && x->jobs[i].status)
				fprintf(stderr, "hactl: %s: ended with status %d\n", e->node, x->jobs[i].status);
}

/* Each node runs the command soon after it is connected: none waits for one that is dead. */
static void run_nodes(struct exec *x)
{
	const struct plan_step steps[] = {
		{ .name = "connect", .title = "connection", .check = look_connect },
		{ .name = "run", .title = "command", .apply = apply_run,
		  .max_parallel = x->opts->run.parallel > 0 ? x->opts->run.parallel : plan_parallel() },
		{ .name = NULL },
	};
	const struct plan_phase phase = { .name = "exec", .steps = steps, .unbounded = true };
	const struct plan_phase *const phases[] = { &phase, NULL };
	struct plan plan = { .nodes = x->nodes, .n = x->n, .observer = { show, flush, x }, .stop = &stop };
	auto_err struct err ignored = ERR_INIT; /* the jobs know each failure */

	(void)!plan_run(&plan, phases, &ignored);
}

/* ---- the result ---- */

/* How many nodes ended so; with invert, how many did not. */
static int count(const struct exec *x, enum err_kind kind, bool invert)
{
	int n = 0;

	for (size_t i = 0; i < x->n; i++)
		n += (x->jobs[i].failed == kind) != invert;
	return n;
}

/* Nodes that were not reached, were lost, or were not to be touched. */
static int judge_connections(const struct exec *x, struct err *err)
{
	int unreached = 0, held = 0, lost = 0;

	for (size_t i = 0; i < x->n; i++) {
		const struct job *j = &x->jobs[i];

		unreached += j->failed == ERR_CONNECT && !j->reached;
		held += j->held_back;
		lost += j->failed == ERR_CONNECT && j->reached && !j->held_back;
	}
	if (held)
		return err_set(err, ERR_CONNECT, "nothing was run on %d of %zu nodes: a host key is refused", held, x->n);
	if (unreached)
		return err_set(err, ERR_CONNECT, "%d of %zu nodes not reached", unreached, x->n);
	return lost ? err_set(err, ERR_CONNECT, "%d of %zu nodes lost while the command ran", lost, x->n) : 0;
}

/* The command's own status when all agree. */
static int judge(const struct exec *x, struct err *err)
{
	int unended = count(x, ERR_NONE, true), bad = 0, status = x->jobs[0].status;
	bool agree = true;

	for (size_t i = 0; i < x->n; i++) {
		bad += x->jobs[i].failed != ERR_NONE || x->jobs[i].status;
		agree &= x->jobs[i].status == status;
	}
	if (stop)
		return err_set(err, ERR_INTERRUPTED, "interrupted: ended on %d of %zu nodes", count(x, ERR_INTERRUPTED, false), x->n);
	if (judge_connections(x, err) < 0)
		return -1;
	if (unended || !agree)
		return err_set(err, ERR_REMOTE, "failed on %d of %zu nodes", bad, x->n);
	if (status)
		err->kind = (enum err_kind)status;
	return 0;
}

static void release(struct exec *x)
{
	for (size_t i = 0; i < x->n; i++)
		remote_close(x->jobs[i].remote);
	free(x->jobs);
	free(x->nodes);
}

static void say_note(void *ctx, const char *node, const char *text)
{
	(void)ctx;
	fprintf(stderr, "hactl: %s: %s\n", node, text);
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct exec_opts *o = data;
	auto_inventory struct inventory inv = { 0 };
	auto_connect struct connect connect = { 0 };
	auto_buf struct buf script = BUF_INIT;
	auto_err struct err no_log = ERR_INIT;
	struct log *log = NULL;
	struct exec x = { .opts = o, .connect = &connect, .safe = { false, isatty(1), isatty(2) } };
	char **dashes = operands;
	int rc;

	pthread_mutex_init(&x.lock, NULL);
	pthread_cond_init(&x.settled, NULL);
	while (*dashes && strcmp(*dashes, "--"))
		dashes++;
	if (!*dashes || !dashes[1])
		return err_set(err, ERR_USAGE, "exec: the command is missing: hactl exec [NODE...] -- COMMAND");
	write_script(dashes + 1, &script);
	x.script = buf_str(&script);
	catch_signals();
	rc = inventory_load(o->run.config ? o->run.config : "hactl.yaml", &inv, err);
	if (rc == 0)
		rc = choose(&x, &inv, operands, (size_t)(dashes - operands), err);
	if (rc == 0 && (rc = ask_take_environment(&inv, err)) == 0 && (rc = connect_start(err)) == 0 &&
	    (rc = plan_raise_limits(x.n, err)) == 0 &&
	    (rc = run_open_log(&o->run, "exec", &inv, &log, &no_log, err)) == 0) {
		connect_init(&connect, o->run.accept_new_host_keys);
		connect.log = log_hook(log);
		connect.note.say = say_note;
		ask_configure(NULL, &stop);
		run_nodes(&x);
		rc = judge(&x, err);
	}
	release(&x);
	log_line(log, NULL, "exit status %d", (int)err->kind);
	if (o->run.verbose && log_path(log))
		fprintf(stderr, "hactl: the log of this run: %s\n", log_path(log));
	log_close(log);
	ask_configure(NULL, NULL);
	ask_forget_environment();
	return rc;
}

const struct cli_cmd cmd_exec = {
	.name = "exec",
	.summary = "run a command on nodes, as root, and mark each line of its output with the node",
	.description =
		"Without NODE on all nodes; 'control-plane' and 'workers' stand for all nodes of that kind.  One argument "
		"is a line for the shell (sh); several are a program and its arguments, each passed as it is.  Standard input is "
		"empty.  Users other than root become root by sudo or doas, unless --no-sudo is given.\n\n"
		"Standard output is 'NODE: line' for each line the command writes, and nothing else; its standard error "
		"goes to standard error likewise, and so does what hactl itself has to say.  A line longer than 64 KiB is cut.  With -o json "
		"it is one object per node, with node, status, stdout, stderr and seconds, and with error where the command did "
		"not run to its end.\n\n"
		"The exit status is the command's own when all nodes agree, 4 when a node was not reached, else 5.  Ctrl-C ends the "
		"command on the nodes.  Where a host key is refused, nothing is run on the others either.  A node that does not answer "
		"keeps them waiting for a second only; should its host key be refused later, that is said.",
	.examples = "hactl exec -- uptime\n"
		    "hactl exec control-plane -- 'crictl ps | grep etcd'\n"
		    "hactl exec --parallel 1 m1 m2 -- systemctl restart kubelet",
	.group = "Running a cluster",
	.operands = "[NODE...] -- COMMAND...",
	.min_operands = 1,
	.max_operands = -1,
	.keeps_dashes = true,
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct exec_opts),
	.run = run,
};
