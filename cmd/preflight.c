#define _GNU_SOURCE
#include <string.h>

#include <jansson.h>

#include "cmd.h"
#include "ha/ha.h"
#include "run.h"
#include "steps/probe.h"
#include "term/term.h"

struct preflight_opts {
	struct run_opts run;
};

/* What the checks told: problems with what to do, warnings. */
struct told {
	struct strs nodes, problems, fixes; /* parallel; node "": none of its own */
	struct strs warned, warnings;
};

static const struct plan_phase *const look_phases[] = { &steps_connect, &steps_look, &steps_cluster, NULL };
static const struct plan_phase *const check_phases[] = { &steps_preflight, NULL };

static void hear(void *ctx, const struct plan_event *e)
{
	struct told *t = ctx;

	if (e->type == PLAN_PROBLEM) {
		strs_add(&t->nodes, e->node ? e->node : "");
		strs_add(&t->problems, e->text);
		strs_add(&t->fixes, e->more ? e->more : "");
	} else if (e->type == PLAN_WARNING) {
		strs_add(&t->warned, e->node ? e->node : "");
		strs_add(&t->warnings, e->text);
	}
}

static void release_told(struct told *t)
{
	strs_release(&t->nodes);
	strs_release(&t->problems);
	strs_release(&t->fixes);
	strs_release(&t->warned);
	strs_release(&t->warnings);
}

/* ---- the table of who reaches whom ---- */

/* "ok", the ports that failed with VRRP as 112, "?" where nothing could be tried; caller frees. */
static char *pair(const struct steps_node *from, const struct steps_node *to)
{
	auto_strs struct strs failed = STRS_INIT;
	int ports[PROBE_PORTS];
	size_t n = steps_probe_ports(from, to, ports), tried = 0;
	enum probe_result vrrp = steps_probe_vrrp(from, to);

	for (size_t i = 0; i < n; i++) {
		enum probe_result r = steps_probe_port(from, to, ports[i]);

		tried += r != PROBE_NOT_MADE;
		if (r > PROBE_OPEN)
			strs_printf(&failed, "%d", ports[i]);
	}
	if (vrrp > PROBE_OPEN)
		strs_add(&failed, "vrrp");
	if (failed.n)
		return strs_join(&failed, ",");
	return strdup(!n ? "-" : tried ? "ok" : "?");
}

static void print_row(const struct steps_run *run, const struct steps_node *from, int name_width, const int *width)
{
	printf("  %-*s", name_width, from->inv->name);
	for (size_t j = 0; j < run->n; j++) {
		auto_free char *cell = pair(from, &run->nodes[j]);

		printf("  %-*s", width[j], cell);
	}
	putchar('\n');
}

static void print_matrix(const struct steps_run *run)
{
	int name_width = 7, *width = calloc(run->n + 1, sizeof(*width));

	if (!width)
		abort();
	for (size_t i = 0; i < run->n; i++) {
		int len = (int)strlen(run->nodes[i].inv->name);

		name_width = len > name_width ? len : name_width;
		width[i] = len;
		for (size_t j = 0; j < run->n; j++) {
			auto_free char *cell = pair(&run->nodes[j], &run->nodes[i]);

			width[i] = (int)strlen(cell) > width[i] ? (int)strlen(cell) : width[i];
		}
	}
	printf("  %-*s", name_width, "from/to");
	for (size_t j = 0; j < run->n; j++)
		printf("  %-*s", width[j], run->nodes[j].inv->name);
	putchar('\n');
	for (size_t i = 0; i < run->n; i++)
		print_row(run, &run->nodes[i], name_width, width);
	free(width);
}

static void print_disks(const struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct steps_probe *p = run->nodes[i].probe;

		if (p && p->writes)
			printf("  %s: a write to etcd's disk takes %.1f ms, 99 of 100 at most %.1f ms\n", run->nodes[i].inv->name, p->write_ms, p->write_p99_ms);
	}
}

static void print_said(const char *label, const char *node, const char *text, const char *fix)
{
	printf("%s%s%s", label, node, *node ? ": " : "");
	term_print_safe(stdout, text);
	if (*fix)
		printf("\n    %s", fix);
	putchar('\n');
}

static void print_text(const struct steps_run *run, const struct told *t)
{
	puts("ports and protocol 112, each pair tried:");
	print_matrix(run);
	print_disks(run);
	putchar('\n');
	for (size_t i = 0; i < t->warnings.n; i++)
		print_said("warning: ", t->warned.v[i], t->warnings.v[i], "");
	for (size_t i = 0; i < t->problems.n; i++)
		print_said("problem: ", t->nodes.v[i], t->problems.v[i], t->fixes.v[i]);
	if (!t->problems.n)
		puts("no problem found");
}

/* ---- as data ---- */

static json_t *text(const char *s)
{
	json_t *j = *s ? json_string(s) : json_null();
	auto_free char *plain = j ? NULL : strdup(s);

	for (char *p = plain; p && *p; p++)
		if (*p & 0x80)
			*p = '?';
	return j ? j : json_string(plain ? plain : "");
}

static const char *word_of(enum probe_result r)
{
	static const char *const words[] = { "not-made", "open", "refused", "no-answer", "error" };

	return words[r];
}

static void add_pair(json_t *list, const struct steps_node *from, const struct steps_node *to)
{
	int ports[PROBE_PORTS];
	size_t n = steps_probe_ports(from, to, ports);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:s}", "from", from->inv->name, "to", to->inv->name, "protocol", "tcp",
						      "port", ports[i], "result", word_of(steps_probe_port(from, to, ports[i]))));
	if (from != to && from->inv->control_plane && to->inv->control_plane && steps_uses_keepalived(from->run))
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:n, s:s}", "from", from->inv->name, "to", to->inv->name, "protocol", "112",
						      "port", "result", word_of(steps_probe_vrrp(from, to))));
}

static json_t *disks(const struct steps_run *run)
{
	json_t *list = json_array();

	for (size_t i = 0; i < run->n; i++) {
		const struct steps_probe *p = run->nodes[i].probe;

		if (p && p->writes)
			json_array_append_new(list, json_pack("{s:s, s:i, s:f, s:f}", "node", run->nodes[i].inv->name, "writes", p->writes,
							      "medianMs", p->write_ms, "p99Ms", p->write_p99_ms));
	}
	return list;
}

static json_t *said(const struct strs *nodes, const struct strs *texts, const struct strs *fixes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts->n; i++) {
		json_t *o = json_pack("{s:o, s:o}", "node", text(nodes->v[i]), "text", text(texts->v[i]));

		if (fixes)
			json_object_set_new(o, "fix", text(fixes->v[i]));
		json_array_append_new(list, o);
	}
	return list;
}

static enum err_kind verdict(const struct steps_run *run, const struct told *t)
{
	for (size_t i = 0; i < run->n; i++)
		if (steps_seen(&run->nodes[i]))
			return t->problems.n ? ERR_FAILED : ERR_NONE;
	return ERR_CONNECT;
}

static void print_json(const struct steps_run *run, const struct told *t)
{
	json_t *network = json_array(), *o;
	char *line;

	for (size_t i = 0; i < run->n; i++)
		for (size_t j = 0; j < run->n; j++)
			add_pair(network, &run->nodes[i], &run->nodes[j]);
	o = json_pack("{s:s, s:b, s:i, s:o, s:o, s:o, s:o}", "cluster", run->inv->name, "ok", !t->problems.n, "exitStatus",
		      (int)verdict(run, t), "problems", said(&t->nodes, &t->problems, &t->fixes), "warnings",
		      said(&t->warned, &t->warnings, NULL), "network", network, "disks", disks(run));
	line = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
	puts(line);
	free(line);
	json_decref(o);
}

/* ---- the command ---- */

/* Nodes that were left out are problems here, and all the others are checked as if they were to join. */
static void take_all(struct steps_run *run, struct told *t)
{
	const char *advice = ha_advice((int)run->inv->ncontrol_plane);

	for (size_t i = 0; i < run->n; i++) {
		run->nodes[i].target = true;
		if (steps_seen(&run->nodes[i]))
			continue;
		strs_add(&t->nodes, run->nodes[i].inv->name);
		strs_add(&t->problems, "cannot be reached, so nothing was checked there");
		strs_add(&t->fixes, "the warning above tells why");
	}
	if (advice) {
		strs_add(&t->warned, "");
		strs_add(&t->warnings, advice);
	}
}

static int check(struct steps_run *run, void *data, struct err *err)
{
	const struct preflight_opts *o = data;
	struct told t = { 0 };
	auto_err struct err ignored = ERR_INIT;

	take_all(run, &t);
	run->plan.observer = (struct plan_observer){ .event = hear, .ctx = &t };
	run->opt.probe_always = true;
	if (plan_run(&run->plan, check_phases, &ignored) < 0 && ignored.kind == ERR_INTERRUPTED) {
		release_told(&t);
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	}
	if (run_is_json(&o->run))
		print_json(run, &t);
	else
		print_text(run, &t);
	err->kind = verdict(run, &t); /* the list is the message */
	release_told(&t);
	return 0;
}

/* None is needed by itself: who cannot be reached is one problem among others. */
static enum steps_part part(const void *ctx, const struct inv_node *n)
{
	(void)ctx;
	(void)n;
	return STEPS_HELPER;
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct preflight_opts *o = data;
	const struct run_spec spec = {
		.command = "preflight", .part = part, .phases = look_phases, .finish = check, .data = (void *)data, .quiet = true,
		.finish_unreached = run_is_json(&o->run),
	};

	(void)operands;
	return run_command(&o->run, &spec, err);
}

const struct cli_cmd cmd_preflight = {
	.name = "preflight",
	.summary = "check the nodes and the network between them, and change nothing",
	.description =
		"The checks that init, join and apply begin with, alone: every problem of every node at once, each with what to do. "
		"Programs, ports in use, swap, clocks, names and machine-ids, remains of other clusters; the virtual IP is free and in "
		"the subnet; nobody else speaks its virtual router ID.  The network is really tried: for some seconds each node "
		"listens on the ports that a cluster needs (6443, 2379, 2380, 10250), connects to those of the others and sends them "
		"packets of protocol 112; so is the time that a write to etcd's disk takes.  Nodes need perl or python3 for the former; "
		"a check that could not be made is named.\n\n"
		"Exit status: 0 no problem, 1 problems, 4 no node can be reached.",
	.examples = "hactl preflight\nhactl preflight -o json | jq '.network[] | select(.result != \"open\")'",
	.group = "Making a cluster",
	.opts = NULL,
	.common = run_common_opts,
	.opts_size = sizeof(struct preflight_opts),
	.run = run,
};
