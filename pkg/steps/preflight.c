/* Everything that would go wrong, found before anything is changed: every problem of every node. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ha/ha.h"
#include "steps/probe.h"
#include "steps/steps.h"

#define MAX_SKEW_MS 2000

/* kubeadm's names, compared as it does: without case. */
static bool ignored(const struct steps_run *run, const char *name)
{
	const struct strs *l = &run->inv->kubeadm.ignore_preflight_errors;

	for (size_t i = 0; i < l->n; i++)
		if (!strcasecmp(l->v[i], name) || !strcasecmp(l->v[i], "all"))
			return true;
	return false;
}

#define PROBLEM(n, fix, ...) plan_problem(&(n)->run->plan, (n)->inv->name, fix, __VA_ARGS__)

static bool os_is(const struct facts *f, const char *id)
{
	const char *at = strcasestr(f->os_id, id);

	return at != NULL;
}

char *steps_install_command(const struct facts *f, const char *package)
{
	const char *tool = os_is(f, "debian") || os_is(f, "ubuntu") ? "apt-get install -y" :
			   os_is(f, "suse") ? "zypper --non-interactive install" :
			   os_is(f, "fedora") || os_is(f, "rhel") ? "dnf install -y" : NULL;
	char *out;

	/* yum is all that the 7th generation of Red Hat's family has */
	if (tool && os_is(f, "rhel") && strstr(f->os, " 7"))
		tool = "yum install -y";
	if ((tool ? asprintf(&out, "%s %s", tool, package) :
		    asprintf(&out, "install the package %s", package)) < 0)
		abort();
	return out;
}

static void check_programs(struct steps_node *n)
{
	const struct facts *f = &n->facts;
	const struct {
		const char *name, *version;
		bool needed;
	} programs[] = {
		{ "keepalived", f->keepalived, n->inv->control_plane && steps_uses_keepalived(n->run) },
		{ "haproxy", f->haproxy, n->inv->control_plane && steps_uses_haproxy(n->run) },
		{ "kubeadm", f->kubeadm_text, true },
		{ "kubelet", f->kubelet, true },
	};

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		auto_free char *command = steps_install_command(f, programs[i].name);
		auto_free char *fix = NULL;

		if (*programs[i].version || !programs[i].needed || (n->run->opt.install && n->run->plan.dry_run))
			continue;
		if (asprintf(&fix, "%s (or run hactl with --install)", command) < 0)
			abort();
		PROBLEM(n, fix, "%s is not installed", programs[i].name);
	}
	if (!f->curl && n->inv->control_plane && steps_uses_keepalived(n->run))
		plan_warn(&n->run->plan, n->inv->name, "curl is not installed, so keepalived's check sees an API server that stopped, "
			  "but not %s, nor that it is cut off", steps_uses_haproxy(n->run) ? "a HAProxy that hangs" : "every one that hangs");
	if (!f->systemd)
		PROBLEM(n, "boot it with systemd", "systemd does not run");
	if (!f->cri_socket && !n->run->kubeadm.cri_socket && !ignored(n->run, "CRI"))
		PROBLEM(n, "install and start containerd or CRI-O",
			"no container runtime: none of its usual sockets is there");
}

static void check_ports(struct steps_node *n)
{
	const int ports[] = { 10250, n->run->kubeadm.bind_port, 10257, 10259, 2379, 2380 };
	size_t count = n->inv->control_plane ? 6 : 1;
	char name[32];

	if (n->run->kubeadm.external_etcd && count > 4)
		count = 4;
	for (size_t i = 0; i < count; i++) {
		const char *who = facts_listener(&n->facts, ports[i]);

		snprintf(name, sizeof(name), "Port-%d", ports[i]);
		if (who && !ignored(n->run, name))
			PROBLEM(n, "stop it, or let it use another port", "port %d is taken by %s%s%s",
				ports[i], *who ? "'" : "", *who ? who : "another program", *who ? "'" : "");
	}
}

/* What an earlier kubeadm left, and the name under which kubeadm would complain of it. */
static const char *remains_of(const struct steps_node *n, const char **check)
{
	const struct facts *f = &n->facts;

	*check = "FileAvailable--etc-kubernetes-kubelet.conf";
	if (f->has_kubelet_conf)
		return "/etc/kubernetes/kubelet.conf";
	*check = "DirAvailable--etc-kubernetes-manifests";
	if (*f->manifests && !(steps_uses_kube_vip(n->run) && !strcmp(f->manifests, "kube-vip.yaml ")))
		return "/etc/kubernetes/manifests";
	*check = "DirAvailable--var-lib-etcd";
	if (f->has_etcd_data && n->inv->control_plane && !n->run->kubeadm.external_etcd)
		return "/var/lib/etcd";
	return NULL;
}

/* The name that the cluster has for a machine of this address, or NULL. */
static const char *other_name(const struct steps_node *n)
{
	for (size_t i = 0; i < n->run->members.n; i++)
		if (facts_same_address(n->run->members.v[i].internal_ip, n->address))
			return n->run->members.v[i].name;
	return NULL;
}

/* Only where it is certain that the node is no member: the advice would take a member apart. */
static void check_remains(struct steps_node *n)
{
	const char *check, *what = remains_of(n, &check);

	if (!what || ignored(n->run, check))
		return;
	if (n->run->api && n->facts.has_kubelet_conf)
		PROBLEM(n, "if it may be emptied, run 'kubeadm reset' on it",
			"%s is there, but the cluster behind %s does not know this node", what,
			n->run->inv->endpoint);
	else
		PROBLEM(n, "if it may be emptied, run 'kubeadm reset' on it",
			"%s holds the remains of another cluster", what);
}

/* Becomes the node's own address in the cluster, and the API server's. */
static void check_address(struct steps_node *n)
{
	if (!facts_addr(&n->facts, n->address))
		PROBLEM(n, "write the address that the node itself has in hactl.yaml",
			"no interface carries the address %s", n->address);
}

/* known: addresses with a space behind each */
static bool is_among(const char *address, const char *known)
{
	auto_free char *copy = strdup(known);

	if (!copy)
		abort();
	for (char *rest = copy, *one; (one = strsep(&rest, " "));)
		if (facts_same_address(one, address))
			return true;
	return false;
}

/* A name for the VIP must be known to every node, and be the VIP. */
static void check_endpoint(struct steps_node *n)
{
	const struct inventory *inv = n->run->inv;
	const char *known = n->facts.endpoint_addresses;

	if (known && !*known)
		PROBLEM(n, "add it to the DNS or to /etc/hosts", "the endpoint's name '%s' is not known there",
			inv->endpoint_host);
	else if (known && steps_uses_keepalived(n->run) && !is_among(inv->vip.address, known))
		PROBLEM(n, "correct the name, or vip.address in hactl.yaml",
			"the endpoint's name '%s' is %snot the VIP %s there", inv->endpoint_host, known,
			inv->vip.address);
}

/* What only matters as long as the node is no member. */
static void check_newcomer(struct steps_node *n)
{
	const char *name = n->facts.has_kubelet_conf ? other_name(n) : NULL;

	if (!n->run->cluster_known && (n->facts.has_kubelet_conf || *n->facts.manifests))
		return; /* it may well be a member */
	if (name) {
		PROBLEM(n, "write that name in hactl.yaml", "the cluster calls this node '%s'", name);
		return;
	}
	check_address(n);
	check_endpoint(n);
	if (n->facts.swaps && !ignored(n->run, "Swap"))
		PROBLEM(n, "swapoff -a, and take it out of /etc/fstab", "swap is on");
	if (n->facts.begun)
		return; /* hactl's own unfinished work: it is cleaned before it is done again */
	check_ports(n);
	check_remains(n);
}

/* The address that the VIP joins on its interface. */
const struct facts_addr *steps_vip_neighbour(const struct steps_node *n)
{
	const struct inventory *inv = n->run->inv;

	if (!inv->vip.interface)
		return facts_addr(&n->facts, n->address);
	for (size_t i = 0; i < n->facts.naddrs; i++) {
		const struct facts_addr *a = &n->facts.addrs[i];

		if (!strcmp(a->interface, inv->vip.interface) && !facts_same_address(a->address, inv->vip.address) &&
		    (inv->vip.prefix || facts_same_subnet(a->address, inv->vip.address, a->prefix)))
			return a;
	}
	return NULL;
}

/* The second VIP goes to the same interface. */
static void check_second_vip(struct steps_node *n)
{
	const struct inventory *inv = n->run->inv;
	const struct facts_addr *own = steps_vip_neighbour(n);
	const char *interface = inv->vip.interface ? inv->vip.interface : own ? own->interface : NULL;

	if (inv->vip.second && interface && !inv->vip.second_prefix && !steps_second_vip_neighbour(n, interface))
		PROBLEM(n, "give the interface one, or the VIP its own prefix length: vip.address: [..., ADDRESS/LEN]",
			"interface '%s' has no address in the subnet of the VIP %s", interface, inv->vip.second);
}

static void check_vip(struct steps_node *n)
{
	const struct inventory *inv = n->run->inv;
	const struct facts_addr *own = steps_vip_neighbour(n);

	if (!own && inv->vip.interface)
		PROBLEM(n, "correct vip.interface or vip.address in hactl.yaml",
			"interface '%s' has no address in the subnet of the VIP %s", inv->vip.interface,
			inv->vip.address);
	else if (own && !inv->vip.prefix && !facts_same_subnet(own->address, inv->vip.address, own->prefix))
		PROBLEM(n, "choose a VIP in that subnet, or give it with its own prefix length: vip.address: ADDRESS/LEN",
			"the VIP %s is not in the subnet of %s/%d on %s", inv->vip.address, own->address,
			own->prefix, own->interface);
}

/* Files of the names that hactl would write, by somebody else; "" for none.  Caller frees. */
char *steps_foreign_files(const struct steps_node *n)
{
	const struct facts *f = &n->facts;
	auto_strs struct strs l = STRS_INIT;

	if (f->has_keepalived_conf && !f->keepalived_conf_packaged && !ha_is_ours(buf_str(&f->keepalived_conf)))
		strs_add(&l, "keepalived.conf");
	if (f->has_check_script && !strstr(buf_str(&f->check_script), "\n# Written by hactl"))
		strs_add(&l, "check_apiserver.sh");
	return strs_join(&l, " ");
}

/* HAProxy's port, on members too: it may be asked for later. */
static void check_balancer(struct steps_node *n)
{
	int port = n->run->inv->endpoint_port;
	const char *who = facts_listener(&n->facts, port);

	if (who && strcmp(who, "haproxy"))
		PROBLEM(n, "stop it, or choose another port for the endpoint", "the endpoint's port %d is taken by '%s'",
			port, *who ? who : "another program");
	if (steps_foreign_haproxy(n) && !n->run->opt.force)
		PROBLEM(n, "--force replaces it and keeps a copy beside it",
			"/etc/haproxy/haproxy.cfg was written by somebody else");
}

static void check_foreign_files(struct steps_node *n)
{
	auto_free char *files = steps_foreign_files(n);

	if (*files && !n->run->opt.force)
		PROBLEM(n, "--force replaces it and keeps a copy beside it",
			"in /etc/keepalived, %s was written by somebody else", files);
}

/* A VIP that answers although none of our nodes carries it belongs to somebody else. */
static void check_free(struct steps_run *run, const char *vip, bool second)
{
	struct steps_node *asked = NULL;
	bool unknown = false;

	for (size_t i = 0; i < run->n; i++) {
		const struct facts *f = &run->nodes[i].facts;
		const char *answer = second ? f->second_vip_answers : f->vip_answers;

		if (!steps_seen(&run->nodes[i]))
			continue;
		if (facts_addr(f, vip))
			return;
		if (!strcmp(answer, "yes"))
			asked = &run->nodes[i];
		unknown |= !strcmp(answer, "unknown");
	}
	if (unknown && !asked)
		plan_warn(&run->plan, NULL, "whether the VIP %s is free was not checked everywhere: a node has no ping", vip);
	if (asked && !run->api)
		PROBLEM(asked, "choose a VIP that is free", "the VIP %s answers already, and none of the nodes holds it", vip);
}

static void check_vip_free(struct steps_run *run)
{
	check_free(run, run->inv->vip.address, false);
	if (run->inv->vip.second)
		check_free(run, run->inv->vip.second, true);
}

static void check_unique(struct steps_run *run)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct facts *a = &run->nodes[i].facts;

		for (size_t j = 0; j < i && steps_seen(&run->nodes[i]); j++) {
			const struct facts *b = &run->nodes[j].facts;

			if (!steps_seen(&run->nodes[j]))
				continue;
			if (!strcmp(a->hostname, b->hostname))
				PROBLEM(&run->nodes[i], "hostnamectl set-hostname NAME",
					"has the hostname of %s: '%s'", run->nodes[j].inv->name, a->hostname);
			if (*a->machine_id && !strcmp(a->machine_id, b->machine_id))
				PROBLEM(&run->nodes[i], "rm /etc/machine-id; systemd-machine-id-setup; reboot",
					"has the machine-id of %s; was one cloned from the other?",
					run->nodes[j].inv->name);
		}
	}
}

static int64_t clock_middle(const struct steps_node *n)
{
	return (n->facts.clock_early_ms + n->facts.clock_late_ms) / 2;
}

/* The node whose clock has as many before it as behind it. */
static struct steps_node *median_clock(struct steps_run *run)
{
	size_t seen = 0;

	for (size_t i = 0; i < run->n; i++)
		seen += steps_seen(&run->nodes[i]);
	for (size_t i = 0; i < run->n; i++) {
		int64_t mine = clock_middle(&run->nodes[i]);
		size_t before = 0, same = 0;

		for (size_t j = 0; j < run->n && steps_seen(&run->nodes[i]); j++) {
			before += steps_seen(&run->nodes[j]) && clock_middle(&run->nodes[j]) < mine;
			same += steps_seen(&run->nodes[j]) && clock_middle(&run->nodes[j]) == mine;
		}
		if (steps_seen(&run->nodes[i]) && before <= (seen - 1) / 2 && before + same > (seen - 1) / 2)
			return &run->nodes[i];
	}
	return NULL;
}

/* Offsets are known as intervals; a skew is one that holds however the true values lie. */
static void check_clocks(struct steps_run *run)
{
	const struct steps_node *m = median_clock(run);

	for (size_t i = 0; m && i < run->n; i++) {
		struct steps_node *n = &run->nodes[i];
		int64_t ahead = n->facts.clock_early_ms - m->facts.clock_late_ms;
		int64_t behind = m->facts.clock_early_ms - n->facts.clock_late_ms;

		if (steps_seen(n) && (ahead > MAX_SKEW_MS || behind > MAX_SKEW_MS))
			PROBLEM(n, "let chrony or systemd-timesyncd set it",
				"the clock is %.1f s %s that of %s",
				(double)(ahead > behind ? ahead : behind) / 1000,
				ahead > behind ? "ahead of" : "behind", m->inv->name);
	}
}

/* Members got theirs when they joined; one that lost a file stops working some day. */
static void check_member(struct steps_node *n)
{
	const struct steps_run *run = n->run;
	auto_strs struct strs differ = STRS_INIT;
	auto_free char *list = NULL;

	for (size_t i = 0; i < run->pki_names.n; i++) {
		const struct facts_file *ours = facts_pki(&run->seed->facts, run->pki_names.v[i]);
		const struct facts_file *its = facts_pki(&n->facts, run->pki_names.v[i]);

		if (ours && (!its || strcmp(ours->sha256, its->sha256)))
			strs_add(&differ, run->pki_names.v[i]);
	}
	list = strs_join(&differ, ", ");
	if (differ.n)
		plan_warn(&n->run->plan, n->inv->name, "its PKI is not that of %s (%s); 'hactl certs push %s' copies it",
			  run->seed->inv->name, list, n->inv->name);
}

const char *steps_left_carrier(const struct steps_node *n, const char **remedy)
{
	const struct facts *f = &n->facts;

	if (!steps_uses_keepalived(n->run) && f->keepalived_active && f->has_keepalived_conf && ha_is_ours(buf_str(&f->keepalived_conf))) {
		*remedy = "systemctl disable --now keepalived";
		return "hactl's keepalived still runs";
	}
	if (!steps_uses_kube_vip(n->run) && f->has_kube_vip && ha_is_ours(buf_str(&f->kube_vip))) {
		*remedy = "rm /etc/kubernetes/manifests/kube-vip.yaml";
		return "hactl's manifest of kube-vip is still there";
	}
	return NULL;
}

static void check_kube_vip(struct steps_node *n)
{
	const struct facts *f = &n->facts;
	const char *remedy, *left = steps_left_carrier(n, &remedy);

	if (left)
		PROBLEM(n, remedy, "%s, but vip.provider is another: both would carry a virtual IP", left);
	if (steps_uses_kube_vip(n->run) && f->has_kube_vip && !ha_is_ours(buf_str(&f->kube_vip)) && !n->run->opt.force)
		PROBLEM(n, "--force replaces it", "/etc/kubernetes/manifests/kube-vip.yaml was written by somebody else");
}

static void check_node(struct steps_node *n)
{
	bool vip = n->inv->control_plane && steps_carrier(n->run);

	check_programs(n);
	if (!steps_in_cluster(n))
		check_newcomer(n);
	else if (n->inv->control_plane && n != n->run->seed)
		check_member(n);
	if (vip) {
		check_vip(n);
		check_second_vip(n);
	}
	if (n->inv->control_plane)
		check_kube_vip(n);
	if (vip && steps_uses_keepalived(n->run))
		check_foreign_files(n);
	if (vip && steps_uses_haproxy(n->run))
		check_balancer(n);
}

static int look_preflight(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	for (size_t i = 0; i < run->n; i++)
		if (steps_seen(&run->nodes[i]) && (run->nodes[i].target || run->opt.only_seed))
			check_node(&run->nodes[i]);
	check_unique(run);
	check_clocks(run);
	if (steps_carrier(run) && run->cluster_known)
		check_vip_free(run);
	if (!ignored(run, "Network"))
		steps_judge_probes(run);
	if (!run->plan.nproblems)
		return 0;
	return err_set(err, ERR_FAILED, "%d problem%s found; nothing %swas changed", run->plan.nproblems,
		       run->plan.nproblems == 1 ? "" : "s", run->plan.changed ? "but packages " : "");
}

static bool is_trusted(const struct plan_node *p)
{
	return !steps_node(p)->run->untrusted;
}

/* It takes seconds, which only nodes that are to join are worth. */
static bool somebody_joins(const struct plan_node *p)
{
	const struct steps_run *run = steps_node(p)->run;

	for (size_t i = 0; i < run->n && is_trusted(p); i++)
		if (run->opt.probe_always ||
		    (steps_seen(&run->nodes[i]) && (run->nodes[i].target || run->opt.only_seed) && !steps_in_cluster(&run->nodes[i])))
			return true;
	return false;
}

static int look_probe(struct plan_node *p, bool *done, struct err *err)
{
	(void)err;
	*done = true;
	steps_try_network(steps_node(p)->run);
	return 0;
}

static const struct plan_step preflight_steps[] = {
	{ .name = "probe", .title = "network and disks", .applies = somebody_joins, .check = look_probe },
	{ .name = "preflight", .title = "checks", .applies = is_trusted, .check = look_preflight },
	{ .name = NULL },
};

/* The nodes that could be reached are checked even when others could not. */
const struct plan_phase steps_preflight = { .name = "preflight", .scope = PLAN_ONCE,
					    .steps = preflight_steps, .despite_failure = true };
