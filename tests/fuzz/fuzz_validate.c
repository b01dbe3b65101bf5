/* Any bytes to `hactl config validate`: accepted, or refused with a message that is safe to show. */
#define _GNU_SOURCE
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inventory/inventory.h"
#include "kubeadm/kubeadm.h"

#define MESSAGE_MAX 4000

static void check_message(const struct err *err)
{
	assert(err->kind == ERR_CONFIG && err->msg && *err->msg && strlen(err->msg) < MESSAGE_MAX);
	for (const char *s = err->msg; *s; s++)
		assert((unsigned char)*s >= 0x20 || *s == '\n');
}

static void as_kubeadm(const char *text, size_t len)
{
	auto_err struct err err = ERR_INIT;
	auto_kubeadm struct kubeadm_config *c = kubeadm_load("f", text, len, &err);

	if (!c)
		check_message(&err);
}

static void as_inventory(const char *text, size_t len)
{
	auto_err struct err err = ERR_INIT;
	auto_inventory struct inventory inv = { 0 };
	auto_close int fd = memfd_create("validate", MFD_CLOEXEC);
	auto_free char *path = NULL;

	if (fd < 0 || write(fd, text, len) != (ssize_t)len || asprintf(&path, "/proc/self/fd/%d", fd) < 0)
		abort();
	if (inventory_load(path, &inv, &err) < 0)
		check_message(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	as_kubeadm((const char *)data, len);
	as_inventory((const char *)data, len);
	return 0;
}
