#define _GNU_SOURCE
#include "steps/steps.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/resolve.h"
#include "steps/probe.h"

#define RESOLVE_MS 10000
#define MAX_KUBEADM_CONFIG (4 << 20)

static int load_documents(struct steps_run *run, struct err *err)
{
	const char *path = run->inv->kubeadm.config;
	auto_buf struct buf text = BUF_INIT;

	if (!path)
		return 0;
	if (file_read(path, MAX_KUBEADM_CONFIG, &text, err) < 0) {
		err->kind = ERR_CONFIG;
		return err_wrap(err, "kubeadm.config of %s", run->inv->path);
	}
	run->documents = kubeadm_load(path, buf_str(&text), text.len, err);
	return run->documents ? 0 : -1;
}

/* What control-plane nodes share; kubeadm's "certificates" documentation lists them. */
static void list_pki(struct steps_run *run)
{
	static const char *const shared[] = { "ca.crt", "ca.key", "sa.key", "sa.pub",
					      "front-proxy-ca.crt", "front-proxy-ca.key", NULL };
	const struct kubeadm_facts *k = &run->kubeadm;
	const char *const etcd[] = { k->etcd_ca_file, k->etcd_cert_file, k->etcd_key_file };

	for (const char *const *name = shared; *name; name++)
		strs_add(&run->pki_names, *name);
	if (!k->external_etcd) {
		strs_add(&run->pki_names, "etcd/ca.crt");
		strs_add(&run->pki_names, "etcd/ca.key");
	}
	for (int i = 0; k->external_etcd && i < 3; i++)
		if (etcd[i])
			strs_add(&run->pki_names, etcd[i]);
}

/* keepalived moves an address, not a port: clients of the VIP meet the API server itself, or the
 * HAProxy that shares the node with it. */
static int check_port(const struct steps_run *run, struct err *err)
{
	const char *whose = run->inv->kubeadm.config ? run->inv->kubeadm.config : "kubeadm's default";
	bool equal = run->inv->endpoint_port == run->kubeadm.bind_port;

	if (run->inv->vip.provider == INV_VIP_NONE || equal != steps_uses_haproxy(run))
		return 0;
	if (equal)
		return err_set(err, ERR_CONFIG,
			       "HAProxy on the endpoint's port %d of %s and the API server (localAPIEndpoint.bindPort of %s) share the nodes and cannot share the port; use endpoint '%s:8443', or another bindPort",
			       run->kubeadm.bind_port, run->inv->path, whose, run->inv->endpoint_host);
	return err_set(err, ERR_CONFIG,
		       "the endpoint '%s' of %s has port %d, but the API servers listen on %d (localAPIEndpoint.bindPort of %s); behind a virtual IP both must be the same, unless loadBalancer is haproxy",
		       run->inv->endpoint, run->inv->path, run->inv->endpoint_port, run->kubeadm.bind_port, whose);
}

int steps_run_init(struct steps_run *run, const struct inventory *inv,
		   const struct steps_options *opt,
		   enum steps_part (*part)(const void *ctx, const struct inv_node *n), const void *ctx,
		   struct err *err)
{
	*run = (struct steps_run){ .inv = inv, .opt = *opt };
	pthread_mutex_init(&run->lock, NULL);
	if (load_documents(run, err) < 0)
		return -1;
	kubeadm_facts(run->documents, &run->kubeadm);
	if (check_port(run, err) < 0)
		return -1;
	list_pki(run);
	run->nodes = calloc(inv->nnodes + 1, sizeof(*run->nodes));
	run->plan_nodes = calloc(inv->nnodes + 1, sizeof(*run->plan_nodes));
	if (!run->nodes || !run->plan_nodes)
		abort();
	for (size_t i = 0; i < inv->nnodes; i++) {
		enum steps_part takes = part(ctx, &inv->nodes[i]);
		struct steps_node *n = &run->nodes[run->n];

		if (takes == STEPS_ABSENT)
			continue;
		*n = (struct steps_node){ .inv = &inv->nodes[i], .run = run, .stale = true,
					  .target = takes == STEPS_TARGET };
		run->plan_nodes[run->n++] = (struct plan_node){ .name = inv->nodes[i].name, .data = n };
	}
	run->plan.nodes = run->plan_nodes;
	run->plan.n = run->n;
	run->plan.mend = opt->reconnects ? steps_mend : NULL;
	return 0;
}

static void release_node(struct steps_node *n)
{
	facts_release(&n->facts);
	remote_close(n->remote);
	free(n->address);
	free(n->log_path);
	buf_wipe(&n->report);
	steps_probe_free(n->probe);
}

void steps_run_release(struct steps_run *run)
{
	steps_unlock(run);
	steps_release_peers(run);
	kube_close(run->api);
	kube_nodes_release(&run->members);
	for (size_t i = 0; i < run->n; i++)
		release_node(&run->nodes[i]);
	err_clear(&run->plan.first);
	for (size_t i = 0; i < STEPS_MAX_PKI; i++)
		buf_wipe(&run->pki[i].data);
	if (run->vrrp_password)
		explicit_bzero(run->vrrp_password, strlen(run->vrrp_password));
	free(run->vrrp_password);
	explicit_bzero(run->token, sizeof(run->token));
	buf_wipe(&run->admin_conf);
	buf_release(&run->ca_hash);
	kubeadm_free(run->documents);
	strs_release(&run->pki_names);
	free(run->nodes);
	free(run->plan_nodes);
	*run = (struct steps_run){ 0 };
}

int steps_facts(struct steps_node *n, struct err *err)
{
	const struct facts_ask ask = {
		.endpoint_host = n->run->inv->endpoint_host,
		.vip = steps_carrier(n->run) ? n->run->inv->vip.address : NULL,
		.second_vip = steps_carrier(n->run) ? n->run->inv->vip.second : NULL,
		.pki_dir = n->run->kubeadm.certificates_dir,
		.pki_files = &n->run->pki_names,
	};

	if (!n->stale)
		return 0;
	if (facts_gather(n->remote, &ask, &n->facts, err) < 0)
		return -1;
	n->stale = false;
	return 0;
}

bool steps_is_control_plane(const struct plan_node *n)
{
	return steps_node(n)->inv->control_plane;
}

bool steps_is_target(const struct plan_node *n)
{
	return steps_node(n)->target;
}

bool steps_in_cluster(const struct steps_node *n)
{
	return n->facts.has_kubelet_conf && n->listed;
}

bool steps_uses_keepalived(const struct steps_run *run)
{
	return run->inv->vip.provider == INV_VIP_KEEPALIVED;
}

const char *steps_carrier(const struct steps_run *run)
{
	return steps_uses_keepalived(run) ? "keepalived" : steps_uses_kube_vip(run) ? "kube-vip" : NULL;
}

bool steps_pause(const struct steps_run *run, struct clock_poll *poll)
{
	return !plan_stopped(&run->plan) && clock_poll_pause(poll);
}

bool steps_is_listed(struct steps_node *n)
{
	bool listed;

	pthread_mutex_lock(&n->run->lock);
	listed = n->listed;
	pthread_mutex_unlock(&n->run->lock);
	return listed;
}

/* keepalived's peers are of the VIP's family, and nobody else reaches a loopback address: Debian
 * gives a machine's own name 127.0.1.1. */
static bool is_usable(const struct addrinfo *a, const struct steps_run *run, const char *text)
{
	const char *vip = run->inv->vip.address;

	if (!strncmp(text, "127.", 4) || !strcmp(text, "::1"))
		return false;
	return !vip || (a->ai_family == AF_INET6) == (strchr(vip, ':') != NULL);
}

int steps_resolve(struct steps_node *n, struct err *err)
{
	struct addrinfo *list = NULL;
	char text[INET6_ADDRSTRLEN] = "";
	int rc = resolve(n->inv->address, NULL, clock_ms() + RESOLVE_MS, remote_interrupted, &list);

	if (rc && remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (rc)
		return err_set(err, ERR_CONNECT, "'%s' has no address: %s", n->inv->address, gai_strerror(rc));
	for (struct addrinfo *a = list; a && !n->address; a = a->ai_next) {
		bool numeric = getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0;

		if (numeric && (!strcmp(text, n->inv->address) || is_usable(a, n->run, text)))
			n->address = strdup(text);
	}
	freeaddrinfo(list);
	if (!n->address)
		return err_set(err, ERR_CONFIG, "'%s' is %s here, which other machines cannot use; write its address in %s",
			       n->inv->address, text, n->run->inv->path);
	return 0;
}

/* A node that is only asked, and cannot be, is done without. */
static int leave_out(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);

	if (n->target || n->run->untrusted)
		return -1;
	plan_warn(p->plan, p->name, "left out: %s", err->msg);
	err_clear(err);
	steps_lock_leave(n);
	remote_close(TAKE(n->remote));
	return 0;
}

static int look_connect(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	bool untrusted = false;

	*done = true;
	if (!n->address && steps_resolve(n, err) < 0)
		return leave_out(p, err);
	n->remote = n->run->opt.connect(n->run->opt.ctx, n->inv, n->address, &untrusted, err);
	if (untrusted)
		__atomic_store_n(&n->run->untrusted, true, __ATOMIC_RELAXED);
	return n->remote ? 0 : leave_out(p, err);
}

/* Where one host key was refused, nothing runs on any other node either. */
static bool is_connected(const struct plan_node *p)
{
	return steps_node(p)->remote && !steps_node(p)->run->untrusted;
}

static int look_facts(struct plan_node *p, bool *done, struct err *err)
{
	*done = true;
	return steps_facts(steps_node(p), err) < 0 ? leave_out(p, err) : 0;
}

static const struct plan_step connect_steps[] = {
	{ .name = "connect", .title = "connection", .check = look_connect },
	{ .name = NULL },
};

static const struct plan_step facts_steps[] = {
	{ .name = "facts", .title = "facts", .applies = is_connected, .check = look_facts, .repeatable = true },
	{ .name = NULL },
};

const struct plan_phase steps_connect = { .name = "connect", .steps = connect_steps, .unbounded = true };
/* The nodes that could be reached are looked at even when others could not: every problem is told. */
const struct plan_phase steps_look = { .name = "facts", .steps = facts_steps, .despite_failure = true };
