#include "cmd.h"

extern const struct cli_cmd config_init, config_render;

static const struct cli_cmd *const subs[] = { &config_init, &config_render, NULL };

const struct cli_cmd cmd_config = {
	.name = "config",
	.summary = "hactl.yaml, and what would be written to each node",
	.group = "Files",
	.subs = subs,
};
