/* kubeadm 1.15: apis/kubeadm/v1beta2/types.go as of 1.20.2 against v1beta1. */
#include "kubeadm/table.h"

static const struct kubeadm_change changes[] = {
	ADD(INIT, "nodeRegistration.ignorePreflightErrors", STRINGS),
	ADD(INIT, "certificateKey", STRING),

	ADD(JOIN, "nodeRegistration.ignorePreflightErrors", STRINGS),
	ADD(JOIN, "controlPlane.certificateKey", STRING),
};

const struct kubeadm_table kubeadm_v1beta2 = {
	.api = KUBEADM_V1BETA2,
	.name = "v1beta2",
	.written_from = 15,
	.read_until = 26,
	.changes = changes,
	.nchanges = sizeof(changes) / sizeof(*changes),
};
