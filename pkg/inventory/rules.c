#define _GNU_SOURCE
#include "inventory/inventory.h"
#include "inventory/keys.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ha/ha.h"

#define LABEL "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Labels of letters, digits and inner dashes, joined by dots: RFC 1123. */
static bool is_domain(const char *s, const char *characters)
{
	size_t total = strlen(s);

	if (!total || total > 253)
		return false;
	for (;;) {
		size_t n = strspn(s, characters);

		if (n < 1 || n > 63 || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (!s[n])
			return true;
		if (s[n] != '.')
			return false;
		s += n + 1;
	}
}

static bool is_name(const char *s)
{
	return is_domain(s, LETTERS DIGITS "-");
}

bool inv_is_dns_name(const char *s)
{
	const char *last = strrchr(s, '.');

	last = last ? last + 1 : s;
	return is_domain(s, LETTERS CAPITALS DIGITS "-") && last[strspn(last, DIGITS)];
}

int inv_address(const char *s, unsigned char bytes[16])
{
	if (inet_pton(AF_INET, s, bytes) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, s, bytes) == 1 ? AF_INET6 : 0;
}

bool inv_same_host(const char *a, const char *b)
{
	unsigned char x[16], y[16];
	int fa = inv_address(a, x), fb = inv_address(b, y);

	if (fa || fb)
		return fa == fb && !memcmp(x, y, fa == AF_INET ? 4 : 16);
	return !strcasecmp(a, b);
}

/* An address that a host can have: not unspecified, not multicast, not broadcast. */
static bool is_unicast(const char *s)
{
	static const unsigned char zero[16];
	unsigned char bytes[16];

	switch (inv_address(s, bytes)) {
	case AF_INET:
		return bytes[0] != 0 && bytes[0] < 224;
	case AF_INET6:
		return bytes[0] != 0xff && memcmp(bytes, zero, 16);
	}
	return false;
}

static bool is_host(const char *s)
{
	return is_unicast(s) || inv_is_dns_name(s);
}

static int number(const char *s, long min, long max, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(s, &end, 10);
	return isdigit((unsigned char)*s) && !*end && !errno && *value >= min && *value <= max ? 0 : -1;
}

static bool is_vip(const char *s)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t len = strcspn(s, "/");
	long prefix;

	if (len >= sizeof(address))
		return false;
	memcpy(address, s, len);
	address[len] = '\0';
	return is_unicast(address) &&
	       (!s[len] || !number(s + len + 1, 1, inv_address(address, bytes) == AF_INET ? 32 : 128,
				   &prefix));
}

int inv_split_host(const char *s, char host[INV_HOST_MAX], int *port)
{
	unsigned char bytes[16];
	bool bracket = *s == '[';
	size_t len = bracket ? strcspn(++s, "]") :
		     inv_address(s, bytes) == AF_INET6 ? strlen(s) : strcspn(s, ":");
	const char *rest = s + len;
	long n;

	if (len >= INV_HOST_MAX || (bracket && *rest++ != ']'))
		return -1;
	memcpy(host, s, len);
	host[len] = '\0';
	if (bracket && inv_address(host, bytes) != AF_INET6)
		return -1;
	if (!*rest)
		return 0;
	if (*rest != ':' || number(rest + 1, 1, 65535, &n) < 0)
		return -1;
	*port = (int)n;
	return 0;
}

static bool is_endpoint(const char *s)
{
	char host[INV_HOST_MAX];
	int port;

	return !inv_split_host(s, host, &port) && is_host(host);
}

/* v1.20.2, 1.31.0-rc.1, stable, stable-1, stable-1.31, latest...: kubeadm's own labels. */
static bool is_version(const char *s)
{
	bool label = !strncmp(s, "stable", 6) || !strncmp(s, "latest", 6);
	int dots = 0;

	s += label ? 6 : *s == 'v';
	if (label && (!*s || *s++ != '-'))
		return !*s && s[-1] != '-';
	for (;; s++, dots++) {
		size_t n = strspn(s, DIGITS);

		if (n < 1 || n > 4)
			return false;
		s += n;
		if (*s != '.' || dots == 2)
			break;
	}
	if (label || dots != 2)
		return label && !*s && dots < 2;
	return !*s || ((*s == '-' || *s == '+') && s[1] && strlen(s) < 64 &&
		       !s[strspn(s, LETTERS CAPITALS DIGITS ".-+")]);
}

static bool is_user(const char *s)
{
	return *s && *s != '-' && strlen(s) <= 64 && !s[strspn(s, LETTERS CAPITALS DIGITS "._@\\-")];
}

static bool is_path(const char *s)
{
	return *s && strlen(s) < 4096;
}

/* One line, of characters that a terminal shows. */
static bool is_command(const char *s)
{
	if (!*s || strlen(s) >= 4096)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool is_variable(const char *s)
{
	return *s && strlen(s) <= 128 && !isdigit((unsigned char)*s) &&
	       !s[strspn(s, LETTERS CAPITALS DIGITS "_")];
}

/* HOST may be a name that only ssh_config knows. */
static bool is_hop(const char *s)
{
	const char *at = strrchr(s, '@');
	auto_free char *user = at ? strndup(s, (size_t)(at - s)) : NULL;
	char host[INV_HOST_MAX];
	int port;

	if ((user && !inv_user_rule.ok(user)) || inv_split_host(at ? at + 1 : s, host, &port) < 0)
		return false;
	return is_unicast(host) || (isalnum((unsigned char)*host) &&
				    !host[strspn(host, LETTERS CAPITALS DIGITS "._-")]);
}

/* The first n bytes of base64 text; false: there are fewer. */
static bool decode(const char *s, unsigned char *out, size_t n)
{
	static const char digits[] = CAPITALS LETTERS DIGITS "+/";
	unsigned int bits = 0, have = 0;

	while (n) {
		const char *digit = *s ? strchr(digits, *s++) : NULL;

		if (!digit)
			return false;
		bits = bits << 6 | (unsigned int)(digit - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (unsigned char)(bits >> have);
			n--;
		}
	}
	return true;
}

/* The type is said twice: in front, and inside the key as a string with its length (RFC 4253). */
static bool is_host_key(const char *s)
{
	static const char *const types[] = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
					     "ecdsa-sha2-nistp521", "ssh-rsa" };
	size_t len = strcspn(s, " "), digits, pad;
	const char *text = s + len + strspn(s + len, " ");
	unsigned char head[4 + 32];

	digits = strspn(text, LETTERS CAPITALS DIGITS "+/");
	pad = strspn(text + digits, "=");
	if ((digits + pad) % 4 || pad > 2 || (text[digits + pad] && text[digits + pad] != ' '))
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strlen(types[i]) == len && !memcmp(s, types[i], len))
			return decode(text, head, 4 + len) && head[3] == len && !memcmp(head + 4, s, len);
	return false;
}

static bool is_preflight(const char *s)
{
	return *s && *s != '-' && strlen(s) <= 253 && !s[strspn(s, LETTERS CAPITALS DIGITS "._-")];
}

/* At most 63 letters, digits, - _ and . with a letter or digit at both ends. */
static bool is_qualified(const char *s)
{
	size_t len = strlen(s);

	return len >= 1 && len <= 63 && !s[strspn(s, LETTERS CAPITALS DIGITS "._-")] &&
	       isalnum((unsigned char)s[0]) && isalnum((unsigned char)s[len - 1]);
}

static bool is_label_value(const char *s)
{
	return !*s || is_qualified(s);
}

static bool is_label_key(const char *s)
{
	const char *slash = strchr(s, '/');
	auto_free char *prefix = slash ? strndup(s, (size_t)(slash - s)) : NULL;

	return is_qualified(slash ? slash + 1 : s) && (!slash || (prefix && is_name(prefix)));
}

int inv_duration_ms(const char *s, long *ms)
{
	static const struct {
		const char *unit;
		long ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "", 1000 } };
	char *end;
	long n;

	if (!isdigit((unsigned char)*s) || strlen(s) > 9)
		return -1;
	n = strtol(s, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!strcmp(end, units[i].unit) && n <= 86400000 / units[i].ms) {
			*ms = n * units[i].ms;
			return 0;
		}
	}
	return -1;
}

int inventory_duration_ms(const char *s, long *ms)
{
	return inv_duration_ms(s, ms);
}

const struct inv_rule inv_name_rule = {
	"lower-case letters, digits, '-' and '.', a letter or digit at both ends (RFC 1123: "
	"kubeadm itself lower-cases host names)",
	"^" LABEL "(\\." LABEL ")*$", is_name,
};
const struct inv_rule inv_host_rule = {
	"an IPv4 or IPv6 address that a host can have, or a DNS name", NULL, is_host,
};
const struct inv_rule inv_endpoint_rule = {
	"HOST or HOST:PORT, where HOST is an address (IPv6 in brackets) or a DNS name and PORT "
	"is 1 to 65535", NULL,
	is_endpoint,
};
const struct inv_rule inv_vip_rule = {
	"an IPv4 or IPv6 address, with or without a prefix length: 10.0.0.9 or 10.0.0.9/24", NULL,
	is_vip,
};
static bool is_image(const char *s)
{
	return *s && *s != '-' && strlen(s) <= 255 && !s[strspn(s, LETTERS CAPITALS DIGITS "._/:@-")];
}

const struct inv_rule inv_image_rule = {
	"an image as registry/name:tag", "^[A-Za-z0-9._/:@][A-Za-z0-9._/:@-]*$", is_image,
};
const struct inv_rule inv_version_rule = {
	"a version as v1.20.2, or stable, or the stable one of a line as stable-1.31", NULL, is_version,
};
const struct inv_rule inv_user_rule = {
	"1 to 64 letters, digits and any of . _ @ \\ -, no '-' in front",
	"^[A-Za-z0-9._@\\\\][A-Za-z0-9._@\\\\-]{0,63}$", is_user,
};
const struct inv_rule inv_interface_rule = {
	"1 to 15 characters without space, quotes and any of / : # ! $ @ ~ \\ { }",
	"^[^-\\s/:\"'#!$@~\\\\{}][^\\s/:\"'#!$@~\\\\{}]{0,14}$", ha_interface_valid,
};
const struct inv_rule inv_password_rule = {
	"1 to 8 printable ASCII characters without space, quotes and any of # ! $ @ ~ \\ { }",
	"^[^\\s\"'#!$@~\\\\{}]{1,8}$", ha_password_valid,
};
const struct inv_rule inv_path_rule = { "the path of a file", "^.+$", is_path };
const struct inv_rule inv_command_rule = { "a command on one line", "^.+$", is_command };
const struct inv_rule inv_variable_rule = {
	"the name of an environment variable, not the password itself: letters, digits and '_', no digit "
	"in front", "^[A-Za-z_][A-Za-z0-9_]{0,127}$", is_variable,
};
const struct inv_rule inv_hop_rule = {
	"[USER@]HOST[:PORT], where HOST is a name or an address (IPv6 in brackets)", NULL, is_hop,
};
const struct inv_rule inv_host_key_rule = {
	"a public host key on one line, as ssh-keyscan or the node's ssh_host_ed25519_key.pub has it: "
	"ssh-ed25519 AAAA...", "^(ssh|ecdsa)-[a-z0-9-]+ +[A-Za-z0-9+/]+=*( .*)?$", is_host_key,
};
const struct inv_rule inv_preflight_rule = {
	"kubeadm's name of a check, as Swap or Port-6443", "^[A-Za-z0-9._][A-Za-z0-9._-]*$", is_preflight,
};
const struct inv_rule inv_label_key_rule = {
	"[PREFIX/]NAME as Kubernetes takes it: NAME of at most 63 letters, digits, '-', '_' and '.'",
	NULL, is_label_key,
};
const struct inv_rule inv_label_value_rule = {
	"at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends", NULL,
	is_label_value,
};
