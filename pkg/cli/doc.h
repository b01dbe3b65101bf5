/* What help, manual and completion share; private to the module. */
#ifndef CLI_DOC_H
#define CLI_DOC_H

#include "base/buf.h"
#include "cli/cli.h"

/* "text|json" of a choice, else the option's arg; caller frees. */
char *cli_arg(const struct cli_opt *o);

/* A summary with a capital (not of a file's name) and a full stop; caller frees. */
char *cli_sentence(const char *summary);

void cli_help(const struct cli_cmd *cmd, const char *path, FILE *out);
void cli_man(const struct cli_cmd *cmd, const char *path, FILE *out);
void cli_bash(const struct cli_cmd *root, FILE *out);

#endif
