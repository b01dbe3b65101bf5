/* What hactl knows of a node: gathered by templates/facts.sh in one script, parsed here. */
#ifndef STEPS_FACTS_H
#define STEPS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/strs.h"
#include "kubeadm/kubeadm.h"
#include "remote/remote.h"

struct facts_addr {
	char *interface, *address;
	int prefix;
};

struct facts_file {
	char *name; /* below the PKI folder: "etcd/ca.key" */
	char sha256[65];
	unsigned mode;
};

struct facts {
	char *hostname, *machine_id, *os, *os_id, *keepalived, *haproxy, *kubelet, *kubeadm_text;
	struct kubeadm_version kubeadm; /* when kubeadm_text is not empty */
	bool systemd, keepalived_enabled, keepalived_active, kubelet_enabled;
	bool haproxy_enabled, haproxy_active, haproxy_cfg_packaged;
	char *keepalived_conf_path; /* keepalived.conf, or a file of our own that somebody else's includes */
	bool keepalived_conf_packaged; /* keepalived.conf is as its package ships it */
	int swaps;
	char *vip_answers, *second_vip_answers; /* yes, no, unknown, or "" when there is none to ask for */
	char *endpoint_addresses; /* of an endpoint that is a name, as this node knows them; or NULL */
	struct facts_addr *addrs;
	size_t naddrs;
	struct strs listening; /* "6443 kube-apiserver" */
	char *cri_socket;      /* the first that is there, or NULL */
	char *cni;             /* names of CNI configurations, "" for none */
	char *manifests;       /* names of static pod manifests */
	bool has_admin_conf, has_kubelet_conf, has_apiserver_manifest, has_etcd_manifest, has_etcd_data;
	char *begun; /* what hactl began here and did not finish: "init", "join", "reset", with " etcd-data"
		      * when there was etcd data before; or NULL */
	struct buf keepalived_conf, check_script; /* as they are; the first holds a secret */
	bool has_keepalived_conf, has_check_script;
	unsigned keepalived_conf_mode, check_script_mode;
	struct buf haproxy_cfg, kube_vip;
	bool has_haproxy_cfg, has_kube_vip, kube_vip_active, curl;
	unsigned haproxy_cfg_mode;
	struct facts_file *pki;
	size_t npki;
	int64_t clock_early_ms, clock_late_ms; /* the node's clock minus ours lies between these */
};

struct facts_ask {
	const char *vip, *second_vip; /* may be NULL */
	const char *endpoint_host;
	const char *pki_dir;
	const struct strs *pki_files; /* names below pki_dir */
	int timeout_ms;      /* 0: 30 s */
	const char *also;    /* script that runs first, in the same round trip; may be NULL */
	struct buf *text;    /* gets all that was printed, also's lines too; may be NULL */
};

/* Replaces what f held.  One round trip. */
int facts_gather(struct remote *r, const struct facts_ask *ask, struct facts *f, struct err *err) MUST_CHECK;

/* text as the script prints it. */
int facts_parse(const char *text, struct facts *f, struct err *err) MUST_CHECK;
void facts_release(struct facts *f);

/* The interface entry that carries an address, or NULL; compares numerically. */
const struct facts_addr *facts_addr(const struct facts *f, const char *address);
const struct facts_file *facts_pki(const struct facts *f, const char *name);
/* Who listens on the port: a process name, "" when unknown, NULL for nobody. */
const char *facts_listener(const struct facts *f, int port);

/* Are two numeric addresses the same?  Is one in the subnet of the other? */
bool facts_same_address(const char *a, const char *b);
bool facts_same_subnet(const char *a, const char *b, int prefix);

#endif
