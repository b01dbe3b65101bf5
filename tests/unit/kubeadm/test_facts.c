#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kubeadm/kubeadm.h"

static void without_documents_the_facts_are_kubeadms_defaults(void **state)
{
	struct kubeadm_facts f;

	(void)state;
	kubeadm_facts(NULL, &f);
	assert_string_equal(f.certificates_dir, "/etc/kubernetes/pki");
	assert_int_equal(f.bind_port, 6443);
	assert_null(f.control_plane_endpoint);
	assert_null(f.kubernetes_version);
	assert_null(f.cri_socket);
	assert_false(f.external_etcd);
	assert_null(f.etcd_ca_file);
}

static void what_the_documents_say_is_told(void **state)
{
	static const char text[] =
		"apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\n"
		"certificatesDir: /pki\ncontrolPlaneEndpoint: lb:443\nkubernetesVersion: stable-1\n"
		"etcd: {external: {endpoints: [a], caFile: /ca, certFile: /crt, keyFile: /key}}\n"
		"---\napiVersion: kubeadm.k8s.io/v1beta2\nkind: InitConfiguration\n"
		"localAPIEndpoint: {bindPort: 7443}\nnodeRegistration: {criSocket: /s}\n";
	auto_err struct err err = ERR_INIT;
	auto_kubeadm struct kubeadm_config *c = kubeadm_load("f", text, strlen(text), &err);
	struct kubeadm_facts f;

	(void)state;
	assert_non_null(c);
	kubeadm_facts(c, &f);
	assert_string_equal(f.certificates_dir, "/pki");
	assert_string_equal(f.control_plane_endpoint, "lb:443");
	assert_string_equal(f.kubernetes_version, "stable-1");
	assert_true(f.external_etcd);
	assert_string_equal(f.etcd_ca_file, "/ca");
	assert_string_equal(f.etcd_cert_file, "/crt");
	assert_string_equal(f.etcd_key_file, "/key");
	assert_int_equal(f.bind_port, 7443);
	assert_string_equal(f.cri_socket, "/s");
}

static void local_etcd_and_empty_values_count_as_defaults(void **state)
{
	static const char text[] = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
				   "certificatesDir: \"\"\netcd: {local: {dataDir: /x}, external: null}\n";
	auto_err struct err err = ERR_INIT;
	auto_kubeadm struct kubeadm_config *c = kubeadm_load("f", text, strlen(text), &err);
	struct kubeadm_facts f;

	(void)state;
	assert_non_null(c);
	kubeadm_facts(c, &f);
	assert_string_equal(f.certificates_dir, "/etc/kubernetes/pki");
	assert_false(f.external_etcd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_documents_the_facts_are_kubeadms_defaults),
		cmocka_unit_test(what_the_documents_say_is_told),
		cmocka_unit_test(local_etcd_and_empty_values_count_as_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
