#define _GNU_SOURCE
#include "kube/config.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "pki/pki.h"
#include "yaml/yaml.h"

static const struct yaml_limits limits = { .bytes = KUBE_CONFIG_MAX, .depth = 64 };

static char *copy(const char *s)
{
	char *p = strdup(s);

	if (!p)
		abort();
	return p;
}

/* The text of a scalar, or NULL when it is absent, null or empty. */
static const char *scalar(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *n = yaml_find(map, key);

	return n && n->type == YAML_SCALAR && !yaml_is_null(n) && n->len ? n->value : NULL;
}

/* The item called name of a list like clusters: [{name, cluster: {...}}]; its inner map. */
static struct yaml_node *named(const struct yaml_stream *s, const char *list, const char *inner,
			       const char *name, struct err *err)
{
	struct yaml_node *root = yaml_root(s, 0);
	struct yaml_node *seq = yaml_find(root, list);
	struct yaml_node *map;

	for (struct yaml_node *i = seq && seq->type == YAML_SEQ ? seq->child : NULL; i; i = i->next) {
		const char *is = i->type == YAML_MAP ? scalar(i, "name") : NULL;

		if (!is || strcmp(is, name))
			continue;
		map = yaml_find(i, inner);
		if (map && map->type == YAML_MAP)
			return map;
		yaml_error(s, i, err, "'%s' has no '%s'", name, inner);
		return NULL;
	}
	yaml_error(s, seq ? seq : root, err, "no '%s' in '%s'", name, list);
	return NULL;
}

/* Everything that would make the connection differ from what is checked here. */
static int refuse_keys(const struct yaml_stream *s, const struct yaml_node *map,
		       const char *const *keys, struct err *err)
{
	bool yes;

	for (; *keys; keys++) {
		struct yaml_node *n = yaml_find(map, *keys);

		if (!n || yaml_is_null(n) || (yaml_bool(n, &yes) == 0 && !yes))
			continue;
		return yaml_error(s, n->key ? n->key : n, err, "'%s' is not supported here; use a "
				  "kubeconfig with the data inline ('kubectl config view --raw "
				  "--minify --flatten')", *keys);
	}
	return 0;
}

static int read_data(const struct yaml_stream *s, const struct yaml_node *map, const char *key,
		     struct buf *out, struct err *err)
{
	const struct yaml_node *n = yaml_find(map, key);
	auto_err struct err why = ERR_INIT;

	if (!scalar(map, key))
		return yaml_error(s, map, err, "no '%s'", key);
	if (pki_base64_decode(n->value, n->len, out, &why) < 0)
		return yaml_error(s, n->key ? n->key : n, err, "'%s' is %s", key, why.msg);
	return 0;
}

/* One part of a URL; NULL when there is none. */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL, *out;

	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return NULL;
	out = copy(text);
	curl_free(text);
	return out;
}

static char *without_brackets(const char *host)
{
	size_t len = strlen(host);

	if (host[0] != '[' || len < 2)
		return copy(host);
	char *out = strndup(host + 1, len - 2);

	if (!out)
		abort();
	return out;
}

static int split_server(CURLU *url, const char *server, const char *verify_name,
			struct kube_config *c)
{
	if (curl_url_set(url, CURLUPART_URL, server, 0) != CURLUE_OK)
		return -1;

	auto_free char *scheme = url_part(url, CURLUPART_SCHEME, 0);
	auto_free char *host = url_part(url, CURLUPART_HOST, 0);
	auto_free char *port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	auto_free char *path = url_part(url, CURLUPART_PATH, 0);
	auto_free char *user = url_part(url, CURLUPART_USER, 0);
	auto_free char *query = url_part(url, CURLUPART_QUERY, 0);

	if (!scheme || strcmp(scheme, "https") || !host || !port || user || query)
		return -1;
	for (size_t n = path ? strlen(path) : 0; n && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	c->host = without_brackets(host);
	c->port = atoi(port);
	c->verify_name = verify_name ? copy(verify_name) : copy(c->host);
	if (asprintf(&c->base, strchr(c->verify_name, ':') ? "https://[%s]:%d%s" : "https://%s:%d%s",
		     c->verify_name, c->port, path ? path : "") < 0)
		abort();
	return 0;
}

static int read_cluster(const struct yaml_stream *s, const struct yaml_node *map,
			struct kube_config *c, struct err *err)
{
	static const char *const refused[] = { "insecure-skip-tls-verify", "certificate-authority",
					       "proxy-url", NULL };
	const char *server = scalar(map, "server");
	CURLU *url;
	int bad;

	if (refuse_keys(s, map, refused, err) < 0)
		return -1;
	if (!server)
		return yaml_error(s, map, err, "no 'server'");
	url = curl_url();
	if (!url)
		abort();
	bad = split_server(url, server, scalar(map, "tls-server-name"), c);
	curl_url_cleanup(url);
	if (bad)
		return yaml_error(s, yaml_find(map, "server"), err,
				  "'%s' is no server address; it looks like https://HOST:PORT", server);
	return read_data(s, map, "certificate-authority-data", &c->ca, err);
}

static int read_user(const struct yaml_stream *s, const struct yaml_node *map,
		     struct kube_config *c, struct err *err)
{
	static const char *const refused[] = { "client-certificate", "client-key", "exec",
					       "auth-provider", NULL };

	if (refuse_keys(s, map, refused, err) < 0 ||
	    read_data(s, map, "client-certificate-data", &c->cert, err) < 0 ||
	    read_data(s, map, "client-key-data", &c->key, err) < 0)
		return -1;
	return 0;
}

static int read_current(const struct yaml_stream *s, struct kube_config *c, struct err *err)
{
	struct yaml_node *root = yaml_count(s) ? yaml_root(s, 0) : NULL;
	const char *current = root ? scalar(root, "current-context") : NULL;
	const struct yaml_node *context, *cluster, *user;

	if (!root || root->type != YAML_MAP)
		return err_set(err, ERR_FAILED, "'%s' is no kubeconfig", c->name);
	if (!current)
		return err_set(err, ERR_FAILED, "'%s' has no current-context; set one with "
			       "'kubectl config use-context NAME'", c->name);
	context = named(s, "contexts", "context", current, err);
	if (!context)
		return -1;
	if (!scalar(context, "cluster") || !scalar(context, "user"))
		return yaml_error(s, context, err, "a context needs a 'cluster' and a 'user'");
	cluster = named(s, "clusters", "cluster", scalar(context, "cluster"), err);
	user = cluster ? named(s, "users", "user", scalar(context, "user"), err) : NULL;
	if (!user || read_cluster(s, cluster, c, err) < 0 || read_user(s, user, c, err) < 0)
		return -1;
	return 0;
}

/* libcurl's own complaints about unusable blobs name no file. */
static int check_blobs(struct kube_config *c, struct err *err)
{
	auto_free char *ca = NULL, *cert = NULL, *key = NULL;
	int64_t ignored;

	if (asprintf(&ca, "%s: certificate-authority-data", c->name) < 0 ||
	    asprintf(&cert, "%s: client-certificate-data", c->name) < 0 ||
	    asprintf(&key, "%s: client-key-data", c->name) < 0)
		abort();
	if (pki_expiry(ca, buf_str(&c->ca), c->ca.len, &ignored, err) < 0 ||
	    pki_expiry(cert, buf_str(&c->cert), c->cert.len, &c->cert_expires, err) < 0 ||
	    pki_check_pair(cert, buf_str(&c->cert), c->cert.len, key, buf_str(&c->key), c->key.len,
			   err) < 0)
		return -1;
	return 0;
}

int kube_config_read(const char *name, const char *text, size_t len, struct kube_config *out,
		     struct err *err)
{
	auto_yaml struct yaml_stream *s = yaml_parse(name, text, len, &limits, err);

	*out = (struct kube_config){ .name = copy(name) };
	if (s && read_current(s, out, err) == 0 && check_blobs(out, err) == 0)
		return 0;
	kube_config_release(out);
	return -1;
}

/* In one piece, so that wiping it wipes all. */
static void copy_buf(struct buf *to, const struct buf *from)
{
	buf_reserve(to, from->len + 1);
	buf_add(to, buf_str(from), from->len);
}

int kube_config_make(const char *name, const char *host, int port, const struct buf *ca,
		     const struct buf *cert, const struct buf *key, struct kube_config *out,
		     struct err *err)
{
	*out = (struct kube_config){ .name = copy(name), .verify_name = copy(host), .host = copy(host), .port = port };
	if (asprintf(&out->base, strchr(host, ':') ? "https://[%s]:%d" : "https://%s:%d", host, port) < 0)
		abort();
	copy_buf(&out->ca, ca);
	copy_buf(&out->cert, cert);
	copy_buf(&out->key, key);
	if (check_blobs(out, err) == 0)
		return 0;
	kube_config_release(out);
	return -1;
}

void kube_config_release(struct kube_config *c)
{
	free(c->name);
	free(c->base);
	free(c->verify_name);
	free(c->host);
	buf_wipe(&c->ca);
	buf_wipe(&c->cert);
	buf_wipe(&c->key);
	*c = (struct kube_config){ 0 };
}
