/* May this be broken now? */
#define _GNU_SOURCE
#include "steps/drill_look.h"

#include <string.h>

#include "base/file.h"
#include "ha/ha.h"
#include "steps/etcd.h"
#include "tmpl/tmpl.h"

#define API_TIMEOUT_MS 5000
#define COMMAND_TIMEOUT_MS 10000
/* A member that is slow once is no member that is gone. */
#define ETCD_LOOKS 3
/* An API server that has just started is not well at once; a cluster just made has one. */
#define STARTING_MS 20000

static bool is_yes(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at && !strncmp(at + strlen(key), "=yes", 4);
}

int drill_look(struct steps_node *n, struct drill_look *look, struct err *err)
{
	const struct remote_var vars[] = {
		{ "vip", n->run->inv->vip.address }, { "carrier", steps_carrier(n->run) }, { NULL, NULL },
	};
	const struct remote_cmd cmd = { .script = tmpl_text("drill-look.sh"), .vars = vars,
					.timeout_ms = COMMAND_TIMEOUT_MS };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	const char *text;

	if (remote_check(n->remote, &cmd, &res, err) < 0)
		return -1;
	text = buf_str(&res.out);
	*look = (struct drill_look){ .carrier = is_yes(text, "carrier"), .holds = is_yes(text, "holds"),
				     .drill = is_yes(text, "drill"),
				     .leads = strstr(text, "leads=unknown") ? -1 : is_yes(text, "leads") };
	return 0;
}

bool drill_api_is_well(struct drill *d, int node, struct err *err)
{
	int rc;

	kube_connect_to(d->run->api, d->nodes[node]->address, d->run->kubeadm.bind_port);
	rc = kube_healthy(d->run->api, API_TIMEOUT_MS, err);
	kube_connect_to(d->run->api, NULL, 0);
	return rc == 0;
}

static bool takes_member(enum drill_kind kind)
{
	return kind == DRILL_NETWORK || kind == DRILL_POWER;
}

const char *drill_refusal(enum drill_kind kind, int members, int healthy, enum err_kind *as)
{
	*as = ERR_QUORUM;
	if (members < 2)
		return "with one control-plane node there is nothing to fail over to";
	if (healthy < 2)
		return "no other API server would be left";
	if (takes_member(kind) && healthy - 1 < ha_majority(members))
		return "etcd would lose its quorum";
	*as = ERR_UNHEALTHY;
	return healthy < members ? "a drill begins with all of them well" : NULL;
}

/* Counts the nodes that are well; the others are named in sick. */
static int count_healthy(struct drill *d, struct strs *sick)
{
	int healthy = 0;

	strs_release(sick);
	for (size_t i = 0; i < d->n; i++) {
		auto_err struct err why = ERR_INIT;

		if (drill_api_is_well(d, (int)i, &why))
			healthy++;
		else
			strs_printf(sick, "%s (%s)", d->nodes[i]->inv->name, why.msg);
	}
	return healthy;
}

static int wait_for_members(struct drill *d, enum drill_kind kind, struct strs *sick)
{
	struct clock_poll poll = clock_poll_start(STARTING_MS, 500);
	int healthy = count_healthy(d, sick);

	if (sick->n && d->opt.say)
		d->opt.say(d->opt.ctx, drill_kind_name(kind), NULL, "waiting for API servers that are not well yet");
	while (sick->n && steps_pause(d->run, &poll))
		healthy = count_healthy(d, sick);
	return healthy;
}

static int check_members(struct drill *d, enum drill_kind kind, struct err *err)
{
	auto_strs struct strs sick = STRS_INIT;
	int healthy = wait_for_members(d, kind, &sick);
	enum err_kind as;
	const char *why = drill_refusal(kind, (int)d->n, healthy, &as);
	auto_free char *names = NULL;

	if (!why)
		return 0;
	names = sick.n ? strs_join(&sick, ", ") : NULL;
	return err_set(err, as, "scenario '%s' is refused: %d of %zu control-plane nodes are well, and %s%s%s",
		       drill_kind_name(kind), healthy, d->n, why, names ? "; not well: " : "", names ? names : "");
}

static int check_node(struct drill *d, size_t i, struct strs *holders, struct err *err)
{
	struct steps_node *n = d->nodes[i];
	struct drill_look look;

	if (!n->remote)
		return err_set(err, ERR_CONNECT, "%s cannot be reached over SSH", n->inv->name);
	if (drill_look(n, &look, err) < 0)
		return err_wrap(err, "%s", n->inv->name);
	if (look.drill)
		return err_set(err, ERR_UNHEALTHY,
			       "%s: an earlier drill is not undone; it undoes itself within minutes, 'sh /run/hactl-drill/undo' there does it now",
			       n->inv->name);
	if (!look.carrier)
		return err_set(err, ERR_UNHEALTHY, "%s: %s does not run", n->inv->name, steps_carrier(d->run));
	if (!look.holds)
		return 0;
	strs_add(holders, n->inv->name);
	d->holder = (int)i;
	d->leads = look.leads;
	return 0;
}

static int check_holder(struct drill *d, struct err *err)
{
	auto_strs struct strs holders = STRS_INIT;
	auto_free char *names = NULL;

	for (size_t i = 0; i < d->n; i++)
		if (check_node(d, i, &holders, err) < 0)
			return -1;
	if (holders.n == 1)
		return 0;
	names = holders.n ? strs_join(&holders, ", ") : NULL;
	return err_set(err, ERR_UNHEALTHY, "%s: the virtual IP is held by %zu nodes%s%s, not by one",
		       d->run->inv->vip.address, holders.n, names ? ": " : "", names ? names : "");
}

/* etcd may have members that hactl.yaml does not know, and that are gone. */
static int check_quorum(struct drill *d, enum drill_kind kind, struct err *err)
{
	const struct steps_node *n = d->nodes[d->holder];
	int voting = 0, running = 0;

	if (!takes_member(kind) || !n->facts.has_etcd_manifest)
		return 0;
	for (int looks = 0; looks < ETCD_LOOKS; looks++) {
		auto_steps_etcd struct steps_etcd e = { .voting = 0 };

		err_clear(err);
		if (steps_look_at_etcd(d->run, &e, err) < 0)
			continue;
		voting = e.voting;
		running = e.running;
		if (ha_survives_now(voting, running - 1) >= 0)
			return 0;
	}
	if (!voting)
		return err_wrap(err, "scenario '%s' is refused: whether etcd can do without %s is not known", drill_kind_name(kind),
				n->inv->name);
	err_clear(err);
	return err_set(err, ERR_QUORUM,
		       "scenario '%s' is refused: %d of etcd's %d voting members answer, and without %s it would lose its quorum; 'hactl status' names the members",
		       drill_kind_name(kind), running, voting, n->inv->name);
}

/* This very machine cannot watch while it is cut off or without power. */
static int check_elsewhere(struct drill *d, enum drill_kind kind, struct err *err)
{
	const char *theirs = d->nodes[d->holder]->facts.machine_id;
	auto_buf struct buf own = BUF_INIT;
	auto_err struct err none = ERR_INIT;

	if (!takes_member(kind))
		return 0;
	if (!theirs || !*theirs || file_read("/etc/machine-id", 128, &own, &none) < 0 ||
	    strncmp(buf_str(&own), theirs, strlen(theirs)))
		return 0;
	return err_set(err, ERR_USAGE, "scenario '%s' would break this very machine, %s; run the drill from another one",
		       drill_kind_name(kind), d->nodes[d->holder]->inv->name);
}

int drill_check(struct drill *d, enum drill_kind kind, struct err *err)
{
	if (kind == DRILL_POWER && !d->opt.sysrq && !d->run->inv->drill.power_command)
		return err_set(err, ERR_CONFIG, "%s: scenario 'power' needs drill.powerCommand, or --power sysrq",
			       d->run->inv->path);
	if (check_members(d, kind, err) < 0 || check_holder(d, err) < 0 || check_quorum(d, kind, err) < 0)
		return -1;
	return check_elsewhere(d, kind, err);
}
