/* A file of kubeadm's to every newer version: one jump equals any chain of hops, and twice equals
 * once.  What was read strictly migrates or says why. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "kubeadm/kubeadm.h"

/* -1: refused. */
static int migrate(const struct buf *from, enum kubeadm_api to, struct buf *out)
{
	auto_err struct err err = ERR_INIT;
	auto_strs struct strs notices = STRS_INIT;
	auto_kubeadm struct kubeadm_config *c = kubeadm_load("f", buf_str(from), from->len, &err);

	if (!c || kubeadm_migrate(c, to, out, &notices, &err) < 0) {
		assert(err.kind == ERR_CONFIG && err.msg && !strncmp(err.msg, "f:", 2));
		return -1;
	}
	for (size_t i = 0; i < notices.n; i++)
		assert(!strncmp(notices.v[i], "f:", 2) && !strchr(notices.v[i], '\n'));
	return 0;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(buf_str(a), buf_str(b), a->len);
}

static void check_chains(const struct buf *text, const struct buf *jump)
{
	for (enum kubeadm_api stop = KUBEADM_V1BETA1; stop <= KUBEADM_V1BETA4; stop++) {
		auto_buf struct buf stopped = BUF_INIT, result = BUF_INIT;

		if (migrate(text, stop, &stopped) == 0 && migrate(&stopped, KUBEADM_V1BETA4, &result) == 0)
			assert(same(&result, jump));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto_buf struct buf text = BUF_INIT, jump = BUF_INIT, twice = BUF_INIT, v1 = BUF_INIT;
	int rc;

	buf_add(&text, data, len);
	if (migrate(&text, KUBEADM_V1BETA4, &jump) < 0)
		return 0;
	rc = migrate(&jump, KUBEADM_V1BETA4, &twice);
	assert(rc == 0 && same(&jump, &twice));
	rc = migrate(&jump, KUBEADM_V1, &v1);
	assert(rc == 0);
	check_chains(&text, &jump);
	return 0;
}
