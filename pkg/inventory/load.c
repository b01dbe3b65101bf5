#define _GNU_SOURCE
#include "inventory/inventory.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "base/file.h"
#include "ha/ha.h"
#include "inventory/read.h"

enum { BYTES_MAX = 1 << 20, DEPTH_MAX = 8, DEFAULT_API_PORT = 6443 };

/* Of one map named ssh in the map that holds it. */
static int check_password(const struct inv_reader *r, const struct yaml_node *holder,
			  const struct inv_ssh *ssh, struct err *err)
{
	if (!ssh->password_file || !ssh->password_env)
		return 0;
	return yaml_error(r->stream, yaml_find(yaml_find(holder, "ssh"), "passwordEnv"), err,
			  "passwordFile and passwordEnv: give one of them");
}

static int read_node(struct inv_reader *r, const struct yaml_node *y, const struct inv_ssh *ssh,
		     struct inv_node *node, struct err *err)
{
	node->ssh = *ssh;
	node->ssh.password_file = node->ssh.password_env = NULL;
	if (inv_read_map(r, y, inv_node_keys, node, err) < 0 ||
	    check_password(r, y, &node->ssh, err) < 0)
		return -1;
	if (!node->ssh.password_file && !node->ssh.password_env) {
		node->ssh.password_file = ssh->password_file;
		node->ssh.password_env = ssh->password_env;
	}
	if (!node->name && !inv_name_rule.ok(node->address))
		return yaml_error(r->stream, y, err, "key 'name' is missing: the address '%s' cannot be the "
				  "name of a node, which needs %s", node->address, inv_name_rule.allowed);
	if (!node->name && !inv_is_dns_name(node->address))
		return yaml_error(r->stream, y, err, "key 'name' is missing: for example name: m1");
	if (!node->name)
		node->name = node->address;
	return 0;
}

/* Both lists, the control plane first, whatever the file's order. */
static int read_nodes(struct inv_reader *r, const struct yaml_node *root, struct inventory *inv,
		      struct err *err)
{
	const struct yaml_node *lists[] = { yaml_find(root, "controlPlane"), yaml_find(root, "workers") };
	size_t n[2], before;

	if (inv_count(r, lists[0], "controlPlane", "nodes: - {name: m1, address: 192.0.2.11}", &n[0], err) < 0 ||
	    inv_count(r, lists[1], "workers", "nodes: - {name: w1, address: 192.0.2.21}", &n[1], err) < 0)
		return -1;
	if (!n[0])
		return yaml_error(r->stream, lists[0], err, "controlPlane needs at least one node");
	if (n[0] > ha_max_peers())
		return yaml_error(r->stream, lists[0], err, "controlPlane has %zu nodes: VRRP has priorities "
				  "for %zu", n[0], ha_max_peers());
	inv->nodes = calloc(n[0] + n[1], sizeof(*inv->nodes));
	if (!inv->nodes)
		abort();
	inv->ncontrol_plane = n[0];
	before = r->errors.n;
	for (int l = 0; l < 2; l++)
		for (const struct yaml_node *y = n[l] ? lists[l]->child : NULL; y && r->errors.n < INV_ERRORS_MAX; y = y->next) {
			struct inv_node *node = &inv->nodes[inv->nnodes++];

			node->control_plane = l == 0;
			if (read_node(r, y, &inv->ssh, node, err) < 0)
				inv_keep_error(r, err);
		}
	return inv_errors_since(r, before, err);
}

/* Where the file says a key of the i-th node, or the node itself. */
static const struct yaml_node *node_at(const struct yaml_node *root, const struct inventory *inv,
				       size_t i, const char *key)
{
	bool control_plane = i < inv->ncontrol_plane;
	const struct yaml_node *y = yaml_find(root, control_plane ? "controlPlane" : "workers")->child;
	const struct yaml_node *value;

	for (i -= control_plane ? 0 : inv->ncontrol_plane; i; i--)
		y = y->next;
	value = yaml_find(y, key);
	return value ? value : y;
}

static int check_unique(const struct inv_reader *r, const struct yaml_node *root,
			const struct inventory *inv, struct err *err)
{
	for (size_t i = 1; i < inv->nnodes; i++) {
		const struct inv_node *a = &inv->nodes[i];

		for (size_t j = 0; j < i; j++) {
			const struct inv_node *b = &inv->nodes[j];

			if (!strcmp(a->name, b->name))
				return yaml_error(r->stream, node_at(root, inv, i, "name"), err,
						  "two nodes are named '%s'", a->name);
			if (inv_same_host(a->address, b->address))
				return yaml_error(r->stream, node_at(root, inv, i, "address"), err,
						  "'%s' is the address of node %s already", a->address,
						  b->name);
		}
	}
	return 0;
}

static void split_endpoint(struct inv_reader *r, struct inventory *inv)
{
	char host[INV_HOST_MAX];
	unsigned char bytes[16];
	int port = DEFAULT_API_PORT, rc = inv_split_host(inv->endpoint, host, &port);
	bool bracket = inv_address(host, bytes) == AF_INET6;

	assert(!rc); /* the key's rule has seen it */
	(void)rc;
	strs_add(&r->strings, host);
	inv->endpoint_host = r->strings.v[r->strings.n - 1];
	inv->endpoint_port = port;
	strs_printf(&r->strings, "%s%s%s:%d", bracket ? "[" : "", host, bracket ? "]" : "", port);
	inv->endpoint = r->strings.v[r->strings.n - 1];
}

/* kubeadm takes versions with and without the v; here they all have it. */
static void complete_version(struct inv_reader *r, struct inventory *inv)
{
	const char *v = inv->kubernetes_version;

	if (!v || *v < '0' || *v > '9')
		return;
	strs_printf(&r->strings, "v%s", v);
	inv->kubernetes_version = r->strings.v[r->strings.n - 1];
}

/* ADDRESS[/PREFIX], len characters. */
static const char *split_prefix(struct inv_reader *r, const char *text, size_t len, int *prefix)
{
	const char *slash = memchr(text, '/', len);

	*prefix = slash ? atoi(slash + 1) : 0;
	strs_printf(&r->strings, "%.*s", (int)(slash ? slash - text : (long)len), text);
	return r->strings.v[r->strings.n - 1];
}

/* Of two, the first is that of the family which the first node's address has: VRRP speaks that. */
static int split_vip(struct inv_reader *r, const struct yaml_node *root, struct inventory *inv, struct err *err)
{
	const char *text = inv->vip.address, *comma = text ? strchr(text, ',') : NULL;
	const char *first = text;
	unsigned char bytes[16];
	int prefix, own = inv_address(inv->nodes[0].address, bytes);

	if (!text)
		return 0;
	inv->vip.address = split_prefix(r, first, comma ? (size_t)(comma - first) : strlen(first), &inv->vip.prefix);
	if (!comma)
		return 0;
	inv->vip.second = split_prefix(r, comma + 1, strlen(comma + 1), &inv->vip.second_prefix);
	if (strchr(comma + 1, ',') || inv_address(inv->vip.address, bytes) == inv_address(inv->vip.second, bytes))
		return yaml_error(r->stream, yaml_find(root, "vip.address"), err, "address must be one virtual IP, or "
				  "a list of one of IPv4 and one of IPv6");
	if (own && own == inv_address(inv->vip.second, bytes)) {
		prefix = inv->vip.prefix;
		first = inv->vip.address;
		inv->vip.address = inv->vip.second;
		inv->vip.prefix = inv->vip.second_prefix;
		inv->vip.second = first;
		inv->vip.second_prefix = prefix;
	}
	return 0;
}

/* Whether both have the same first bits. */
static bool same_subnet(const unsigned char *a, const unsigned char *b, int prefix)
{
	int whole = prefix / 8;

	return !memcmp(a, b, (size_t)whole) && (!(prefix % 8) || (a[whole] ^ b[whole]) >> (8 - prefix % 8) == 0);
}

/* What no host can have in its subnet: the first and the last address of an IPv4 network. */
static bool is_edge(const unsigned char *bytes, int prefix)
{
	uint32_t host = ((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3]) << prefix >> prefix;

	return host == 0 || host == UINT32_MAX >> prefix;
}

/* No address that a host cannot have. */
static int check_usable(const struct inv_reader *r, const struct yaml_node *root, const char *address, int prefix,
			struct err *err)
{
	static const unsigned char loopback[] = { 127, 0, 0, 1 }, loopback6[16] = { [15] = 1 };
	unsigned char bytes[16] = { 0 };
	int family = inv_address(address, bytes);
	const struct yaml_node *at = yaml_find(root, "vip.address");

	if (!at)
		at = yaml_find(root, "endpoint");
	if ((family == AF_INET && !memcmp(bytes, loopback, sizeof(loopback))) || (family == AF_INET6 && !memcmp(bytes, loopback6, sizeof(bytes))))
		return yaml_error(r->stream, at, err, "'%s' is the address of every host itself: choose "
				  "a free one of the nodes' network", address);
	if (family == AF_INET && prefix > 0 && prefix < 31 && is_edge(bytes, prefix))
		return yaml_error(r->stream, at, err, "'%s' is the first or the last address of its /%d "
				  "network, which no host can have", address, prefix);
	return 0;
}

static int check_endpoint(const struct inv_reader *r, const struct yaml_node *root,
			  struct inventory *inv, struct err *err)
{
	const struct yaml_node *endpoint = yaml_find(root, "endpoint");
	unsigned char bytes[16];
	bool numeric = inv_address(inv->endpoint_host, bytes) != 0;

	if (inv->vip.provider == INV_VIP_NONE)
		return 0;
	if (!inv->vip.address && !numeric)
		return yaml_error(r->stream, endpoint, err, "the endpoint '%s' is a name: say in vip.address "
				  "which virtual IP it stands for", inv->endpoint_host);
	if (!inv->vip.address)
		inv->vip.address = inv->endpoint_host;
	if (check_usable(r, root, inv->vip.address, inv->vip.prefix, err) < 0 ||
	    (inv->vip.second && check_usable(r, root, inv->vip.second, inv->vip.second_prefix, err) < 0))
		return -1;
	if (numeric && !inv_same_host(inv->endpoint_host, inv->vip.address) &&
	    !(inv->vip.second && inv_same_host(inv->endpoint_host, inv->vip.second)))
		return yaml_error(r->stream, endpoint, err, "the endpoint '%s' is not the virtual IP '%s' of "
				  "vip.address: use that address or a DNS name for it", inv->endpoint_host,
				  inv->vip.address);
	return 0;
}

/* What VRRP version 3 alone can, a password rules out; IPv6 rules out the password. */
static int check_vrrp(const struct inv_reader *r, const struct yaml_node *root,
		      const struct inventory *inv, struct err *err)
{
	const struct yaml_node *advert = yaml_find(root, "vip.advertInterval");
	unsigned char bytes[16];

	if (inv->load_balancer == INV_LB_HAPROXY && inv->vip.provider != INV_VIP_KEEPALIVED)
		return yaml_error(r->stream, yaml_find(root, "loadBalancer"), err, "haproxy stands behind a virtual IP "
				  "of keepalived: vip.provider must be that");
	if (inv->load_balancer == INV_LB_HAPROXY && !inv->kubeadm.config && inv->endpoint_port == 6443)
		return yaml_error(r->stream, yaml_find(root, "endpoint"), err, "HAProxy on the endpoint's port 6443 and the API server "
				  "share the nodes and cannot share the port; use endpoint '%s:8443', or another bindPort in kubeadm.config", inv->endpoint_host);
	if (inv->vip.provider != INV_VIP_KEEPALIVED)
		return 0;
	if (inv->vip.password && inv_address(inv->vip.address, bytes) == AF_INET6)
		return yaml_error(r->stream, yaml_find(root, "vip.password"), err, "a virtual IP of IPv6 needs "
				  "VRRP version 3, which has no password: leave it out");
	if (inv->vip.password && inv->vip.advert_ms % 1000)
		return yaml_error(r->stream, advert, err, "advertInterval must be whole seconds with a "
				  "password, which only VRRP version 2 has; without one 200ms is usual");
	if (inv->vip.advert_ms % 10)
		return yaml_error(r->stream, advert, err, "advertInterval must be a multiple of 10ms");
	return 0;
}

/* The VIP among the addresses of the nodes: nobody's own, and of their family. */
static int check_vip(const struct inv_reader *r, const struct yaml_node *root,
		     const struct inventory *inv, struct err *err)
{
	unsigned char bytes[16];
	int family = inv->vip.address ? inv_address(inv->vip.address, bytes) : 0;

	if (inv->vip.provider == INV_VIP_NONE)
		return 0;
	for (size_t i = 0; i < inv->nnodes; i++) {
		const struct inv_node *node = &inv->nodes[i];
		const struct yaml_node *at = node_at(root, inv, i, "address");
		int own = inv_address(node->address, bytes);

		if (inv_same_host(node->address, inv->vip.address) ||
		    (inv->vip.second && inv_same_host(node->address, inv->vip.second)) ||
		    inv_same_host(node->address, inv->endpoint_host))
			return yaml_error(r->stream, at, err, "node %s has the address of the endpoint: the "
					  "virtual IP must be an address of its own", node->name);
		if (node->control_plane && own && own != family)
			return yaml_error(r->stream, at, err, "node %s has an %s address, but the virtual IP "
					  "'%s' is %s: keepalived needs both alike", node->name,
					  own == AF_INET6 ? "IPv6" : "IPv4", inv->vip.address,
					  family == AF_INET6 ? "IPv6" : "IPv4");
	}
	return 0;
}

static void warn(const struct inv_reader *r, const struct yaml_node *at, struct inventory *inv,
		 const char *message)
{
	at = at->key;
	strs_printf(&inv->warnings, "%s:%d:%d: %s", !strcmp(r->path, "-") ? "standard input" : r->path,
		    at->line, at->column, message);
}

/* Keys of keepalived's, where something else carries the virtual IP. */
static void warn_of_vain_keys(const struct inv_reader *r, const struct yaml_node *root, struct inventory *inv)
{
	static const char *const keys[] = {
		"virtualRouterID", "password", "unicast", "advertInterval", "checkInterval", "fall", "rise", "preempt", NULL,
	};

	for (const char *const *k = keys; *k && inv->vip.provider != INV_VIP_KEEPALIVED; k++) {
		char path[32], text[96];
		const struct yaml_node *at;

		snprintf(path, sizeof(path), "vip.%s", *k);
		snprintf(text, sizeof(text), "%s has no effect: it is for vip.provider: keepalived", path);
		if ((at = yaml_find(root, path)))
			warn(r, at, inv, text);
	}
}

/* A prefix that was given says which network is meant. */
static void warn_of_other_network(const struct inv_reader *r, const struct yaml_node *root, struct inventory *inv)
{
	unsigned char vip[16] = { 0 }, node[16] = { 0 };
	int family = inv->vip.address ? inv_address(inv->vip.address, vip) : 0;

	if (!inv->vip.prefix || inv->vip.prefix == (family == AF_INET ? 32 : 128) || inv->vip.interface)
		return;
	for (size_t i = 0; i < inv->ncontrol_plane; i++)
		if (inv_address(inv->nodes[i].address, node) != family || same_subnet(vip, node, inv->vip.prefix))
			return;
	warn(r, yaml_find(root, "vip.address"), inv, "no control-plane node has an address in that network: vip.interface "
	     "says where the virtual IP belongs, if that is meant");
}

static void add_warnings(const struct inv_reader *r, const struct yaml_node *root,
			 struct inventory *inv)
{
	const char *advice = ha_advice((int)inv->ncontrol_plane);

	if (advice)
		warn(r, yaml_find(root, "controlPlane"), inv, advice);
	warn_of_vain_keys(r, root, inv);
	warn_of_other_network(r, root, inv);
	for (size_t i = 0; i < inv->ncontrol_plane && inv->ncontrol_plane > 1; i++)
		if (inv_same_host(inv->nodes[i].address, inv->endpoint_host))
			warn(r, yaml_find(root, "endpoint"), inv,
			     "the endpoint is the address of one control-plane node: when that fails, the "
			     "API is gone; use a balancer's address or vip.provider: keepalived");
}

/* One below the other. */
static int all_errors(const struct inv_reader *r, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	for (size_t i = 0; i < r->errors.n; i++)
		buf_printf(&text, "%s%s", i ? "\n" : "", r->errors.v[i]);
	if (r->errors.n == INV_ERRORS_MAX)
		buf_puts(&text, "\nthere may be more: reading ended here");
	return err_set(err, ERR_CONFIG, "%s", buf_str(&text));
}

static int read_cluster(struct inv_reader *r, struct inventory *inv, struct err *err)
{
	const struct yaml_node *root = yaml_count(r->stream) ? yaml_root(r->stream, 0) : NULL;

	if (!root)
		return err_set(err, ERR_CONFIG, "%s: the file is empty: hactl config init writes one",
			       yaml_name(r->stream));
	if (yaml_count(r->stream) > 1 && yaml_root(r->stream, 1))
		return yaml_error(r->stream, yaml_root(r->stream, 1), err,
				  "a second document: the file describes one cluster");
	inv_defaults(inv_root_keys, inv);
	if (inv_read_map(r, root, inv_root_keys, inv, err) < 0) {
		inv_keep_error(r, err);
		if (root->type == YAML_MAP && !yaml_is_null(yaml_find(root, "controlPlane")) && read_nodes(r, root, inv, err) < 0)
			inv_keep_error(r, err);
		return all_errors(r, err);
	}
	if (check_password(r, root, &inv->ssh, err) < 0)
		return -1;
	split_endpoint(r, inv);
	complete_version(r, inv);
	if (read_nodes(r, root, inv, err) < 0) {
		inv_keep_error(r, err);
		return all_errors(r, err);
	}
	if (split_vip(r, root, inv, err) < 0 || check_unique(r, root, inv, err) < 0 ||
	    check_endpoint(r, root, inv, err) < 0 || check_vip(r, root, inv, err) < 0 ||
	    check_vrrp(r, root, inv, err) < 0)
		return -1;
	add_warnings(r, root, inv);
	return 0;
}

static void free_reader(struct inv_reader *r)
{
	if (!r)
		return;
	yaml_stream_free(r->stream);
	strs_release(&r->strings);
	strs_release(&r->errors);
	free(r);
}

int inventory_parse(const char *path, const char *text, size_t len, struct inventory *inv, struct err *err)
{
	const struct yaml_limits limits = { .bytes = BYTES_MAX, .depth = DEPTH_MAX,
					    .plain_only = true };
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct inv_reader *r;

	*inv = (struct inventory){ .path = strdup(path) };
	inv->owner = r = calloc(1, sizeof(*r));
	if (!inv->path || !r)
		abort();
	r->path = inv->path;
	r->stream = yaml_parse(name, text, len, &limits, err);
	if (r->stream && !read_cluster(r, inv, err))
		return 0;
	inventory_release(inv);
	return -1;
}

int inventory_load(const char *path, struct inventory *inv, struct err *err)
{
	auto_wipe struct buf text = BUF_INIT;

	*inv = (struct inventory){ 0 };
	if (file_read(path, BYTES_MAX, &text, err) == 0)
		return inventory_parse(path, buf_str(&text), text.len, inv, err);
	err->kind = ERR_CONFIG;
	if (strcmp(path, "-") && access(path, F_OK) < 0) {
		err_clear(err);
		err_set(err, ERR_CONFIG, "%s: there is no such file; 'hactl config init' writes one, -c FILE names another", path);
	}
	return -1;
}

void inventory_release(struct inventory *inv)
{
	for (size_t i = 0; i < inv->nnodes; i++) {
		strs_release(&inv->nodes[i].labels);
		free(inv->nodes[i].taints);
	}
	free(inv->nodes);
	if (inv->vip.password)
		explicit_bzero((char *)inv->vip.password, strlen(inv->vip.password));
	strs_release(&inv->kubeadm.ignore_preflight_errors);
	strs_release(&inv->warnings);
	free_reader(inv->owner);
	free(inv->path);
	*inv = (struct inventory){ 0 };
}

const struct inv_node *inventory_node(const struct inventory *inv, const char *name)
{
	for (size_t i = 0; i < inv->nnodes; i++)
		if (!strcmp(inv->nodes[i].name, name))
			return &inv->nodes[i];
	return NULL;
}
