/* One node, asked over its session: facts, its own API server, its member of etcd. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cause/cause.h"
#include "pki/pki.h"
#include "status/status.h"
#include "tmpl/tmpl.h"

#define CONNECT_MS 4000
#define REQUEST_MS 2000 /* for one answer of an API server or etcd */
#define LEAST_MS 300
#define CAUSE_LEAST_MS 1500 /* less is not worth asking why */
#define MAX_ADMIN_CONF (256 << 10)

void status_reply_set(struct status_reply *r, enum status_answer answer, int ms, const char *why)
{
	char *copy = why ? strdup(why) : NULL;

	if (why && !copy)
		abort();
	free(r->why);
	*r = (struct status_reply){ .answer = answer, .ms = ms, .why = copy };
}

/* At most max, at most what is left until the deadline, and enough to be worth asking. */
static int time_for(int64_t deadline_ms, int max)
{
	int64_t left = deadline_ms - clock_ms();

	return left < LEAST_MS ? LEAST_MS : left > max ? max : (int)left;
}

static void settle(struct status_reply *r, int rc, int64_t since, struct err *err)
{
	status_reply_set(r, rc == 0 ? STATUS_OK : STATUS_BAD, (int)(clock_ms() - since), rc == 0 ? NULL : err->msg);
	err_clear(err);
}

static int connect_node(struct status_node *n, int64_t deadline_ms, struct err *err)
{
	struct steps_run *run = n->step->run;
	struct inv_node capped = *n->inv;
	bool untrusted = false;

	if (n->step->remote)
		return 0;
	if (!n->step->address && steps_resolve(n->step, err) < 0)
		return -1;
	if (!capped.ssh.connect_timeout_ms || capped.ssh.connect_timeout_ms > CONNECT_MS)
		capped.ssh.connect_timeout_ms = time_for(deadline_ms, CONNECT_MS);
	n->step->remote = run->opt.connect(run->opt.ctx, &capped, n->step->address, &untrusted, err);
	return n->step->remote ? 0 : -1;
}

static int gather(struct status_node *n, int64_t deadline_ms, struct err *err)
{
	const struct steps_run *run = n->step->run;
	auto_buf struct buf text = BUF_INIT;
	const struct facts_ask ask = {
		.endpoint_host = run->inv->endpoint_host, .pki_dir = run->kubeadm.certificates_dir,
		.pki_files = &run->pki_names, .also = tmpl_text("status.sh"), .text = &text,
		.timeout_ms = time_for(deadline_ms, STATUS_NODES_MS),
	};

	if (facts_gather(n->step->remote, &ask, &n->step->facts, err) < 0)
		return -1;
	n->step->stale = false;
	status_parse_extra(n, buf_str(&text));
	return 0;
}

/* A session that failed is closed, so that the next look connects again. */
static int reach(struct status_node *n, int64_t deadline_ms)
{
	struct err err = ERR_INIT;
	int64_t since = clock_ms();
	int rc = connect_node(n, deadline_ms, &err);

	if (rc == 0)
		rc = gather(n, deadline_ms, &err);
	if (rc < 0 && n->step->remote) {
		remote_close(n->step->remote);
		n->step->remote = NULL;
	}
	if (rc < 0 && err.kind == ERR_INTERRUPTED) { /* by the look's deadline */
		err_clear(&err);
		err_set(&err, ERR_CONNECT, "no answer within %d s", STATUS_NODES_MS / 1000);
	}
	settle(&n->ssh, rc, since, &err);
	return rc;
}

static int read_admin_conf(struct status_node *n, struct err *err)
{
	const char *const path = "/etc/kubernetes/admin.conf";
	bool found;

	buf_reserve(&n->admin_conf, 32 << 10);
	return remote_get(n->step->remote, &path, 1, &n->admin_conf, &found, MAX_ADMIN_CONF, err);
}

static int dial(void *ctx, const char *host, int port, int *fd, struct err *err)
{
	struct remote *r = ctx;

	return r->ops->tunnel(r, host, port, fd, err);
}

static const struct kube_dial *dial_of(const struct status_node *n, struct kube_dial *d)
{
	*d = (struct kube_dial){ dial, n->step->remote };
	return n->step->remote->ops->tunnel ? d : NULL;
}

/* A connection, its handshake and the answer: what a client that comes new waits for. */
static void ask_api(struct status_node *n, int64_t deadline_ms)
{
	const struct buf *conf = &n->admin_conf;
	struct kube_dial d;
	struct err err = ERR_INIT;
	int64_t since = clock_ms();
	auto_kube struct kube *k = kube_open("/etc/kubernetes/admin.conf", buf_str(conf), conf->len, dial_of(n, &d), &err);

	if (k)
		kube_connect_to(k, n->step->address, n->step->run->kubeadm.bind_port);
	settle(&n->api, k ? kube_healthy(k, time_for(deadline_ms, REQUEST_MS), &err) : -1, since, &err);
}

static int ask_member(struct status_node *n, struct kube *k, int64_t deadline_ms, struct err *err)
{
	if (etcd_state(k, time_for(deadline_ms, REQUEST_MS), &n->etcd, err) < 0 ||
	    etcd_list_members(k, time_for(deadline_ms, REQUEST_MS), &n->members, err) < 0)
		return -1;
	/* alarms are answered by a quorum alone */
	return n->etcd.leader ? etcd_list_alarms(k, time_for(deadline_ms, REQUEST_MS), &n->alarms, err) : 0;
}

static int ask_etcd_over(struct status_node *n, bool through, int64_t deadline_ms, struct err *err)
{
	auto_kube struct kube *k = steps_open_etcd(n->step, &n->etcd_keys, through, err);

	return k ? ask_member(n, k, deadline_ms, err) : -1;
}

/* Through the session, as its port is often closed to others; directly where the node's sshd
 * forwards nothing. */
static void ask_etcd(struct status_node *n, int64_t deadline_ms)
{
	struct err err = ERR_INIT;
	auto_err struct err direct = ERR_INIT;
	int64_t since = clock_ms();
	int rc = ask_etcd_over(n, true, deadline_ms, &err);

	if (rc < 0 && n->step->remote->ops->tunnel && err.kind == ERR_CONNECT && ask_etcd_over(n, false, deadline_ms, &direct) == 0) {
		err_clear(&err);
		rc = 0;
	}
	settle(&n->etcd_reply, rc, since, &err);
}

static void ask_control_plane(struct status_node *n, int64_t deadline_ms)
{
	const struct facts *f = &n->step->facts;
	auto_err struct err err = ERR_INIT;

	if (!n->inv->control_plane || !f->has_admin_conf || !f->has_kubelet_conf)
		return;
	if (read_admin_conf(n, &err) < 0) {
		status_reply_set(&n->api, STATUS_UNASKED, 0, err.msg);
		return;
	}
	ask_api(n, deadline_ms);
	if (!f->has_etcd_manifest)
		return;
	if (steps_read_etcd_keys(n->step, &n->etcd_keys, &err) == 0)
		ask_etcd(n, deadline_ms);
	else
		status_reply_set(&n->etcd_reply, STATUS_UNASKED, 0, err.msg);
}

/* A node that is in a cluster and does not do its part is asked why, if there is time left. */
static void ask_cause(struct status_node *n, int64_t deadline_ms)
{
	auto_cause struct cause c = CAUSE_INIT;
	int left_ms = time_for(deadline_ms, STATUS_NODES_MS);

	if (!n->kubelet_server || left_ms < CAUSE_LEAST_MS ||
	    (n->kubelet_active && n->api.answer != STATUS_BAD && n->etcd_reply.answer != STATUS_BAD))
		return;
	if (steps_find_cause(n->step, left_ms, &c) == 0 && asprintf(&n->cause, "%s; %s", c.text, c.remedy) < 0)
		abort();
	buf_wipe(&n->step->report);
}

void status_ask_node(struct status_node *n, int64_t deadline_ms)
{
	if (reach(n, deadline_ms) < 0)
		return;
	ask_control_plane(n, deadline_ms);
	ask_cause(n, deadline_ms);
}

static void set_text(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	if (!*field)
		abort();
}

static void add_cert(struct status_node *n, const char *value)
{
	const char *space = strchr(value, ' ');
	auto_buf struct buf pem = BUF_INIT;
	auto_err struct err err = ERR_INIT;
	struct status_cert c = { 0 };

	if (!space || n->ncerts >= 64 || pki_base64_decode(space + 1, strlen(space + 1), &pem, &err) < 0 ||
	    pki_expiry("certificate", buf_str(&pem), pem.len, &c.expires, &err) < 0)
		return; /* what is no certificate is other checks' matter */
	c.name = strndup(value, (size_t)(space - value));
	n->certs = realloc(n->certs, (n->ncerts + 1) * sizeof(*n->certs));
	if (!c.name || !n->certs)
		abort();
	n->certs[n->ncerts++] = c;
}

static void parse_line(struct status_node *n, const char *key, const char *value)
{
	static const char *const hosts[] = { "host_boot", "host_serial", "host_chassis", "host_name" };

	if (!strcmp(key, "kubelet"))
		n->kubelet_active = !strcmp(value, "active");
	else if (!strcmp(key, "server") && *value)
		set_text(&n->kubelet_server, value);
	else if (!strcmp(key, "cert"))
		add_cert(n, value);
	for (int i = 0; i < 4; i++)
		if (!strcmp(key, hosts[i]))
			set_text(&n->hosts[i], value);
}

void status_parse_extra(struct status_node *n, const char *text)
{
	static const char prefix[] = "status_";
	auto_free char *copy = strdup(text);

	if (!copy)
		abort();
	for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
		char *eq = strchr(line, '=');

		if (!eq || strncmp(line, prefix, sizeof(prefix) - 1))
			continue;
		*eq = '\0';
		parse_line(n, line + sizeof(prefix) - 1, eq + 1);
	}
}

void status_wipe(struct status_node *n)
{
	buf_wipe(&n->admin_conf);
	steps_etcd_keys_release(&n->etcd_keys);
}

void status_forget(struct status_node *n)
{
	struct status_node fresh = { .step = n->step, .inv = n->inv };

	free(n->ssh.why);
	free(n->api.why);
	free(n->etcd_reply.why);
	free(n->kubelet_server);
	free(n->cause);
	for (int i = 0; i < 4; i++)
		free(n->hosts[i]);
	status_wipe(n);
	for (size_t i = 0; i < n->ncerts; i++)
		free(n->certs[i].name);
	free(n->certs);
	etcd_members_release(&n->members);
	strs_release(&n->alarms);
	*n = fresh;
}
