/*
 * hactl.yaml: the cluster an operator wants, read strictly.
 *
 * One key table (inventory/keys.c) drives reading, defaults, the annotated example and the
 * reference.  Strings belong to the cluster and die with it; a value that was not given is NULL
 * or 0 unless its default is fixed.
 */
#ifndef INVENTORY_INVENTORY_H
#define INVENTORY_INVENTORY_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/strs.h"

enum inv_sudo { INV_SUDO_AUTO, INV_SUDO_SUDO, INV_SUDO_DOAS, INV_SUDO_NONE };
enum inv_transport { INV_TRANSPORT_AUTO, INV_TRANSPORT_LIBSSH2, INV_TRANSPORT_OPENSSH };

/* What is not given may still be in the operator's ssh_config. */
struct inv_ssh {
	const char *user;             /* NULL: not given */
	int port;                     /* 0: not given */
	const char *identity_file;    /* resolved path, or NULL */
	const char *password_file;    /* resolved path, or NULL; never together with password_env */
	const char *password_env;     /* name of a variable, or NULL */
	enum inv_sudo sudo;
	const char *sudo_password_file; /* resolved path, or NULL */
	const char *bastion;          /* as ProxyJump has it: hops in order, comma-separated, each
				       * [user@]host[:port]; "none"; NULL: not given */
	enum inv_transport transport;
	const char *config_file;      /* resolved path of the ssh_config, "none", or NULL: ssh's own */
	const char *known_hosts_file; /* resolved path, or NULL: ~/.ssh/known_hosts and the system's */
	int connect_timeout_ms;       /* 0: not given */
};

struct inv_taint {
	const char *key, *value, *effect;
};

struct inv_node {
	const char *name;
	const char *address; /* numeric, IPv4 or IPv6, or a host name */
	bool control_plane;
	struct inv_ssh ssh;  /* the node's own over the cluster's */
	const char *ssh_host_key; /* "TYPE BASE64": no other is accepted; or NULL */
	struct strs labels;  /* "key=value" */
	struct inv_taint *taints;
	size_t ntaints;
};

enum inv_vip_provider { INV_VIP_KEEPALIVED, INV_VIP_NONE, INV_VIP_KUBE_VIP };
enum inv_load_balancer { INV_LB_NONE, INV_LB_HAPROXY };

struct inventory {
	char *path; /* as given, for messages; "-" is stdin */
	const char *name;
	const char *endpoint; /* host:port, as written and with the port made explicit */
	const char *endpoint_host;
	int endpoint_port; /* 6443 */
	const char *kubernetes_version; /* NULL: the kubeadm found on the nodes */
	bool schedulable;
	struct inv_ssh ssh; /* the cluster's; each node's own is complete already */
	struct inv_node *nodes; /* control plane first, each in the file's order */
	size_t nnodes, ncontrol_plane;
	enum inv_load_balancer load_balancer;
	struct {
		enum inv_vip_provider provider;
		const char *address;   /* without prefix length; NULL only for provider none */
		int prefix;            /* 0: found on the nodes */
		const char *second;    /* of the other family than address, or NULL */
		int second_prefix;     /* 0: found on the nodes */
		const char *image;     /* kube-vip's */
		const char *interface; /* NULL: the one that carries the node's address */
		int virtual_router_id; /* 51 */
		const char *password;  /* NULL: made, or read back from the nodes */
		bool unicast;          /* true */
		int advert_ms;         /* 0: 200, or 1000 where VRRP version 2 has to be used */
		int check_ms;          /* 200 */
		int fall, rise;        /* 2, 2 */
		bool preempt;          /* false */
	} vip;
	struct {
		const char *config; /* resolved path or NULL */
		struct strs ignore_preflight_errors;
	} kubeadm;
	struct {
		const char *power_command; /* NULL: hactl drill leaves the power alone */
	} drill;
	struct {
		int kubeadm_ms, silence_ms, install_ms, ready_ms; /* 15 min, 10, 15, 3 */
	} timeouts;
	struct strs warnings; /* "file:line:column: ...": quorum arithmetic and the like */
	void *owner;          /* what the strings live in */
};

/* path "-" is standard input. */
int inventory_load(const char *path, struct inventory *inv, struct err *err) MUST_CHECK;
/* The same from text that was read from path. */
int inventory_parse(const char *path, const char *text, size_t len, struct inventory *inv,
		    struct err *err) MUST_CHECK;
void inventory_release(struct inventory *inv);
#define auto_inventory AUTO(inventory_release)

/* The node of that name, or NULL. */
const struct inv_node *inventory_node(const struct inventory *inv, const char *name);

/* "10s", "1500ms", "2m", or seconds as a number, as everywhere in the file; -1: none of these. */
int inventory_duration_ms(const char *s, long *ms);

/* `hactl config init`: a complete annotated hactl.yaml.  hosts are [USER@]HOST[:PORT], the
 * control plane first.  Without hosts it is an example with addresses of RFC 5737. */
struct inventory_init {
	const char *vip, *name;
	const char *const *control_plane; /* ends in NULL */
	const char *const *workers;       /* ends in NULL; may be NULL */
};
int inventory_write_new(const struct inventory_init *o, struct buf *out, struct err *err) MUST_CHECK;

enum inventory_doc { INVENTORY_DOC_MAN, INVENTORY_DOC_MARKDOWN, INVENTORY_DOC_SCHEMA };
void inventory_document(enum inventory_doc as, FILE *out);

#endif
