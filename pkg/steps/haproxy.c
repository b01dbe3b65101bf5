/* HAProxy on every control-plane node, all API servers behind it. */
#define _GNU_SOURCE
#include <string.h>

#include "ha/ha.h"
#include "steps/steps.h"
#include "tmpl/tmpl.h"

#define CFG "/etc/haproxy/haproxy.cfg"
#define STAGED "/etc/haproxy/.haproxy.cfg.hactl"
#define CFG_MODE 0644

bool steps_uses_haproxy(const struct steps_run *run)
{
	return run->inv->load_balancer == INV_LB_HAPROXY;
}

bool steps_foreign_haproxy(const struct steps_node *n)
{
	const struct facts *f = &n->facts;

	return f->has_haproxy_cfg && !f->haproxy_cfg_packaged && !ha_is_ours(buf_str(&f->haproxy_cfg));
}

static bool runs_haproxy(const struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	return n->inv->control_plane && n->remote && steps_uses_haproxy(n->run);
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(buf_str(a), buf_str(b), a->len);
}

/* A node that is no target of this run is only kept in step where that is safe. */
static bool is_left_alone(struct plan_node *p)
{
	const struct steps_node *n = steps_node(p);

	if (n->target || (*n->facts.haproxy && (!steps_foreign_haproxy(n) || n->run->opt.force)))
		return false;
	plan_warn(p->plan, p->name, *n->facts.haproxy ? "left alone: " CFG " was written by somebody else" :
						      "left alone: haproxy is not installed");
	return true;
}

static int check_haproxy(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_buf struct buf cfg = BUF_INIT;
	const struct facts *f = &n->facts;
	bool same;

	if (steps_facts(n, err) < 0 || steps_render_haproxy(n->run, &cfg, err) < 0)
		return -1;
	same = f->has_haproxy_cfg && is_same(&cfg, &f->haproxy_cfg) && f->haproxy_cfg_mode == CFG_MODE;
	*done = (same && f->haproxy_enabled && f->haproxy_active) || is_left_alone(p);
	if (!*done && p->plan->dry_run && !same)
		steps_diff(p, CFG, &f->haproxy_cfg, &cfg);
	if (!*done && p->plan->dry_run && !f->haproxy_active)
		plan_note(p->plan, p->name, "would enable and start haproxy");
	return 0;
}

static int apply_haproxy(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_buf struct buf cfg = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const struct remote_var vars[] = {
		{ "keep", steps_foreign_haproxy(n) ? "yes" : "" }, { NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("haproxy-apply.sh"), .vars = vars, .survives = true };

	if (steps_render_haproxy(n->run, &cfg, err) < 0)
		return -1;
	const struct remote_file file = { STAGED, cfg.data, cfg.len, CFG_MODE };

	n->stale = true;
	if (remote_put(n->remote, &file, 1, NULL, err) < 0)
		return -1;
	return remote_check(n->remote, &cmd, &res, err);
}

static const struct plan_step haproxy_steps[] = {
	{ .name = "haproxy", .title = "HAProxy", .applies = runs_haproxy, .check = check_haproxy, .apply = apply_haproxy },
	{ .name = NULL },
};

const struct plan_phase steps_haproxy = { .name = "haproxy", .steps = haproxy_steps };
