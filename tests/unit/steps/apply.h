/* hactl apply, and less of it, on the cluster that is not there. */
#ifndef TESTS_STEPS_APPLY_H
#define TESTS_STEPS_APPLY_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

static char dir[] = "/tmp/bootstrap-XXXXXX";

static inline enum steps_part everyone(const void *ctx, const struct inv_node *n)
{
	(void)ctx;
	(void)n;
	return STEPS_TARGET;
}

/* What the events of a run told. */
struct told {
	bool changed;
	char node[8], step[32]; /* of the first failure */
};

static inline void hear(void *ctx, const struct plan_event *e)
{
	struct told *t = ctx;

	if (e->type != PLAN_STEP || e->state != PLAN_FAILED || *t->step)
		return;
	snprintf(t->node, sizeof(t->node), "%s", e->node ? e->node : "");
	snprintf(t->step, sizeof(t->step), "%s", e->step);
}

static inline void describe(const struct sim *s, const char *path, const char *kubeadm)
{
	FILE *f = fopen(path, "w"), *k = fopen(kubeadm, "w");

	assert_non_null(f);
	assert_non_null(k);
	fprintf(f, "apiVersion: hactl/v1\nkind: Cluster\nname: t\nendpoint: " SIM_VIP ":%d\nschedulable: true\ncontrolPlane:\n",
		s->api.port);
	for (int i = 1; i <= SIM_NODES; i++)
		fprintf(f, "  - {name: m%d, address: 127.0.1.1%d}\n", i, i);
	if (s->password)
		fprintf(f, "vip: {password: %s}\n", s->password);
	fprintf(f, "kubeadm: {config: %s}\n", kubeadm);
	fprintf(k, "apiVersion: kubeadm.k8s.io/v1beta2\nkind: InitConfiguration\nlocalAPIEndpoint: {bindPort: %d}\n",
		s->api.port);
	fclose(f);
	fclose(k);
}

/* --yes m2 */
static inline bool only_m2(void *ctx, const char *node, const char *why)
{
	(void)ctx;
	(void)why;
	return !strcmp(node, "m2");
}

static inline int run_phases(struct sim *s, const struct plan_phase *const *phases, struct told *told, struct err *err)
{
	const struct steps_options opt = { .connect = sim_connect, .ctx = s, .log_dir = dir, .who = "the test", .reconnects = true,
					   .patience_ms = s->patience_ms, .may_take_apart = s->yes_m2 ? only_m2 : NULL };
	auto_inventory struct inventory inv = { 0 };
	auto_free char *path = NULL, *kubeadm = NULL;
	struct steps_run run;
	int rc;

	assert_true(asprintf(&path, "%s/hactl.yaml", dir) > 0 && asprintf(&kubeadm, "%s/kubeadm.yaml", dir) > 0);
	describe(s, path, kubeadm);
	*told = (struct told){ .changed = false };
	s->calls = 0;
	*s->failed = '\0';
	if (inventory_load(path, &inv, err) < 0)
		return -1;
	rc = steps_run_init(&run, &inv, &opt, everyone, NULL, err);
	run.plan.observer = (struct plan_observer){ .event = hear, .ctx = told };
	if (rc == 0)
		rc = plan_run(&run.plan, phases, err);
	told->changed = run.plan.changed;
	steps_run_release(&run);
	return rc;
}

/* hactl apply. */
static inline int apply(struct sim *s, struct told *told, struct err *err)
{
	return run_phases(s, steps_apply, told, err);
}

static inline void assert_cluster(struct sim *s)
{
	mode_t mode;

	for (int i = 0; i < SIM_NODES; i++) {
		const struct sim_node *n = &s->nodes[i];

		assert_true(n->keepalived && n->kubelet_conf && n->apiserver && n->etcd && n->listed && !*n->begun);
		assert_int_equal(n->member, SIM_STARTED);
		assert_string_equal(remote_fake_text(n->fake, SIM_PKI "ca.key", &mode), s->ca.key_pem);
		assert_int_equal(mode, 0600);
	}
}

static inline void assert_applies(struct sim *s, bool changes)
{
	auto_err struct err err = ERR_INIT;
	struct told told;

	if (apply(s, &told, &err) < 0)
		fail_msg("after call %d failed%s: %s", s->fail_at, s->fail_late ? " late" : "", err.msg);
	assert_cluster(s);
	if (!changes)
		assert_false(told.changed);
}

static inline int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	return mkdtemp(dir) ? kube_init(&err) : -1;
}

static inline int cleanup(void **state)
{
	static const char *const names[] = { "hactl.yaml", "kubeadm.yaml", "m1.log", "m2.log", "m3.log" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		auto_free char *path = NULL;

		if (asprintf(&path, "%s/%s", dir, names[i]) < 0 || unlink(path) < 0)
			return -1;
	}
	return rmdir(dir);
}

#endif
