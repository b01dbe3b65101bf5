/* What is well now, and would take the cluster down, or will. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ha/ha.h"
#include "status/status.h"

#define SOON_DAYS 30
#define DAY 86400
/* etcd's default quota is 2 GiB; beyond it every write fails. */
#define DB_LARGE (3LL << 29)

bool status_is_ca(const struct status_cert *c)
{
	size_t len = strlen(c->name);

	return len >= 6 && !strcmp(c->name + len - 6, "ca.crt");
}

const struct status_cert *status_first_cert(const struct status_node *n)
{
	const struct status_cert *first = NULL;

	for (size_t i = 0; i < n->ncerts; i++)
		if (!first || n->certs[i].expires < first->expires)
			first = &n->certs[i];
	return first;
}

const struct status_cert *status_first_of_all(const struct status *st, const struct status_node **whose)
{
	const struct status_cert *first = NULL;

	for (size_t i = 0; i < st->n; i++) {
		const struct status_cert *c = status_first_cert(&st->nodes[i]);

		if (!c || (first && c->expires >= first->expires))
			continue;
		first = c;
		*whose = &st->nodes[i];
	}
	return first;
}

static void risk_certs(struct status *st)
{
	const struct status_node *whose = NULL;
	const struct status_cert *c = status_first_of_all(st, &whose);
	int64_t days = c ? (c->expires - st->now) / DAY : 0;

	if (c && c->expires > st->now && days < SOON_DAYS)
		strs_printf(&st->risks, "%s: the certificate of %s expires in %lld day%s: the cluster stops then", whose->inv->name,
			    c->name, (long long)days, days == 1 ? "" : "s");
}

/* ---- the control plane ---- */

static void risk_numbers(struct status *st)
{
	int n = st->voting ? st->voting : (int)st->inv->ncontrol_plane;
	int survives = status_survives(st);
	const char *advice = ha_advice(n);

	if (advice)
		strs_printf(&st->risks, "control plane: %s", advice);
	else if (st->voting && survives == 0)
		strs_printf(&st->risks, "etcd: %d of %d members answer: one failure more stops the cluster", st->running, st->voting);
}

static void risk_balancer(struct status *st)
{
	if (!status_has_vip(st))
		strs_printf(&st->risks, "endpoint: everything goes through the balancer at %s, which hactl does not see; is it more than one machine?",
			    st->inv->endpoint);
}

static void risk_keepalived(struct status *st)
{
	const char *last = NULL;
	int active = 0;

	for (size_t i = 0; i < st->n; i++) {
		const struct status_node *n = &st->nodes[i];

		if (n->ssh.answer != STATUS_OK || !n->inv->control_plane)
			continue;
		if (n->step->facts.keepalived_active && ++active)
			last = n->inv->name;
		if (n->keepalived_conf == STATUS_CONF_DIFFERS)
			strs_printf(&st->risks, "%s: its keepalived is not configured as hactl would; 'hactl apply --dry-run' shows the difference", n->inv->name);
		else if (n->keepalived_conf == STATUS_CONF_FOREIGN || n->keepalived_conf == STATUS_CONF_MISSING)
			strs_printf(&st->risks, "%s: %s", n->inv->name, n->keepalived_conf == STATUS_CONF_MISSING ?
				    "it has no keepalived.conf; 'hactl apply' writes it" :
				    "its keepalived.conf is somebody else's: whether the VIP fails over is not known");
		if (n->step->facts.keepalived_active && !n->step->facts.keepalived_enabled)
			strs_printf(&st->risks, "%s: keepalived will not start with the machine; 'systemctl enable keepalived'", n->inv->name);
	}
	if (active == 1 && st->inv->ncontrol_plane > 1)
		strs_printf(&st->risks, "the VIP: keepalived runs on %s alone, nobody would take over", last);
}

/* A node that was taken out of hactl.yaml, but not out of the cluster. */
static void risk_strangers(struct status *st)
{
	for (size_t i = 0; i < st->listed.n; i++) {
		const struct kube_node *k = &st->listed.v[i];

		if (k->control_plane && !inventory_node(st->inv, k->name))
			strs_printf(&st->risks, "%s: is a control-plane node that %s does not name: nobody looks after it%s", k->name, st->inv->path,
				    steps_uses_keepalived(st->run) ?
				    ", and a keepalived that hactl wrote there once may take the VIP; 'systemctl disable --now keepalived' on it when it has left" : "");
	}
}

static void risk_haproxy(struct status *st)
{
	for (size_t i = 0; i < st->n; i++) {
		const struct status_node *n = &st->nodes[i];
		const struct facts *f = &n->step->facts;

		if (n->ssh.answer == STATUS_OK && n->inv->control_plane && f->haproxy_active && !f->haproxy_enabled)
			strs_printf(&st->risks, "%s: HAProxy will not start with the machine; 'systemctl enable haproxy'", n->inv->name);
	}
}

/* ---- kubelets that would go down with one node ---- */

/* "https://10.0.0.9:6443/x" -> "10.0.0.9"; caller frees. */
static char *host_of(const char *url)
{
	const char *at = strstr(url, "://");
	size_t len;
	char *host;

	at = at ? at + 3 : url;
	len = *at == '[' ? strcspn(++at, "]") : strcspn(at, ":/");
	host = strndup(at, len);
	if (!host)
		abort();
	return host;
}

static void risk_kubelets(struct status *st)
{
	for (size_t i = 0; i < st->n; i++) {
		const struct status_node *n = &st->nodes[i];
		auto_free char *host = host_of(n->kubelet_server ? n->kubelet_server : "");

		if (*host && strcasecmp(host, st->inv->endpoint_host) && !facts_same_address(host, st->inv->endpoint_host))
			strs_printf(&st->risks, "%s: its kubelet speaks to %s, not to the endpoint %s: it is lost with that machine",
				    n->inv->name, n->kubelet_server, st->inv->endpoint);
	}
}

/* ---- machines below the machines ---- */

/* Words that makers write where a serial number should be. */
static bool says_nothing(const char *id)
{
	static const char *const words[] = { "", "0", "None", "Not Specified", "Not Available", "Default string", "System Serial Number",
					     "To Be Filled By O.E.M.", "To be filled by O.E.M.", "N/A", "Unknown", NULL };

	for (const char *const *w = words; *w; w++)
		if (!strcasecmp(id, *w))
			return true;
	return false;
}

static bool same_host(const struct status_node *a, const struct status_node *b)
{
	for (int i = 0; i < 4; i++)
		if (a->hosts[i] && b->hosts[i] && !says_nothing(a->hosts[i]) && !strcmp(a->hosts[i], b->hosts[i]))
			return true;
	return false;
}

/* Control-plane nodes that share first's machine, first among them; names are added. */
static int count_neighbours(const struct status *st, size_t first, struct strs *names)
{
	int n = 0;

	for (size_t i = 0; i < st->n; i++) {
		if (!st->nodes[i].inv->control_plane || (i != first && !same_host(&st->nodes[first], &st->nodes[i])))
			continue;
		if (i < first)
			return 0; /* told there */
		n++;
		strs_add(names, st->nodes[i].inv->name);
	}
	return n;
}

static void risk_hosts(struct status *st)
{
	int all = (int)st->inv->ncontrol_plane;

	for (size_t i = 0; i < st->n; i++) {
		auto_strs struct strs names = STRS_INIT;
		int n = st->nodes[i].inv->control_plane ? count_neighbours(st, i, &names) : 0;
		auto_free char *list = strs_join(&names, ", ");

		if (n > 1 && n > ha_survives(all))
			strs_printf(&st->risks, "machines: %s run on one machine: the cluster stops with it", list);
	}
}

/* ---- the rest ---- */

static void risk_workers(struct status *st)
{
	size_t workers = st->inv->nnodes - st->inv->ncontrol_plane;

	if (st->inv->schedulable)
		return;
	if (!workers)
		strs_printf(&st->risks, "workers: there are none, and schedulable is false: ordinary pods run nowhere");
	else if (workers == 1)
		strs_printf(&st->risks, "workers: %s is the only node that ordinary pods run on", st->inv->nodes[st->inv->ncontrol_plane].name);
}

static void risk_etcd(struct status *st)
{
	for (size_t i = 0; i < st->n; i++) {
		const struct status_node *n = &st->nodes[i];

		if (n->etcd_reply.answer == STATUS_OK && n->etcd.db_size > DB_LARGE)
			strs_printf(&st->risks, "%s: etcd's database has %lld MiB: at its quota (2 GiB unless set) all writes fail; compact and defragment it",
				    n->inv->name, (long long)(n->etcd.db_size >> 20));
	}
}

void status_judge_risks(struct status *st)
{
	risk_numbers(st);
	risk_balancer(st);
	if (steps_uses_keepalived(st->run))
		risk_keepalived(st);
	if (steps_uses_haproxy(st->run))
		risk_haproxy(st);
	risk_strangers(st);
	risk_kubelets(st);
	risk_hosts(st);
	risk_workers(st);
	risk_certs(st);
	risk_etcd(st);
}
