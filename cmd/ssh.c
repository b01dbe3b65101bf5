#include "cmd.h"

static const struct cli_cmd *const subs[] = { &cmd_ssh_setup, NULL };

const struct cli_cmd cmd_ssh = {
	.name = "ssh",
	.summary = "the way to the nodes",
	.group = "Running a cluster",
	.subs = subs,
};
