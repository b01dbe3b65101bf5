/* A known_hosts file as it may be: no verdict may come from outside of it. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "ssh/known_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char key[] = "\0\0\0\013ssh-ed25519\0\0\0\040" "0123456789abcdef0123456789abcdef";
	struct known_hosts k = KNOWN_HOSTS_INIT;
	struct known_names names = KNOWN_NAMES_INIT;
	struct known_result res;
	auto_strs struct strs types = STRS_INIT;
	auto_free char *text = strndup((const char *)data, len);

	known_names_add(&names, "m1.example", 22);
	known_names_add(&names, "10.0.0.1", 2222);
	known_hosts_add_text(&k, "file", text);
	known_hosts_check(&k, &names, key, sizeof(key) - 1, &res);
	known_hosts_types(&k, &names, &types);
	/* what is decided has a place, and a key that is known has a type to be asked for */
	assert((res.verdict == KNOWN_NOT_FOUND) == !res.place.len);
	assert(res.verdict != KNOWN_MATCH || strs_has(&types, "ssh-ed25519"));
	assert(!res.place.len || !strncmp(buf_str(&res.place), "file:", 5));
	known_result_release(&res);
	known_names_release(&names);
	known_hosts_release(&k);
	return 0;
}
