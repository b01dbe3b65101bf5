#define _GNU_SOURCE
#include "inventory/inventory.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "inventory/keys.h"

enum { WIDTH = 88, USER_MAX = 65 };

/* One [USER@]HOST[:PORT]; user "" and port 0: not given. */
struct host {
	char user[USER_MAX], name[INV_HOST_MAX], address[INV_HOST_MAX];
	int port;
};

struct draft {
	const char *cluster, *endpoint, *vip;
	struct host *hosts; /* control plane first */
	size_t nhosts, ncontrol_plane;
	char user[USER_MAX]; /* all have it, or "" */
	int port;            /* all have it, or 0 */
};

static int parse_host(const char *text, struct host *h, struct err *err)
{
	const char *at = strrchr(text, '@');
	size_t len = at ? (size_t)(at - text) : 0;

	if (len >= sizeof(h->user))
		return err_set(err, ERR_USAGE, "'%s': the user's name is too long", text);
	if (at)
		memcpy(h->user, text, len);
	if (at && !inv_user_rule.ok(h->user))
		return err_set(err, ERR_USAGE, "'%s': '%s' is no user: it must be %s", text, h->user,
			       inv_user_rule.allowed);
	if (inv_split_host(at ? at + 1 : text, h->address, &h->port) < 0 || !inv_host_rule.ok(h->address))
		return err_set(err, ERR_USAGE, "'%s' is no [USER@]HOST[:PORT]: HOST must be %s, IPv6 in "
			       "brackets", text, inv_host_rule.allowed);
	return 0;
}

static bool is_taken(const struct host *hosts, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(hosts[i].name, name))
			return true;
	return false;
}

/* The host's first label as kubeadm would name the node, the whole name when that is taken;
 * m1, m2, w1 for addresses. */
static void name_host(struct draft *d, size_t i)
{
	struct host *h = &d->hosts[i];
	bool worker = i >= d->ncontrol_plane;
	size_t number = worker ? i - d->ncontrol_plane + 1 : i + 1;
	unsigned char bytes[16];

	if (!inv_address(h->address, bytes)) {
		for (size_t c = 0; h->address[c]; c++)
			h->name[c] = (char)tolower((unsigned char)h->address[c]);
		size_t label = strcspn(h->name, ".");
		char dot = h->name[label];

		h->name[label] = '\0';
		if (!is_taken(d->hosts, i, h->name))
			return;
		h->name[label] = dot;
		if (!is_taken(d->hosts, i, h->name))
			return;
	}
	do
		snprintf(h->name, sizeof(h->name), "%c%zu", worker ? 'w' : 'm', number++);
	while (is_taken(d->hosts, i, h->name));
}

/* keepalived carries the VIP between addresses of its own family, which are not it. */
static int check_host(const struct draft *d, const struct host *h, struct err *err)
{
	auto_free char *vip = strndup(d->vip, strcspn(d->vip, "/"));
	unsigned char bytes[16];
	int own = inv_address(h->address, bytes);

	if (!vip)
		abort();
	for (size_t i = 0; i < d->nhosts; i++)
		if (inv_same_host(d->hosts[i].address, h->address))
			return err_set(err, ERR_USAGE, "'%s' is given twice", h->address);
	if (inv_same_host(vip, h->address))
		return err_set(err, ERR_USAGE, "'%s' is the virtual IP: it must be an address that no node "
			       "has", h->address);
	if (d->nhosts < d->ncontrol_plane && own && own != inv_address(vip, bytes))
		return err_set(err, ERR_USAGE, "'%s' and the virtual IP '%s' must both be IPv4 or both IPv6",
			       h->address, vip);
	return 0;
}

static int add_hosts(struct draft *d, const char *const *hosts, struct err *err)
{
	for (; hosts && *hosts; hosts++) {
		struct host *h;

		d->hosts = realloc(d->hosts, (d->nhosts + 1) * sizeof(*d->hosts));
		if (!d->hosts)
			abort();
		h = &d->hosts[d->nhosts];
		*h = (struct host){ .port = 0 };
		if (parse_host(*hosts, h, err) < 0 || check_host(d, h, err) < 0)
			return -1;
		name_host(d, d->nhosts++);
	}
	return 0;
}

/* What all hosts have alike is said once. */
static void share(struct draft *d)
{
	bool users = true, ports = true;

	for (size_t i = 1; i < d->nhosts; i++) {
		users &= !strcmp(d->hosts[i].user, d->hosts[0].user);
		ports &= d->hosts[i].port == d->hosts[0].port;
	}
	if (d->nhosts && users)
		memcpy(d->user, d->hosts[0].user, sizeof(d->user));
	if (d->nhosts && ports)
		d->port = d->hosts[0].port;
}

/* Plain where every reader of YAML sees a string in it, with and without braces around. */
static void add_scalar(struct buf *out, const char *s)
{
	static const char *const other[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
	bool quote = !isalnum((unsigned char)*s) || strchr(s, ':') != strrchr(s, ':');
	char *end;

	strtod(s, &end);
	quote |= !*end;
	for (const char *c = s; *c; c++)
		quote |= !isalnum((unsigned char)*c) && !strchr("._/-:", *c);
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		quote |= !strcasecmp(s, other[i]);
	buf_printf(out, quote ? "\"%s\"" : "%s", s);
}

static void indent(struct buf *out, int depth)
{
	buf_printf(out, "%*s", depth * 2, "");
}

/* Words of text as comment lines. */
static void add_comment(struct buf *out, int depth, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (!column || column + 1 + len > WIDTH) {
			buf_puts(out, column ? "\n" : "");
			indent(out, depth);
			buf_puts(out, "#");
			column = (size_t)depth * 2 + 1;
		}
		buf_printf(out, " %.*s", (int)len, text);
		column += 1 + len;
		text += len + strspn(text + len, " ");
	}
	buf_puts(out, "\n");
}

static void add_help(struct buf *out, int depth, const struct inv_key *k)
{
	auto_free char *text = NULL;
	const char *fallback = k->fallback ? k->fallback : k->otherwise;

	if (asprintf(&text, "%s%s%s%s", k->help, fallback ? " Default: " : "", fallback ? fallback : "",
		     fallback ? "." : "") < 0)
		abort();
	add_comment(out, depth, text);
}

static void add_host(struct buf *out, const struct draft *d, const struct host *h)
{
	bool user = strcmp(h->user, d->user) != 0, port = h->port != d->port;

	buf_puts(out, "  - {name: ");
	add_scalar(out, h->name);
	buf_puts(out, ", address: ");
	add_scalar(out, h->address);
	buf_puts(out, user || port ? ", ssh: {" : "");
	if (user) {
		buf_puts(out, "user: ");
		add_scalar(out, h->user);
	}
	if (port)
		buf_printf(out, "%sport: %d", user ? ", " : "", h->port);
	buf_puts(out, user || port ? "}}\n" : "}\n");
}

static void add_nodes(struct buf *out, const struct draft *d, const struct inv_key *k, bool workers)
{
	size_t from = workers ? d->ncontrol_plane : 0, to = workers ? d->nhosts : d->ncontrol_plane;

	buf_printf(out, "%s:%s\n", k->name, from == to ? " []" : "");
	for (size_t i = from; i < to; i++)
		add_host(out, d, &d->hosts[i]);
	if (workers)
		return;
	add_comment(out, 1, "Each node:");
	for (const struct inv_key *n = k->keys; n->type; n++) {
		auto_free char *text = NULL;

		if (asprintf(&text, "%s: %s", n->name, n->help) < 0)
			abort();
		add_comment(out, 1, text);
	}
}

/* What this draft says about a key outside of the lists of nodes, where no name occurs in two
 * maps that would differ; NULL: nothing. */
static const char *value_of(const struct draft *d, const struct inv_key *k, char port[16])
{
	if (k->required && k->choices)
		return k->example;
	if (!strcmp(k->name, "name"))
		return d->cluster;
	if (!strcmp(k->name, "endpoint"))
		return d->endpoint;
	if (!strcmp(k->name, "address")) /* without a prefix length the endpoint says it all */
		return strchr(d->vip, '/') ? d->vip : NULL;
	if (!strcmp(k->name, "user") && *d->user)
		return d->user;
	if (!strcmp(k->name, "port") && d->port) {
		snprintf(port, 16, "%d", d->port);
		return port;
	}
	return NULL;
}

static void add_keys(struct buf *out, const struct draft *d, const struct inv_key *keys, int depth)
{
	char port[16];

	for (const struct inv_key *k = keys; k->type; k++) {
		const char *value = value_of(d, k, port);

		if (!depth)
			buf_puts(out, "\n");
		add_help(out, depth, k);
		if (k->type == INV_NODES) {
			add_nodes(out, d, k, !k->required);
			continue;
		}
		indent(out, depth);
		if (k->type == INV_MAP) {
			buf_printf(out, "%s:\n", k->name);
			add_keys(out, d, k->keys, depth + 1);
		} else if (value) {
			buf_printf(out, "%s: ", k->name);
			if (k->type == INV_INT || k->choices)
				buf_puts(out, value);
			else
				add_scalar(out, value);
			buf_puts(out, "\n");
		} else {
			buf_printf(out, "# %s: %s\n", k->name, k->fallback ? k->fallback : k->example);
		}
	}
}

static int check_init(const struct inventory_init *o, struct err *err)
{
	bool hosts = o->control_plane && o->control_plane[0];

	if (o->vip && !inv_vip_rule.ok(o->vip))
		return err_set(err, ERR_USAGE, "--vip '%s' is not allowed: it must be %s", o->vip,
			       inv_vip_rule.allowed);
	if (o->name && !inv_name_rule.ok(o->name))
		return err_set(err, ERR_USAGE, "--name '%s' is not allowed: it must be %s", o->name,
			       inv_name_rule.allowed);
	if (hosts && !o->vip)
		return err_set(err, ERR_USAGE, "--vip is missing: give a free address of the nodes' network "
			       "that will follow the API server");
	if (!hosts && o->workers && o->workers[0])
		return err_set(err, ERR_USAGE, "there are workers but no control-plane node: name at least "
			       "one, better three");
	return 0;
}

/* "192.0.2.9:6443" of "192.0.2.9/24". */
static char *endpoint_of(const char *vip)
{
	char *endpoint;
	int len = (int)strcspn(vip, "/");

	if (asprintf(&endpoint, strchr(vip, ':') ? "[%.*s]:6443" : "%.*s:6443", len, vip) < 0)
		abort();
	return endpoint;
}

static const char *const example[] = { "192.0.2.11", "192.0.2.12", "192.0.2.13", NULL };

int inventory_write_new(const struct inventory_init *o, struct buf *out, struct err *err)
{
	const char *const *hosts = o->control_plane && o->control_plane[0] ? o->control_plane : example;
	const char *vip = o->vip ? o->vip : "192.0.2.9";
	auto_free char *endpoint = endpoint_of(vip);
	struct draft d = { .cluster = o->name, .endpoint = endpoint, .vip = vip,
			   .ncontrol_plane = SIZE_MAX };
	int rc = check_init(o, err);

	if (!rc)
		rc = add_hosts(&d, hosts, err);
	d.ncontrol_plane = d.nhosts;
	if (!rc)
		rc = add_hosts(&d, o->workers, err);
	if (!rc) {
		share(&d);
		buf_puts(out, "# A highly available Kubernetes cluster; hactl.yaml(5) says more.\n"
			      "# What is commented out is the default or an example.\n");
		add_keys(out, &d, inv_root_keys, 0);
	}
	free(d.hosts);
	return rc;
}
