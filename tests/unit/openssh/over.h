/* The tests of the other transport, run over OpenSSH: what both promise is tested once. */
#ifndef TESTS_OVER_OPENSSH_H
#define TESTS_OVER_OPENSSH_H

#include "openssh/openssh.h"

#define OVER_OPENSSH
#define ssh_connect connect_over_openssh

/* Nobody's configuration but the test's. */
static inline struct remote *connect_over_openssh(const struct ssh_options *options, struct err *err)
{
	struct ssh_options o = *options;

	if (!o.config_file)
		o.config_file = "none";
	return openssh_connect(&o, err);
}

__attribute__((constructor)) static void become_helper(int argc, char **argv)
{
	openssh_helper(argc, argv);
}

#endif
