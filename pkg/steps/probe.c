/* Runs the trying on all nodes at once. */
#define _GNU_SOURCE
#include "steps/probe.h"

#include <stdio.h>
#include <string.h>

#include "pki/pki.h"
#include "tmpl/tmpl.h"

#define KUBELET_PORT 10250
#define ETCD_PORT 2379
#define ETCD_PEER_PORT 2380
#define MAX_LINES 4096 /* that a node may report of one kind */
/* Three adverts of VRRP's usual second; the second time nodes that start late are waited for. */
#define FIRST_MS 3500
#define SECOND_MS 8000
#define SLACK_MS 15000 /* for a busy node to start and to tell */

struct attempt {
	struct steps_node *node;
	const char *word;
	int window_ms;
	bool started;
	pthread_t thread;
};

void steps_probe_free(struct steps_probe *p)
{
	if (!p)
		return;
	free(p->why_not);
	strs_release(&p->listening);
	strs_release(&p->opened);
	strs_release(&p->heard);
	strs_release(&p->vrrp);
	free(p);
}

size_t steps_probe_ports(const struct steps_node *from, const struct steps_node *to, int ports[PROBE_PORTS])
{
	const struct kubeadm_facts *k = &from->run->kubeadm;
	size_t n = 0;

	if (from == to)
		return 0;
	if (to->inv->control_plane)
		ports[n++] = k->bind_port;
	if (to->inv->control_plane && from->inv->control_plane && !k->external_etcd) {
		ports[n++] = ETCD_PORT;
		ports[n++] = ETCD_PEER_PORT;
	}
	if (from->inv->control_plane)
		ports[n++] = KUBELET_PORT;
	/* that the VIP leads to, whoever holds it */
	if (to->inv->control_plane && steps_uses_haproxy(from->run) && from->run->inv->endpoint_port != k->bind_port)
		ports[n++] = from->run->inv->endpoint_port;
	return n;
}

/* ---- what a node is told to do ---- */

/* What it must offer to anybody. */
static void list_own_ports(const struct steps_node *n, struct strs *out)
{
	for (size_t i = 0; i < n->run->n; i++) {
		int ports[PROBE_PORTS];
		size_t count = steps_probe_ports(&n->run->nodes[i], n, ports);

		for (size_t p = 0; p < count; p++) {
			char text[16];

			snprintf(text, sizeof(text), "%d", ports[p]);
			if (!strs_has(out, text))
				strs_add(out, text);
		}
	}
}

/* An endpoint that is a name is not tried: what it means is the node's matter. */
static const char *endpoint_address(const struct steps_run *run)
{
	const char *host = run->inv->vip.address ? run->inv->vip.address : run->inv->endpoint_host;

	return run->api && facts_same_address(host, host) ? host : NULL;
}

static void list_targets(const struct steps_node *n, struct strs *out)
{
	const struct steps_run *run = n->run;

	for (size_t i = 0; i < run->n; i++) {
		int ports[PROBE_PORTS];
		size_t count = steps_seen(&run->nodes[i]) ? steps_probe_ports(n, &run->nodes[i], ports) : 0;

		for (size_t p = 0; p < count; p++)
			strs_printf(out, "%s/%d", run->nodes[i].address, ports[p]);
	}
	if (endpoint_address(run))
		strs_printf(out, "%s/%d", endpoint_address(run), run->inv->endpoint_port);
}

static bool speaks_vrrp(const struct steps_node *n)
{
	return n->inv->control_plane && steps_uses_keepalived(n->run);
}

static void list_peers(const struct steps_node *n, struct strs *out)
{
	for (size_t i = 0; i < n->run->n && speaks_vrrp(n); i++) {
		const struct steps_node *peer = &n->run->nodes[i];

		if (peer != n && peer->inv->control_plane && steps_seen(peer))
			strs_add(out, peer->address);
	}
}

/* ---- what it told ---- */

static void keep(struct strs *l, const char *line)
{
	if (l->n < MAX_LINES)
		strs_add(l, line);
}

static void set_why(struct steps_probe *p, const char *why)
{
	free(p->why_not);
	p->why_not = why ? strdup(why) : NULL;
	if (why && !p->why_not)
		abort();
}

static void parse_line(struct steps_probe *p, const char *key, const char *value)
{
	if (!strcmp(key, "net_open"))
		keep(&p->opened, value);
	else if (!strcmp(key, "net_listen"))
		keep(&p->listening, value);
	else if (!strcmp(key, "net_heard"))
		keep(&p->heard, value);
	else if (!strcmp(key, "net_vrrp"))
		keep(&p->vrrp, value);
	else if (!strcmp(key, "net_error"))
		p->speaks_vrrp = false;
	else if (!strcmp(key, "net_none"))
		set_why(p, value);
	else if (!strcmp(key, "net_end"))
		set_why(p, NULL);
	else if (!strcmp(key, "disk") && sscanf(value, "%d %lf %lf", &p->writes, &p->write_ms, &p->write_p99_ms) != 3)
		p->writes = 0;
}

struct steps_probe *steps_probe_parse(const char *text)
{
	struct steps_probe *p = calloc(1, sizeof(*p));
	auto_free char *copy = strdup(text);

	if (!p || !copy)
		abort();
	p->speaks_vrrp = true;
	set_why(p, "the program that tries it ended early");
	for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
		char *eq = strchr(line, '=');

		if (!eq)
			continue;
		*eq = '\0';
		parse_line(p, line, eq + 1);
	}
	return p;
}

/* ---- all at once ---- */

static struct steps_probe *failed_probe(const char *why)
{
	struct steps_probe *p = steps_probe_parse("");

	set_why(p, why);
	return p;
}

static struct steps_probe *try_node(const struct attempt *a, struct err *err)
{
	struct steps_node *n = a->node;
	auto_strs struct strs ports = STRS_INIT, targets = STRS_INIT, peers = STRS_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	char seconds[16];

	list_own_ports(n, &ports);
	list_targets(n, &targets);
	list_peers(n, &peers);
	snprintf(seconds, sizeof(seconds), "%d.%d", a->window_ms / 1000, a->window_ms % 1000 / 100);
	const struct facts_addr *own = facts_addr(&n->facts, n->address);
	auto_free char *port_list = strs_join(&ports, ","), *target_list = strs_join(&targets, ","), *peer_list = strs_join(&peers, ",");
	const struct remote_var vars[] = {
		{ "perl", tmpl_text("netprobe.pl") }, { "python", tmpl_text("netprobe.py") }, { "seconds", seconds },
		{ "own", n->address }, { "interface", own ? own->interface : "" }, { "ports", port_list },
		{ "targets", target_list }, { "peers", peer_list }, { "word", a->word },
		{ "disk", n->inv->control_plane && !n->run->kubeadm.external_etcd && !n->probe ? "yes" : "no" }, { NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("probe.sh"), .vars = vars, .timeout_ms = a->window_ms + SLACK_MS };

	return remote_check(n->remote, &cmd, &res, err) < 0 ? NULL : steps_probe_parse(buf_str(&res.out));
}

/* The disk is tried once: its figures outlive the second round. */
static void *work(void *data)
{
	struct attempt *a = data;
	auto_err struct err err = ERR_INIT;
	struct steps_probe *old = a->node->probe, *fresh = try_node(a, &err);

	if (!fresh)
		fresh = failed_probe(err.msg);
	if (old) {
		fresh->writes = old->writes;
		fresh->write_ms = old->write_ms;
		fresh->write_p99_ms = old->write_p99_ms;
	}
	a->node->probe = fresh;
	steps_probe_free(old);
	return NULL;
}

static void start(struct attempt *a)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	a->started = pthread_create(&a->thread, &attr, work, a) == 0;
	pthread_attr_destroy(&attr);
	if (!a->started)
		work(a);
}

static void try_all(struct steps_run *run, const char *word, int window_ms)
{
	struct attempt *all = calloc(run->n + 1, sizeof(*all));

	if (!all)
		abort();
	for (size_t i = 0; i < run->n; i++) {
		all[i] = (struct attempt){ .node = &run->nodes[i], .word = word, .window_ms = window_ms };
		if (steps_seen(&run->nodes[i]))
			start(&all[i]);
	}
	for (size_t i = 0; i < run->n; i++)
		if (all[i].started)
			pthread_join(all[i].thread, NULL);
	free(all);
}

static bool pair_failed(const struct steps_node *from, const struct steps_node *to)
{
	int ports[PROBE_PORTS];
	size_t n = steps_probe_ports(from, to, ports);

	for (size_t i = 0; i < n; i++)
		if (steps_probe_port(from, to, ports[i]) > PROBE_OPEN)
			return true;
	return steps_probe_vrrp(from, to) > PROBE_OPEN;
}

static bool some_pair_failed(const struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++)
		for (size_t j = 0; j < run->n; j++)
			if (pair_failed(&run->nodes[i], &run->nodes[j]))
				return true;
	return false;
}

/* Nodes that do not start at the same moment may miss each other once. */
void steps_try_network(struct steps_run *run)
{
	char word[17];
	auto_err struct err err = ERR_INIT;

	if (pki_random_text(word, 16, &err) < 0)
		return;
	try_all(run, word, FIRST_MS);
	if (some_pair_failed(run) && !plan_stopped(&run->plan))
		try_all(run, word, SECOND_MS);
}
