/* What people get to see of files: diffs, with secrets masked. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/diff.h"
#include "base/mask.h"
#include "steps/steps.h"

static void masked(const struct buf *in, struct buf *out)
{
	buf_add(out, in->data ? in->data : "", in->len);
	mask_secrets(out->data);
}

void steps_diff(struct plan_node *n, const char *path, const struct buf *old_text,
		const struct buf *new_text)
{
	auto_wipe struct buf a = BUF_INIT, b = BUF_INIT;
	auto_buf struct buf out = BUF_INIT;
	auto_err struct err err = ERR_INIT;
	auto_free char *name = NULL;

	if (asprintf(&name, "%s:%s", n->name, path) < 0)
		abort();
	masked(old_text, &a);
	masked(new_text, &b);
	if (diff_unified(name, &a, name, &b, &out, &err) < 0)
		plan_warn(n->plan, n->name, "%s: no diff: %s", path, err.msg);
	else if (out.len)
		plan_diff(n, buf_str(&out));
	else if (a.len == b.len)
		plan_note(n->plan, n->name, "%s: only a masked value differs", path);
}
