#define _GNU_SOURCE
#include "plan/plan.h"

#include <sys/resource.h>

/* A node at work mostly waits for the other machine; what it costs here is its encryption, a
 * millisecond or two for each connection. */
#define PER_CORE 16
#define AT_LEAST 32
#define AT_MOST 256
/* Its connection, and what a step may open beside it: a tunnel's two ends, a log. */
#define FILES_PER_NODE 4
#define OWN_FILES 64

static long open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 1 << 20)
		return 1 << 20;
	return (long)limit.rlim_cur;
}

static long clamp(long n, long least, long most)
{
	return n < least ? least : n > most ? most : n;
}

int plan_parallel(void)
{
	long by_cores = clamp(sysconf(_SC_NPROCESSORS_ONLN) * PER_CORE, AT_LEAST, AT_MOST);

	return (int)clamp((open_files() - OWN_FILES) / FILES_PER_NODE, 1, by_cores);
}

int plan_raise_limits(size_t nodes, struct err *err)
{
	long needed = (long)nodes + (long)plan_parallel() * (FILES_PER_NODE - 1) + OWN_FILES;
	struct rlimit limit;

	if (open_files() < needed && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (open_files() < (long)nodes + OWN_FILES)
		return err_set(err, ERR_FAILED,
			       "%zu nodes need %zu open files, but this process may have %ld: raise the limit "
			       "('ulimit -Hn'), or name fewer nodes",
			       nodes, nodes + OWN_FILES, open_files());
	return 0;
}
