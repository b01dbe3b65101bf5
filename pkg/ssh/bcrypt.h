/* bcrypt_pbkdf, the key derivation of OpenSSH's private key files: no library of the system
 * offers it. */
#ifndef SSH_BCRYPT_H
#define SSH_BCRYPT_H

#include <stddef.h>
#include <stdint.h>

/* The key is up to 1024 bytes long.  -1: an argument is out of bounds.  Some 5 ms per round and
 * 32 bytes of key. */
int bcrypt_pbkdf(const void *pass, size_t pass_len, const void *salt, size_t salt_len, uint32_t rounds,
		 unsigned char *key, size_t key_len);

extern const uint32_t blowfish_pi[18 + 4 * 256];

#endif
