#define _GNU_SOURCE
#include "connect.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "ask.h"
#include "base/file.h"
#include "kube/kube.h"
#include "ssh/ssh.h"
#include "sudo.h"
#include "transport.h"
#include "way.h"

int connect_start(struct err *err)
{
	return ssh_init(err) < 0 || kube_init(err) < 0 ? -1 : 0;
}

void connect_init(struct connect *c, bool accept_new_host_keys)
{
	*c = (struct connect){ .accept_new_host_keys = accept_new_host_keys,
			       .known_hosts = file_resolve("~/.ssh/known_hosts", NULL),
			       .share = ssh_share_new(), .config = sshconf_run_new(),
			       .secrets = ask_secrets_new() };
	if (getifaddrs(&c->own) < 0)
		c->own = NULL;
}

void connect_release(struct connect *c)
{
	if (c->own)
		freeifaddrs(c->own);
	free(c->known_hosts);
	ssh_share_free(c->share);
	sudo_free(&c->sudo);
	sshconf_run_free(c->config);
	ssh_secrets_free(c->secrets);
	*c = (struct connect){ 0 };
}

static bool is_address(const struct sockaddr *sa, const char *address)
{
	unsigned char bytes[16];

	if (sa && sa->sa_family == AF_INET && inet_pton(AF_INET, address, bytes) == 1)
		return !memcmp(bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	if (sa && sa->sa_family == AF_INET6 && inet_pton(AF_INET6, address, bytes) == 1)
		return !memcmp(bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	return false;
}

/* Loopback is everybody's own: there may be a tunnel to another machine behind it. */
static bool is_this_machine(const struct connect *c, const char *address)
{
	if (!strncmp(address, "127.", 4) || !strcmp(address, "::1"))
		return false;
	for (const struct ifaddrs *i = c->own; i; i = i->ifa_next)
		if (is_address(i->ifa_addr, address))
			return true;
	return false;
}

struct remote *connect_node(void *ctx, const struct inv_node *n, const char *address, bool *untrusted,
			    struct err *err)
{
	return connect_node_as(ctx, n, address, &(struct connect_how){ 0 }, untrusted, err);
}

struct remote *connect_node_as(struct connect *c, const struct inv_node *n, const char *address,
			       const struct connect_how *how, bool *untrusted, struct err *err)
{
	const char *const usual[] = { c->known_hosts, "/etc/ssh/ssh_known_hosts", NULL };
	const struct ssh_options base = {
		.user = how->user, .known_hosts = usual,
		.unknown_hosts = c->accept_new_host_keys && !how->refusal ? SSH_UNKNOWN_ADD : SSH_UNKNOWN_REFUSE,
		.untrusted = untrusted, .keys_only = how->keys_only, .refusal = how->refusal,
		.password_file = n->ssh.password_file,
		.password = n->ssh.password_env ? ask_from_environment(n->ssh.password_env) : NULL,
		.secrets = c->secrets, .host_key = n->ssh_host_key, .share = c->share,
	};
	auto_way struct way way = { 0 };
	struct remote *r;

	if (is_this_machine(c, address))
		r = remote_local();
	else
		r = way_init(&way, n, c->config, &base, err) < 0 ? NULL :
		    transport_connect(n, &way.options, &c->note, err);
	if (!r)
		return NULL;
	r->name = n->name;
	r->log = c->log;
	sudo_prepare(r, n, way.options.user ? way.options.user : "this user", c->secrets, &c->sudo);
	return r;
}
