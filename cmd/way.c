#define _GNU_SOURCE
#include "way.h"

#include <stdio.h>
#include <string.h>

enum { MAX_HOPS = 8 };

/* A machine on the way: what hactl.yaml says of it. */
struct stop {
	const char *host, *user;
	int port;
	bool bastion;
};

static const char *const *list_of(const struct strs *l)
{
	return l->n ? (const char *const *)l->v : NULL;
}

/* ssh.config: none, and a machine without ssh, have nothing to say. */
static int ask_config(const struct stop *s, const struct inv_ssh *given, struct sshconf_run *run,
		      const struct sshconf **conf, struct err *err)
{
	static const struct sshconf nothing;
	const struct sshconf_ask ask = { given->config_file, s->host, s->user, s->port };

	*conf = &nothing;
	if (!run || !sshconf_available(run) || (given->config_file && !strcmp(given->config_file, "none")))
		return 0;
	*conf = sshconf_get(run, &ask, err);
	return *conf ? 0 : -1;
}

/* A list of a bastion's key files: its own, then the nodes'. */
static const char *const *keys_of(struct way *w, const struct stop *s, const struct inv_ssh *given,
				  const struct sshconf *conf)
{
	size_t n = s->bastion || !given->identity_file ? conf->identity_files.n : 0;
	const char **list = calloc(n + 2, sizeof(*list));

	if (!list)
		abort();
	w->lists[0] = list;
	for (size_t i = 0; i < n; i++)
		list[i] = conf->identity_files.v[i];
	if (given->identity_file)
		list[n++] = given->identity_file;
	return n ? list : NULL;
}

static const char *const *known_hosts_of(struct way *w, const struct inv_ssh *given,
					 const struct sshconf *conf, const struct ssh_options *base)
{
	if (!given->known_hosts_file)
		return conf->known_hosts.n ? list_of(&conf->known_hosts) : base->known_hosts;
	w->lists[1] = calloc(2, sizeof(*w->lists[1]));
	if (!w->lists[1])
		abort();
	w->lists[1][0] = given->known_hosts_file;
	return w->lists[1];
}

/* Who logs in on a bastion when nobody says so: as with ssh, whoever runs this. */
static const char *own_name(void)
{
	const char *name = getenv("USER") ? getenv("USER") : getenv("LOGNAME");

	return name && *name && *name != '-' ? name : "root";
}

static void fill(struct way *w, const struct stop *s, const struct inv_ssh *given,
		 const struct sshconf *conf, const struct ssh_options *base)
{
	struct ssh_options *o = &w->options;

	*o = *base;
	o->host = conf->hostname ? conf->hostname : s->host;
	o->port = s->port ? s->port : conf->port;
	o->user = s->user ? s->user : conf->user ? conf->user : s->bastion ? own_name() : "root";
	o->identity_files = keys_of(w, s, given, conf);
	o->certificate_files = list_of(&conf->certificate_files);
	o->identities_only = conf->identities_only;
	o->identity_agent = conf->identity_agent;
	o->known_hosts = known_hosts_of(w, given, conf, base);
	o->host_key_alias = conf->host_key_alias;
	o->connect_timeout_ms = given->connect_timeout_ms ? given->connect_timeout_ms : conf->connect_timeout_ms;
	o->alive_interval_ms = conf->alive_interval_ms;
	o->alive_count = conf->alive_count;
	if (!s->bastion)
		return;
	/* a password or a key that hactl.yaml gives is the nodes', and not shown to others */
	o->password = o->password_file = o->host_key = NULL;
	o->refusal = NULL;
	o->keys_only = false;
}

/* [user@]host[:port]; text is taken apart. */
static int split_hop(char *text, struct stop *s, struct err *err)
{
	char *at = strrchr(text, '@'), *host = at ? at + 1 : text, *end, *port;

	*s = (struct stop){ .bastion = true, .user = at ? text : NULL };
	if (at)
		*at = '\0';
	if (*host == '[' && (end = strchr(host, ']'))) {
		*end++ = '\0';
		host++;
		port = *end == ':' ? end + 1 : NULL;
	} else {
		port = strchr(host, ':') == strrchr(host, ':') ? strchr(host, ':') : NULL;
		if (port)
			*port++ = '\0';
	}
	s->host = host;
	s->port = port ? atoi(port) : 0;
	if (*host && *host != '-' && (!s->user || (*s->user && *s->user != '-')) && s->port >= 0 && s->port <= 65535)
		return 0;
	return err_set(err, ERR_CONNECT, "'%s' is no bastion: it must be [USER@]HOST[:PORT]", host);
}

static int add_stop(struct way *w, const struct stop *s, const struct inv_ssh *given, const char *hops,
		    struct sshconf_run *ask, const struct ssh_options *base, int depth, struct err *err);

/* The last of hops, which is behind the others; the first may be behind one that ssh_config names. */
static int add_via(struct way *w, const struct inv_ssh *given, const char *hops, struct sshconf_run *ask,
		   const struct ssh_options *base, int depth, struct err *err)
{
	auto_free char *all = strdup(hops);
	char *comma = all ? strrchr(all, ',') : NULL;
	const char *last = comma ? comma + 1 : all;
	struct stop s;

	if (!all)
		abort();
	if (depth >= MAX_HOPS)
		return err_set(err, ERR_CONNECT, "there are more than %d bastions in a row: does ssh_config send "
			       "one of them through itself ('ProxyJump none' for it ends that)?", MAX_HOPS);
	w->via = calloc(1, sizeof(*w->via));
	if (!w->via)
		abort();
	strs_add(&w->via->names, last);
	if (comma)
		*comma = '\0';
	if (split_hop(w->via->names.v[0], &s, err) < 0)
		return -1;
	return add_stop(w->via, &s, given, comma ? all : NULL, ask, base, depth + 1, err);
}

/* A line for all hosts sends the bastion through itself as well. */
static bool is_itself(const char *hops, const struct stop *s, const struct sshconf *conf)
{
	const char *at = strrchr(hops, '@'), *host = at ? at + 1 : hops;
	size_t n = strcspn(host, ":");

	return s->bastion && !strchr(hops, ',') &&
	       ((strlen(s->host) == n && !strncmp(host, s->host, n)) ||
		(conf->hostname && strlen(conf->hostname) == n && !strncmp(host, conf->hostname, n)));
}

static int add_stop(struct way *w, const struct stop *s, const struct inv_ssh *given, const char *hops,
		    struct sshconf_run *ask, const struct ssh_options *base, int depth, struct err *err)
{
	const struct sshconf *conf;

	if (ask_config(s, given, ask, &conf, err) < 0)
		return -1;
	fill(w, s, given, conf, base);
	if (!hops && conf->proxy_jump && !is_itself(conf->proxy_jump, s, conf))
		hops = conf->proxy_jump;
	if (!hops || !strcmp(hops, "none")) {
		w->options.proxy_command = hops ? NULL : conf->proxy_command;
		return 0;
	}
	if (add_via(w, given, hops, ask, base, depth, err) < 0)
		return -1;
	w->options.via = &w->via->options;
	return 0;
}

int way_init(struct way *w, const struct inv_node *n, struct sshconf_run *ask,
	     const struct ssh_options *base, struct err *err)
{
	const struct stop s = { .host = n->address, .user = base->user ? base->user : n->ssh.user,
				.port = n->ssh.port };

	*w = (struct way){ 0 };
	return add_stop(w, &s, &n->ssh, n->ssh.bastion, ask, base, 0, err);
}

void way_release(struct way *w)
{
	if (w->via)
		way_release(w->via);
	free(w->via);
	for (size_t i = 0; i < sizeof(w->lists) / sizeof(*w->lists); i++)
		free(w->lists[i]);
	strs_release(&w->names);
	*w = (struct way){ 0 };
}
