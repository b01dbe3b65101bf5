#define _GNU_SOURCE
#include "run.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "base/clock.h"
#include "base/file.h"
#include "connect.h"
#include "log.h"
#include "term/term.h"

/* ---- signals: the first ends between steps, the second ends what runs, the third just ends ---- */

static int stop_asked;

static void on_signal(int number)
{
	static const char text[] = "\nhactl: stopping after the steps that run; again: stop now\n";

	(void)number;
	switch (__atomic_add_fetch(&stop_asked, 1, __ATOMIC_RELAXED)) {
	case 1:
		if (write(2, text, sizeof(text) - 1) < 0)
			return;
		break;
	case 2:
		remote_interrupt(true);
		break;
	default:
		ask_restore();
		_exit(ERR_INTERRUPTED);
	}
}

static void catch_signals(void)
{
	const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction old, sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	/* what was ignored from the start (nohup) stays so */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- events ---- */

static const char *kind_of(enum plan_event_type type)
{
	static const char *const names[] = { "phase", "step", "progress", "problem", "warning", "note", "diff" };

	return names[type];
}

static enum term_mark mark_of(enum plan_state state)
{
	static const enum term_mark marks[] = { TERM_RUNNING, TERM_SAME, TERM_CHANGED, TERM_WOULD, TERM_FAILED, TERM_LOOKED };

	return marks[state];
}

/* Where what happens is told. */
struct told {
	struct term *display;
	struct log *log;
};

static void log_event(struct log *log, const struct plan_event *e)
{
	if (e->type == PLAN_STEP && e->state == PLAN_RUNNING)
		log_line(log, e->node, "step '%s' begins", e->title);
	else if (e->type == PLAN_STEP)
		log_line(log, e->node, "step '%s' %s (%d.%03d s)%s%s", e->title, plan_state_name(e->state), e->step_ms / 1000,
			 e->step_ms % 1000, e->text ? ": " : "", e->text ? e->text : "");
	else if (e->type != PLAN_DIFF)
		log_line(log, e->node, "%s: %s%s%s", kind_of(e->type), e->text, e->more ? "; " : "", e->more ? e->more : "");
}

static void show(void *ctx, const struct plan_event *e)
{
	const struct told *told = ctx;

	log_event(told->log, e);
	ask_lock();
	term_event(told->display, &(struct term_event){
		.kind = kind_of(e->type), .phase = e->phase, .node = e->node, .step = e->step,
		.title = e->title, .text = e->text, .more = e->more, .mark = mark_of(e->state),
		.state = e->type == PLAN_STEP ? plan_state_name(e->state) : NULL,
		.ms = e->ms, .step_ms = e->step_ms });
	ask_unlock();
}

/* When the run is to be over; 0: no limit. */
static int64_t deadline_ms;
static bool out_of_time;

#define HARD_END_MS 10000 /* after the run was asked to stop between steps */

static void check_time(void)
{
	int64_t now = clock_ms();

	if (!deadline_ms || now < deadline_ms)
		return;
	if (!out_of_time && !__atomic_load_n(&stop_asked, __ATOMIC_RELAXED))
		__atomic_store_n(&stop_asked, 1, __ATOMIC_RELAXED);
	out_of_time = true;
	if (now >= deadline_ms + HARD_END_MS)
		remote_interrupt(true);
}

static void tick(void *ctx)
{
	const struct told *told = ctx;

	check_time();
	ask_lock();
	term_tick(told->display);
	ask_unlock();
}

/* ---- a run ---- */

const char *const run_outputs[] = { "text", "json", NULL };

const struct cli_opt run_common_opts[] = {
	OPT_STR(struct run_opts, config, 'c', "config", "FILE", "the cluster's description, '-' for stdin (default ./hactl.yaml)"),
	OPT_CHOICE(struct run_opts, output, 'o', "output", run_outputs, "text for people, or JSON on stdout (man hactl, Output for scripts)"),
	OPT_FLAG(struct run_opts, accept_new_host_keys, 0, "accept-new-host-keys", "add unknown host keys to known_hosts; changed ones are always refused"),
	OPT_STR(struct run_opts, log_file, 0, "log-file", "FILE", "append the log of the run to it; '-' for standard error, 'none' for no log (default: a new file below ~/.local/state/hactl)"),
	OPT_FLAG(struct run_opts, verbose, 'v', "verbose", "say where the log is after a run that went well, too"),
	OPT_INT(struct run_opts, parallel, 0, "parallel", "N", "nodes to work on at a time (default: by cores and open files, 32 or more); connecting is not counted"),
	OPT_END,
};

bool run_is_json(const struct run_opts *o)
{
	return o->output == RUN_JSON;
}

char *run_state_dir(const struct inventory *inv)
{
	const char *state = getenv("XDG_STATE_HOME");
	auto_free char *base = file_resolve(state && *state == '/' ? state : "~/.local/state", NULL);
	char *dir;

	if (asprintf(&dir, "%s/hactl/%s", base, inv->name) < 0)
		abort();
	return dir;
}

int run_open_log(const struct run_opts *o, const char *command, const struct inventory *inv, struct log **log,
		 struct err *why, struct err *err)
{
	auto_free char *state = run_state_dir(inv), *dir = NULL;

	if (asprintf(&dir, "%s/log", state) < 0)
		abort();
	*log = log_open(&(struct log_options){ o->log_file, dir, command, inv->path }, why);
	if (*log || (!o->log_file && why->kind != ERR_USAGE))
		return 0;
	*err = *why;
	*why = (struct err)ERR_INIT;
	return -1;
}

static const char *summary_of(const struct run_opts *o, const struct plan *p)
{
	if (o->dry_run)
		return p->would_change ? "dry run: the above would be done" : "dry run: nothing to do";
	return p->changed ? "done" : "nothing changed: all is as hactl.yaml says";
}

static struct term *open_display(const struct run_opts *o, const struct run_spec *spec, const struct steps_run *run,
				 const struct log *log)
{
	auto_strs struct strs names = STRS_INIT;
	const char **rows = calloc(run->n + 1, sizeof(*rows));
	struct term *t;

	if (!rows)
		abort();
	for (size_t i = 0; i < run->n; i++)
		rows[i] = run->nodes[i].inv->name;
	t = term_new(run_is_json(o) && !spec->quiet ? TERM_JSON : spec->quiet || log_on_terminal(log) ? TERM_PLAIN : TERM_AUTO,
		     spec->command, rows);
	free(rows);
	return t;
}

static void warn_of_inventory(struct term *t, const struct inventory *inv)
{
	for (size_t i = 0; i < inv->warnings.n; i++)
		term_event(t, &(struct term_event){ .kind = "warning", .text = inv->warnings.v[i] });
}

static void warn_of_log(struct term *t, const struct err *why)
{
	auto_free char *text = NULL;

	if (asprintf(&text, "there is no log of this run: %s; '--log-file FILE' names another place", why->msg) < 0)
		abort();
	term_event(t, &(struct term_event){ .kind = "warning", .text = text });
}

#define MAX_LOG (64 << 20)

/* What the nodes said after kubeadm failed is kept, with the log of the run, and where is said. */
static void save_reports(struct steps_run *run, const char *dir, const struct told *told)
{
	auto_free char *path = NULL, *text = NULL;
	auto_buf struct buf log = BUF_INIT;
	auto_err struct err why = ERR_INIT, no_log = ERR_INIT;
	struct steps_bundle_file more[] = { { "hactl.log", NULL }, { NULL, NULL } };
	bool written = false;
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	if (asprintf(&path, "%s/bundle-%s.tar", dir, stamp) < 0)
		abort();
	if (log_path(told->log) && file_read(log_path(told->log), MAX_LOG, &log, &no_log) == 0)
		more[0].text = buf_str(&log);
	if (steps_write_bundle(run, path, more[0].text ? more : NULL, &written, &why) == 0 && !written)
		return;
	log_keep_newest(dir, "bundle-", ".tar");
	if (asprintf(&text, written ? "what the nodes say of themselves is saved in %s" : "nothing is saved: %s",
		     written ? path : why.msg) < 0)
		abort();
	log_line(told->log, NULL, "%s", text);
	term_event(told->display, &(struct term_event){ .kind = "note", .text = text });
}

static void note_node(void *plan, const char *node, const char *text)
{
	plan_note(plan, node, "%s", text);
}

/* Whoever finds the cluster locked reads this. */
static char *who_am_i(const char *command)
{
	const char *user = getenv("SUDO_USER") ? getenv("SUDO_USER") : getenv("USER");
	char host[256] = "?", since[32];
	time_t now = time(NULL);
	struct tm tm;
	char *who;

	(void)!gethostname(host, sizeof(host) - 1);
	strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	if (asprintf(&who, "%s on %s (process %d), since %s: hactl %s", user ? user : "somebody", host, (int)getpid(), since, command) < 0)
		abort();
	return who;
}

static bool is_named(const struct strs *yes, const char *node)
{
	size_t len = strlen(node);

	for (size_t i = 0; i < yes->n; i++)
		for (const char *at = yes->v[i]; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
			if (strcspn(at, ",") == len && !strncmp(at, node, len))
				return true;
	return false;
}

static bool may_take_apart(void *ctx, const char *node, const char *why)
{
	const struct run_opts *o = ctx;
	auto_free char *question = NULL;

	if (is_named(&o->yes, node))
		return true;
	if (asprintf(&question, "An earlier run broke off on %s, yet it is part of a living cluster: %s.  Take it apart and join it again? [y/N] ",
		     node, why) < 0)
		abort();
	return !run_is_json(o) && ask_yes(question);
}

/* A name that is none is a slip of the pen. */
static int check_yes(const struct run_opts *o, const struct inventory *inv, struct err *err)
{
	for (size_t i = 0; i < o->yes.n; i++) {
		auto_free char *list = strdup(o->yes.v[i]);
		char *save = NULL;

		if (!list)
			abort();
		for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save))
			if (!inventory_node(inv, name))
				return err_set(err, ERR_USAGE, "--yes: '%s' is no node of %s", name, inv->path);
	}
	return 0;
}

/* From connecting to the result; the display is opened as soon as the nodes are known. */
static int run_nodes(const struct run_opts *o, const struct run_spec *spec, const struct inventory *inv,
		     struct steps_run *run, struct told *told, struct err *err)
{
	auto_free char *logs = run_state_dir(inv), *who = who_am_i(spec->command);
	auto_connect struct connect connect = { 0 };
	auto_err struct err no_log = ERR_INIT;
	const struct steps_options opt = {
		.force = o->force, .install = o->install, .only_seed = spec->only_seed,
		.pki_only = spec->pki_only, .release_url = getenv("HACTL_RELEASE_URL"),
		.log_dir = logs, .who = who, .wait = o->wait, .reconnects = spec->reconnects, .connect = connect_node, .ctx = &connect,
		.may_take_apart = may_take_apart, .yes_ctx = (void *)o,
	};
	int rc;

	if (check_yes(o, inv, err) < 0 || (spec->accept && spec->accept(spec->ctx, inv, err) < 0))
		return -1;
	if (run_open_log(o, spec->command, inv, &told->log, &no_log, err) < 0)
		return -1;
	connect_init(&connect, o->accept_new_host_keys);
	connect.log = log_hook(told->log);
	connect.note = (struct transport_note){ .say = note_node, .ctx = &run->plan };
	rc = steps_run_init(run, inv, &opt, spec->part, spec->ctx, err);
	told->display = open_display(o, spec, run, told->log);
	ask_configure(told->display, &stop_asked);
	warn_of_inventory(told->display, inv);
	if (no_log.msg && !spec->quiet)
		warn_of_log(told->display, &no_log);
	if (rc < 0)
		return -1;
	if (plan_raise_limits(run->n, err) < 0)
		return -1;
	run->plan.observer = (struct plan_observer){ show, tick, told };
	run->plan.parallel = o->parallel;
	run->plan.dry_run = o->dry_run;
	run->plan.stop = &stop_asked;
	rc = plan_run(&run->plan, spec->phases, err);
	if (rc < 0 && err->kind == ERR_CONNECT && spec->finish_unreached) {
		err_clear(err);
		rc = 0;
	}
	if (rc == 0 && spec->finish)
		rc = spec->finish(run, spec->data, err);
	if (rc < 0 && !spec->quiet)
		save_reports(run, logs, told);
	ask_configure(NULL, NULL);
	if (rc < 0 && err->kind == ERR_INTERRUPTED && out_of_time)
		err_wrap(err, "the run did not end within %d s (--timeout); the same command goes on", o->timeout_s);
	steps_unlock(run);
	if (run->lock_lost)
		term_event(told->display, &(struct term_event){ .kind = "warning", .node = run->lock_lost,
			.text = "the lock on it ended before the run did: another hactl may have worked on the cluster meanwhile" });
	/* the log folder and who we are is borrowed from here */
	run->opt.log_dir = run->opt.who = NULL;
	return rc;
}

static void log_result(struct log *log, int rc, const struct err *err, int64_t since)
{
	log_line(log, NULL, "exit status %d after %.1f s%s%s", (int)err->kind, (double)(clock_ms() - since) / 1000,
		 rc < 0 && err->msg ? ": " : "", rc < 0 && err->msg ? err->msg : "");
}

/* The last words, on a display of their own where the run had none for them. */
static void tell_end(const struct run_opts *o, const struct run_spec *spec, const struct steps_run *run, struct told *told,
		     int rc, const struct err *err, int64_t since)
{
	const struct run_spec loud = { .command = spec->command };

	if (!told->display || (rc < 0 && spec->quiet && run_is_json(o))) {
		term_free(told->display);
		told->display = open_display(o, run_is_json(o) ? &loud : spec, run, told->log);
	}
	log_result(told->log, rc, err, since);
	if (rc < 0 || !spec->quiet)
		term_result(told->display, &(struct term_result){
			.err = rc < 0 ? err : NULL, .changed = run->plan.changed,
			.would_change = run->plan.would_change, .dry_run = o->dry_run,
			.problems = run->plan.nproblems, .exit_status = (int)err->kind,
			.seconds = (double)(clock_ms() - since) / 1000, .summary = summary_of(o, &run->plan),
			.log = log_path(told->log) });
	term_free(told->display);
	if (log_path(told->log) && !run_is_json(o) && (o->verbose || (rc < 0 && !spec->quiet)))
		fprintf(stderr, "the log of this run: %s\n", log_path(told->log));
}

int run_command(const struct run_opts *o, const struct run_spec *spec, struct err *err)
{
	auto_inventory struct inventory inv = { 0 };
	struct steps_run run = { 0 };
	struct told told = { NULL, NULL };
	int64_t start = clock_ms();
	int rc;

	catch_signals();
	deadline_ms = o->timeout_s > 0 ? start + (int64_t)o->timeout_s * 1000 : 0;
	rc = inventory_load(o->config ? o->config : "hactl.yaml", &inv, err);
	if (rc == 0)
		rc = ask_take_environment(&inv, err);
	if (rc == 0 && (rc = connect_start(err)) == 0)
		rc = run_nodes(o, spec, &inv, &run, &told, err);
	if (rc == 0 && o->dry_run && run.plan.would_change)
		err->kind = ERR_CHANGE;
	tell_end(o, spec, &run, &told, rc, err, start);
	steps_run_release(&run);
	log_close(told.log);
	ask_forget_environment();
	return rc;
}

enum steps_part run_every_node(const void *ctx, const struct inv_node *n)
{
	(void)ctx;
	(void)n;
	return STEPS_TARGET;
}

enum steps_part run_ask_control_plane(const void *ctx, const struct inv_node *n)
{
	(void)ctx;
	return n->control_plane ? STEPS_HELPER : STEPS_ABSENT;
}
