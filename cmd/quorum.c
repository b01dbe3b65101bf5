#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "cmd.h"
#include "ha/ha.h"
#include "run.h"

#define MOST_MEMBERS 99 /* etcd's own advice ends at 7 */
#define TABLE_ROWS 7

struct quorum_opts {
	const char *config;
	int output; /* enum run_output */
};

static const struct cli_opt opts[] = {
	OPT_STR(struct quorum_opts, config, 'c', "config", "FILE", "the cluster's description, whose control-plane nodes are counted (default ./hactl.yaml, when it is there)"),
	OPT_CHOICE(struct quorum_opts, output, 'o', "output", run_outputs, "for people or for scripts"),
	OPT_END,
};

static int parse_count(const char *text, int *n, struct err *err)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 1 || value > MOST_MEMBERS)
		return err_set(err, ERR_USAGE, "quorum: '%s' is no number of control-plane nodes (1 to %d)", text, MOST_MEMBERS);
	*n = (int)value;
	return 0;
}

/* 0 in *n: nobody said how many. */
static int count(const struct quorum_opts *o, char **operands, int *n, struct err *err)
{
	auto_inventory struct inventory inv = { 0 };

	*n = 0;
	if (*operands)
		return parse_count(*operands, n, err);
	if (!o->config && access("hactl.yaml", F_OK) < 0 && errno == ENOENT)
		return 0;
	if (inventory_load(o->config ? o->config : "hactl.yaml", &inv, err) < 0)
		return -1;
	*n = (int)inv.ncontrol_plane;
	return 0;
}

static void print_table(int n)
{
	int rows = n > TABLE_ROWS ? n : TABLE_ROWS;

	puts("  NODES  MAJORITY  SURVIVES");
	for (int i = 1; i <= rows; i++)
		if (i <= TABLE_ROWS || i == n)
			printf("%c %5d  %8d  %d failure%s\n", i == n ? '>' : ' ', i, ha_majority(i), ha_survives(i),
			       ha_survives(i) == 1 ? "" : "s");
	if (!n) {
		puts("\nuse 3, which survive 1 failure, or 5, which survive 2");
		return;
	}
	printf("\n%s\n", ha_advice(n) ? ha_advice(n) : "a good number: odd, and no more than etcd is quick with");
}

static json_t *row(int n)
{
	json_t *o = json_pack("{s:i, s:i, s:i}", "controlPlaneNodes", n, "majority", ha_majority(n), "survives", ha_survives(n));

	json_object_set_new(o, "advice", ha_advice(n) ? json_string(ha_advice(n)) : json_null());
	return o;
}

static void print_json(int n)
{
	json_t *o = n ? row(n) : json_object(), *table = json_array();
	char *text;

	for (int i = 1; i <= TABLE_ROWS; i++)
		json_array_append_new(table, row(i));
	json_object_set_new(o, "table", table);
	text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	puts(text);
	free(text);
	json_decref(o);
}

static int run(const void *data, char **operands, struct err *err)
{
	const struct quorum_opts *o = data;
	int n;

	if (count(o, operands, &n, err) < 0)
		return -1;
	if (o->output == RUN_JSON)
		print_json(n);
	else
		print_table(n);
	return 0;
}

const struct cli_cmd cmd_quorum = {
	.name = "quorum",
	.summary = "how many failures a number of control-plane nodes survives, with advice",
	.description =
		"N is the number of control-plane nodes; without it those of hactl.yaml are counted.  Asks no node: "
		"'hactl status' tells how many more failures the cluster survives now.",
	.examples = "hactl quorum 5\nhactl quorum -o json",
	.group = "Running a cluster",
	.operands = "[N]",
	.max_operands = 1,
	.opts = opts,
	.opts_size = sizeof(struct quorum_opts),
	.run = run,
};
