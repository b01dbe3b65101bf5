#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "ha/ha.h"
#include "status_view.h"
#include "term/term.h"

enum tone { PLAIN, GOOD, POOR, BAD, FAINT };

struct cell {
	char text[48];
	enum tone tone;
};

enum { NODE, ROLE, READY, KUBELET, API, ETCD, VIP, CARRIER, CERTS, COLUMNS };

static const char *const heads[COLUMNS] = { "NODE", "ROLE", "READY", "KUBELET", "API", "ETCD", "VIP", "KEEPALIVED", "CERTS" };

static struct cell cell(enum tone tone, const char *fmt, ...) PRINTF(2, 3);
static struct cell cell(enum tone tone, const char *fmt, ...)
{
	struct cell c = { .tone = tone };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c.text, sizeof(c.text), fmt, ap);
	va_end(ap);
	return c;
}

static const struct cell none = { "-", FAINT };
static const struct cell unknown = { "?", FAINT };

static struct cell ready_cell(const struct status *st, const struct status_node *n)
{
	if (!st->listed_known)
		return unknown;
	if (!n->listed)
		return cell(BAD, "absent");
	return n->listed->ready ? cell(GOOD, "yes") : cell(BAD, "no");
}

static struct cell kubelet_cell(const struct status_node *n)
{
	const char *version = n->step->facts.kubelet;

	if (n->ssh.answer != STATUS_OK)
		return n->listed ? cell(FAINT, "%s", n->listed->version) : unknown;
	if (!n->kubelet_active)
		return cell(BAD, "stopped");
	return cell(PLAIN, "%s", version && *version ? version : "?");
}

static struct cell api_cell(const struct status_node *n)
{
	if (!n->inv->control_plane)
		return none;
	if (n->api.answer == STATUS_UNASKED)
		return unknown;
	return n->api.answer == STATUS_OK ? cell(GOOD, "%d ms", n->api.ms) : cell(BAD, "no");
}

static struct cell etcd_cell(const struct status_node *n)
{
	if (!n->inv->control_plane)
		return none;
	if (n->etcd_reply.answer == STATUS_UNASKED)
		return n->ssh.answer == STATUS_OK && !n->step->facts.has_etcd_manifest ? none : unknown;
	if (n->etcd_reply.answer == STATUS_BAD)
		return cell(BAD, "no");
	if (!n->etcd.leader)
		return cell(BAD, "no leader");
	return cell(n->alarms.n ? BAD : GOOD, "%s %.1f MB", n->etcd.learner ? "learner" : n->etcd.leader == n->etcd.id ? "leader" : "member",
		    (double)n->etcd.db_size / 1e6);
}

static struct cell vip_cell(const struct status *st, const struct status_node *n)
{
	if (!n->inv->control_plane || !status_has_vip(st))
		return none;
	if (n->ssh.answer != STATUS_OK)
		return unknown;
	return n->holds_vip ? cell(st->holders > 1 ? BAD : GOOD, "held") : none;
}

static struct cell kube_vip_cell(const struct status_node *n)
{
	const struct facts *f = &n->step->facts;

	if (n->ssh.answer != STATUS_OK)
		return unknown;
	return f->kube_vip_active ? cell(GOOD, "runs") : cell(BAD, "%s", f->has_kube_vip ? "stopped" : "no manifest");
}

static struct cell carrier_cell(const struct status *st, const struct status_node *n)
{
	static const char *const confs[] = { "", "", " (other conf)", " (foreign)", " (no conf)" };

	if (!n->inv->control_plane || !steps_carrier(st->run))
		return none;
	if (steps_uses_kube_vip(st->run))
		return kube_vip_cell(n);
	if (n->ssh.answer != STATUS_OK)
		return unknown;
	if (!n->step->facts.keepalived_active)
		return cell(BAD, "stopped");
	return cell(n->keepalived_conf <= STATUS_CONF_SAME ? GOOD : POOR, "runs%s", confs[n->keepalived_conf]);
}

static struct cell cert_cell(const struct status *st, const struct status_node *n)
{
	const struct status_cert *c = status_first_cert(n);
	long long days = c ? (c->expires - st->now) / 86400 : 0;

	if (!c)
		return n->ssh.answer == STATUS_OK ? none : unknown;
	return c->expires <= st->now ? cell(BAD, "expired") : cell(days < 30 ? POOR : PLAIN, "%lld days", days);
}

static void fill_row(const struct status *st, const struct status_node *n, struct cell *row)
{
	bool seen = n->ssh.answer == STATUS_OK;

	row[NODE] = cell(seen ? PLAIN : BAD, "%s", n->inv->name);
	row[ROLE] = cell(PLAIN, "%s", n->inv->control_plane ? "control-plane" : "worker");
	row[READY] = ready_cell(st, n);
	row[KUBELET] = kubelet_cell(n);
	row[API] = api_cell(n);
	row[ETCD] = etcd_cell(n);
	row[VIP] = vip_cell(st, n);
	row[CARRIER] = carrier_cell(st, n);
	row[CERTS] = cert_cell(st, n);
}

static void print_toned(const char *text, int width, enum tone tone, bool colour, FILE *out)
{
	static const char *const codes[] = { "", "\033[32m", "\033[33m", "\033[31m", "\033[2m" };
	int len = (int)strlen(text);

	fputs(colour ? codes[tone] : "", out);
	term_print_safe(out, text);
	fputs(colour && *codes[tone] ? "\033[0m" : "", out);
	fprintf(out, "%*s", width > len ? width - len : 0, "");
}

static void print_table(const struct status *st, bool colour, FILE *out)
{
	struct cell (*rows)[COLUMNS] = calloc(st->n + 1, sizeof(*rows));
	const char *head[COLUMNS];
	int width[COLUMNS];

	if (!rows)
		abort();
	memcpy(head, heads, sizeof(head));
	if (steps_uses_kube_vip(st->run))
		head[CARRIER] = "KUBE-VIP";
	for (size_t i = 0; i < st->n; i++)
		fill_row(st, &st->nodes[i], rows[i]);
	for (int c = 0; c < COLUMNS; c++) {
		width[c] = (int)strlen(head[c]);
		for (size_t i = 0; i < st->n; i++)
			width[c] = (int)strlen(rows[i][c].text) > width[c] ? (int)strlen(rows[i][c].text) : width[c];
	}
	for (int c = 0; c < COLUMNS; c++)
		print_toned(head[c], c + 1 < COLUMNS ? width[c] + 2 : 0, FAINT, colour, out);
	fputc('\n', out);
	for (size_t i = 0; i < st->n; i++) {
		for (int c = 0; c < COLUMNS; c++)
			print_toned(rows[i][c].text, c + 1 < COLUMNS ? width[c] + 2 : 0, rows[i][c].tone, colour, out);
		fputc('\n', out);
	}
	free(rows);
}

/* ---- below the table ---- */

static void print_endpoint(const struct status *st, FILE *out)
{
	const char *words[] = { "was not asked", "answers", "does not answer" };

	fprintf(out, "endpoint      %s %s", st->inv->endpoint, words[st->endpoint.answer]);
	if (st->endpoint.answer == STATUS_OK)
		fprintf(out, " in %d ms", st->endpoint.ms);
	for (size_t i = 0; i < st->n && st->holders == 1; i++)
		if (st->nodes[i].holds_vip)
			fprintf(out, "; %s holds the VIP", st->nodes[i].inv->name);
	if (st->holders == 0 || st->holders > 1)
		fprintf(out, "; the VIP has %d holders", st->holders);
	fputc('\n', out);
}

static void print_etcd(const struct status *st, FILE *out)
{
	int survives = status_survives(st);

	if (!st->members) {
		fprintf(out, "etcd          %s\n", st->run->kubeadm.external_etcd ? "is external: not asked" : "not known: no member answered");
		return;
	}
	fprintf(out, "etcd          %d of %d voting members answer, %s%s; ", st->running, st->voting, st->leader ? "leader " : "no leader",
		st->leader ? st->leader : "");
	if (survives < 0)
		fputs("no quorum\n", out);
	else
		fprintf(out, "survives %d more failure%s\n", survives, survives == 1 ? "" : "s");
}

static void print_certs(const struct status *st, FILE *out)
{
	const struct status_node *whose = NULL;
	const struct status_cert *c = status_first_of_all(st, &whose);
	time_t when = c ? (time_t)c->expires : 0;
	struct tm tm;
	char date[32];

	if (!c || !gmtime_r(&when, &tm))
		return;
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	fprintf(out, "certificates  the first to end: %s on %s, %s\n", c->name, whose->inv->name, date);
}

static void print_list(const char *title, const struct strs *l, enum tone tone, bool colour, FILE *out)
{
	if (!l->n)
		return;
	fputc('\n', out);
	print_toned(title, 0, tone, colour, out);
	fputc('\n', out);
	for (size_t i = 0; i < l->n; i++) {
		fputs("  ", out);
		term_print_safe(out, l->v[i]);
		fputc('\n', out);
	}
}

void status_print_text(const struct status *st, bool colour, FILE *out)
{
	bool well = !st->problems.n;
	auto_free char *many = NULL;

	if (asprintf(&many, "%zu problem%s", st->problems.n, st->problems.n == 1 ? "" : "s") < 0)
		abort();
	fprintf(out, "%s at %s: ", st->inv->name, st->inv->endpoint);
	print_toned(well ? "healthy" : many, 0, well ? GOOD : BAD, colour, out);
	fputs("\n\n", out);
	print_table(st, colour, out);
	fputc('\n', out);
	print_endpoint(st, out);
	print_etcd(st, out);
	print_certs(st, out);
	print_list("problems", &st->problems, BAD, colour, out);
	print_list("single points of failure and other risks", &st->risks, POOR, colour, out);
}

/* ---- as states that change ---- */

static void add_state(struct strs *out, const struct status_node *n, int column, const char *text)
{
	strs_printf(out, "%s: %s: %s", n->inv->name, heads[column], text);
}

/* Latencies and sizes are no states. */
static const char *state_of(const struct cell *c)
{
	return c->tone == GOOD || c->tone == PLAIN ? "ok" : c->text;
}

void status_list_states(const struct status *st, struct strs *out)
{
	for (size_t i = 0; i < st->n; i++) {
		const struct status_node *n = &st->nodes[i];
		struct cell row[COLUMNS];

		fill_row(st, n, row);
		add_state(out, n, NODE, n->ssh.answer == STATUS_OK ? "reached" : "not reached");
		for (int c = READY; c < CERTS; c++)
			add_state(out, n, c, c == API ? state_of(&row[c]) : c == VIP || c == READY ? row[c].text : state_of(&row[c]));
		if (n->etcd_reply.answer == STATUS_OK)
			add_state(out, n, ETCD, n->etcd.leader == n->etcd.id ? "leader" : "follows");
	}
	strs_printf(out, "endpoint: %s", st->endpoint.answer == STATUS_OK ? "answers" : "does not answer");
	for (size_t i = 0; i < st->problems.n; i++)
		strs_printf(out, "problem: %s", st->problems.v[i]);
}

enum err_kind status_verdict(const struct status *st)
{
	return !st->reached ? ERR_CONNECT : st->problems.n ? ERR_UNHEALTHY : ERR_NONE;
}
