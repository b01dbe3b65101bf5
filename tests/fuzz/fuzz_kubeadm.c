/* A file of kubeadm's as the user's part of what init and join write. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "kubeadm/kubeadm.h"

static void complete(const struct kubeadm_config *c)
{
	const char *const names[] = { "m1", "10.0.0.9", NULL };
	const struct kubeadm_init init = { { 1, 31, 0 }, "v1.31.0", "c", "10.0.0.9:6443", names, "m1",
					   "10.0.0.1", "/run/x.sock", true, names };
	const struct kubeadm_join join = { .kubeadm = { 1, 31, 0 }, .endpoint = "10.0.0.9:6443",
					   .token = "abcdef.0123456789abcdef", .ca_hash = "sha256:00",
					   .node_name = "m2", .advertise_address = "10.0.0.2",
					   .control_plane = true };
	auto_err struct err init_err = ERR_INIT, join_err = ERR_INIT;
	auto_buf struct buf out = BUF_INIT;

	if (kubeadm_render_init(c, &init, &out, &init_err) < 0)
		assert(init_err.msg);
	if (kubeadm_render_join(c, &join, &out, &join_err) < 0)
		assert(join_err.msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto_err struct err err = ERR_INIT;
	auto_kubeadm struct kubeadm_config *c = kubeadm_load("f", (const char *)data, len, &err);

	if (c)
		complete(c);
	return 0;
}
