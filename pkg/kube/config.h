/* What the current context of a kubeconfig says about reaching the API. */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include <stdint.h>

#include "base/buf.h"

#define KUBE_CONFIG_MAX (4 * 1024 * 1024)

struct kube_config {
	char *name;             /* of the file, for messages */
	char *base;             /* "https://host:port/prefix", no slash at the end; host is the name
				 * the certificate is checked for */
	char *verify_name;      /* that host, without brackets */
	char *host;             /* what is connected to; differs from it with tls-server-name */
	int port;
	struct buf ca, cert, key; /* PEM */
	int64_t cert_expires;   /* seconds since 1970 */
};

int kube_config_read(const char *name, const char *text, size_t len, struct kube_config *out,
		     struct err *err) MUST_CHECK;

/* The same from PEM texts instead of a kubeconfig; name is for messages. */
int kube_config_make(const char *name, const char *host, int port, const struct buf *ca,
		     const struct buf *cert, const struct buf *key, struct kube_config *out,
		     struct err *err) MUST_CHECK;
void kube_config_release(struct kube_config *c); /* wipes */

#endif
