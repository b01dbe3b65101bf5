/* A private key file in OpenSSH's format; what is read must be able to sign. */
#include <assert.h>
#include <stdint.h>

#include "pki/pki.h"
#include "ssh/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT, sig = BUF_INIT;
	struct ssh_key key = SSH_KEY_INIT;
	bool wrong;

	buf_puts(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	pki_base64_encode(data, len, &text);
	buf_puts(&text, "\n-----END OPENSSH PRIVATE KEY-----\n");
	if (!ssh_key_parse("file", &text, NULL, &key, &wrong, &err) && key.secret)
		assert(ssh_key_sign(&key, 512, "x", 1, &sig) < 0 || sig.len);
	ssh_key_release(&key);
	return 0;
}
