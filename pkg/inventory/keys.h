/* The key table of hactl.yaml and the rules for its values; private to the module. */
#ifndef INVENTORY_KEYS_H
#define INVENTORY_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* What a string may be. */
struct inv_rule {
	const char *allowed; /* completes "'x' is not allowed: " */
	const char *pattern; /* ECMA 262, for the JSON schema; no wider than the truth, or NULL */
	bool (*ok)(const char *value);
};

enum inv_type {
	INV_END,
	INV_STR,
	INV_PATH,     /* resolved against the file's folder */
	INV_CHOICE,   /* an enum: the index in choices */
	INV_BOOL,
	INV_INT,
	INV_DURATION, /* int, milliseconds */
	INV_STRS,     /* struct strs */
	INV_HOPS,     /* one or a list: a string, comma-separated, "none" when there is none */
	INV_LABELS,   /* struct strs, "key=value", from a map */
	INV_TAINTS,   /* taints and ntaints of a node */
	INV_MAP,      /* a struct of its own: keys count from the same base */
	INV_NODES,    /* read by the loader */
};

struct inv_key {
	const char *name;
	enum inv_type type;
	size_t offset;        /* INV_NOWHERE: only checked; for an INV_CHOICE */
	bool required, secret;
	const char *fallback; /* the fixed default, as it would be written; or NULL */
	const char *otherwise; /* what holds without the key where that is no fixed value */
	const char *word;     /* INV_PATH: a value that is no path; INV_HOPS: the one for none */
	const struct inv_rule *rule; /* of a string, or of each item of a list */
	const char *const *choices;  /* ends in NULL */
	long min, max;        /* INV_INT; INV_DURATION in ms */
	const struct inv_key *keys; /* of a map, or of each node of a list */
	const char *like;     /* the key whose keys these are too: documented there */
	const char *example;  /* a value as it would be written */
	const char *help;     /* sentences */
};

#define INV_NOWHERE ((size_t)-1)

extern const struct inv_key inv_root_keys[];
extern const struct inv_key inv_node_keys[];
extern const struct inv_key inv_taint_keys[];

extern const struct inv_rule inv_name_rule;       /* of a node or a cluster: RFC 1123 */
extern const struct inv_rule inv_host_rule;       /* address or DNS name */
extern const struct inv_rule inv_endpoint_rule;   /* HOST[:PORT] */
extern const struct inv_rule inv_vip_rule;        /* ADDRESS[/PREFIX] */
extern const struct inv_rule inv_version_rule;
extern const struct inv_rule inv_image_rule;
extern const struct inv_rule inv_user_rule;
extern const struct inv_rule inv_interface_rule;
extern const struct inv_rule inv_password_rule;
extern const struct inv_rule inv_path_rule;
extern const struct inv_rule inv_command_rule;
extern const struct inv_rule inv_variable_rule;   /* the name of an environment variable */
extern const struct inv_rule inv_hop_rule;        /* [USER@]HOST[:PORT] */
extern const struct inv_rule inv_host_key_rule;   /* TYPE BASE64 [COMMENT] */
extern const struct inv_rule inv_preflight_rule;
extern const struct inv_rule inv_label_key_rule, inv_label_value_rule;

bool inv_is_dns_name(const char *s); /* and not all digits and dots */

/* AF_INET or AF_INET6 and its 4 or 16 bytes; 0 when s is no numeric address. */
int inv_address(const char *s, unsigned char bytes[16]);
/* Equal numbers however they are written, or equal names. */
bool inv_same_host(const char *a, const char *b);

#define INV_HOST_MAX 254
/* HOST[:PORT], IPv6 in brackets when a port follows; *port is left alone when there is none. */
int inv_split_host(const char *s, char host[INV_HOST_MAX], int *port);

/* "10s", "1500ms", "2m", or seconds as a number. */
int inv_duration_ms(const char *s, long *ms);

#endif
