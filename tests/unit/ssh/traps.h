/* What the tests of traps share.  tests/ssh/README.md says what each of them is about. */
#ifndef TESTS_TRAPS_H
#define TESTS_TRAPS_H

#include <pthread.h>

#include "sshd.h"

/* Runs a script and returns its output; the test fails when it does not end with status 0. */
static inline char *trap_output(struct remote *r, const char *script, int timeout_ms)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = script, .timeout_ms = timeout_ms, .max_output = 16 << 20 };
	char *out;

	if (remote_run(r, &cmd, &res, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(res.status, 0);
	out = strdup(buf_str(&res.out));
	assert_non_null(out);
	return out;
}

static inline void trap_prints(struct remote *r, const char *script, const char *expected)
{
	auto_free char *out = trap_output(r, script, 60000);

	assert_string_equal(out, expected);
}

/* The script does not run to its end, and the error says so. */
static inline void trap_fails(struct remote *r, const char *script, int timeout_ms, enum err_kind kind,
			      const char *said)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_cmd cmd = { .script = script, .timeout_ms = timeout_ms };

	assert_int_equal(remote_run(r, &cmd, &res, &err), -1);
	if (err.kind != kind || !strstr(err.msg, said))
		fail_msg("kind %d: %s", err.kind, err.msg);
}

/* One command line below the frame of remote_run. */
static inline int trap_exec(struct remote *r, const char *command, const void *input, size_t len,
			    struct remote_result *res, struct err *err)
{
	const struct remote_exec e = { .command = command, .input = input, .input_len = len,
				       .max_output = 32 << 20, .timeout_ms = 90000 };

	return r->ops->exec(r, &e, res, err);
}

/* Logs in with a key whose line in authorized_keys begins so: what the login shell does with every
 * command. */
static inline struct remote *trap_forced(const struct sshd *d, const char *options, struct err *err)
{
	SYSTEM("cd %s && rm -f forced forced.pub && ssh-keygen -q -t ed25519 -N '' -f forced", d->dir);
	auto_free char *line = NULL;
	auto_buf struct buf keys = BUF_INIT;

	sshd_read(d, "id.pub", &keys);
	assert_true(asprintf(&line, "%s ", options) > 0);
	buf_puts(&keys, line);
	sshd_read(d, "forced.pub", &keys);
	sshd_write(d, "authorized_keys", buf_str(&keys));
	return sshd_connect(d, "forced", err);
}

#endif
