#define _GNU_SOURCE
#include <string.h>

#include "base/strs.h"
#include "cmd.h"
#include "inventory/inventory.h"

struct init_opts {
	const char *vip, *workers, *name;
};

static const struct cli_opt opts[] = {
	OPT_STR(struct init_opts, vip, 0, "vip", "ADDRESS", "the virtual IP: an address of the nodes' subnet that nobody uses"),
	OPT_STR(struct init_opts, workers, 0, "workers", "LIST", "workers as [USER@]HOST[:PORT], separated by commas"),
	OPT_STR(struct init_opts, name, 0, "name", "NAME", "the cluster's name (default: kubernetes)"),
	OPT_END,
};

static void split(const char *list, struct strs *out)
{
	auto_free char *copy = strdup(list ? list : "");
	char *save = NULL;

	if (!copy)
		abort();
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save))
		strs_add(out, word);
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct init_opts *o = data;
	auto_strs struct strs workers = STRS_INIT;
	auto_buf struct buf out = BUF_INIT;

	split(o->workers, &workers);
	const struct inventory_init in = {
		.vip = o->vip, .name = o->name, .control_plane = (const char *const *)operands,
		.workers = (const char *const *)workers.v,
	};

	if (inventory_write_new(&in, &out, err) < 0)
		return -1;
	fputs(buf_str(&out), stdout);
	return 0;
}

const struct cli_cmd config_init = {
	.name = "init",
	.summary = "print a complete, annotated hactl.yaml for the hosts named",
	.examples = "hactl config init --vip 10.0.0.9 root@m1 root@m2 root@m3 >hactl.yaml\nhactl config init --vip 10.0.0.9 --workers w1,w2 ops@m1 ops@m2 ops@m3",
	.operands = "[USER@HOST...]",
	.max_operands = -1,
	.opts = opts,
	.opts_size = sizeof(struct init_opts),
	.run = run,
};
