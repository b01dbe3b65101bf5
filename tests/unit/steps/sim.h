/*
 * A cluster that is not there: three nodes that answer hactl's own scripts as real ones would, and
 * an API server that lists whoever has joined.  Each call that reaches a node is counted, and one
 * of them can be made to fail, before it had any effect or after it had all of it.
 */
#ifndef TESTS_STEPS_SIM_H
#define TESTS_STEPS_SIM_H

#include "../kube/server.h"
#include "base/clock.h"
#include "remote/fake.h"
#include "steps/steps.h"

#define SIM_NODES 3
#define SIM_VIP "127.0.1.9"
#define SIM_PKI "/etc/kubernetes/pki/"

#define SIM_BREAKS 3 /* how a kubeadm ends that is meant to fail */

struct sim;

enum sim_member { SIM_NONE, SIM_ANNOUNCED, SIM_LEARNER, SIM_STARTED };

struct sim_node {
	struct remote *fake; /* its disk and its answers outlive hactl's connections */
	struct sim *sim;
	int number;
	bool keepalived, kubelet_conf, apiserver, etcd, etcd_data, listed;
	enum sim_member member; /* what etcd's list says of it, whether it runs or not */
	struct server gateway;  /* of its etcd */
	bool unmarked; /* without the label that a join sets last of all */
	bool gone;    /* nobody connects to it */
	bool foreign; /* its etcd is another cluster's */
	char begun[16];
	char id[48];         /* of the kubeadm that ran last */
	int kubeadms, followed;
};

struct sim {
	struct sim_node nodes[SIM_NODES];
	struct server api;
	struct cert ca, api_cert, client, front, sa;
	struct cert etcd_ca, etcd_server, etcd_client;
	pthread_mutex_t lock;
	int calls;      /* that reached any node in this run */
	int fail_at;    /* 0: none */
	bool fail_for_good; /* and the node cannot be reached afterwards */
	bool fail_late; /* the call has its effect, and the connection is lost before its answer */
	const struct remote_log *log; /* of every connection; NULL: none */
	bool yes_m2;          /* m2 may be taken apart */
	const char *late;     /* a script with this in it takes too long, once; NULL: none does */
	const char *cuts;     /* a script with this in it loses its connection, once, and does its work; NULL: none does */
	bool cut_for_good;    /* the node cannot be reached afterwards */
	const char *password; /* of VRRP, in hactl.yaml; NULL: none */
	char failed[8]; /* the node whose call failed, or "" */
	int patience_ms;
	int taken_out;  /* members of etcd, by hactl itself */
	bool keeps_members;    /* etcd refuses to take one out */
	bool breaks_etcd_join; /* the next one announces a member, and starts none */
	int etcd_joins;
	const char *m3_peer;   /* the address that its member was announced with; NULL: its own */
	int tokens_ended;
};

/* ---- etcd ---- */

static inline bool sim_etcd_runs(const struct sim_node *n)
{
	return n->etcd && n->member >= SIM_LEARNER;
}

static inline bool sim_has_quorum(const struct sim *s)
{
	int voting = 0, running = 0;

	for (int i = 0; i < SIM_NODES; i++) {
		bool votes = s->nodes[i].member == SIM_ANNOUNCED || s->nodes[i].member == SIM_STARTED;

		voting += votes;
		running += votes && sim_etcd_runs(&s->nodes[i]);
	}
	return running > voting / 2;
}

static inline void sim_list_members(const struct sim *s, struct buf *body)
{
	buf_puts(body, "{\"members\":[");
	for (int i = 0, n = 0; i < SIM_NODES; i++) {
		enum sim_member m = s->nodes[i].member;

		if (m == SIM_NONE)
			continue;
		buf_printf(body, "%s{\"ID\":\"%d\",\"peerURLs\":[\"https://", n++ ? "," : "", 100 + i);
		if (i == 2 && s->m3_peer)
			buf_puts(body, s->m3_peer);
		else
			buf_printf(body, "127.0.1.1%d", i + 1);
		buf_printf(body, ":2380\"]%s", m == SIM_LEARNER ? ",\"isLearner\":true" : "");
		if (m == SIM_STARTED)
			buf_printf(body, ",\"name\":\"m%d\"", i + 1);
		buf_puts(body, "}");
	}
	buf_puts(body, "]}");
}

static inline void sim_etcd_respond(void *ctx, const char *request, struct buf *answer)
{
	struct sim_node *n = ctx;
	struct sim *s = n->sim;
	const char *id = strstr(request, "{\"ID\":\"");
	struct buf body = BUF_INIT;
	int status = 200;

	pthread_mutex_lock(&s->lock);
	if (strstr(request, "/member/list ")) {
		sim_list_members(s, &body);
	} else if (strstr(request, "/member/remove ") && id && sim_has_quorum(s) && !s->keeps_members) {
		s->nodes[atoi(id + 7) - 100].member = SIM_NONE;
		s->taken_out++;
		buf_puts(&body, "{}");
	} else if (strstr(request, "/maintenance/status ")) {
		buf_printf(&body, "{\"header\":{\"member_id\":\"%d\",\"cluster_id\":\"%d\"},\"version\":\"3.4.23\"%s}", 99 + n->number,
			   n->foreign ? 8 : 7, sim_has_quorum(s) ? ",\"leader\":\"100\"" : "");
	} else {
		status = 503;
		buf_puts(&body, "{\"message\":\"etcdserver: no leader\"}");
	}
	pthread_mutex_unlock(&s->lock);
	buf_printf(answer, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status, body.len,
		   buf_str(&body));
	buf_release(&body);
}

/* ---- the API ---- */

static inline void sim_respond(void *ctx, const char *request, struct buf *answer)
{
	struct sim *s = ctx;
	struct buf body = BUF_INIT;
	bool works;

	pthread_mutex_lock(&s->lock);
	works = sim_has_quorum(s);
	if (!works) {
		buf_puts(&body, "{\"kind\":\"Status\",\"message\":\"etcdserver: request timed out\"}");
	} else if (!strncmp(request, "GET /api/v1/nodes", 17)) {
		buf_puts(&body, "{\"kind\":\"NodeList\",\"items\":[");
		for (int i = 0, n = 0; i < SIM_NODES; i++)
			if (s->nodes[i].listed)
				buf_printf(&body, "%s{\"metadata\":{\"name\":\"m%d\",\"labels\":{%s}},"
					   "\"spec\":{},\"status\":{\"nodeInfo\":{\"kubeletVersion\":\"v1.20.2\"},"
					   "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}", n++ ? "," : "", i + 1,
					   s->nodes[i].etcd && !s->nodes[i].unmarked ? "\"node-role.kubernetes.io/control-plane\":\"\"" : "");
		buf_puts(&body, "]}");
	} else {
		int node;

		s->tokens_ended += !strncmp(request, "DELETE /api/v1/namespaces/kube-system/secrets/bootstrap-token-", 62);
		if (sscanf(request, "DELETE /api/v1/nodes/m%d", &node) == 1)
			s->nodes[node - 1].listed = false;
		buf_puts(&body, "{}");
	}
	pthread_mutex_unlock(&s->lock);
	buf_printf(answer, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		   !works ? "500 Internal Server Error" : strncmp(request, "POST", 4) ? "200 OK" : "201 Created", body.len);
	buf_add(answer, buf_str(&body), body.len);
	buf_release(&body);
}

/* ---- a node ---- */

static inline void sim_file(struct sim_node *n, const char *name, const char *text, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", *name == '/' ? "" : SIM_PKI, name);
	remote_fake_file(n->fake, path, text, mode);
}

static inline void sim_put_admin_conf(struct sim_node *n)
{
	struct buf conf = BUF_INIT;
	char url[64];

	snprintf(url, sizeof(url), "https://" SIM_VIP ":%d", n->sim->api.port);
	kubeconfig_for(&conf, url, &n->sim->ca, &n->sim->client, "");
	sim_file(n, "/etc/kubernetes/admin.conf", buf_str(&conf), 0600);
	buf_release(&conf);
}

static inline void sim_start_etcd(struct sim_node *n)
{
	sim_file(n, "etcd/healthcheck-client.crt", n->sim->etcd_client.cert_pem, 0644);
	sim_file(n, "etcd/healthcheck-client.key", n->sim->etcd_client.key_pem, 0600);
	sim_file(n, "/etc/kubernetes/manifests/etcd.yaml",
		 "spec:\n  containers:\n  - command:\n    - etcd\n    - --initial-cluster=m1=https://127.0.1.11:2380\n"
		 "    - --listen-peer-urls=https://127.0.1.11:2380\n    - --name=m1\n", 0600);
	n->etcd = n->etcd_data = true;
	n->member = SIM_STARTED;
}

static inline void sim_init(struct sim_node *n)
{
	const struct sim *s = n->sim;

	sim_file(n, "ca.crt", s->ca.cert_pem, 0644);
	sim_file(n, "ca.key", s->ca.key_pem, 0600);
	sim_file(n, "etcd/ca.crt", s->etcd_ca.cert_pem, 0644);
	sim_file(n, "etcd/ca.key", s->etcd_ca.key_pem, 0600);
	sim_file(n, "front-proxy-ca.crt", s->front.cert_pem, 0644);
	sim_file(n, "front-proxy-ca.key", s->front.key_pem, 0600);
	sim_file(n, "sa.pub", s->sa.pub_pem, 0644);
	sim_file(n, "sa.key", s->sa.key_pem, 0600);
	sim_put_admin_conf(n);
	n->kubelet_conf = n->apiserver = n->listed = true;
	sim_start_etcd(n);
	*n->begun = '\0';
}

static inline bool sim_shared_pki_is_there(const struct sim_node *n)
{
	static const char *const names[] = { "ca.crt", "ca.key", "sa.key", "etcd/ca.key", "front-proxy-ca.key" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), SIM_PKI "%s", names[i]);
		if (!remote_fake_text(n->fake, path, NULL))
			return false;
	}
	return true;
}

/* What templates/kubeadm-run.sh does; the words are its variables. */
static inline int sim_kubeadm(struct sim_node *n, const char *script)
{
	if (strstr(script, "verb='init'"))
		return sim_init(n), 0;
	if (!sim_shared_pki_is_there(n))
		return 1;
	n->kubelet_conf = n->apiserver = n->listed = true;
	if (strstr(script, "part='prepare'")) {
		strcpy(n->begun, "join");
	} else {
		if (n->member != SIM_NONE || n->etcd_data || !sim_has_quorum(n->sim))
			return 1;
		n->sim->etcd_joins++;
		if (n->sim->breaks_etcd_join) {
			n->sim->breaks_etcd_join = false;
			n->member = SIM_ANNOUNCED;
			return SIM_BREAKS;
		}
		sim_start_etcd(n);
		n->unmarked = false;
		*n->begun = '\0';
	}
	return 0;
}

/* What templates/kubeadm-clean.sh does. */
static inline void sim_clean(struct sim_node *n, const char *script)
{
	if (strstr(script, "how='reset'")) {
		if (strstr(script, "member='gone'"))
			assert_int_equal(n->member, SIM_NONE);
		else if (n->etcd && sim_has_quorum(n->sim))
			n->member = SIM_NONE;
		n->kubelet_conf = n->apiserver = n->etcd = n->etcd_data = false;
	}
	if (!strstr(script, "how='wait'"))
		*n->begun = '\0';
}

/* Others that have not started have no name yet, but a number. */
static inline void sim_initial_cluster(const struct sim_node *n, struct buf *out)
{
	const char *comma = "--initial-cluster=";

	for (int i = 0; i < SIM_NODES; i++) {
		const struct sim_node *o = &n->sim->nodes[i];

		if (o->member == SIM_NONE)
			continue;
		if (o == n || o->member == SIM_STARTED)
			buf_printf(out, "%sm%d=", comma, i + 1);
		else
			buf_printf(out, "%s%x=", comma, 100 + i);
		buf_printf(out, "https://127.0.1.1%d:2380", i + 1);
		comma = ",";
	}
	buf_puts(out, "\n");
}

/* What templates/etcd-start.sh does. */
static inline void sim_revive(struct sim_node *n, const char *script)
{
	char name[32], url[64];
	struct buf list = BUF_INIT;

	assert_int_equal(n->member, SIM_ANNOUNCED);
	if (!n->etcd) {
		snprintf(name, sizeof(name), "--name=m%d\n", n->number);
		snprintf(url, sizeof(url), "--listen-peer-urls=https://127.0.1.1%d:2380\n", n->number);
		sim_initial_cluster(n, &list);
		assert_non_null(strstr(script, name));
		assert_non_null(strstr(script, url));
		assert_non_null(strstr(script, buf_str(&list)));
		assert_non_null(strstr(script, "    - --initial-cluster-state=existing\n"));
	}
	buf_release(&list);
	sim_start_etcd(n);
}

/* The run of kubeadm that a script is for: id='1-2', quoted once more on its way. */
static inline void sim_take_id(struct sim_node *n, const char *script, size_t len)
{
	const char *at = memmem(script, len, "id='", 4);

	assert_non_null(at);
	at += 4 + strspn(at + 4, "\\'");
	snprintf(n->id, sizeof(n->id), "%.*s", (int)strcspn(at, "\\'"), at);
}

/* What templates/kubeadm-follow.sh says: how a kubeadm that ran ended, or that it did not begin. */
static inline void sim_follow(struct sim_node *n, const struct remote_exec *e)
{
	char last[sizeof(n->id)];

	if (!memmem(e->input, e->input_len, "read -r who begin", 17))
		return;
	strcpy(last, n->id);
	sim_take_id(n, e->input, e->input_len);
	remote_fake_answer(n->fake, "read -r who begin", strcmp(last, n->id) ? 74 : 0, "", "");
}

/* Returns the script's exit status. */
static inline int sim_effect(struct sim_node *n, const char *script)
{
	int status = 0;

	if (strstr(script, "kubeadm init --config \"$config\"")) {
		status = sim_kubeadm(n, script);
		assert_true(status == 0 || status == SIM_BREAKS);
		sim_take_id(n, script, strlen(script));
		n->kubeadms++;
	} else if (strstr(script, "read -r who begin"))
		n->followed++;
	else if (strstr(script, "finish-init"))
		sim_clean(n, script);
	else if (strstr(script, "/etc/kubernetes/.etcd.hactl"))
		sim_revive(n, script);
	else if (strstr(script, "mv -f .keepalived.conf.hactl \"$conf\"")) {
		mode_t mode;
		const char *conf = remote_fake_text(n->fake, "/etc/keepalived/.keepalived.conf.hactl", &mode);
		const char *check = remote_fake_text(n->fake, "/etc/keepalived/.check_apiserver.sh.hactl", &mode);

		assert_non_null(conf);
		assert_non_null(check);
		sim_file(n, "/etc/keepalived/keepalived.conf", conf, 0600);
		sim_file(n, "/etc/keepalived/check_apiserver.sh", check, 0755);
		n->keepalived = true;
	}
	return status;
}

static inline void sim_tell_file(const struct sim_node *n, const char *key, const char *path, struct buf *out)
{
	mode_t mode;
	const char *text = remote_fake_text(n->fake, path, &mode);

	if (!text)
		return;
	buf_printf(out, "file_%s=", key);
	pki_base64_encode(text, strlen(text), out);
	buf_printf(out, "\nmode_%s=%o\n", key, mode);
}

static inline void sim_tell_pki(const struct sim_node *n, const char *name, struct buf *out)
{
	char path[128], sha[65];
	const char *text;
	mode_t mode;

	snprintf(path, sizeof(path), "%s%s", *name == '/' ? "" : SIM_PKI, name);
	text = remote_fake_text(n->fake, path, &mode);
	if (!text)
		return;
	pki_sha256(text, strlen(text), sha);
	buf_printf(out, "pki=%s %s %o\n", name, sha, mode);
}

static inline void sim_tell_kubernetes(const struct sim_node *n, struct buf *out)
{
	static const char *const pki[] = { "ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key",
					   "etcd/ca.crt", "etcd/ca.key", "/etc/kubernetes/admin.conf" };

	if (remote_fake_text(n->fake, "/etc/kubernetes/admin.conf", NULL))
		buf_puts(out, "has=admin.conf\n");
	if (n->kubelet_conf)
		buf_puts(out, "has=kubelet.conf\nkubelet_enabled=enabled\n");
	if (n->apiserver)
		buf_puts(out, "has=manifests/kube-apiserver.yaml\n");
	if (n->etcd)
		buf_puts(out, "has=manifests/etcd.yaml\n");
	if (n->etcd_data)
		buf_puts(out, "etcd_data=yes\n");
	if (*n->begun)
		buf_printf(out, "begun=%s\n", n->begun);
	for (size_t i = 0; i < sizeof(pki) / sizeof(*pki); i++)
		sim_tell_pki(n, pki[i], out);
}

/* What templates/facts.sh would print now. */
static inline void sim_facts(const struct sim_node *n, struct buf *out)
{
	long long now = clock_wall_ms();

	buf_printf(out, "clock_begin=%lld.%03d\nhostname=m%d\nmachine_id=id%d\nos=Debian GNU/Linux 12\nos_id=debian \nsystemd=yes\n"
		   "addr=lo0 127.0.1.1%d/24\nswap=0\nkeepalived=2.2.7\nkubeadm=v1.20.2\nkubelet=v1.20.2\ncni=10-net.conflist\n"
		   "cri_socket=/run/containerd/containerd.sock\nvip_answers=no\n", now / 1000, (int)(now % 1000), n->number,
		   n->number, n->number);
	if (n->keepalived)
		buf_puts(out, "keepalived_enabled=enabled\nkeepalived_active=active\n");
	if (n->keepalived && n->number == 1)
		buf_puts(out, "addr=lo0 " SIM_VIP "/24\n");
	sim_tell_file(n, "keepalived.conf", "/etc/keepalived/keepalived.conf", out);
	sim_tell_file(n, "check_apiserver.sh", "/etc/keepalived/check_apiserver.sh", out);
	sim_tell_kubernetes(n, out);
	buf_printf(out, "clock=%lld.%03d\nend=1\n", now / 1000, (int)(now % 1000));
}

/* ---- a connection to a node ---- */

struct sim_remote {
	struct remote remote;
	struct sim_node *node;
	bool lost;
};

static inline int sim_lose(struct sim_remote *r, struct err *err)
{
	r->lost = true;
	return err_set(err, ERR_CONNECT, "the connection is lost");
}

/* Counts a call under the lock; is it the one that fails? */
static inline bool sim_count(struct sim_node *n)
{
	struct sim *s = n->sim;
	bool fails = ++s->calls == s->fail_at;

	if (fails)
		snprintf(s->failed, sizeof(s->failed), "m%d", n->number);
	n->gone |= fails && s->fail_for_good;
	return fails;
}

static inline int sim_exec(struct remote *remote, const struct remote_exec *e, struct remote_result *res, struct err *err)
{
	struct sim_remote *r = (struct sim_remote *)remote;
	struct sim_node *n = r->node;
	struct sim *s = n->sim;
	struct buf facts = BUF_INIT;
	const struct strs *scripts;
	bool fails, cut;
	size_t before;
	int rc;

	pthread_mutex_lock(&s->lock);
	fails = sim_count(n);
	if (r->lost || (fails && !s->fail_late)) {
		pthread_mutex_unlock(&s->lock);
		return sim_lose(r, err);
	}
	if (s->late && memmem(e->input, e->input_len, s->late, strlen(s->late))) {
		s->late = NULL;
		pthread_mutex_unlock(&s->lock);
		return remote_give_up(e, res, "", "goes on there", err);
	}
	cut = s->cuts && memmem(e->input, e->input_len, s->cuts, strlen(s->cuts));
	if (cut) {
		s->cuts = NULL;
		n->gone = s->cut_for_good;
	}
	sim_facts(n, &facts);
	remote_fake_answer(n->fake, "put end 1", 0, buf_str(&facts), "");
	buf_release(&facts);
	sim_follow(n, e);
	scripts = remote_fake_scripts(n->fake);
	before = scripts->n;
	rc = n->fake->ops->exec(n->fake, e, res, err);
	if (rc == 0 && scripts->n > before) {
		int status = sim_effect(n, scripts->v[before]);

		res->status = status ? status : res->status;
	}
	pthread_mutex_unlock(&s->lock);
	return rc == 0 && (fails || cut) ? sim_lose(r, err) : rc;
}

/* The lock: a call like others. */
static inline int sim_hold(struct remote *remote, const struct remote_exec *e, struct remote_result *res, struct err *err)
{
	struct sim_remote *r = (struct sim_remote *)remote;
	struct sim *s = r->node->sim;
	bool fails;

	pthread_mutex_lock(&s->lock);
	fails = sim_count(r->node);
	pthread_mutex_unlock(&s->lock);
	if (fails || r->lost)
		return sim_lose(r, err);
	buf_puts(&res->out, e->until);
	return 0;
}

static inline int sim_beat(struct remote *remote)
{
	(void)remote;
	return 0;
}

/* To the node's etcd alone. */
static inline int sim_tunnel(struct remote *remote, const char *host, int port, int *fd, struct err *err)
{
	struct sim_remote *r = (struct sim_remote *)remote;
	struct sim *s = r->node->sim;
	int pair[2];
	bool there;

	pthread_mutex_lock(&s->lock);
	there = !r->lost && !strcmp(host, "127.0.0.1") && port == 2379 && sim_etcd_runs(r->node);
	pthread_mutex_unlock(&s->lock);
	if (!there)
		return err_set(err, ERR_CONNECT, "nothing listens at '%s:%d'", host, port);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	server_take(&r->node->gateway, pair[1]);
	*fd = pair[0];
	return 0;
}

static inline void sim_close(struct remote *remote)
{
	free(remote);
}

/* For steps_options: connecting counts as a call. */
static inline struct remote *sim_connect(void *ctx, const struct inv_node *inv, const char *address, bool *untrusted,
					 struct err *err)
{
	static const struct remote_ops ops = { .exec = sim_exec, .hold = sim_hold, .beat = sim_beat, .tunnel = sim_tunnel,
					       .close = sim_close };
	struct sim *s = ctx;
	struct sim_remote *r = calloc(1, sizeof(*r));
	bool fails;

	(void)address;
	(void)untrusted;
	if (!r)
		abort();
	*r = (struct sim_remote){ .remote = { .ops = &ops, .name = inv->name, .log = s->log }, .node = &s->nodes[inv->name[1] - '1'] };
	pthread_mutex_lock(&s->lock);
	fails = sim_count(r->node) || r->node->gone;
	pthread_mutex_unlock(&s->lock);
	if (!fails)
		return &r->remote;
	sim_lose(r, err);
	free(r);
	return NULL;
}

/* ---- all of it ---- */

static inline void sim_start_node(struct sim *s, int number)
{
	struct sim_node *n = &s->nodes[number - 1];

	*n = (struct sim_node){ .sim = s, .number = number, .fake = remote_fake() };
	server_start_at(&n->gateway, &s->etcd_server, "127.0.0.1");
	n->gateway.ctx = n;
	n->gateway.respond = sim_etcd_respond;
	remote_fake_answer(n->fake, "", 0, "", ""); /* any other script: well done */
	remote_fake_answer(n->fake, "ActiveEnterTimestampMonotonic", 0, number == 1 ? "yes\n10000\n" : "no\n10000\n", "");
}

static inline void sim_start(struct sim *s)
{
	*s = (struct sim){ .calls = 0 };
	pthread_mutex_init(&s->lock, NULL);
	s->ca = cert_make(&(struct cert_spec){ .cn = "kubernetes", .ca = 1 });
	s->etcd_ca = cert_make(&(struct cert_spec){ .cn = "etcd-ca", .ca = 1 });
	s->front = cert_make(&(struct cert_spec){ .cn = "front-proxy-ca", .ca = 1 });
	s->sa = cert_make(&(struct cert_spec){ .cn = "sa" });
	s->api_cert = cert_make(&(struct cert_spec){ .cn = "kube-apiserver", .by = &s->ca, .san = "IP:" SIM_VIP });
	s->etcd_server = cert_make(&(struct cert_spec){ .cn = "etcd", .by = &s->etcd_ca, .san = "IP:127.0.0.1" });
	s->etcd_client = cert_make(&(struct cert_spec){ .cn = "kube-etcd-healthcheck-client", .by = &s->etcd_ca });
	s->client = cert_make(&(struct cert_spec){ .cn = "kubernetes-admin", .org = "system:masters", .by = &s->ca });
	test_ca = s->ca; /* whom the server lets in */
	server_start_at(&s->api, &s->api_cert, SIM_VIP);
	s->api.ctx = s;
	s->api.respond = sim_respond;
	test_ca = s->etcd_ca;
	for (int i = 1; i <= SIM_NODES; i++)
		sim_start_node(s, i);
}

static inline void sim_stop(struct sim *s)
{
	struct cert *const certs[] = { &s->ca, &s->etcd_ca, &s->etcd_server, &s->etcd_client, &s->front, &s->sa, &s->api_cert, &s->client };

	server_stop(&s->api);
	for (int i = 0; i < SIM_NODES; i++) {
		server_stop(&s->nodes[i].gateway);
		remote_close(s->nodes[i].fake);
	}
	for (size_t i = 0; i < sizeof(certs) / sizeof(*certs); i++)
		cert_release(certs[i]);
	pthread_mutex_destroy(&s->lock);
}

#endif
