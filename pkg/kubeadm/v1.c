/* kubeadm 1.37 holds it as an experimental copy of v1beta4 (apis/kubeadm/v1/types.go). */
#include "kubeadm/table.h"

static const struct kubeadm_change changes[] = {
	ADD(INIT, "nodeRegistration.kubeletExtraArgs[].mergeMethod", STRING),

	ADD(CLUSTER, "etcd.local.extraArgs[].mergeMethod", STRING),
	ADD(CLUSTER, "apiServer.extraArgs[].mergeMethod", STRING),
	ADD(CLUSTER, "controllerManager.extraArgs[].mergeMethod", STRING),
	ADD(CLUSTER, "scheduler.extraArgs[].mergeMethod", STRING),

	ADD(JOIN, "nodeRegistration.kubeletExtraArgs[].mergeMethod", STRING),
};

const struct kubeadm_table kubeadm_v1 = {
	.api = KUBEADM_V1,
	.name = "v1",
	.written_from = 0,
	.read_until = 0,
	.changes = changes,
	.nchanges = sizeof(changes) / sizeof(*changes),
	.notice = "v1 is experimental: no kubeadm writes it and it may still change",
};
