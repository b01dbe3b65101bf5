#define _GNU_SOURCE
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "cmd.h"
#include "run.h"
#include "status_view.h"
#include "term/term.h"

struct status_opts {
	struct run_opts run;
	bool watch;
	int interval;
};

static const struct status_opts defaults = { .interval = 2 };

static const struct cli_opt opts[] = {
	OPT_FLAG(struct status_opts, watch, 'w', "watch", "look again and again: redraws on a terminal, else prints what changed"),
	OPT_INT(struct status_opts, interval, 0, "interval", "SECONDS", "pause between two looks of --watch (default 2)"),
	OPT_END,
};

static bool has_colour(void)
{
	const char *term = getenv("TERM");

	return isatty(1) && term && strcmp(term, "dumb") && !getenv("NO_COLOR");
}

/* ---- frames on a terminal ---- */

/* A line as it fits, escape sequences not counted, with the rest of the old line erased. */
static void put_line(const char *line, size_t len, int columns, struct buf *out)
{
	int seen = 0;

	for (size_t i = 0; i < len; i++) {
		size_t escape = line[i] == '\033' ? strcspn(line + i, "m") + 1 : 0;

		if (escape) {
			buf_add(out, line + i, escape);
			i += escape - 1;
		} else if (seen < columns) {
			buf_add(out, line + i, 1);
			seen += ((unsigned char)line[i] & 0xc0) != 0x80;
		}
	}
	buf_puts(out, "\033[0m\033[K\n");
}

static void draw(const struct status *st, bool first)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };
	auto_buf struct buf frame = BUF_INIT;
	auto_free char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	const char *line;
	int rows;

	if (!f)
		abort();
	status_print_text(st, has_colour(), f);
	fclose(f);
	rows = ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_row > 2 ? w.ws_row - 1 : 23;
	buf_puts(&frame, first ? "\033[2J\033[H" : "\033[H");
	line = text;
	for (const char *end; rows-- > 0 && (end = strchr(line, '\n')); line = end + 1)
		put_line(line, (size_t)(end - line), w.ws_col ? w.ws_col : 80, &frame);
	buf_puts(&frame, "\033[J");
	fwrite(frame.data, 1, frame.len, stdout);
	fflush(stdout);
}

/* ---- changes as lines ---- */

static void print_stamped(const struct status *st, const char *sign, const char *text)
{
	time_t when = (time_t)st->now;
	char stamp[32];
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%s %s", stamp, sign);
	term_print_safe(stdout, text);
	putchar('\n');
	fflush(stdout);
}

/* Up to the second colon: "m1: cannot be reached: ..." stays one problem while its reason changes. */
static size_t key_length(const char *state)
{
	const char *first = strstr(state + strcspn(state, ":") + 1, ": ");
	const char *second = first ? strstr(first + 2, ": ") : NULL;

	return second ? (size_t)(second - state) : strlen(state);
}

static bool has_state(const struct strs *l, const char *state)
{
	bool problem = !strncmp(state, "problem: ", 9);
	size_t len = key_length(state);

	if (!problem)
		return strs_has(l, state);
	for (size_t i = 0; i < l->n; i++)
		if (key_length(l->v[i]) == len && !strncmp(l->v[i], state, len))
			return true;
	return false;
}

/* The first time only what is wrong; then what became another, and which problems ended. */
static void print_changes(const struct status *st, struct strs *known, bool first)
{
	struct strs now = STRS_INIT;

	status_list_states(st, &now);
	for (size_t i = 0; i < known->n; i++)
		if (!strncmp(known->v[i], "problem: ", 9) && !has_state(&now, known->v[i]))
			print_stamped(st, "ended: ", known->v[i] + 9);
	for (size_t i = 0; i < now.n; i++)
		if (!has_state(known, now.v[i]) && (!first || !strncmp(now.v[i], "problem: ", 9)))
			print_stamped(st, "", now.v[i]);
	if (first && !st->problems.n)
		print_stamped(st, "", "healthy");
	strs_release(known);
	*known = now;
}

/* ---- the command ---- */

static void show(const struct status *st, const struct status_opts *o, struct strs *known, bool first)
{
	if (run_is_json(&o->run))
		status_print_json(st);
	else if (!o->watch)
		status_print_text(st, has_colour(), stdout);
	else if (isatty(1))
		draw(st, first);
	else
		print_changes(st, known, first);
}

static bool pause_between(const struct steps_run *run, int seconds)
{
	struct clock_poll poll = clock_poll_start(seconds * 1000, 100);

	while (!plan_stopped(&run->plan))
		if (!clock_poll_pause(&poll))
			return true;
	return false;
}

static int look(struct steps_run *run, void *data, struct err *err)
{
	const struct status_opts *o = data;
	auto_status struct status st = { 0 };
	auto_strs struct strs known = STRS_INIT;
	bool first = true;

	status_init(&st, run);
	do {
		status_look(&st);
		if (plan_stopped(&run->plan))
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		show(&st, o, &known, first);
		first = false;
	} while (o->watch && pause_between(run, o->interval));
	err->kind = o->watch ? ERR_INTERRUPTED : status_verdict(&st); /* the picture is the message */
	return 0;
}

static int run(const void *data, char **operands, struct err *err)
{
	static const struct plan_phase *const phases[] = { NULL };
	const struct status_opts *o = data;
	const struct run_spec spec = {
		.command = "status", .part = run_every_node, .phases = phases,
		.finish = look, .data = (void *)data, .quiet = true,
	};

	(void)operands;
	if (o->interval < 1)
		return err_set(err, ERR_USAGE, "status: --interval: %d is not at least 1", o->interval);
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_status = {
	.name = "status",
	.summary = "is the cluster healthy, who holds the virtual IP, how many more failures does it survive",
	.description =
		"Asks all nodes at the same time, each API server and the endpoint (with the time that a new connection and "
		"its answer take), every member of etcd, and reads the state of keepalived or kube-vip, the holder of the virtual IP and the "
		"certificates on the nodes.  What cannot be asked is shown as '?'; the whole takes 10 seconds at most, whoever "
		"is down.  Below the table are the problems, and the single points of failure that remain.\n\n"
		"Exit status: 0 healthy, 7 unhealthy (no holder of the virtual IP or several among others), 4 when no node "
		"can be reached.  With --watch and -o json there is one object per look.",
	.examples = "hactl status\nhactl status --watch\nhactl status -o json | jq .etcd.survives",
	.group = "Running a cluster",
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct status_opts),
	.defaults = &defaults,
	.run = run,
};
