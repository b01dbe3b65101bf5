/* Certificates, keys and tokens: read, compared and made; nothing is written anywhere. */
#ifndef PKI_PKI_H
#define PKI_PKI_H

#include <stdint.h>

#include "base/buf.h"

/* The discovery hash of a CA ("sha256:<hex>"): SHA-256 of the first certificate's public key
 * (DER SubjectPublicKeyInfo), as kubeadm's pubkeypin computes it. */
int pki_discovery_hash(const char *cert_pem, size_t len, struct buf *out, struct err *err) MUST_CHECK;

/* Does the private (or, for sa.pub, public) key belong to it?  name_* are for the message. */
int pki_check_pair(const char *cert_name, const char *cert_pem, size_t cert_len,
		   const char *key_name, const char *key_pem, size_t key_len, struct err *err) MUST_CHECK;
int pki_check_public(const char *pub_name, const char *pub_pem, size_t pub_len,
		     const char *key_name, const char *key_pem, size_t key_len, struct err *err) MUST_CHECK;

/* Is the first certificate one of a CA, and not expired? */
int pki_check_ca(const char *name, const char *cert_pem, size_t len, struct err *err) MUST_CHECK;

/* The files that control-plane nodes share: each NAME.crt, NAME.pub and NAME.key of one name
 * belong together; what is called ca.crt or ends in -ca.crt is a CA's.  A certificate without its
 * key is fine (an external CA signs), a key alone is not. */
struct pki_file {
	const char *name; /* "etcd/ca.crt" */
	const char *pem;
	size_t len;
};
int pki_check_set(const struct pki_file *files, size_t n, struct err *err) MUST_CHECK;

/* Seconds since 1970 of the first certificate's notAfter. */
int pki_expiry(const char *name, const char *cert_pem, size_t len, int64_t *when, struct err *err) MUST_CHECK;

/* SHA-256 as 64 hex digits and a NUL. */
void pki_sha256(const void *data, size_t len, char hex[65]);

/* A bootstrap token "[a-z0-9]{6}.[a-z0-9]{16}"; the first six are its public id. */
int pki_token(char token[24], struct err *err) MUST_CHECK;

/* n characters of [A-Za-z0-9] from the system's random source, and a NUL. */
int pki_random_text(char *out, size_t n, struct err *err) MUST_CHECK;

int pki_base64_decode(const char *text, size_t len, struct buf *out, struct err *err) MUST_CHECK;
void pki_base64_encode(const void *data, size_t len, struct buf *out);

#endif
