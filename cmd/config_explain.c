#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cmd.h"
#include "run.h"

struct explain_opts {
	const char *config;
	int output; /* enum run_output */
	bool all;
};

static const struct cli_opt opts[] = {
	OPT_STR(struct explain_opts, config, 'c', "config", "FILE", "the cluster's description, '-' for stdin (default ./hactl.yaml)"),
	OPT_CHOICE(struct explain_opts, output, 'o', "output", run_outputs, "for people or for scripts"),
	OPT_FLAG(struct explain_opts, all, 0, "all", "every combination of up to two failures, whoever holds the virtual IP before"),
	OPT_END,
};

/* What is explained: the control-plane nodes of inv with this timing. */
struct proof {
	const struct inventory *inv;
	struct ha_timing t;
	size_t n;
};

static const char *name_of(const struct proof *p, int node)
{
	return node < 0 ? "nobody" : p->inv->nodes[node].name;
}

/* What keepalived's check looks for: an API server that stops behind HAProxy moves nothing. */
static bool has_haproxy(const struct proof *p)
{
	return p->inv->load_balancer == INV_LB_HAPROXY;
}

static int holder_after(const struct proof *p, const enum ha_state *states, int holder)
{
	return ha_holder(states, p->n, p->t.preempt ? -1 : holder);
}

/* ---- every combination of up to two failures; state[a] and state[b] are set, the rest is healthy ---- */

struct combination {
	enum ha_state states[HA_PEERS_MAX];
	size_t a, b; /* a == b: one failure */
};

/* Starts with { .a = 0, .b = 0 } and no state set; false after the last one. */
static bool next_combination(struct combination *c, size_t n)
{
	if (c->states[c->b] < HA_NODE_DOWN) {
		c->states[c->b]++;
		return true;
	}
	c->states[c->b] = HA_HEALTHY;
	if (c->a != c->b && c->states[c->a] < HA_NODE_DOWN) {
		c->states[c->a]++;
		c->states[c->b] = HA_API_DOWN;
		return true;
	}
	c->states[c->a] = HA_HEALTHY;
	if (++c->b == n && ++c->a < n)
		c->b = c->a;
	if (c->a == n)
		return false;
	c->states[c->a] = c->states[c->b] = HA_API_DOWN;
	return true;
}

static const char *failure(enum ha_state s)
{
	return s == HA_API_DOWN ? "api" : "node";
}

/* ---- for people ---- */

static const char *failed_part(const struct proof *p, enum ha_state s)
{
	return s == HA_API_DOWN && has_haproxy(p) ? "haproxy" : failure(s);
}

static const char *event_text(const struct proof *p, enum ha_event e)
{
	if (has_haproxy(p) && e == HA_API_STOPS)
		return "HAProxy stops";
	return has_haproxy(p) && e == HA_API_HANGS ? "HAProxy hangs" : ha_event_text(e);
}

static void print_settings(const struct proof *p)
{
	const struct ha_timing *t = &p->t;

	printf("VRRP version %d, virtual router %d, an advert every %d ms over %s\n", t->version,
	       p->inv->vip.virtual_router_id, t->advert_ms, p->inv->vip.unicast ? "unicast" : "multicast");
	printf("looks for %s every %d ms; it has %d s for an answer, and is healthy again after %d good run%s of %d s\n",
	       has_haproxy(p) ? "HAProxy" : "the API server", t->check_ms, t->fall, t->rise, t->rise == 1 ? "" : "s",
	       ha_run_ms(t) / 1000);
	if (has_haproxy(p))
		puts("when an API server stops, the HAProxy of each node passes it over, and the virtual IP stays where it is");
	puts(t->preempt ? "the first healthy node takes the virtual IP back" :
			  "whoever holds the virtual IP keeps it while it is healthy");
}

static void print_priorities(const struct proof *p)
{
	int bonus = p->t.preempt ? 0 : ha_bonus(p->n), weight = ha_weight(p->n);

	puts("\nNODE             PRIORITY  HOLDING  FAILED  FAILED AND HOLDING");
	for (size_t i = 0; i < p->n; i++)
		printf("%-16s %8d %8d %7d %19d\n", name_of(p, (int)i), ha_priority(p->n, i), ha_priority(p->n, i) + bonus,
		       ha_priority(p->n, i) + weight, ha_priority(p->n, i) + weight + bonus);
}

/* The same where the holder leads etcd. */
static struct ha_outage with_election(struct ha_outage o)
{
	if (o.min_ms < HA_ELECTION_MIN_MS)
		o.min_ms = HA_ELECTION_MIN_MS;
	if (o.max_ms < HA_ELECTION_MAX_MS + HA_SLACK_MS)
		o.max_ms = HA_ELECTION_MAX_MS + HA_SLACK_MS;
	return o;
}

static bool ends(struct ha_outage o)
{
	return o.max_ms != HA_UNTIL_MENDED;
}

static void print_event(const struct proof *p, const char *text, struct ha_outage o)
{
	printf("%-24s %-16s %-16s ", text, name_of(p, 0), name_of(p, o.holder));
	if (ends(o))
		printf("%d to %d ms\n", o.min_ms, o.max_ms);
	else
		puts("until it is mended");
}

static void print_notes(const struct proof *p)
{
	if (p->n > 1 && !p->t.preempt)
		printf("network mended: after %d s or more; after less %s, whose priority is higher, takes it back\n", HA_ALONE_S, name_of(p, 0));
	if (has_haproxy(p))
		puts("HAProxy: until it has seen that a node is gone, or an API server hangs, which takes up to 6 s, a new "
		     "connection that was meant for that one waits for 0.5 s, and goes to the next");
}

static void print_events(const struct proof *p)
{
	const enum ha_state healthy[HA_PEERS_MAX] = { HA_HEALTHY };

	printf("\n%-24s %-16s %-16s %s\n", "EVENT AT THE HOLDER", "HOLDER", "THEN", "THE API IS GONE FOR");
	for (int e = 0; e < HA_EVENTS; e++) {
		struct ha_outage o = ha_predict(&p->t, (enum ha_event)e, healthy, p->n, 0);

		print_event(p, event_text(p, (enum ha_event)e), o);
		if (ha_takes_member((enum ha_event)e) && ends(o))
			print_event(p, "  if it leads etcd", with_election(o));
	}
	print_notes(p);
}

static void print_combinations(const struct proof *p)
{
	struct combination c = { 0 };

	printf("\n%-34s", "FAILED");
	for (size_t i = 0; i < p->n; i++)
		printf(" %-10s", name_of(p, (int)i));
	puts("  (who held the virtual IP before)");
	while (next_combination(&c, p->n)) {
		auto_free char *text = NULL;

		if ((c.a == c.b ? asprintf(&text, "%s of %s", failed_part(p, c.states[c.a]), name_of(p, (int)c.a)) :
				  asprintf(&text, "%s of %s, %s of %s", failed_part(p, c.states[c.a]), name_of(p, (int)c.a),
					   failed_part(p, c.states[c.b]), name_of(p, (int)c.b))) < 0)
			abort();
		printf("%-34s", text);
		for (size_t i = 0; i < p->n; i++)
			printf(" %-10s", name_of(p, holder_after(p, c.states, (int)i)));
		puts("");
	}
}

static void print_verdict(const struct proof *p)
{
	const char *advice = ha_advice((int)p->n);

	if (p->n > HA_PROOF_MAX)
		printf("\nThe combinations of failures of more than %d nodes are not gone through.\n", HA_PROOF_MAX);
	else
		printf("\nIn each of the %ld combinations of failures a healthy node gets the virtual IP, as long as there is one.\n",
		       ha_prove(p->n, p->t.preempt));
	if (advice)
		printf("%s\n", advice);
}

/* ---- for scripts ---- */

static json_t *json_settings(const struct proof *p)
{
	const struct ha_timing *t = &p->t;

	json_t *addresses = json_pack("[s]", p->inv->vip.address);

	if (p->inv->vip.second)
		json_array_append_new(addresses, json_string(p->inv->vip.second));
	return json_pack("{s:o, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b}", "addresses", addresses,
			 "checked", has_haproxy(p) ? "haproxy" : "apiServer", "vrrpVersion",
			 t->version, "virtualRouterID", p->inv->vip.virtual_router_id, "advertIntervalMs", t->advert_ms,
			 "checkIntervalMs", t->check_ms, "fall", t->fall, "rise", t->rise, "preempt", t->preempt,
			 "unicast", p->inv->vip.unicast);
}

static json_t *json_holder(const struct proof *p, int node)
{
	return node < 0 ? json_null() : json_string(name_of(p, node));
}

static json_t *json_nodes(const struct proof *p)
{
	int bonus = p->t.preempt ? 0 : ha_bonus(p->n), weight = ha_weight(p->n);
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++) {
		int priority = ha_priority(p->n, i);

		json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:i, s:i}", "name", name_of(p, (int)i), "priority", priority,
						      "holding", priority + bonus, "failed", priority + weight,
						      "failedAndHolding", priority + weight + bonus));
	}
	return list;
}

static json_t *json_ms(struct ha_outage o, int ms)
{
	return ends(o) ? json_integer(ms) : json_null();
}

static json_t *json_events(const struct proof *p)
{
	const enum ha_state healthy[HA_PEERS_MAX] = { HA_HEALTHY };
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++)
		for (int e = 0; e < HA_EVENTS; e++) {
			struct ha_outage o = ha_predict(&p->t, (enum ha_event)e, healthy, p->n, (int)i);
			json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:o}", "event", ha_event_name((enum ha_event)e), "holder",
						name_of(p, (int)i), "then", json_holder(p, o.holder), "minMs", json_ms(o, o.min_ms),
						"maxMs", json_ms(o, o.max_ms));

			if (ha_takes_member((enum ha_event)e) && ends(o))
				json_object_set_new(one, "etcdLeaderMaxMs", json_integer(with_election(o).max_ms));
			json_array_append_new(list, one);
		}
	return list;
}

static json_t *json_combinations(const struct proof *p)
{
	struct combination c = { 0 };
	json_t *list = json_array();

	while (next_combination(&c, p->n))
		for (size_t i = 0; i < p->n; i++) {
			json_t *failed = json_pack("{s:s}", name_of(p, (int)c.a), failure(c.states[c.a]));

			if (c.a != c.b)
				json_object_set_new(failed, name_of(p, (int)c.b), json_string(failure(c.states[c.b])));
			json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "failed", failed, "holder",
							      name_of(p, (int)i), "then",
							      json_holder(p, holder_after(p, c.states, (int)i))));
		}
	return list;
}

static void print_json(const struct proof *p)
{
	json_t *o = json_pack("{s:o, s:o, s:o, s:o}", "settings", json_settings(p), "nodes", json_nodes(p), "events",
			      json_events(p), "combinations", json_combinations(p));
	long checked = p->n > HA_PROOF_MAX ? 0 : ha_prove(p->n, p->t.preempt);
	char *text;

	json_object_set_new(o, "combinationsChecked", json_integer(checked));
	json_object_set_new(o, "healthyAlwaysWins", p->n > HA_PROOF_MAX ? json_null() : json_boolean(checked > 0));
	text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);

	puts(text);
	free(text);
	json_decref(o);
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct explain_opts *o = data;
	auto_inventory struct inventory inv = { 0 };
	struct proof p = { .inv = &inv };

	if (strcmp(operands[0], "vip"))
		return err_set(err, ERR_USAGE, "there is no explanation of '%s': expected vip", operands[0]);
	if (inventory_load(o->config ? o->config : "hactl.yaml", &inv, err) < 0)
		return -1;
	if (inv.vip.provider == INV_VIP_NONE)
		return err_set(err, ERR_CONFIG, "vip.provider of %s is none: what a balancer of somebody else does is not hactl's to tell", inv.path);
	if (inv.vip.provider == INV_VIP_KUBE_VIP)
		return err_set(err, ERR_FAILED, "kube-vip carries the virtual IP of %s: it follows a lease of 5 s, and moves in 6 to 12 s, or in 1 s "
			       "when it is stopped itself; there is no arithmetic to prove, but 'hactl drill' measures it", inv.path);
	p.n = inv.ncontrol_plane;
	p.t = steps_vrrp_timing(&inv, inv.vip.password ? 2 : 3);
	if (o->output == RUN_JSON) {
		print_json(&p);
		return 0;
	}
	print_settings(&p);
	print_priorities(&p);
	print_events(&p);
	if (o->all)
		print_combinations(&p);
	print_verdict(&p);
	return 0;
}

const struct cli_cmd config_explain = {
	.name = "explain",
	.summary = "prove that the virtual IP ends up with a healthy node, and predict what each failure costs",
	.description =
		"explain vip prints the settings that hactl.yaml means, the priorities that follow from them, and for each "
		"event at the holder who takes over and for how long the API is gone.  No node is asked: where a node's "
		"keepalived is older than 2.0, version 2 of VRRP is used, whose adverts are a second apart.  With -o json the "
		"events are there for every holder, and every combination of up to two failures.",
	.examples = "hactl config explain vip\nhactl config explain vip --all",
	.operands = "vip",
	.min_operands = 1,
	.max_operands = 1,
	.opts = opts,
	.opts_size = sizeof(struct explain_opts),
	.run = run,
};
