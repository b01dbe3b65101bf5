/* kubeadm 1.22: apis/kubeadm/v1beta3/{doc,types}.go and v1beta2/conversion.go. */
#include "kubeadm/table.h"

static const struct kubeadm_change changes[] = {
	ADD(INIT, "nodeRegistration.imagePullPolicy", STRING),
	ADD(INIT, "skipPhases", STRINGS),
	ADD(INIT, "patches.directory", STRING),

	ADD(JOIN, "nodeRegistration.imagePullPolicy", STRING),
	ADD(JOIN, "skipPhases", STRINGS),
	ADD(JOIN, "patches.directory", STRING),

	DROP(CLUSTER, "useHyperKubeImage", "false",
	     "hyperkube images are not used any more"),
	DROP(CLUSTER, "dns.type", "CoreDNS", "CoreDNS is the only DNS server"),
	DROP_KIND(STATUS, "kubeadm keeps it in the cluster, not in files"),
};

const struct kubeadm_table kubeadm_v1beta3 = {
	.api = KUBEADM_V1BETA3,
	.name = "v1beta3",
	.written_from = 22,
	.read_until = 36,
	.changes = changes,
	.nchanges = sizeof(changes) / sizeof(*changes),
};
