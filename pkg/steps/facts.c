#define _GNU_SOURCE
#include "steps/facts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pki/pki.h"
#include "tmpl/tmpl.h"

#define GATHER_TIMEOUT_MS 30000
#define MAX_ENTRIES 1024 /* of addresses or files that a node may report */

static void set_text(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	if (!*field)
		abort();
}

static void *grow(void *list, size_t n, size_t size)
{
	void *p = (n & (n - 1)) == 0 ? realloc(list, (n ? 2 * n : 1) * size) : list;

	if (!p)
		abort();
	return p;
}

static int parse_addr(struct facts *f, const char *value, struct err *err)
{
	const char *space = strchr(value, ' '), *slash = space ? strrchr(space, '/') : NULL;
	struct facts_addr *a;

	if (!space || f->naddrs >= MAX_ENTRIES)
		return 0;
	(void)err;
	f->addrs = grow(f->addrs, f->naddrs, sizeof(*f->addrs));
	a = &f->addrs[f->naddrs++];
	a->interface = strndup(value, (size_t)(space - value));
	a->address = slash ? strndup(space + 1, (size_t)(slash - space - 1)) : strdup(space + 1);
	a->prefix = slash ? atoi(slash + 1) : strchr(space, ':') ? 128 : 32;
	if (!a->interface || !a->address)
		abort();
	return 0;
}

static int parse_pki(struct facts *f, const char *value, struct err *err)
{
	char name[256], sha[65];
	unsigned mode;

	if (sscanf(value, "%255s %64s %o", name, sha, &mode) != 3)
		return err_set(err, ERR_REMOTE, "facts: 'pki=%s' is not a name, a checksum and a mode", value);
	if (f->npki >= MAX_ENTRIES)
		return 0;
	f->pki = grow(f->pki, f->npki, sizeof(*f->pki));
	struct facts_file *p = &f->pki[f->npki++];

	*p = (struct facts_file){ .name = strdup(name), .mode = mode };
	if (!p->name)
		abort();
	memcpy(p->sha256, sha, sizeof(sha));
	return 0;
}

static int parse_time(const char *value, int64_t *ms, struct err *err)
{
	double seconds;

	if (sscanf(value, "%lf", &seconds) != 1)
		return err_set(err, ERR_REMOTE, "facts: 'clock=%s' is no time", value);
	*ms = (int64_t)(seconds * 1000);
	return 0;
}

/* The script's first moment is not before we asked, its last not after the answer came; a date
 * that has no fractions may have been later by as much. */
static int parse_clock_begin(struct facts *f, const char *value, struct err *err)
{
	if (parse_time(value, &f->clock_late_ms, err) < 0)
		return -1;
	if (!strchr(value, '.') || strchr(value, 'N'))
		f->clock_late_ms += 999;
	return 0;
}

static int parse_clock(struct facts *f, const char *value, struct err *err)
{
	return parse_time(value, &f->clock_early_ms, err);
}

static int parse_has(struct facts *f, const char *value, struct err *err)
{
	(void)err;
	f->has_admin_conf |= !strcmp(value, "admin.conf");
	f->has_kubelet_conf |= !strcmp(value, "kubelet.conf");
	f->has_apiserver_manifest |= !strcmp(value, "manifests/kube-apiserver.yaml");
	f->has_etcd_manifest |= !strcmp(value, "manifests/etcd.yaml");
	return 0;
}

static int parse_listen(struct facts *f, const char *value, struct err *err)
{
	(void)err;
	if (f->listening.n < MAX_ENTRIES)
		strs_add(&f->listening, value);
	return 0;
}

static int parse_file(struct buf *b, bool *has, const char *value, struct err *err)
{
	*has = true;
	buf_clear(b);
	return pki_base64_decode(value, strlen(value), b, err);
}

static int parse_conf(struct facts *f, const char *value, struct err *err)
{
	return parse_file(&f->keepalived_conf, &f->has_keepalived_conf, value, err);
}

static int parse_check(struct facts *f, const char *value, struct err *err)
{
	return parse_file(&f->check_script, &f->has_check_script, value, err);
}

static int parse_haproxy(struct facts *f, const char *value, struct err *err)
{
	return parse_file(&f->haproxy_cfg, &f->has_haproxy_cfg, value, err);
}

static int parse_kube_vip(struct facts *f, const char *value, struct err *err)
{
	return parse_file(&f->kube_vip, &f->has_kube_vip, value, err);
}

static int parse_cri(struct facts *f, const char *value, struct err *err)
{
	(void)err;
	if (!f->cri_socket)
		set_text(&f->cri_socket, value);
	return 0;
}

static int parse_kubeadm(struct facts *f, const char *value, struct err *err)
{
	set_text(&f->kubeadm_text, value);
	return *value ? kubeadm_parse_version(value, &f->kubeadm, err) : 0;
}

/* One entry per key that facts.sh prints: a text, a flag that holds when the value is `yes`,
 * a number, or a function. */
static const struct key {
	const char *name;
	enum { TEXT, FLAG, NUMBER, MODE, FUNCTION } type;
	size_t offset;
	const char *yes;
	int (*parse)(struct facts *f, const char *value, struct err *err);
} keys[] = {
	{ "hostname", TEXT, offsetof(struct facts, hostname), NULL, NULL },
	{ "machine_id", TEXT, offsetof(struct facts, machine_id), NULL, NULL },
	{ "os", TEXT, offsetof(struct facts, os), NULL, NULL },
	{ "os_id", TEXT, offsetof(struct facts, os_id), NULL, NULL },
	{ "systemd", FLAG, offsetof(struct facts, systemd), "yes", NULL },
	{ "addr", FUNCTION, 0, NULL, parse_addr },
	{ "swap", NUMBER, offsetof(struct facts, swaps), NULL, NULL },
	{ "listen", FUNCTION, 0, NULL, parse_listen },
	{ "keepalived", TEXT, offsetof(struct facts, keepalived), NULL, NULL },
	{ "keepalived_enabled", FLAG, offsetof(struct facts, keepalived_enabled), "enabled", NULL },
	{ "keepalived_active", FLAG, offsetof(struct facts, keepalived_active), "active", NULL },
	{ "file_keepalived.conf", FUNCTION, 0, NULL, parse_conf },
	{ "file_check_apiserver.sh", FUNCTION, 0, NULL, parse_check },
	{ "mode_keepalived.conf", MODE, offsetof(struct facts, keepalived_conf_mode), NULL, NULL },
	{ "mode_check_apiserver.sh", MODE, offsetof(struct facts, check_script_mode), NULL, NULL },
	{ "keepalived_conf", TEXT, offsetof(struct facts, keepalived_conf_path), NULL, NULL },
	{ "haproxy", TEXT, offsetof(struct facts, haproxy), NULL, NULL },
	{ "haproxy_enabled", FLAG, offsetof(struct facts, haproxy_enabled), "enabled", NULL },
	{ "haproxy_active", FLAG, offsetof(struct facts, haproxy_active), "active", NULL },
	{ "haproxy_untouched", FLAG, offsetof(struct facts, haproxy_cfg_packaged), "yes", NULL },
	{ "file_haproxy.cfg", FUNCTION, 0, NULL, parse_haproxy },
	{ "mode_haproxy.cfg", MODE, offsetof(struct facts, haproxy_cfg_mode), NULL, NULL },
	{ "curl", FLAG, offsetof(struct facts, curl), "yes", NULL },
	{ "kube_vip_active", FLAG, offsetof(struct facts, kube_vip_active), "active", NULL },
	{ "file_kube-vip.yaml", FUNCTION, 0, NULL, parse_kube_vip },
	{ "keepalived_untouched", FLAG, offsetof(struct facts, keepalived_conf_packaged), "yes", NULL },
	{ "cri_socket", FUNCTION, 0, NULL, parse_cri },
	{ "kubelet_enabled", FLAG, offsetof(struct facts, kubelet_enabled), "enabled", NULL },
	{ "cni", TEXT, offsetof(struct facts, cni), NULL, NULL },
	{ "has", FUNCTION, 0, NULL, parse_has },
	{ "manifests", TEXT, offsetof(struct facts, manifests), NULL, NULL },
	{ "etcd_data", FLAG, offsetof(struct facts, has_etcd_data), "yes", NULL },
	{ "begun", TEXT, offsetof(struct facts, begun), NULL, NULL },
	{ "pki", FUNCTION, 0, NULL, parse_pki },
	{ "kubeadm", FUNCTION, 0, NULL, parse_kubeadm },
	{ "kubelet", TEXT, offsetof(struct facts, kubelet), NULL, NULL },
	{ "vip_answers", TEXT, offsetof(struct facts, vip_answers), NULL, NULL },
	{ "second_vip_answers", TEXT, offsetof(struct facts, second_vip_answers), NULL, NULL },
	{ "endpoint_addresses", TEXT, offsetof(struct facts, endpoint_addresses), NULL, NULL },
	{ "clock_begin", FUNCTION, 0, NULL, parse_clock_begin },
	{ "clock", FUNCTION, 0, NULL, parse_clock },
};

static int parse_key(struct facts *f, const char *name, size_t len, const char *value, struct err *err)
{
	for (const struct key *k = keys; k < keys + sizeof(keys) / sizeof(*keys); k++) {
		void *field = (char *)f + k->offset;

		if (strncmp(k->name, name, len) || k->name[len])
			continue;
		switch (k->type) {
		case TEXT:
			set_text(field, value);
			return 0;
		case FLAG:
			*(bool *)field = !strcmp(value, k->yes);
			return 0;
		case NUMBER:
			*(int *)field = atoi(value);
			return 0;
		case MODE:
			*(unsigned *)field = (unsigned)strtoul(value, NULL, 8);
			return 0;
		case FUNCTION:
			return k->parse(f, value, err);
		}
	}
	return 0; /* a key that only people read */
}

static bool may_be_null(const char *key)
{
	return !strcmp(key, "begun") || !strcmp(key, "endpoint_addresses");
}

/* Other texts are there, if empty, so that nobody has to ask for NULL. */
static void fill_texts(struct facts *f)
{
	for (const struct key *k = keys; k < keys + sizeof(keys) / sizeof(*keys); k++) {
		char **field = (char **)(void *)((char *)f + k->offset);

		if (k->type == TEXT && !may_be_null(k->name) && !*field)
			set_text(field, "");
	}
	if (!f->kubeadm_text)
		set_text(&f->kubeadm_text, "");
}

int facts_parse(const char *text, struct facts *f, struct err *err)
{
	auto_free char *copy = strdup(text);
	char *save = NULL;
	bool end = false;

	if (!copy)
		abort();
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *eq = strchr(line, '=');

		if (!eq)
			continue;
		end |= !strcmp(line, "end=1");
		if (parse_key(f, line, (size_t)(eq - line), eq + 1, err) < 0)
			return -1;
	}
	explicit_bzero(copy, strlen(text));
	fill_texts(f);
	if (!end)
		return err_set(err, ERR_REMOTE, "the fact-gathering script ended early");
	return 0;
}

int facts_gather(struct remote *r, const struct facts_ask *ask, struct facts *f, struct err *err)
{
	auto_free char *files = strs_join(ask->pki_files, " ");
	const struct remote_var vars[] = {
		{ "vip", ask->vip ? ask->vip : "" },
		{ "second_vip", ask->second_vip ? ask->second_vip : "" },
		{ "endpoint_host", ask->endpoint_host },
		{ "pki_dir", ask->pki_dir },
		{ "pki_files", files },
		{ "keepalived_dir", "/etc/keepalived" },
		{ NULL, NULL },
	};
	auto_buf struct buf script = BUF_INIT;
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	int64_t before = clock_wall_ms(), after;

	buf_printf(&script, "%s\n%s", ask->also ? ask->also : "", tmpl_text("facts.sh"));
	const struct remote_cmd cmd = { .script = buf_str(&script), .vars = vars, .name = "facts.sh", .private = true,
					.timeout_ms = ask->timeout_ms ? ask->timeout_ms : GATHER_TIMEOUT_MS };

	facts_release(f);
	if (remote_check(r, &cmd, &res, err) < 0)
		return -1;
	after = clock_wall_ms();
	if (ask->text)
		buf_puts(ask->text, buf_str(&res.out));
	if (facts_parse(buf_str(&res.out), f, err) < 0)
		return -1;
	f->clock_early_ms -= after;
	f->clock_late_ms -= before;
	return 0;
}

void facts_release(struct facts *f)
{
	for (const struct key *k = keys; k < keys + sizeof(keys) / sizeof(*keys); k++)
		if (k->type == TEXT)
			free(*(char **)(void *)((char *)f + k->offset));
	for (size_t i = 0; i < f->naddrs; i++) {
		free(f->addrs[i].interface);
		free(f->addrs[i].address);
	}
	for (size_t i = 0; i < f->npki; i++)
		free(f->pki[i].name);
	free(f->addrs);
	free(f->pki);
	free(f->kubeadm_text);
	free(f->cri_socket);
	strs_release(&f->listening);
	buf_wipe(&f->keepalived_conf);
	buf_release(&f->check_script);
	buf_release(&f->haproxy_cfg);
	buf_release(&f->kube_vip);
	memset(f, 0, sizeof(*f));
}

/* The bytes of a numeric address: 4 or 16, or 0 when it is none. */
static size_t address_bytes(const char *text, unsigned char out[16])
{
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

bool facts_same_subnet(const char *a, const char *b, int prefix)
{
	unsigned char x[16], y[16];
	size_t n = address_bytes(a, x);

	if (!n || address_bytes(b, y) != n || prefix < 0 || (size_t)prefix > n * 8)
		return false;
	for (int bit = 0; bit < prefix; bit++)
		if ((x[bit / 8] ^ y[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

bool facts_same_address(const char *a, const char *b)
{
	return facts_same_subnet(a, b, strchr(a, ':') ? 128 : 32);
}

const struct facts_addr *facts_addr(const struct facts *f, const char *address)
{
	for (size_t i = 0; i < f->naddrs; i++)
		if (facts_same_address(f->addrs[i].address, address))
			return &f->addrs[i];
	return NULL;
}

const struct facts_file *facts_pki(const struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->npki; i++)
		if (!strcmp(f->pki[i].name, name))
			return &f->pki[i];
	return NULL;
}

const char *facts_listener(const struct facts *f, int port)
{
	for (size_t i = 0; i < f->listening.n; i++) {
		char *space;

		if (strtol(f->listening.v[i], &space, 10) == port && *space == ' ')
			return space + 1;
	}
	return NULL;
}
