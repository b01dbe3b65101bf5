#define _GNU_SOURCE
#include "kube/etcd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kube/client.h"
#include "kube/config.h"

#define MAX_MEMBERS 64
#define MAX_ALARMS 64

struct kube *etcd_open(const char *host, int port, const struct buf *ca, const struct buf *cert,
		       const struct buf *key, const struct kube_dial *dial, struct err *err)
{
	struct kube_config config;
	struct kube *k;

	if (kube_config_make("etcd's client certificate", host, port, ca, cert, key, &config, err) < 0)
		return NULL;
	k = kube_open_config(&config, dial);
	kube_tunnel_only(k);
	return k;
}

/* The gateway's 404 for what it speaks of, not for its own path: gRPC's NOT_FOUND. */
static bool is_not_found(const struct kube_answer *a)
{
	auto_json json_t *o = json_loadb(buf_str(&a->body), a->body.len, 0, NULL);

	return a->status == 404 && json_integer_value(json_object_get(o, "code")) == 5;
}

/* The gateway is served under /v3 from 3.4 on; the body asks for this member's own view.  absent may be NULL:
 * what is asked for must be there. */
static json_t *ask(struct kube *k, const char *path, const char *body, int timeout_ms, bool *absent, struct err *err)
{
	const struct kube_request q = { .method = "POST", .path = path, .body = body, .len = strlen(body),
					.timeout_ms = timeout_ms };
	auto_answer struct kube_answer a = { 0 };

	if (kube_request(k, &q, &a, err) < 0)
		return NULL;
	if (absent && is_not_found(&a)) {
		*absent = true;
		return NULL;
	}
	if (a.status == 404) {
		err_set(err, ERR_FAILED, "etcd has no JSON gateway (%s)", path);
		return NULL;
	}
	if (a.status != 200) {
		kube_refused(k, &q, &a, err);
		return NULL;
	}
	return kube_parse(k, &q, &a, err);
}

/* 64-bit numbers are strings in protobuf's JSON; fields that are zero are left out. */
static uint64_t number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? strtoull(json_string_value(v), NULL, 10) : (uint64_t)json_integer_value(v);
}

static char *text(const json_t *v)
{
	char *s = strdup(json_is_string(v) ? json_string_value(v) : "");

	if (!s)
		abort();
	return s;
}

int etcd_state(struct kube *k, int timeout_ms, struct etcd_state *out, struct err *err)
{
	auto_json json_t *o = ask(k, "/v3/maintenance/status", "{}", timeout_ms, NULL, err);
	const char *version = json_string_value(json_object_get(o, "version"));

	if (!o)
		return -1;
	*out = (struct etcd_state){
		.id = number(json_object_get(o, "header"), "member_id"), .leader = number(o, "leader"),
		.cluster = number(json_object_get(o, "header"), "cluster_id"),
		.learner = json_is_true(json_object_get(o, "isLearner")),
		.db_size = (int64_t)number(o, "dbSize"), .db_used = (int64_t)number(o, "dbSizeInUse"),
	};
	snprintf(out->version, sizeof(out->version), "%s", version ? version : "");
	return 0;
}

int etcd_list_members(struct kube *k, int timeout_ms, struct etcd_members *out, struct err *err)
{
	/* 3.5 asks the leader unless told otherwise */
	auto_json json_t *o = ask(k, "/v3/cluster/member/list", "{\"linearizable\":false}", timeout_ms, NULL, err);
	const json_t *list = json_object_get(o, "members");
	size_t n = json_array_size(list);

	if (!o)
		return -1;
	n = n > MAX_MEMBERS ? MAX_MEMBERS : n;
	*out = (struct etcd_members){ .v = calloc(n + 1, sizeof(*out->v)), .n = n };
	if (!out->v)
		abort();
	for (size_t i = 0; i < n; i++) {
		const json_t *m = json_array_get(list, i);

		out->v[i] = (struct etcd_member){
			.id = number(m, "ID"), .name = text(json_object_get(m, "name")),
			.peer_url = text(json_array_get(json_object_get(m, "peerURLs"), 0)),
			.client_url = text(json_array_get(json_object_get(m, "clientURLs"), 0)),
			.learner = json_is_true(json_object_get(m, "isLearner")),
		};
	}
	return 0;
}

int etcd_remove_member(struct kube *k, int timeout_ms, uint64_t id, struct err *err)
{
	auto_json json_t *o = NULL;
	bool absent = false;
	char body[64];

	snprintf(body, sizeof(body), "{\"ID\":\"%" PRIu64 "\"}", id);
	o = ask(k, "/v3/cluster/member/remove", body, timeout_ms, &absent, err);
	return o || absent ? 0 : -1;
}

int etcd_list_alarms(struct kube *k, int timeout_ms, struct strs *out, struct err *err)
{
	auto_json json_t *o = ask(k, "/v3/maintenance/alarm", "{\"action\":\"GET\"}", timeout_ms, NULL, err);
	const json_t *list = json_object_get(o, "alarms");

	if (!o)
		return -1;
	for (size_t i = 0; i < json_array_size(list) && i < MAX_ALARMS; i++) {
		const json_t *a = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(a, "alarm"));

		strs_printf(out, "%.32s %" PRIx64, name ? name : "alarm", number(a, "memberID"));
	}
	return 0;
}

void etcd_members_release(struct etcd_members *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].peer_url);
		free(l->v[i].client_url);
	}
	free(l->v);
	*l = (struct etcd_members){ NULL, 0 };
}
