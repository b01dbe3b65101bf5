/* When two ways to write a value mean the same. */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "kubeadm/complete.h"

static size_t host_len(const char *endpoint)
{
	const char *colon = strrchr(endpoint, ':');

	if (*endpoint == '[')
		return strcspn(endpoint, "]") + 1;
	/* More than one colon: an IPv6 address without a port. */
	return colon && strchr(endpoint, ':') == colon ? (size_t)(colon - endpoint) : strlen(endpoint);
}

/* kubeadm appends the port when it is missing. */
bool same_endpoint(const char *user, const char *ours)
{
	size_t a = host_len(user), b = host_len(ours);
	const char *port = user[a] == ':' ? user + a : ":6443";

	return a == b && !strncasecmp(user, ours, a) && !strcmp(port, ours[b] ? ours + b : ":6443");
}

/* A label ("stable-1") is no contradiction: it was resolved. */
bool same_version(const char *user, const char *ours)
{
	user += *user == 'v';
	ours += *ours == 'v';
	return !isdigit((unsigned char)*user) || !strcmp(user, ours);
}

bool same_socket(const char *user, const char *ours)
{
	static const char scheme[] = "unix://";
	size_t len = sizeof(scheme) - 1;

	user += strncmp(user, scheme, len) ? 0 : len;
	ours += strncmp(ours, scheme, len) ? 0 : len;
	return !strcmp(user, ours);
}

bool same_address(const char *user, const char *ours)
{
	unsigned char a[16] = { 0 }, b[16] = { 0 };

	for (int i = 0; i < 2; i++)
		if (inet_pton(i ? AF_INET6 : AF_INET, user, a) == 1 &&
		    inet_pton(i ? AF_INET6 : AF_INET, ours, b) == 1)
			return !memcmp(a, b, sizeof(a));
	return !strcmp(user, ours);
}

/* kubeadm turns node names into lower case. */
bool same_name(const char *user, const char *ours)
{
	return !strcasecmp(user, ours);
}
