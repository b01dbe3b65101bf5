/* Any bytes as hactl.yaml: what is accepted obeys the bounds that shells and files rely on. */
#define _GNU_SOURCE
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ha/ha.h"
#include "inventory/inventory.h"

static void check(const struct inventory *inv)
{
	assert(inv->nnodes && inv->ncontrol_plane && inv->endpoint_host);
	assert(inv->endpoint_port >= 1 && inv->endpoint_port <= 65535);
	assert(inv->vip.provider == INV_VIP_NONE || inv->vip.address);
	for (size_t i = 0; i < inv->nnodes; i++) {
		const struct inv_node *n = &inv->nodes[i];

		assert(n->name && *n->name && *n->name != '-' && !strpbrk(n->name, " \n'\"$;/"));
		assert(n->address && *n->address && *n->address != '-' && !strpbrk(n->address, " \n'\"$;/"));
		assert(!n->ssh.user || (*n->ssh.user && *n->ssh.user != '-' && !strpbrk(n->ssh.user, " \n'\"$;")));
		assert(n->ssh.port >= 0 && n->ssh.port <= 65535 && n->ssh.connect_timeout_ms >= 0);
		assert(!n->ssh.bastion || (*n->ssh.bastion && *n->ssh.bastion != '-' && !strpbrk(n->ssh.bastion, " \n'\"$;")));
		assert(!n->ssh.password_env || !n->ssh.password_file);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto_err struct err err = ERR_INIT;
	auto_inventory struct inventory inv = { 0 };
	auto_close int fd = memfd_create("inventory", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (inventory_load(path, &inv, &err) < 0)
		assert(err.kind == ERR_CONFIG && err.msg);
	else
		check(&inv);
	return 0;
}
