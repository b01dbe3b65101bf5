#define _GNU_SOURCE
#include "steps/drill_break.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tmpl/tmpl.h"

#define COMMAND_TIMEOUT_MS 20000
/* What the timer on the node may be late. */
#define TIMER_GRACE_MS 15000

int drill_reconnect(struct steps_node *n, struct err *err)
{
	bool untrusted = false;

	steps_lock_leave(n);
	remote_close(TAKE(n->remote));
	n->remote = n->run->opt.connect(n->run->opt.ctx, n->inv, n->address, &untrusted, err);
	return n->remote ? 0 : -1;
}

/* A line of the virtual IP and its 32-bit words in decimal, which is how a packet filter compares it. */
static void add_vip(struct buf *out, const char *vip)
{
	uint32_t words[4];
	int n = inet_pton(AF_INET, vip, words) == 1 ? 1 : inet_pton(AF_INET6, vip, words) == 1 ? 4 : 0;

	buf_printf(out, "%s%s", out->len ? "\n" : "", vip);
	for (int i = 0; i < n; i++)
		buf_printf(out, " %" PRIu32, ntohl(words[i]));
}

static int run_break(struct drill_damage *dm, struct err *err)
{
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct inventory *inv = dm->node->run->inv;
	auto_buf struct buf vips = BUF_INIT;
	auto_free char *seconds = NULL;

	if (asprintf(&seconds, "%d", dm->seconds) < 0)
		abort();
	add_vip(&vips, inv->vip.address);
	if (inv->vip.second)
		add_vip(&vips, inv->vip.second);
	const struct remote_var vars[] = {
		{ "what", drill_kind_name(dm->kind) },
		{ "carrier", steps_carrier(dm->node->run) },
		{ "seconds", seconds },
		{ "undo", tmpl_text("drill-undo.sh") },
		{ "vips", buf_str(&vips) },
		{ "address", dm->node->address },
		{ NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("drill-break.sh"), .vars = vars,
					.timeout_ms = COMMAND_TIMEOUT_MS };

	dm->armed_ms = clock_ms();
	if (remote_check(dm->node->remote, &cmd, &res, err) < 0)
		return -1;
	snprintf(dm->note, sizeof(dm->note), "%s", buf_str(&res.out));
	for (char *end = dm->note; (end = strchr(end, '\n'));)
		*end = end[1] ? ';' : '\0';
	return 0;
}

/* A reset, without writing anything out; the pause lets this command end before. */
static int reset(struct drill_damage *dm, struct err *err)
{
	static const char script[] =
		"[ -w /proc/sysrq-trigger ] || { echo 'this kernel has no sysrq' >&2; exit 1; }\n"
		"echo 1 >/proc/sys/kernel/sysrq || exit 1\n"
		"(sleep 0.5; echo b >/proc/sysrq-trigger) >/dev/null 2>&1 &\n";
	const struct remote_cmd cmd = { .script = script, .timeout_ms = COMMAND_TIMEOUT_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	return remote_check(dm->node->remote, &cmd, &res, err);
}

int drill_break(struct drill_damage *dm, struct err *err)
{
	const char *command = dm->node->run->inv->drill.power_command;

	if (dm->kind == DRILL_NETWORK || dm->kind == DRILL_POWER)
		steps_lock_leave(dm->node);
	if (dm->kind != DRILL_POWER)
		return run_break(dm, err);
	if (dm->sysrq)
		return reset(dm, err);
	dm->power = drill_power_guard(command, dm->node->inv->name, err);
	return dm->power ? drill_power_run(command, "off", dm->node->inv->name, err) : -1;
}

static int run_mend(struct steps_node *n, struct err *err)
{
	const struct remote_cmd cmd = { .script = tmpl_text("drill-mend.sh"), .timeout_ms = COMMAND_TIMEOUT_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	if (!n->remote && drill_reconnect(n, err) < 0)
		return -1;
	return remote_check(n->remote, &cmd, &res, err);
}

/* Where the cut took this connection too, the timer has to come first. */
static int mend_node(struct drill_damage *dm, struct err *err)
{
	int64_t left = dm->armed_ms + dm->seconds * 1000 + TIMER_GRACE_MS - clock_ms();
	struct clock_poll poll = clock_poll_start(left > 0 ? (int)left : 0, 1000);
	struct err why = ERR_INIT;

	do {
		err_clear(&why);
		if (run_mend(dm->node, &why) == 0)
			return 0;
		if (why.kind == ERR_CONNECT) {
			steps_lock_leave(dm->node);
			remote_close(TAKE(dm->node->remote));
		}
	} while (why.kind != ERR_INTERRUPTED && clock_poll_pause(&poll));
	*err = why;
	return err_wrap(err, "%s is not mended yet, and will mend itself within %d s of being broken ('sh /run/hactl-drill/undo' does it now)",
			dm->node->inv->name, dm->seconds);
}

int drill_mend(struct drill_damage *dm, struct err *err)
{
	int rc;

	if (dm->kind != DRILL_POWER)
		return mend_node(dm, err);
	if (dm->sysrq || !dm->power)
		return 0;
	rc = drill_power_run(dm->node->run->inv->drill.power_command, "on", dm->node->inv->name, err);
	/* on failure the guard tries again once this process is gone */
	if (rc == 0)
		drill_power_release(TAKE(dm->power));
	return rc;
}
