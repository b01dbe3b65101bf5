/* What the nodes' trying means. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "steps/probe.h"

/* etcd's documentation ("What does the etcd warning ... mean?", "Hardware recommendations"). */
#define SLOW_WRITE_MS 10
/* Its election timeout: a leader that writes so slowly loses its place each time. */
#define AWFUL_WRITE_MS 1000
#define ENOUGH_WRITES 20

/* ---- single answers ---- */

static enum probe_result result_of(const char *word)
{
	return !strcmp(word, "ok") ? PROBE_OPEN : !strcmp(word, "refused") ? PROBE_REFUSED : !strcmp(word, "timeout") ? PROBE_SILENT : PROBE_ERROR;
}

static enum probe_result opened(const struct steps_probe *p, const char *address, int port)
{
	char want[80];
	size_t len = (size_t)snprintf(want, sizeof(want), "%s %d ", address, port);

	for (size_t i = 0; i < p->opened.n; i++)
		if (!strncmp(p->opened.v[i], want, len))
			return result_of(p->opened.v[i] + len);
	return PROBE_NOT_MADE;
}

static bool made(const struct steps_node *n)
{
	return n->probe && !n->probe->why_not;
}

/* Was there somebody to answer: the helper, or the program whose port it is? */
static bool listened(const struct steps_node *n, int port)
{
	const struct strs *l = &n->probe->listening;

	if (facts_listener(&n->facts, port))
		return true;
	for (size_t i = 0; i < l->n; i++)
		if (strtol(l->v[i], NULL, 10) == port)
			return false;
	return made(n);
}

enum probe_result steps_probe_port(const struct steps_node *from, const struct steps_node *to, int port)
{
	enum probe_result r;

	if (!made(from) || !to->probe || !to->address)
		return PROBE_NOT_MADE;
	r = opened(from->probe, to->address, port);
	return r > PROBE_OPEN && !listened(to, port) ? PROBE_NOT_MADE : r;
}

enum probe_result steps_probe_vrrp(const struct steps_node *from, const struct steps_node *to)
{
	if (from == to || !from->inv->control_plane || !to->inv->control_plane || !steps_uses_keepalived(from->run) || !made(from) ||
	    !made(to) || !from->probe->speaks_vrrp || !to->probe->speaks_vrrp)
		return PROBE_NOT_MADE;
	for (size_t i = 0; i < to->probe->heard.n; i++)
		if (facts_same_address(to->probe->heard.v[i], from->address))
			return PROBE_OPEN;
	return PROBE_SILENT;
}

enum probe_result steps_probe_endpoint(const struct steps_node *from)
{
	const struct inventory *inv = from->run->inv;

	return made(from) ? opened(from->probe, inv->vip.address ? inv->vip.address : inv->endpoint_host, inv->endpoint_port) : PROBE_NOT_MADE;
}

/* ---- ports ---- */

static const char *word_of(enum probe_result r)
{
	return r == PROBE_REFUSED ? "refused on the way" : r == PROBE_SILENT ? "no answer" : "no way there";
}

/* The nodes whose connections to a port of `to` failed alike; caller frees. */
static char *failing(const struct steps_run *run, const struct steps_node *to, int port, enum probe_result how)
{
	auto_strs struct strs from = STRS_INIT;

	for (size_t i = 0; i < run->n; i++) {
		int ports[PROBE_PORTS];
		size_t n = steps_probe_ports(&run->nodes[i], to, ports);

		for (size_t p = 0; p < n; p++)
			if (ports[p] == port && steps_probe_port(&run->nodes[i], to, port) == how)
				strs_add(&from, run->nodes[i].inv->name);
	}
	return strs_join(&from, ", ");
}

static void judge_port(struct steps_run *run, const struct steps_node *to, int port)
{
	for (enum probe_result how = PROBE_REFUSED; how <= PROBE_ERROR; how++) {
		auto_free char *from = failing(run, to, port, how);
		auto_free char *fix = NULL;

		if (!*from)
			continue;
		if (asprintf(&fix, "let TCP %d through in the firewalls between them (or kubeadm.ignorePreflightErrors: [Network])", port) < 0)
			abort();
		plan_problem(&run->plan, to->inv->name, fix, "its TCP port %d cannot be reached from %s: %s", port, from, word_of(how));
	}
}

static void judge_ports(struct steps_run *run)
{
	const int ports[PROBE_PORTS] = { run->kubeadm.bind_port, 2379, 2380, 10250, run->inv->endpoint_port };

	size_t n = PROBE_PORTS - (run->inv->endpoint_port == run->kubeadm.bind_port);

	for (size_t i = 0; i < run->n; i++)
		for (size_t p = 0; p < n; p++)
			judge_port(run, &run->nodes[i], ports[p]);
}

/* ---- VRRP ---- */

static void judge_protocol(struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++) {
		auto_strs struct strs from = STRS_INIT;

		for (size_t j = 0; j < run->n; j++)
			if (steps_probe_vrrp(&run->nodes[j], &run->nodes[i]) == PROBE_SILENT)
				strs_add(&from, run->nodes[j].inv->name);
		auto_free char *list = strs_join(&from, ", ");

		if (from.n)
			plan_problem(&run->plan, run->nodes[i].inv->name, "let IP protocol 112 through in the firewalls between them, or every node will hold the VIP",
				     "VRRP (IP protocol 112) from %s does not get through to it", list);
	}
}

static bool is_ours(const struct steps_run *run, const char *address)
{
	for (size_t i = 0; i < run->inv->nnodes; i++)
		if (facts_same_address(run->inv->nodes[i].address, address))
			return true;
	for (size_t i = 0; i < run->n; i++) {
		const struct steps_node *n = &run->nodes[i];

		if ((n->address && facts_same_address(n->address, address)) || (steps_seen(n) && facts_addr(&n->facts, address)))
			return true;
	}
	return false;
}

/* Router IDs that anybody speaks for where the nodes are. */
static void note_ids(const struct steps_run *run, bool used[256])
{
	for (size_t i = 0; i < run->n; i++)
		for (size_t v = 0; run->nodes[i].probe && v < run->nodes[i].probe->vrrp.n; v++) {
			int id;

			if (sscanf(run->nodes[i].probe->vrrp.v[v], "%*s %d", &id) == 1 && id > 0 && id < 256)
				used[id] = true;
		}
}

static int free_id(const struct steps_run *run)
{
	bool used[256] = { false };
	int id = run->inv->vip.virtual_router_id;

	note_ids(run, used);
	used[id] = true;
	for (int i = 0; i < 255 && used[id]; i++)
		id = id % 255 + 1;
	return id;
}

/* Two clusters with one router ID on a network take each other's adverts for their own. */
static void judge_router_id(struct steps_run *run)
{
	auto_strs struct strs told = STRS_INIT;

	for (size_t i = 0; i < run->n; i++)
		for (size_t v = 0; run->nodes[i].probe && v < run->nodes[i].probe->vrrp.n; v++) {
			char from[64] = "";
			auto_free char *fix = NULL;
			int id = 0;

			if (sscanf(run->nodes[i].probe->vrrp.v[v], "%63s %d", from, &id) != 2 ||
			    id != run->inv->vip.virtual_router_id || is_ours(run, from) || strs_has(&told, from))
				continue;
			strs_add(&told, from);
			if (asprintf(&fix, "give this cluster another one: vip.virtualRouterID: %d is not heard there", free_id(run)) < 0)
				abort();
			plan_problem(&run->plan, run->nodes[i].inv->name, fix,
				     "hears VRRP adverts of virtual router ID %d from %s, which is no node of this cluster", id, from);
		}
}

/* ---- the rest ---- */

static void judge_endpoint(struct steps_run *run)
{
	auto_strs struct strs from = STRS_INIT;

	for (size_t i = 0; i < run->n; i++)
		if (steps_probe_endpoint(&run->nodes[i]) > PROBE_OPEN)
			strs_add(&from, run->nodes[i].inv->name);
	auto_free char *list = strs_join(&from, ", ");

	if (from.n && run->api && !run->direct)
		plan_problem(&run->plan, from.n == 1 ? list : NULL, "see the routes and firewalls on the way there",
			     "the endpoint %s answers here, but cannot be reached from %s", run->inv->endpoint,
			     from.n == 1 ? "the node" : list);
}

/* Slow disks make etcd slow, and only the slowest are reason enough not to begin. */
static void judge_disk(struct steps_node *n)
{
	const struct steps_probe *p = n->probe;

	if (!p || !p->writes)
		return;
	if (p->write_p99_ms > AWFUL_WRITE_MS && p->writes >= ENOUGH_WRITES)
		plan_problem(&n->run->plan, n->inv->name, "give /var/lib/etcd a disk of its own, best an SSD",
			     "etcd's disk is too slow: one write in a hundred takes %.0f ms or more until it is on the disk", p->write_p99_ms);
	else if (p->write_p99_ms > SLOW_WRITE_MS)
		plan_warn(&n->run->plan, n->inv->name, "etcd's disk is slow: one write in a hundred takes %.0f ms or more, etcd wants less than %d (median %.1f ms, %d writes)",
			  p->write_p99_ms, SLOW_WRITE_MS, p->write_ms, p->writes);
}

static void judge_missing(struct steps_node *n)
{
	if (!n->probe)
		return;
	if (n->probe->why_not)
		plan_warn(&n->run->plan, n->inv->name, "ports and protocol 112 to and from it were not checked: %s", n->probe->why_not);
	else if (!n->probe->speaks_vrrp && n->inv->control_plane && steps_uses_keepalived(n->run))
		plan_warn(&n->run->plan, n->inv->name, "whether VRRP (IP protocol 112) gets through was not checked: no socket for it");
	if (n->inv->control_plane && !n->run->kubeadm.external_etcd && !n->probe->writes)
		plan_warn(&n->run->plan, n->inv->name, "the speed of etcd's disk was not checked: no write to it ended in time");
}

void steps_judge_probes(struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++) {
		judge_missing(&run->nodes[i]);
		judge_disk(&run->nodes[i]);
	}
	judge_ports(run);
	if (steps_uses_keepalived(run)) {
		judge_protocol(run);
		judge_router_id(run);
	}
	judge_endpoint(run);
}
