#include "inventory/keys.h"

#include "ha/ha.h"
#include "inventory/inventory.h"

static const char *const api_versions[] = { "hactl/v1", NULL };
static const char *const kinds[] = { "Cluster", NULL };
static const char *const providers[] = { "keepalived", "none", "kube-vip", NULL }; /* enum inv_vip_provider */
static const char *const balancers[] = { "none", "haproxy", NULL }; /* enum inv_load_balancer */
static const char *const sudos[] = { "auto", "sudo", "doas", "none", NULL }; /* enum inv_sudo */
static const char *const transports[] = { "auto", "libssh2", "openssh", NULL }; /* enum inv_transport */
static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };

/* Offsets count from struct inv_ssh.  What ssh_config can say has no fixed default here. */
static const struct inv_key ssh_keys[] = {
	{ .name = "user", .type = INV_STR, .offset = offsetof(struct inv_ssh, user),
	  .rule = &inv_user_rule, .example = "root", .otherwise = "ssh_config's User, else root",
	  .help = "Who logs in. Anybody but root needs sudo or doas on the nodes." },
	{ .name = "port", .type = INV_INT, .offset = offsetof(struct inv_ssh, port),
	  .min = 1, .max = 65535, .example = "22", .otherwise = "ssh_config's Port, else 22",
	  .help = "The port of the SSH servers." },
	{ .name = "identityFile", .type = INV_PATH, .offset = offsetof(struct inv_ssh, identity_file),
	  .rule = &inv_path_rule, .example = "~/.ssh/id_ed25519",
	  .otherwise = "ssh_config's IdentityFile, else the keys of the SSH agent and the usual files "
		  "in ~/.ssh",
	  .help = "The private key to log in with." },
	{ .name = "passwordFile", .type = INV_PATH, .offset = offsetof(struct inv_ssh, password_file),
	  .rule = &inv_path_rule, .example = "~/.config/hactl/password",
	  .otherwise = "none; on a terminal the password is asked for when no key is taken",
	  .help = "A file that holds the password to log in with on its first line. Keys are tried "
		  "first." },
	{ .name = "passwordEnv", .type = INV_STR, .offset = offsetof(struct inv_ssh, password_env),
	  .rule = &inv_variable_rule, .secret = true, .example = "HACTL_PASSWORD", .otherwise = "none",
	  .help = "The environment variable that holds the password, instead of passwordFile." },
	{ .name = "sudo", .type = INV_CHOICE, .offset = offsetof(struct inv_ssh, sudo),
	  .choices = sudos, .fallback = "auto",
	  .help = "How a user other than root becomes root. auto: sudo, or doas where there is no "
		  "sudo. none: not at all." },
	{ .name = "sudoPasswordFile", .type = INV_PATH,
	  .offset = offsetof(struct inv_ssh, sudo_password_file),
	  .rule = &inv_path_rule, .example = "~/.config/hactl/sudo-password",
	  .otherwise = "the password of the login; on a terminal it is asked for when sudo wants one",
	  .help = "A file that holds the password for sudo on its first line." },
	{ .name = "bastion", .type = INV_HOPS, .offset = offsetof(struct inv_ssh, bastion),
	  .rule = &inv_hop_rule, .word = "none", .example = "ops@bastion.example.com",
	  .otherwise = "ssh_config's ProxyJump, else none",
	  .help = "The machine through which the nodes are reached, or a list of such machines, the "
		  "one nearest to here first. All nodes share one connection to it. none: the nodes "
		  "are reached directly, whatever ssh_config says." },
	{ .name = "transport", .type = INV_CHOICE, .offset = offsetof(struct inv_ssh, transport),
	  .choices = transports, .fallback = "auto",
	  .help = "What speaks SSH: libssh2, inside hactl, or OpenSSH's ssh. auto: libssh2, and ssh for "
		  "the nodes where libssh2 cannot log in." },
	{ .name = "config", .type = INV_PATH, .offset = offsetof(struct inv_ssh, config_file),
	  .rule = &inv_path_rule, .word = "none", .example = "ssh_config",
	  .otherwise = "~/.ssh/config and /etc/ssh/ssh_config",
	  .help = "The ssh_config file that says more about the nodes' addresses, as ssh itself reads "
		  "it. Keys of this file win over it. none: ssh_config is not asked." },
	{ .name = "knownHostsFile", .type = INV_PATH,
	  .offset = offsetof(struct inv_ssh, known_hosts_file),
	  .rule = &inv_path_rule, .example = "known_hosts",
	  .otherwise = "ssh_config's UserKnownHostsFile and GlobalKnownHostsFile, else "
		  "~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts",
	  .help = "The host keys to believe. Unknown ones are refused." },
	{ .name = "connectTimeout", .type = INV_DURATION,
	  .offset = offsetof(struct inv_ssh, connect_timeout_ms),
	  .min = 100, .max = 600000, .example = "10s", .otherwise = "ssh_config's ConnectTimeout, else 10s",
	  .help = "How long a node may take to answer: 10s, 1500ms, or a number of seconds." },
	{ .type = INV_END },
};

/* Offsets count from struct inv_taint. */
const struct inv_key inv_taint_keys[] = {
	{ .name = "key", .type = INV_STR, .offset = offsetof(struct inv_taint, key), .required = true,
	  .rule = &inv_label_key_rule, .example = "dedicated", .help = "The key of the taint." },
	{ .name = "value", .type = INV_STR, .offset = offsetof(struct inv_taint, value),
	  .rule = &inv_label_value_rule, .fallback = "", .help = "Its value." },
	{ .name = "effect", .type = INV_STR, .offset = offsetof(struct inv_taint, effect),
	  .required = true, .choices = effects, .example = "NoSchedule", .help = "What it does." },
	{ .type = INV_END },
};

/* Offsets count from struct inv_node. */
const struct inv_key inv_node_keys[] = {
	{ .name = "name", .type = INV_STR, .offset = offsetof(struct inv_node, name),
	  .rule = &inv_name_rule, .example = "m1", .otherwise = "the address, when that is a DNS name",
	  .help = "The name of the node in Kubernetes." },
	{ .name = "address", .type = INV_STR, .offset = offsetof(struct inv_node, address),
	  .required = true, .rule = &inv_host_rule, .example = "192.0.2.11",
	  .help = "Where SSH reaches the node: an IPv4 or IPv6 address, or a DNS name." },
	{ .name = "ssh", .type = INV_MAP, .offset = offsetof(struct inv_node, ssh), .keys = ssh_keys,
	  .like = "ssh", .otherwise = "key by key, what the cluster's ssh says",
	  .help = "What is different about SSH to this node: the keys of the cluster's ssh." },
	{ .name = "sshHostKey", .type = INV_STR, .offset = offsetof(struct inv_node, ssh_host_key),
	  .rule = &inv_host_key_rule,
	  .example = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFkRp5MY6ZnEJpzwI9hmzQVxxJRCyTFjVz0EOoKmsTdQ",
	  .otherwise = "what known_hosts says",
	  .help = "The node's SSH host key, as its /etc/ssh/ssh_host_*_key.pub has it: no other is "
		  "accepted, and known_hosts is not asked." },
	{ .name = "labels", .type = INV_LABELS, .offset = offsetof(struct inv_node, labels),
	  .example = "{zone: a}", .otherwise = "none", .help = "Labels of the node: a map." },
	{ .name = "taints", .type = INV_TAINTS, .offset = 0, .keys = inv_taint_keys,
	  .example = "[dedicated=db:NoSchedule]", .otherwise = "none",
	  .help = "Taints of the node: a list of KEY[=VALUE]:EFFECT or of maps with the keys key, "
		  "value and effect." },
	{ .type = INV_END },
};

/* Offsets of the rest count from struct inventory. */
static const struct inv_key vip_keys[] = {
	{ .name = "provider", .type = INV_CHOICE, .offset = offsetof(struct inventory, vip.provider),
	  .choices = providers, .fallback = "keepalived",
	  .help = "What brings clients to a living API server: keepalived carries a virtual IP over "
		  "the control-plane nodes; kube-vip does so as a static pod, when its image can be had; with "
		  "none the endpoint is somebody else's balancer." },
	{ .name = "image", .type = INV_STR, .offset = offsetof(struct inventory, vip.image),
	  .rule = &inv_image_rule, .fallback = "ghcr.io/kube-vip/kube-vip:v0.9.2",
	  .help = "The image of kube-vip." },
	{ .name = "address", .type = INV_HOPS, .offset = offsetof(struct inventory, vip.address),
	  .rule = &inv_vip_rule, .example = "192.0.2.9/24",
	  .otherwise = "the endpoint, when that is an address; the prefix length of the interface",
	  .help = "The virtual IP: a free address of the nodes' network, with or without its prefix "
		  "length. Or a list of two, one of IPv4 and one of IPv6, which move together." },
	{ .name = "interface", .type = INV_STR, .offset = offsetof(struct inventory, vip.interface),
	  .rule = &inv_interface_rule, .example = "eth0",
	  .otherwise = "on each node the one that carries the node's address",
	  .help = "The network interface that takes the virtual IP." },
	{ .name = "virtualRouterID", .type = INV_INT,
	  .offset = offsetof(struct inventory, vip.virtual_router_id),
	  .min = 1, .max = 255, .fallback = "51",
	  .help = "Tells this cluster's VRRP from others in the same network: each needs its own." },
	{ .name = "password", .type = INV_STR, .offset = offsetof(struct inventory, vip.password),
	  .rule = &inv_password_rule, .secret = true, .example = "chng-me1",
	  .otherwise = "none with VRRP version 3; with version 2 made once, then read back from the nodes",
	  .help = "The VRRP password. It guards against mistakes, not against attackers: it crosses "
		  "the network as it is. Only VRRP version 2 has one, whose adverts are a second or more "
		  "apart: with a password the virtual IP moves in seconds, without in less than one." },
	{ .name = "unicast", .type = INV_BOOL, .offset = offsetof(struct inventory, vip.unicast),
	  .fallback = "true",
	  .help = "Whether the nodes speak VRRP to each other's addresses. With false they use "
		  "multicast, which many networks drop." },
	{ .name = "advertInterval", .type = INV_DURATION, .offset = offsetof(struct inventory, vip.advert_ms),
	  .min = HA_ADVERT_MIN_MS, .max = HA_ADVERT_MAX_MS, .example = "200ms",
	  .otherwise = "200ms, or 1s where VRRP version 2 has to be used: with a password, or where a node's "
		       "keepalived is older than 2.0",
	  .help = "How often the holder of the virtual IP says that it is there. After three times that "
		  "another node takes over. In steps of 10ms; whole seconds with VRRP version 2." },
	{ .name = "checkInterval", .type = INV_DURATION, .offset = offsetof(struct inventory, vip.check_ms),
	  .min = HA_CHECK_MIN_MS, .max = HA_CHECK_MAX_MS, .fallback = "200ms",
	  .help = "How often a node looks whether its own API server is there. It is asked for an answer "
		  "once a second, or as often as this says if that is less." },
	{ .name = "fall", .type = INV_INT, .offset = offsetof(struct inventory, vip.fall),
	  .min = 1, .max = 10, .fallback = "2",
	  .help = "How many seconds an API server may be without an answer before its node counts as failed. "
		  "A server that stopped is seen at once, whatever this says." },
	{ .name = "rise", .type = INV_INT, .offset = offsetof(struct inventory, vip.rise),
	  .min = 1, .max = 60, .fallback = "2",
	  .help = "How many checks in a row, one a second or as often as checkInterval says if that is less, must succeed before it counts as healthy again." },
	{ .name = "preempt", .type = INV_BOOL, .offset = offsetof(struct inventory, vip.preempt),
	  .fallback = "false",
	  .help = "Whether the first healthy node of the file takes the virtual IP back. With false whoever "
		  "holds it keeps it while it is healthy: each move cuts the connections that are open." },
	{ .type = INV_END },
};

static const struct inv_key kubeadm_keys[] = {
	{ .name = "config", .type = INV_PATH, .offset = offsetof(struct inventory, kubeadm.config),
	  .rule = &inv_path_rule, .example = "kubeadm-config.yaml",
	  .otherwise = "documents that hactl makes",
	  .help = "Your own kubeadm documents, of any API version: they are completed and moved to "
		  "the version that the nodes' kubeadm reads." },
	{ .name = "ignorePreflightErrors", .type = INV_STRS,
	  .offset = offsetof(struct inventory, kubeadm.ignore_preflight_errors),
	  .rule = &inv_preflight_rule, .example = "[Swap]", .otherwise = "none",
	  .help = "Checks of kubeadm that may fail; hactl's own check of the same thing is silenced "
		  "with them.  Network is hactl's own trying of ports, VRRP and disks." },
	{ .type = INV_END },
};

static const struct inv_key drill_keys[] = {
	{ .name = "powerCommand", .type = INV_STR, .offset = offsetof(struct inventory, drill.power_command),
	  .rule = &inv_command_rule, .example = "./power.sh", .otherwise = "the power scenario is left out",
	  .help = "A command of this machine, run by sh with two more arguments: off or on, and the name of "
		  "a node. It cuts the node's power, as a pulled plug does, and switches it on again." },
	{ .type = INV_END },
};

#define ONE_DAY_MS (24 * 60 * 60 * 1000)

static const struct inv_key timeout_keys[] = {
	{ .name = "kubeadm", .type = INV_DURATION, .offset = offsetof(struct inventory, timeouts.kubeadm_ms),
	  .min = 1000, .max = ONE_DAY_MS, .fallback = "15m",
	  .help = "How long kubeadm init or join may take on a node, images that it has to fetch included. Then "
		  "the node is looked at and the likely cause told; kubeadm itself goes on, and the next run waits for it." },
	{ .name = "silence", .type = INV_DURATION, .offset = offsetof(struct inventory, timeouts.silence_ms),
	  .min = 1000, .max = ONE_DAY_MS, .fallback = "10m",
	  .help = "How long kubeadm may print nothing. It is silent while it "
		  "fetches images and while it waits for the control plane, which it does for 4 minutes." },
	{ .name = "install", .type = INV_DURATION, .offset = offsetof(struct inventory, timeouts.install_ms),
	  .min = 1000, .max = ONE_DAY_MS, .fallback = "15m",
	  .help = "How long the installation of packages may take on a node." },
	{ .name = "ready", .type = INV_DURATION, .offset = offsetof(struct inventory, timeouts.ready_ms),
	  .min = 1000, .max = ONE_DAY_MS, .fallback = "3m",
	  .help = "How long a node may take to become Ready once it has joined." },
	{ .type = INV_END },
};

const struct inv_key inv_root_keys[] = {
	{ .name = "apiVersion", .type = INV_CHOICE, .offset = INV_NOWHERE, .required = true,
	  .choices = api_versions, .example = "hactl/v1", .help = "The version of this format." },
	{ .name = "kind", .type = INV_CHOICE, .offset = INV_NOWHERE, .required = true,
	  .choices = kinds, .example = "Cluster", .help = "What the file describes." },
	{ .name = "name", .type = INV_STR, .offset = offsetof(struct inventory, name),
	  .rule = &inv_name_rule, .fallback = "kubernetes", .help = "The name of the cluster." },
	{ .name = "endpoint", .type = INV_STR, .offset = offsetof(struct inventory, endpoint),
	  .required = true, .rule = &inv_endpoint_rule, .example = "192.0.2.9:6443",
	  .help = "What every client of the API uses: the virtual IP or a name for it, and a port "
		  "(6443). It goes into certificates and kubeconfigs, so choose it to last." },
	{ .name = "kubernetesVersion", .type = INV_STR,
	  .offset = offsetof(struct inventory, kubernetes_version),
	  .rule = &inv_version_rule, .example = "v1.31.0",
	  .otherwise = "the version of the kubeadm found on the nodes",
	  .help = "The version of Kubernetes: v1.31.0, stable, or stable-1.31." },
	{ .name = "schedulable", .type = INV_BOOL, .offset = offsetof(struct inventory, schedulable),
	  .fallback = "false", .help = "Whether pods may run on control-plane nodes." },
	{ .name = "controlPlane", .type = INV_NODES, .required = true, .keys = inv_node_keys,
	  .help = "The control-plane nodes, the first one first. Use an odd number: 3 survive the "
		  "failure of 1, 5 of 2." },
	{ .name = "workers", .type = INV_NODES, .keys = inv_node_keys, .like = "controlPlane",
	  .otherwise = "none", .help = "The other nodes, with the same keys." },
	{ .name = "ssh", .type = INV_MAP, .offset = offsetof(struct inventory, ssh), .keys = ssh_keys,
	  .help = "How to reach the nodes; a node's own ssh overrides it key by key." },
	{ .name = "loadBalancer", .type = INV_CHOICE, .offset = offsetof(struct inventory, load_balancer),
	  .choices = balancers, .fallback = "none",
	  .help = "With haproxy every control-plane node runs HAProxy on the endpoint's port, and all API servers "
		  "are active behind the virtual IP. They need another port than the endpoint, as they share the "
		  "nodes: endpoint ADDRESS:8443, or localAPIEndpoint.bindPort in the kubeadm documents." },
	{ .name = "vip", .type = INV_MAP, .offset = 0, .keys = vip_keys,
	  .help = "How the endpoint stays up when a node does not." },
	{ .name = "kubeadm", .type = INV_MAP, .offset = 0, .keys = kubeadm_keys,
	  .help = "What kubeadm is given." },
	{ .name = "drill", .type = INV_MAP, .offset = 0, .keys = drill_keys,
	  .help = "What hactl drill may do." },
	{ .name = "timeouts", .type = INV_MAP, .offset = 0, .keys = timeout_keys,
	  .help = "How long what takes long may take. For connecting there is ssh.connectTimeout, for a whole "
		  "run the option --timeout; a connection that is silent for 10 seconds is given up." },
	{ .type = INV_END },
};
