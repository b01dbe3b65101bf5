#define _GNU_SOURCE
#include <string.h>

#include "kube/client.h"
#include "kube/transfer.h"

/* The checks that failed, as the server lists them ("[-]etcd failed: reason withheld"). */
static void quote_checks(const char *body, struct buf *out)
{
	auto_free char *text = strdup(body);

	if (!text)
		abort();
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		if (strncmp(line, "[-]", 3) || out->len > 500)
			continue;
		buf_puts(out, out->len ? ", " : ": ");
		transfer_quote(out, line + 3, 100);
	}
}

int kube_healthy(struct kube *k, int timeout_ms, struct err *err)
{
	int64_t deadline = clock_ms() + timeout_ms;
	struct kube_request q = { .method = "GET", .path = "/livez", .timeout_ms = timeout_ms };
	auto_answer struct kube_answer a = { 0 };
	auto_buf struct buf why = BUF_INIT;

	if (kube_request(k, &q, &a, err) < 0)
		return -1;
	if (a.status == 404) { /* before Kubernetes 1.16 */
		q.path = "/healthz";
		q.timeout_ms = (int)(deadline - clock_ms());
		q.timeout_ms = q.timeout_ms > 0 ? q.timeout_ms : 1;
		if (kube_request(k, &q, &a, err) < 0)
			return -1;
	}
	if (a.status == 200 && !strcmp(buf_str(&a.body), "ok"))
		return 0;
	if (a.status != 200 && a.status != 500)
		return kube_refused(k, &q, &a, err);
	quote_checks(buf_str(&a.body), &why);
	return err_set(err, ERR_UNHEALTHY, "the API server answers on %s, but not with ok%s", q.path,
		       buf_str(&why));
}
