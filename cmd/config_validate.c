#define _GNU_SOURCE
#include <string.h>

#include "base/file.h"
#include "cmd.h"
#include "inventory/inventory.h"
#include "kubeadm/kubeadm.h"

#define MAX_FILE (4 << 20)

/* "kind: ClusterConfiguration", also where the apiVersion is missing or wrong. */
static bool has_kind_of_kubeadm(const char *text)
{
	static const char ending[] = "Configuration";

	for (const char *at = text; (at = strstr(at, "kind")); at++)
		if (at[4 + strspn(at + 4, "\"' ")] == ':' &&
		    memmem(at, strcspn(at, "\r\n"), ending, sizeof(ending) - 1))
			return true;
	return false;
}

/* kubeadm's documents, and those that go with them, are of groups below k8s.io; what is not is
 * taken for hactl.yaml, which then says what it lacks. */
static bool is_ours(const struct buf *text)
{
	return strstr(buf_str(text), "apiVersion: hactl/") ||
	       !(strstr(buf_str(text), "k8s.io/") || has_kind_of_kubeadm(buf_str(text)));
}

static int validate_inventory(const char *path, const struct buf *text, struct err *err)
{
	auto_inventory struct inventory inv = { 0 };

	if (inventory_parse(path, buf_str(text), text->len, &inv, err) < 0)
		return -1;
	for (size_t i = 0; i < inv.warnings.n; i++)
		fprintf(stderr, "warning: %s\n", inv.warnings.v[i]);
	return 0;
}

static const char *shown_name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

static int validate_file(const char *path, struct err *err)
{
	auto_wipe struct buf text = BUF_INIT;
	auto_kubeadm struct kubeadm_config *config = NULL;

	if (file_read(path, MAX_FILE, &text, err) < 0)
		return -1;
	if (is_ours(&text))
		return validate_inventory(path, &text, err);
	config = kubeadm_load(shown_name(path), buf_str(&text), text.len, err);
	return config ? 0 : -1;
}

/* Every file is looked at; the first error ends up in err, the others on stderr before it. */
static int run(const void *data, char **operands, struct err *err)
{
	(void)data;
	for (char **path = operands; *path; path++) {
		auto_err struct err own = ERR_INIT;

		if (validate_file(*path, &own) == 0) {
			fprintf(stderr, "%s: valid\n", shown_name(*path));
			continue;
		}
		if (!err->msg) {
			*err = own;
			own = (struct err)ERR_INIT;
		} else {
			fprintf(stderr, "hactl: %s\n", own.msg);
		}
	}
	return err->msg ? -1 : 0;
}

const struct cli_cmd config_validate = {
	.name = "validate",
	.summary = "read hactl.yaml or kubeadm files ('-': stdin) strictly and say what is wrong, with line and column",
	.operands = "FILE...",
	.min_operands = 1,
	.max_operands = -1,
	.examples = "hactl config validate hactl.yaml kubeadm.yaml",
	.run = run,
};
