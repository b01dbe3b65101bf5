/*
 * Every folder of tests/golden/kubeadm: what becomes of the file in.  The file args says how:
 * "migrate API", "init VERSION", "join VERSION" or "join-control-plane VERSION" of kubeadm.
 * Without a file in there are no documents of the user's.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../golden.h"
#include "kubeadm/kubeadm.h"

static const char *const ignored[] = { "Swap", "NumCPU", NULL };
static const char *const sans[] = { "10.0.0.9", "m1", "m2", NULL };

static int migrate(const struct kubeadm_config *c, const char *to, struct buf *out, struct err *err)
{
	auto_strs struct strs notices = STRS_INIT;
	auto_buf struct buf text = BUF_INIT;
	enum kubeadm_api api = KUBEADM_V1BETA1;

	while (strcmp(kubeadm_api_name(api), to))
		api++;
	if (kubeadm_migrate(c, api, &text, &notices, err) < 0)
		return -1;
	for (size_t i = 0; i < notices.n; i++)
		buf_printf(out, "notice: %s\n", notices.v[i]);
	buf_puts(out, buf_str(&text));
	return 0;
}

static int init(const struct kubeadm_config *c, const char *version, struct buf *out,
		struct err *err)
{
	struct kubeadm_init in = {
		.kubernetes_version = version,
		.cluster_name = "prod",
		.endpoint = "10.0.0.9:6443",
		.cert_sans = sans,
		.node_name = "m1",
		.advertise_address = "10.0.0.11",
		.cri_socket = "unix:///run/containerd/containerd.sock",
		.schedulable = true,
		.ignore_preflight_errors = ignored,
	};

	if (kubeadm_parse_version(version, &in.kubeadm, err) < 0)
		return -1;
	return kubeadm_render_init(c, &in, out, err);
}

static int join(const struct kubeadm_config *c, const char *version, bool control_plane,
		struct buf *out, struct err *err)
{
	struct kubeadm_join in = {
		.endpoint = "10.0.0.9:6443",
		.token = "abcdef.0123456789abcdef",
		.ca_hash = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.node_name = "m2",
		.advertise_address = "10.0.0.12",
		.cri_socket = "/run/containerd/containerd.sock",
		.control_plane = control_plane,
		.schedulable = true,
		.bind_port = 6443,
		.ignore_preflight_errors = ignored,
	};

	if (kubeadm_parse_version(version, &in.kubeadm, err) < 0)
		return -1;
	return kubeadm_render_join(c, &in, out, err);
}

static int run(const char *args, struct buf *out, struct err *err)
{
	auto_kubeadm struct kubeadm_config *c = NULL;
	auto_buf struct buf text = BUF_INIT;
	char how[32], version[32];

	assert_int_equal(sscanf(args, "%31s %31s", how, version), 2);
	if (access("in", F_OK) == 0) {
		assert_int_equal(file_read("in", 1 << 16, &text, err), 0);
		c = kubeadm_load("in", buf_str(&text), text.len, err);
		if (!c)
			return -1;
	}
	if (!strcmp(how, "migrate"))
		return migrate(c, version, out, err);
	if (!strcmp(how, "init"))
		return init(c, version, out, err);
	return join(c, version, !strcmp(how, "join-control-plane"), out, err);
}

static void run_case(struct buf *got)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf args = BUF_INIT;

	assert_int_equal(file_read("args", 100, &args, &err), 0);
	if (run(buf_str(&args), got, &err) < 0) {
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_int_equal(got->len, 0);
		buf_printf(got, "%s\n", err.msg);
	}
}

static void every_case_becomes_what_is_written_down(void **state)
{
	(void)state;
	golden_run_all("tests/golden/kubeadm", run_case);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_becomes_what_is_written_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
