#include "cmd.h"

extern const struct cli_cmd config_explain, config_init, config_migrate, config_render, config_validate;

static const struct cli_cmd *const subs[] = { &config_init, &config_validate, &config_migrate, &config_render, &config_explain, NULL };

const struct cli_cmd cmd_config = {
	.name = "config",
	.summary = "hactl.yaml, kubeadm documents, and what would be written to each node",
	.group = "Files",
	.subs = subs,
};
