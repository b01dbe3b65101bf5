#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kube/client.h"

#define ID_LEN 6
#define SECRET_LEN 16

static const char secrets[] = "/api/v1/namespaces/kube-system/secrets";

static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789";

static bool is_token(const char *t)
{
	return strspn(t, set) == ID_LEN && t[ID_LEN] == '.' &&
	       strspn(t + ID_LEN + 1, set) == SECRET_LEN && !t[ID_LEN + 1 + SECRET_LEN];
}

/* Nothing in it needs escaping in JSON: the token is checked, the rest is ours. */
static void token_body(const char *token, int ttl_s, struct buf *out)
{
	time_t end = (time_t)(clock_wall_ms() / 1000) + ttl_s;
	char expires[32];
	struct tm tm;

	gmtime_r(&end, &tm);
	strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_reserve(out, 1024);
	buf_puts(out, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{"
		      "\"namespace\":\"kube-system\",\"name\":\"bootstrap-token-");
	buf_add(out, token, ID_LEN);
	buf_puts(out, "\"},\"type\":\"bootstrap.kubernetes.io/token\",\"stringData\":{"
		      "\"description\":\"made by hactl for joining nodes\","
		      "\"usage-bootstrap-authentication\":\"true\","
		      "\"usage-bootstrap-signing\":\"true\","
		      "\"auth-extra-groups\":\"system:bootstrappers:kubeadm:default-node-token\","
		      "\"expiration\":\"");
	buf_puts(out, expires);
	buf_puts(out, "\",\"token-id\":\"");
	buf_add(out, token, ID_LEN);
	buf_puts(out, "\",\"token-secret\":\"");
	buf_puts(out, token + ID_LEN + 1);
	buf_puts(out, "\"}}");
}


int kube_create_token(struct kube *k, const char *token, int ttl_s, struct err *err)
{
	auto_wipe struct buf body = BUF_INIT;
	auto_answer struct kube_answer a = { 0 };
	int tries;

	if (!is_token(token))
		return err_set(err, ERR_FAILED, "not a bootstrap token: it has 6 and 16 of [a-z0-9] "
			       "around a dot");
	token_body(token, ttl_s, &body);
	const struct kube_request q = {
		.method = "POST", .path = secrets, .body = buf_str(&body), .len = body.len,
		.metadata_only = true,
	};

	if (kube_send_patiently(k, &q, &a, &tries, err) < 0)
		return -1;
	/* It exists: a try that seemed to fail did not. */
	if (a.status == 201 || (a.status == 409 && tries > 1))
		return 0;
	return kube_refused(k, &q, &a, err);
}

int kube_delete_token(struct kube *k, const char *token_id, struct err *err)
{
	auto_free char *path = NULL;
	auto_answer struct kube_answer a = { 0 };
	int tries;

	if (strspn(token_id, set) != ID_LEN || token_id[ID_LEN])
		return err_set(err, ERR_FAILED, "not the id of a bootstrap token: it has 6 of [a-z0-9]");
	if (asprintf(&path, "%s/bootstrap-token-%s", secrets, token_id) < 0)
		abort();
	const struct kube_request q = { .method = "DELETE", .path = path, .metadata_only = true };

	if (kube_send_patiently(k, &q, &a, &tries, err) < 0)
		return -1;
	return a.status == 200 || a.status == 404 ? 0 : kube_refused(k, &q, &a, err);
}
