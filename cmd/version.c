#include "cmd.h"
#include "run.h"

struct version_opts {
	int output;
};

static const struct cli_opt opts[] = {
	OPT_CHOICE(struct version_opts, output, 'o', "output", run_outputs, "for people or for scripts"),
	OPT_END,
};

static int run(const void *data, char **operands, struct err *err)
{
	const struct version_opts *o = data;

	(void)operands;
	(void)err;
	puts(o->output == RUN_JSON ? "{\"version\":\"" HACTL_VERSION "\"}" : "hactl " HACTL_VERSION);
	return 0;
}

const struct cli_cmd cmd_version = {
	.name = "version",
	.summary = "print the version",
	.opts = opts,
	.opts_size = sizeof(struct version_opts),
	.run = run,
};
