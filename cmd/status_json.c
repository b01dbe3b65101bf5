#define _GNU_SOURCE
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "ha/ha.h"
#include "status_view.h"

/* What a node said need not be UTF-8. */
static json_t *text(const char *s)
{
	json_t *j = s ? json_string(s) : json_null();
	auto_free char *plain = s && !j ? strdup(s) : NULL;

	for (char *p = plain; p && *p; p++)
		if (*p & 0x80)
			*p = '?';
	return j ? j : json_string(plain ? plain : "");
}

static json_t *date(int64_t seconds)
{
	time_t when = (time_t)seconds;
	char out[32] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm))
		strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(out);
}

static json_t *hex(uint64_t id)
{
	char out[20];

	snprintf(out, sizeof(out), "%" PRIx64, id);
	return json_string(out);
}

static json_t *list(const struct strs *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, text(l->v[i]));
	return a;
}

/* ok is null for what was not asked. */
static json_t *reply(const struct status_reply *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "ok", r->answer == STATUS_UNASKED ? json_null() : json_boolean(r->answer == STATUS_OK));
	json_object_set_new(o, "ms", r->answer == STATUS_UNASKED ? json_null() : json_integer(r->ms));
	json_object_set_new(o, "error", text(r->why));
	return o;
}

static json_t *etcd_of(const struct status_node *n)
{
	json_t *o = reply(&n->etcd_reply);

	if (n->etcd_reply.answer != STATUS_OK)
		return o;
	json_object_set_new(o, "id", hex(n->etcd.id));
	json_object_set_new(o, "version", text(n->etcd.version));
	json_object_set_new(o, "leader", json_boolean(n->etcd.leader && n->etcd.leader == n->etcd.id));
	json_object_set_new(o, "hasLeader", json_boolean(n->etcd.leader != 0));
	json_object_set_new(o, "learner", json_boolean(n->etcd.learner));
	json_object_set_new(o, "dbSize", json_integer(n->etcd.db_size));
	json_object_set_new(o, "dbSizeInUse", json_integer(n->etcd.db_used));
	json_object_set_new(o, "alarms", list(&n->alarms));
	return o;
}

static json_t *keepalived_of(const struct status_node *n)
{
	static const char *const confs[] = { "unknown", "as-rendered", "differs", "foreign", "missing" };
	const struct facts *f = &n->step->facts;

	return json_pack("{s:b, s:b, s:o, s:s}", "active", f->keepalived_active, "enabled", f->keepalived_enabled,
			 "version", text(f->keepalived), "configuration", confs[n->keepalived_conf]);
}

static json_t *certs_of(const struct status_node *n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n->ncerts; i++)
		json_array_append_new(a, json_pack("{s:o, s:o}", "name", text(n->certs[i].name), "expires", date(n->certs[i].expires)));
	return a;
}

/* What its own session told; a node that was not reached has none of it. */
static void set_seen(json_t *o, const struct status *st, const struct status_node *n)
{
	const struct facts *f = &n->step->facts;

	json_object_set_new(o, "kubelet", json_pack("{s:b, s:o, s:o}", "active", n->kubelet_active, "version", text(f->kubelet),
						    "server", text(n->kubelet_server)));
	json_object_set_new(o, "certificates", certs_of(n));
	if (n->inv->control_plane && status_has_vip(st))
		json_object_set_new(o, "holdsVip", json_boolean(n->holds_vip));
	if (n->inv->control_plane && steps_uses_keepalived(st->run))
		json_object_set_new(o, "keepalived", keepalived_of(n));
	if (n->inv->control_plane && steps_uses_kube_vip(st->run))
		json_object_set_new(o, "kubeVip", json_pack("{s:b, s:b}", "active", n->step->facts.kube_vip_active,
							    "manifest", n->step->facts.has_kube_vip));
	if (n->inv->control_plane && steps_uses_haproxy(st->run))
		json_object_set_new(o, "haproxy", json_pack("{s:b, s:b, s:o}", "active", f->haproxy_active, "enabled",
							    f->haproxy_enabled, "version", text(f->haproxy)));
}

static json_t *node(const struct status *st, const struct status_node *n)
{
	const struct kube_node *k = n->listed;
	json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", n->inv->name, "address", n->inv->address, "role",
			      n->inv->control_plane ? "control-plane" : "worker", "reached", n->ssh.answer == STATUS_OK, "ssh", reply(&n->ssh));

	json_object_set_new(o, "listed", st->listed_known ? json_boolean(k != NULL) : json_null());
	json_object_set_new(o, "ready", k ? json_boolean(k->ready) : json_null());
	json_object_set_new(o, "notReadyReason", text(k && !k->ready ? k->not_ready_reason : NULL));
	json_object_set_new(o, "kubeletVersion", text(k ? k->version : NULL));
	if (n->inv->control_plane) {
		json_object_set_new(o, "apiServer", reply(&n->api));
		json_object_set_new(o, "etcd", etcd_of(n));
	}
	if (n->ssh.answer == STATUS_OK)
		set_seen(o, st, n);
	return o;
}

static json_t *vip(const struct status *st)
{
	json_t *holders = json_array();

	for (size_t i = 0; i < st->n; i++)
		if (st->nodes[i].holds_vip)
			json_array_append_new(holders, json_string(st->nodes[i].inv->name));
	return json_pack("{s:o, s:o, s:o}", "address", text(st->inv->vip.address), "second", text(st->inv->vip.second),
			 "holders", holders);
}

static bool runs(const struct status *st, uint64_t id)
{
	for (size_t i = 0; i < st->n; i++)
		if (st->nodes[i].etcd_reply.answer == STATUS_OK && st->nodes[i].etcd.id == id)
			return true;
	return false;
}

static json_t *etcd(const struct status *st)
{
	int survives = status_survives(st);
	json_t *members = json_array();

	for (size_t i = 0; st->members && i < st->members->n; i++) {
		const struct etcd_member *m = &st->members->v[i];

		json_array_append_new(members, json_pack("{s:o, s:o, s:o, s:b, s:b, s:b, s:b}", "id", hex(m->id), "name", text(m->name),
			"peerUrl", text(m->peer_url), "started", *m->name != '\0', "learner", m->learner, "answers", runs(st, m->id),
			"leader", st->leader && !strcmp(st->leader, m->name)));
	}
	if (!st->members)
		return json_pack("{s:n, s:o}", "survives", "members", members);
	return json_pack("{s:i, s:i, s:i, s:i, s:b, s:o, s:o}", "voting", st->voting, "answering", st->running, "majority",
			 ha_majority(st->voting), "survives", survives < 0 ? 0 : survives, "quorum", survives >= 0,
			 "leader", text(st->leader), "members", members);
}

static json_t *nearest(const struct status *st)
{
	const struct status_node *whose = NULL;
	const struct status_cert *c = status_first_of_all(st, &whose);

	if (!c)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:I}", "node", whose->inv->name, "name", text(c->name), "expires", date(c->expires),
			 "days", (json_int_t)((c->expires - st->now) / 86400));
}

void status_print_json(const struct status *st)
{
	json_t *nodes = json_array(), *endpoint = reply(&st->endpoint), *o;
	char *line;

	for (size_t i = 0; i < st->n; i++)
		json_array_append_new(nodes, node(st, &st->nodes[i]));
	json_object_set_new(endpoint, "address", text(st->inv->endpoint));
	o = json_pack("{s:s, s:o, s:b, s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cluster", st->inv->name, "time", date(st->now),
		      "healthy", !st->problems.n, "exitStatus", (int)status_verdict(st), "seconds", st->took_ms / 1000.0,
		      "endpoint", endpoint, "vip", vip(st), "nodes", nodes, "etcd", etcd(st), "firstCertificate", nearest(st),
		      "problems", list(&st->problems), "risks", list(&st->risks));
	line = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
	if (!line)
		abort();
	puts(line);
	fflush(stdout);
	free(line);
	json_decref(o);
}
