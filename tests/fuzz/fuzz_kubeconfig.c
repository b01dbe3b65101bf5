#include <stdint.h>
#include <string.h>

#include "kube/kube.h"

static const char admin[] =
	"clusters: [{name: k, cluster: {server: 'https://a:1', certificate-authority-data: Q0E=}}]\n"
	"contexts: [{name: c, context: {cluster: k, user: u}}]\n"
	"users: [{name: u, user: {client-key-data: S0VZ}}]\n"
	"current-context: c\n";

/* Any file is either merged, so that merging again changes nothing, or refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto_err struct err err = ERR_INIT, err2 = ERR_INIT;
	auto_buf struct buf once = BUF_INIT, twice = BUF_INIT;
	const char *text = (const char *)data;

	kube_close(kube_open("fuzz", text, len, NULL, &err));
	err_clear(&err);
	if (kube_merge_config("fuzz", text, len, admin, strlen(admin), "c", &once, &err) < 0)
		return 0;
	if (kube_merge_config("fuzz", once.data, once.len, admin, strlen(admin), "c", &twice, &err2) < 0 ||
	    once.len != twice.len || memcmp(once.data, twice.data, once.len))
		abort();
	return 0;
}
