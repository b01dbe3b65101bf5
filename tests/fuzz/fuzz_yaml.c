/* Any text: read, then edited in the ways that kubeadm's documents are; what comes out is read. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "yaml/edit.h"

static const struct yaml_limits limits = { .bytes = 1 << 16, .depth = 32 };

static void check(const struct yaml_stream *s, struct yaml_edit *e)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct yaml_stream *again;

	yaml_edit_apply(s, e, &out);
	again = yaml_parse("edited", buf_str(&out), out.len, &limits, &err);
	yaml_stream_free(again);
	yaml_edit_release(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *const items[] = { "x", NULL };
	const struct yaml_new string = { .string = "a b" }, list = { .strings = items };
	auto_err struct err err = ERR_INIT;
	auto_yaml struct yaml_stream *s = yaml_parse("f", (const char *)data, len, &limits, &err);
	struct yaml_edit e = YAML_EDIT_INIT;
	const struct yaml_node *root;

	if (!s)
		return 0;
	root = yaml_root(s, 0);
	yaml_edit_split_documents(&e, s);
	check(s, &e);
	if (!root || root->type != YAML_MAP || root->alias)
		return 0;
	if (yaml_edit_set(&e, s, root, "a.b", &string, &err) == 0)
		check(s, &e);
	err_clear(&err);
	if (yaml_edit_append(&e, s, root, "a", &list, &err) == 0)
		check(s, &e);
	if (root->child) {
		yaml_edit_remove(&e, s, root->child, false);
		check(s, &e);
	}
	yaml_edit_release(&e);
	return 0;
}
