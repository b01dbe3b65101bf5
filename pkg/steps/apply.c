/* The whole of it, in order. */
#include "steps/steps.h"

const struct plan_phase *const steps_apply[] = {
	&steps_connect, &steps_lock, &steps_look, &steps_install, &steps_revive, &steps_cluster, &steps_preflight, &steps_wait, &steps_ask, &steps_guard, &steps_clean, &steps_kube_vip_image, &steps_stale, &steps_quorum, &steps_password,
	&steps_haproxy, &steps_keepalived, &steps_switch, &steps_vip, &steps_kube_vip_first, &steps_init, &steps_read_pki, &steps_pki, &steps_token, &steps_join, &steps_join_etcd,
	&steps_token_end, &steps_kube_vip, &steps_ready, NULL,
};
