/* What every transport promises of a held script; r stays usable. */
#ifndef TESTS_REMOTE_HOLD_H
#define TESTS_REMOTE_HOLD_H

#include <string.h>

#include "base/clock.h"
#include "remote/remote.h"

static const char hold_script[] =
	"printf '\\n%s held\\n' \"$hactl_nonce\"\n"
	"while timeout 20 sh -c 'read -r x'; do echo beat >>\"$file\"; done\n"
	"echo end >>\"$file\"\n";

/* Until the file holds what is wanted; the session is in use meanwhile. */
static inline void hold_wait(struct remote *r, const struct remote_var *vars, const char *want)
{
	const struct remote_cmd cmd = { .script = "cat \"$file\" 2>/dev/null; :", .vars = vars };
	struct clock_poll poll = clock_poll_start(10000, 100);

	do {
		auto_err struct err err = ERR_INIT;
		auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

		assert_int_equal(remote_run(r, &cmd, &res, &err), 0);
		if (strstr(buf_str(&res.out), want))
			return;
	} while (clock_poll_pause(&poll));
	fail_msg("'%s' does not come", want);
}

static inline void hold_check(struct remote *r, const char *file)
{
	auto_err struct err err = ERR_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_var vars[] = { { "file", file }, { NULL, NULL } };
	const struct remote_cmd held = { .script = hold_script, .vars = vars };
	const struct remote_cmd busy = { .script = "echo somebody else; exit 3" };

	assert_int_equal(remote_beat(r), -1); /* nothing is held yet */
	assert_int_equal(remote_hold(r, &held, &res, &err), 1);
	assert_int_equal(remote_beat(r), 0);
	hold_wait(r, vars, "beat\n");
	assert_int_equal(remote_beat(r), 0);
	remote_unhold(r);
	hold_wait(r, vars, "end\n");
	assert_int_equal(remote_beat(r), -1);
	remote_result_release(&res);
	assert_int_equal(remote_hold(r, &busy, &res, &err), 0);
	assert_int_equal(res.status, 3);
	assert_string_equal(buf_str(&res.out), "somebody else\n");
	assert_int_equal(remote_beat(r), -1);
}

#endif
