/* Properties of migration, over configurations made from a list of pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kubeadm/kubeadm.h"

static struct kubeadm_config *load(const struct buf *text)
{
	auto_err struct err err = ERR_INIT;
	struct kubeadm_config *c = kubeadm_load("f", buf_str(text), text->len, &err);

	if (!c)
		fail_msg("%s\n%s", err.msg, buf_str(text));
	return c;
}

static void migrate(const struct buf *from, enum kubeadm_api to, struct buf *out)
{
	auto_err struct err err = ERR_INIT;
	auto_kubeadm struct kubeadm_config *c = load(from);

	if (kubeadm_migrate(c, to, out, NULL, &err) < 0)
		fail_msg("%s\n%s", err.msg, buf_str(from));
}

/* Good in v1beta1 and ClusterConfiguration. */
static const char *const cluster[] = {
	"dns:\n  type: CoreDNS # c\n  imageTag: v1\n",
	"dns: {type: CoreDNS}\n",
	"useHyperKubeImage: false # c\n",
	"# before\napiServer:\n  # in\n  timeoutForControlPlane: 3m # t\n  extraArgs:\n    a: b # c\n",
	"scheduler: {extraArgs: {a: b, 'c': \"d\"}, extraVolumes: [{name: v}]}\n",
	"controllerManager:\n    extraArgs: &x\n        v: '4'\n\n        # c\n        w: |\n          z\n",
	"etcd:\n  local:\n    extraArgs:\n      # none\n    dataDir: /x\n",
	"networking: {podSubnet: 10.0.0.0/8}\n\n# end\n",
	"featureGates: &g {A: true}\n",
};

static const char *const init[] = {
	"nodeRegistration:\n  kubeletExtraArgs: {v: \"4\"}\n",
	"localAPIEndpoint: {advertiseAddress: 10.0.0.1}\n",
	"# nothing\n",
};

static const char *const join[] = {
	"discovery: {timeout: 1m, file: {kubeConfigPath: /x}}\n",
	"nodeRegistration:\n  kubeletExtraArgs:\n    v: '4'\n  taints: []\n",
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define BITS (COUNT(cluster) + COUNT(init) + COUNT(join) + 2)

static unsigned add_document(struct buf *out, const char *kind, const char *const *pieces, size_t n,
			     unsigned seed)
{
	buf_printf(out, "%sapiVersion: kubeadm.k8s.io/v1beta1\nkind: %s\n", out->len ? "---\n" : "", kind);
	for (size_t i = 0; i < n; i++, seed >>= 1)
		if (seed & 1 && !(i == 1 && strstr(buf_str(out), "dns:")))
			buf_puts(out, pieces[i]);
	return seed;
}

/* Which pieces and documents there are, by the seed's bits. */
static void add_documents(unsigned seed, struct buf *out)
{
	bool cluster_first = seed & 1, with_join = seed & 2;

	seed >>= 2;
	if (cluster_first)
		seed = add_document(out, "ClusterConfiguration", cluster, COUNT(cluster), seed);
	if (with_join)
		seed = add_document(out, "JoinConfiguration", join, COUNT(join), seed);
	if (!cluster_first || seed & 1)
		seed = add_document(out, "InitConfiguration", init, COUNT(init), seed);
	if (!cluster_first)
		add_document(out, "ClusterConfiguration", cluster, COUNT(cluster), seed);
}

static const char foreign[] = "a:   b # c";

/* Every third has CRLF, every fifth a byte order mark, every seventh no end of its last line. */
static void make(unsigned i, struct buf *out)
{
	auto_buf struct buf text = BUF_INIT;

	add_documents(i * 2654435761u >> (32 - BITS), &text);
	buf_printf(&text, "---\napiVersion: x/v1\nkind: Other\n%s%s", foreign, i % 7 ? "\n" : "");
	if (i % 5 == 0)
		buf_puts(out, "\xef\xbb\xbf");
	for (const char *s = buf_str(&text); *s; s++) {
		if (*s == '\n' && i % 3 == 0)
			buf_puts(out, "\r");
		buf_add(out, s, 1);
	}
}

#define SEEDS 300

static void any_chain_of_hops_equals_one_jump(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SEEDS; i++) {
		auto_buf struct buf text = BUF_INIT, jump = BUF_INIT;

		make(i, &text);
		migrate(&text, KUBEADM_V1, &jump);
		for (unsigned stops = 0; stops < 8; stops++) {
			auto_buf struct buf two = BUF_INIT, three = BUF_INIT, four = BUF_INIT, five = BUF_INIT;

			migrate(&text, stops & 1 ? KUBEADM_V1BETA2 : KUBEADM_V1BETA1, &two);
			migrate(&two, stops & 2 ? KUBEADM_V1BETA3 : KUBEADM_V1BETA2, &three);
			migrate(&three, stops & 4 ? KUBEADM_V1BETA4 : KUBEADM_V1BETA3, &four);
			migrate(&four, KUBEADM_V1, &five);
			assert_string_equal(buf_str(&five), buf_str(&jump));
		}
	}
}

static void migrating_twice_changes_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SEEDS; i++) {
		auto_buf struct buf text = BUF_INIT, once = BUF_INIT, twice = BUF_INIT;

		make(i, &text);
		migrate(&text, KUBEADM_V1BETA4, &once);
		migrate(&once, KUBEADM_V1BETA4, &twice);
		assert_string_equal(buf_str(&once), buf_str(&twice));
		assert_non_null(strstr(buf_str(&once), foreign));
	}
}

static void line_ends_stay_of_one_kind(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SEEDS; i++) {
		auto_buf struct buf text = BUF_INIT, moved = BUF_INIT;
		size_t lines = 0, returns = 0;

		make(i, &text);
		migrate(&text, KUBEADM_V1BETA4, &moved);
		for (const char *s = buf_str(&moved); *s; s++) {
			lines += *s == '\n';
			returns += *s == '\r' && s[1] == '\n';
		}
		assert_int_equal(returns, i % 3 ? 0 : lines);
		assert_int_equal(buf_str(&moved)[moved.len - 1] == '\n', i % 7 != 0);
	}
}

/* Each comment is in the text after it as often as before. */
static size_t count_comments(const struct buf *text)
{
	size_t n = 0;

	for (const char *at = buf_str(text); (at = strstr(at, "# ")); at += 2)
		n++;
	return n;
}

static void no_comment_is_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SEEDS; i++) {
		auto_buf struct buf text = BUF_INIT, moved = BUF_INIT;

		make(i, &text);
		migrate(&text, KUBEADM_V1BETA4, &moved);
		assert_int_equal(count_comments(&moved), count_comments(&text));
	}
}

static void hundred_thousand_arguments_become_a_list(void **state)
{
	auto_buf struct buf text = BUF_INIT, moved = BUF_INIT;

	(void)state;
	buf_puts(&text, "apiVersion: kubeadm.k8s.io/v1beta1\nkind: ClusterConfiguration\n"
			"scheduler:\n  extraArgs:\n");
	for (int i = 0; i < 100000; i++)
		buf_printf(&text, "    key%d: \"value%d\" # c\n", i, i);
	migrate(&text, KUBEADM_V1BETA4, &moved);
	assert_non_null(strstr(buf_str(&moved), "    - name: key99999\n      value: \"value99999\" # c\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_chain_of_hops_equals_one_jump),
		cmocka_unit_test(migrating_twice_changes_nothing),
		cmocka_unit_test(line_ends_stay_of_one_kind),
		cmocka_unit_test(no_comment_is_lost),
		cmocka_unit_test(hundred_thousand_arguments_become_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
