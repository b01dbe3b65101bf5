/* After a failure: what the node says of itself, the likely cause, and all of it as one tar. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mask.h"
#include "cause/cause.h"
#include "remote/tar.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define MAX_REPORT (8 << 20)
#define MAX_LOG (16 << 20)
#define BUNDLE_LINES 400 /* of each log */
#define CAUSE_LINES 150
#define CAUSE_RECENT "900" /* s; what a log said before then is not why something fails now */

/* A report is text: what is none in it is made visible. */
static void add_text(struct buf *out, const struct buf *in)
{
	buf_add(out, buf_str(in), in->len);
	for (size_t i = 0; i < out->len; i++)
		if (!out->data[i])
			out->data[i] = '?';
	if (out->len)
		mask_secrets(out->data);
}

/* Asks for the node's report; recent: for how many seconds back logs count, "0" for all. */
static int diagnose(struct steps_node *n, int lines, const char *recent, int timeout_ms, struct err *err)
{
	char count[16];
	const struct remote_var vars[] = {
		{ "vip", n->run->inv->vip.address ? n->run->inv->vip.address : "" },
		{ "endpoint", n->run->inv->endpoint_host ? n->run->inv->endpoint_host : "" },
		{ "pki_dir", n->run->kubeadm.certificates_dir }, { "lines", count }, { "recent_s", recent },
		{ NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("diagnose.sh"), .vars = vars,
					.timeout_ms = timeout_ms, .max_output = MAX_REPORT };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;

	snprintf(count, sizeof(count), "%d", lines);
	if (remote_run(n->remote, &cmd, &res, err) < 0)
		return -1;
	buf_wipe(&n->report);
	add_text(&n->report, &res.out);
	return 0;
}

int steps_find_cause(struct steps_node *n, int timeout_ms, struct cause *c)
{
	auto_err struct err none = ERR_INIT;

	return diagnose(n, CAUSE_LINES, CAUSE_RECENT, timeout_ms, &none) == 0 &&
		       cause_find(buf_str(&n->report), n->report.len, c) ? 0 : -1;
}

int steps_explain(struct steps_node *n, struct err *err)
{
	auto_cause struct cause c = CAUSE_INIT;
	auto_free char *msg = NULL;

	if (!n->remote || err->kind == ERR_INTERRUPTED || steps_find_cause(n, STEPS_CAUSE_MS, &c) < 0)
		return -1;
	if (asprintf(&msg, "%s; likely cause: %s; %s", err->msg, c.text, c.remedy) < 0)
		abort();
	free(err->msg);
	err->msg = TAKE(msg);
	return -1;
}

static bool is_reached(const struct plan_node *p)
{
	return steps_node(p)->remote != NULL;
}

static int look_report(struct plan_node *p, bool *done, struct err *err)
{
	*done = true;
	return diagnose(steps_node(p), BUNDLE_LINES, "0", STEPS_CAUSE_MS, err);
}

/* ---- the bundle ---- */

/* A node's part: its report, and what its kubeadm printed here. */
static void add_node(struct buf *tar, const struct steps_node *n, const char *log_dir, bool *any)
{
	auto_free char *report = NULL, *name = NULL, *path = NULL;
	auto_buf struct buf log = BUF_INIT;
	auto_err struct err none = ERR_INIT;

	if (asprintf(&report, "%.60s/report.txt", n->inv->name) < 0 || asprintf(&name, "%.60s/kubeadm.log", n->inv->name) < 0 ||
	    asprintf(&path, "%s/%s.log", log_dir, n->inv->name) < 0)
		abort();
	if (n->report.len) {
		tar_add(tar, report, 0600, n->report.data, n->report.len);
		*any = true;
	}
	if (file_read(path, MAX_LOG, &log, &none) == 0) /* masked when it was written */
		tar_add(tar, name, 0600, buf_str(&log), log.len);
}

int steps_write_bundle(const struct steps_run *run, const char *path, const struct steps_bundle_file *more,
		       bool *written, struct err *err)
{
	auto_buf struct buf tar = BUF_INIT;

	*written = false;
	for (size_t i = 0; i < run->n; i++)
		add_node(&tar, &run->nodes[i], run->opt.log_dir, written);
	for (; *written && more && more->name; more++)
		tar_add(&tar, more->name, 0600, more->text, strlen(more->text));
	tar_end(&tar);
	return *written ? file_write(path, buf_str(&tar), tar.len, 0600, err) : 0;
}

static const struct plan_step report_steps[] = {
	{ .name = "report", .title = "report", .applies = is_reached, .check = look_report },
	{ .name = NULL },
};

const struct plan_phase steps_report = { .name = "report", .steps = report_steps, .despite_failure = true };
