#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diff.h"
#include "base/file.h"
#include "cmd.h"
#include "migrate_json.h"
#include "yaml/yaml.h"

#define MAX_FILE (4 << 20)

struct migrate_opts {
	const char *old_config, *new_config, *to, *kubernetes_version;
	bool in_place, diff, check;
	int output;
};

static const struct cli_opt opts[] = {
	OPT_STR(struct migrate_opts, old_config, 0, "old-config", "FILE", "the file to migrate, '-' for stdin; required"),
	OPT_STR(struct migrate_opts, new_config, 0, "new-config", "FILE", "where the result goes (default: stdout)"),
	OPT_STR(struct migrate_opts, to, 0, "to", "VERSION", "the version to write: v1beta2, v1beta3, v1beta4 (default) or the experimental v1"),
	OPT_STR(struct migrate_opts, kubernetes_version, 0, "kubernetes-version", "VERSION", "the newest API version that the kubeadm of this release reads"),
	OPT_FLAG(struct migrate_opts, in_place, 0, "in-place", "replace the old file, which is kept as FILE.bak"),
	OPT_FLAG(struct migrate_opts, diff, 0, "diff", "print a unified diff instead of the result, secrets masked"),
	OPT_FLAG(struct migrate_opts, check, 0, "check", "write nothing; exit status 6 when something would change"),
	OPT_CHOICE(struct migrate_opts, output, 'o', "output", run_outputs, "text for people, or json: changes and notices as data"),
	OPT_END,
};

static int check_usage(const struct migrate_opts *o, struct err *err)
{
	int targets = (o->new_config != NULL) + o->in_place + o->check + o->diff;

	if (!o->old_config)
		return err_set(err, ERR_USAGE, "migrate: --old-config FILE is required");
	if (o->to && o->kubernetes_version)
		return err_set(err, ERR_USAGE, "migrate: --to and --kubernetes-version both choose the version");
	if (targets > 1 && !(targets == 2 && o->check && o->diff))
		return err_set(err, ERR_USAGE, "migrate: --new-config, --in-place, and --diff or --check exclude each other");
	if (o->in_place && !strcmp(o->old_config, "-"))
		return err_set(err, ERR_USAGE, "migrate: stdin has no place; use --new-config");
	return 0;
}

/* Also with the group in front, as it stands in files. */
static int api_named(const char *name, enum kubeadm_api *api, struct err *err)
{
	static const char group[] = "kubeadm.k8s.io/";

	if (!strncmp(name, group, sizeof(group) - 1))
		name += sizeof(group) - 1;
	for (*api = KUBEADM_V1BETA1; *api <= KUBEADM_V1; ++*api)
		if (!strcmp(kubeadm_api_name(*api), name))
			return 0;
	return err_set(err, ERR_USAGE, "--to: '%s' is none of v1beta1, v1beta2, v1beta3, v1beta4, v1", name);
}

/* "v1.31" is its first patch release. */
static int release_named(const char *name, struct kubeadm_version *v, struct err *err)
{
	const char *point = strchr(name, '.');
	auto_buf struct buf whole = BUF_INIT;

	buf_puts(&whole, name);
	if (point && point[1] && !point[1 + strspn(point + 1, "0123456789")])
		buf_puts(&whole, ".0");
	return kubeadm_parse_version(buf_str(&whole), v, err);
}

static int choose_api(const struct migrate_opts *o, enum kubeadm_api *api, struct err *err)
{
	struct kubeadm_version v;
	int rc = 0;

	*api = KUBEADM_V1BETA4;
	if (o->to)
		rc = api_named(o->to, api, err);
	else if (o->kubernetes_version)
		rc = release_named(o->kubernetes_version, &v, err) < 0 ? -1 : kubeadm_api_for(&v, api, err);
	if (rc < 0 && o->kubernetes_version) {
		err->kind = ERR_USAGE;
		err_wrap(err, "--kubernetes-version");
	}
	return rc;
}

/* What a person may see of a file: secrets masked. */
static int diff_of(const char *name, const struct buf *old_text, const struct buf *new_text, struct buf *out,
		   struct err *err)
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;

	yaml_mask_secrets(buf_str(old_text), old_text->len, &a);
	yaml_mask_secrets(buf_str(new_text), new_text->len, &b);
	return diff_unified(name, &a, name, &b, out, err);
}

/* A backup of what was not replaced is a file too many. */
static int write_in_place(const char *path, const struct buf *text, struct err *err)
{
	auto_free char *backup = NULL;
	struct stat before, now;

	if (file_backup(path, &backup, err) < 0)
		return -1;
	if (stat(path, &before) < 0)
		return err_errno(err, "%s", path);
	if (file_replace(path, NULL, text->data, text->len, err) < 0) {
		if (stat(path, &now) == 0 && now.st_ino == before.st_ino)
			unlink(backup);
		return -1;
	}
	fprintf(stderr, "hactl: the old file is kept as %s\n", backup);
	return 0;
}

/* Puts the result where it shall go; *shown is what belongs on stdout. */
static int deliver(const struct migrate_opts *o, bool changed, const struct buf *result, const struct buf *diff,
		   const struct buf **shown, struct err *err)
{
	static const struct buf nothing = BUF_INIT;

	*shown = &nothing;
	if (o->in_place)
		return changed ? write_in_place(o->old_config, result, err) : 0;
	if (o->new_config && strcmp(o->new_config, "-"))
		return file_replace(o->new_config, o->old_config, buf_str(result), result->len, err);
	*shown = o->diff ? diff : o->check ? &nothing : result;
	return 0;
}

static const char *shown_name(const struct migrate_opts *o)
{
	return o->old_config && strcmp(o->old_config, "-") ? o->old_config : "stdin";
}

static int migrate_text(const struct migrate_opts *o, const struct buf *text, struct err *err)
{
	const char *name = shown_name(o);
	auto_kubeadm struct kubeadm_config *config = NULL;
	auto_wipe struct buf result = BUF_INIT;
	auto_buf struct buf diff = BUF_INIT;
	auto_strs struct strs notices = STRS_INIT;
	const struct buf *shown;
	enum kubeadm_api api;
	bool changed;

	if (choose_api(o, &api, err) < 0)
		return -1;
	config = kubeadm_load(name, buf_str(text), text->len, err);
	if (!config || kubeadm_migrate(config, api, &result, &notices, err) < 0)
		return -1;
	changed = result.len != text->len || memcmp(buf_str(&result), buf_str(text), text->len);
	if (changed && (o->diff || o->output == RUN_JSON) && diff_of(name, text, &result, &diff, err) < 0)
		return -1;
	if (deliver(o, changed, &result, &diff, &shown, err) < 0)
		return -1;
	if (o->output == RUN_JSON)
		migrate_print_json(name, api, changed, buf_str(&diff), &notices);
	else if (fwrite(buf_str(shown), 1, shown->len, stdout) != shown->len)
		return err_errno(err, "standard output");
	for (size_t i = 0; i < notices.n && o->output != RUN_JSON; i++)
		fprintf(stderr, "%s\n", notices.v[i]);
	if (o->check && changed)
		err->kind = ERR_CHANGE;
	return 0;
}

static int migrate_file(const struct migrate_opts *o, struct err *err)
{
	auto_wipe struct buf text = BUF_INIT;

	if (check_usage(o, err) < 0 || file_read(o->old_config, MAX_FILE, &text, err) < 0)
		return -1;
	return migrate_text(o, &text, err);
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct migrate_opts *o = data;
	int rc = migrate_file(o, err);

	(void)operands;
	if (rc < 0 && o->output == RUN_JSON)
		migrate_print_error(shown_name(o), err);
	return rc;
}

const struct cli_cmd config_migrate = {
	.name = "migrate",
	.summary = "move kubeadm documents to a newer API version, in one step, keeping comments",
	.description =
		"Edits the text: only what the API changed is changed.  Comments, order, quoting, line ends and documents "
		"of other groups stay; a file that is there already comes back byte for byte.  The result, and nothing "
		"else, goes to stdout; what is lost or will fail later is said on stderr, with its line.",
	.examples =
		"hactl config migrate --old-config kubeadm.yaml --new-config new.yaml\n"
		"hactl config migrate --old-config kubeadm.yaml --diff\n"
		"# for CI: is there anything left to migrate?\n"
		"hactl config migrate --old-config kubeadm.yaml --kubernetes-version v1.31 --check",
	.opts = opts,
	.opts_size = sizeof(struct migrate_opts),
	.run = run,
};
