/* What init, join, apply and their like share: options, one run over the nodes, its display. */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "cli/cli.h"
#include "steps/steps.h"

/* First member of each command's options, so that run_common_opts counts from the same place. */
struct run_opts {
	const char *config, *log_file;
	int output; /* enum run_output */
	bool accept_new_host_keys, force, install, dry_run, wait, verbose;
	struct strs yes; /* nodes that may be taken apart, each maybe several apart by commas */
	int parallel;
	int timeout_s; /* of the whole run; 0: none */
};

enum run_output { RUN_TEXT, RUN_JSON };
extern const char *const run_outputs[];

extern const struct cli_opt run_common_opts[];

#define RUN_OPTS_CHANGE(s)                                                                          \
	OPT_FLAG(s, run.dry_run, 'n', "dry-run", "show per node what would be done, with diffs; exit status 6 when there is something"), \
	OPT_FLAG(s, run.force, 0, "force", "replace a keepalived.conf that somebody else wrote, keeping a copy"), \
	OPT_STRS(s, run.yes, 'y', "yes", "NODE", "take the node apart to join it again where an earlier run broke off, although it is part of a living cluster (asked on a terminal)"), \
	OPT_FLAG(s, run.install, 0, "install", "install keepalived, kubeadm and kubelet where they are missing"), \
	RUN_OPTS_LOCK(s)
/* For whatever takes the lock. */
#define RUN_OPTS_LOCK(s) \
	OPT_FLAG(s, run.wait, 0, "wait", "wait while somebody else is at work on the cluster"), \
	OPT_INT(s, run.timeout_s, 0, "timeout", "SECONDS", "stop as Ctrl-C does when the run takes longer (default: no limit)")

struct run_spec {
	const char *command;
	enum steps_part (*part)(const void *ctx, const struct inv_node *n);
	const void *ctx;
	/* May refuse what the command line asks of this inventory; may be NULL. */
	int (*accept)(const void *ctx, const struct inventory *inv, struct err *err);
	const struct plan_phase *const *phases; /* ends in NULL */
	/* After the phases went well: what the command is for, if it is no step; may be NULL. */
	int (*finish)(struct steps_run *run, void *data, struct err *err);
	void *data;
	bool only_seed, pki_only;
	bool reconnects; /* for what changes nodes: a session that is lost is made again */
	bool finish_unreached; /* finish also when no node could be reached */
	bool quiet; /* finish prints the result: no closing line, and JSON only from there */
};

/* The whole of a command: reads hactl.yaml, connects, runs, shows, tells the result. */
int run_command(const struct run_opts *o, const struct run_spec *spec, struct err *err) MUST_CHECK;

/* Where what is kept of runs on this cluster lies: ~/.local/state/hactl/NAME; caller frees. */
char *run_state_dir(const struct inventory *inv);

struct log;
/* The log that the options ask for.  -1: the one that was asked for cannot be had; that there is
 * none otherwise is told by the error's text in *why, which the caller clears. */
int run_open_log(const struct run_opts *o, const char *command, const struct inventory *inv, struct log **log,
		 struct err *why, struct err *err) MUST_CHECK;

bool run_is_json(const struct run_opts *o);

/* Parts for most commands. */
enum steps_part run_every_node(const void *ctx, const struct inv_node *n);
enum steps_part run_ask_control_plane(const void *ctx, const struct inv_node *n);

#endif
