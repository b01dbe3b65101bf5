/* Every folder of tests/golden/inventory: what inventory_load makes of the file in. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../golden.h"
#include "inventory/inventory.h"

static const char *word(const char *s)
{
	return s ? s : "-";
}

static void show_given(const char *name, const char *value, struct buf *out)
{
	if (value)
		buf_printf(out, " %s %s", name, value);
}

static void show_ssh(const struct inv_ssh *s, struct buf *out)
{
	buf_printf(out, "%s:%d key %s known %s timeout %d ms", word(s->user), s->port,
		   word(s->identity_file), word(s->known_hosts_file), s->connect_timeout_ms);
	show_given("password file", s->password_file, out);
	show_given("password env", s->password_env, out);
	show_given("sudo password file", s->sudo_password_file, out);
	show_given("bastion", s->bastion, out);
	show_given("config", s->config_file, out);
	if (s->sudo || s->transport)
		buf_printf(out, " sudo %d transport %d", s->sudo, s->transport);
}

static void show_node(const struct inv_node *n, struct buf *out)
{
	auto_free char *labels = strs_join(&n->labels, " ");

	buf_printf(out, "%s %s at %s, ssh ", n->control_plane ? "control-plane" : "worker", n->name,
		   n->address);
	show_ssh(&n->ssh, out);
	show_given("host key", n->ssh_host_key, out);
	buf_printf(out, ", labels [%s], taints [", labels);
	for (size_t i = 0; i < n->ntaints; i++)
		buf_printf(out, "%s%s=%s:%s", i ? " " : "", n->taints[i].key, n->taints[i].value,
			   n->taints[i].effect);
	buf_puts(out, "]\n");
}

static void show(const struct inventory *inv, struct buf *out)
{
	auto_free char *ignored = strs_join(&inv->kubeadm.ignore_preflight_errors, " ");

	buf_printf(out, "cluster %s endpoint %s (%s port %d) version %s schedulable %d\nssh ", inv->name,
		   inv->endpoint, inv->endpoint_host, inv->endpoint_port, word(inv->kubernetes_version),
		   inv->schedulable);
	show_ssh(&inv->ssh, out);
	buf_printf(out, "\nvip provider %d address %s/%d interface %s id %d password %s unicast %d\n",
		   inv->vip.provider, word(inv->vip.address), inv->vip.prefix, word(inv->vip.interface),
		   inv->vip.virtual_router_id, word(inv->vip.password), inv->vip.unicast);
	if (inv->vip.advert_ms)
		buf_printf(out, "vip advert %d check %d fall %d rise %d preempt %d\n", inv->vip.advert_ms,
			   inv->vip.check_ms, inv->vip.fall, inv->vip.rise, inv->vip.preempt);
	if (inv->vip.second)
		buf_printf(out, "vip second %s/%d\n", inv->vip.second, inv->vip.second_prefix);
	if (inv->load_balancer)
		buf_printf(out, "load balancer %d\n", inv->load_balancer);
	if (inv->vip.provider == INV_VIP_KUBE_VIP)
		buf_printf(out, "kube-vip %s\n", inv->vip.image);
	buf_printf(out, "kubeadm config %s ignore [%s]\n", word(inv->kubeadm.config), ignored);
	for (size_t i = 0; i < inv->nnodes; i++)
		show_node(&inv->nodes[i], out);
	for (size_t i = 0; i < inv->warnings.n; i++)
		buf_printf(out, "warning %s\n", inv->warnings.v[i]);
}

static void read_case(struct buf *got)
{
	auto_err struct err err = ERR_INIT;
	auto_inventory struct inventory inv = { 0 };

	if (inventory_load("in", &inv, &err) < 0) {
		assert_int_equal(err.kind, ERR_CONFIG);
		buf_printf(got, "%s\n", err.msg);
	} else {
		show(&inv, got);
	}
}

static void every_case_reads_as_written_down(void **state)
{
	(void)state;
	golden_run_all("tests/golden/inventory", read_case);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_reads_as_written_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
