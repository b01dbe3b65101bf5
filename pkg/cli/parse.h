/* One command line against one command's table; private to the module. */
#ifndef CLI_PARSE_H
#define CLI_PARSE_H

#include "cli/cli.h"

struct cli_parsed {
	void *opts;         /* opts_size bytes */
	char **operands;    /* ends in NULL */
	int noperands;
	bool help;          /* -h was among the options: the rest has not been looked at */
};

/* argv has no program name in front. */
int cli_parse(const struct cli_cmd *cmd, int argc, char **argv, struct cli_parsed *out,
	      struct err *err) MUST_CHECK;
void cli_parsed_release(const struct cli_cmd *cmd, struct cli_parsed *p);

/* How many words at the front of argv are options of the group with their values. */
int cli_leading_options(const struct cli_cmd *group, int argc, char **argv, bool *help, int *n,
			struct err *err) MUST_CHECK;

#endif
