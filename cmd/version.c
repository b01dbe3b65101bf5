#include <string.h>

#include "cmd.h"

struct version_opts {
	const char *output;
};

static const struct cli_opt opts[] = {
	OPT_STR(struct version_opts, output, 'o', "output", "FORMAT", "text or json"),
	OPT_END,
};

static int run(const void *data, char **operands, struct err *err)
{
	const struct version_opts *o = data;

	(void)operands;
	if (o->output && !strcmp(o->output, "json"))
		puts("{\"version\":\"" HACTL_VERSION "\"}");
	else if (!o->output || !strcmp(o->output, "text"))
		puts("hactl " HACTL_VERSION);
	else
		return err_set(err, ERR_USAGE, "--output: '%s' is neither text nor json", o->output);
	return 0;
}

const struct cli_cmd cmd_version = {
	.name = "version",
	.summary = "print the version",
	.opts = opts,
	.opts_size = sizeof(struct version_opts),
	.run = run,
};
