#define _GNU_SOURCE
#include "ssh/hostkey.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "openssh/master.h"
#include "pki/pki.h"

#define MARK "hactl-host-key"
/* Connecting a second time may take as long as the first. */
#define LEAST_MS 5000
#define MAX_CONFIG (1 << 20)

/* Runs in the helper that ssh starts; its stdout would be read as known_hosts. */
int openssh_tell_key_main(char **argv)
{
	if (strcmp(argv[2], "NONE") != 0)
		dprintf(2, MARK " %s %s %s\n", argv[0], argv[1], argv[2]);
	return 0;
}

/* The configuration that bastions are reached with, in which they tell their keys too.  *path: NULL when
 * there are none; the caller's. */
static int write_asking_config(const struct openssh_master *m, char **path, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	*path = NULL;
	if (!m->config)
		return 0;
	openssh_tell_key_command(&text);
	buf_puts(&text, "\n");
	if (file_read(m->config, MAX_CONFIG, &text, err) < 0)
		return -1;
	if (asprintf(path, "%s.ask", m->config) < 0)
		abort();
	return file_write(*path, text.data, text.len, 0600, err);
}

/* ssh once more, refusing the key again, but telling it on the way: KnownHostsCommand, since
 * OpenSSH 8.5. */
static int ask(const struct openssh_master *m, const struct ssh_options *o, int64_t deadline_ms,
	       struct buf *said, struct err *err)
{
	static const char *const env[] = { "HACTL_SSH_HELPER=host-key", NULL };
	struct openssh_process p = OPENSSH_PROCESS_INIT;
	auto_strs struct strs argv = STRS_INIT;
	int64_t until = clock_ms() + LEAST_MS > deadline_ms ? clock_ms() + LEAST_MS : deadline_ms;
	struct openssh_purpose purpose = { .known_hosts = m->known_hosts, .timeout_ms = (int)(until - clock_ms()) };
	auto_free char *config = NULL;
	int rc = write_asking_config(m, &config, err);

	purpose.config = config;
	if (!rc)
		rc = openssh_arguments(o, &purpose, &argv, err);
	if (!rc)
		rc = openssh_start(&p, argv.v, env, err);
	while (!rc && !openssh_has_ended(&p) && clock_ms() < until && !remote_interrupted()) {
		poll(&(struct pollfd){ .fd = p.log, .events = POLLIN }, 1, OPENSSH_SLICE_MS / 4);
		openssh_listen(&p);
	}
	openssh_end(&p);
	if (config)
		unlink(config);
	*said = p.said;
	return rc;
}

struct told_key {
	char names[300], type[64], text[8192];
};

/* The last one told: those before it were believed. */
static bool find_key(const struct buf *said, struct told_key *key)
{
	const char *line = buf_str(said);
	bool found = false;

	while ((line = strstr(line, MARK " "))) {
		line += strlen(MARK " ");
		found |= sscanf(line, "%299s %63s %8191s", key->names, key->type, key->text) == 3;
	}
	return found;
}

/* ssh's "[host]:port", or a name without a port. */
static void take_name(struct ssh_options *o, char *name)
{
	char *end = *name == '[' ? strstr(name, "]:") : NULL;

	if (end)
		*end = '\0';
	o->host = name + (end != NULL);
	o->port = end ? atoi(end + 2) : 22;
}

static bool is_named(const struct ssh_options *o, const char *name)
{
	auto_buf struct buf own = BUF_INIT;

	if (o->host_key_alias)
		buf_puts(&own, o->host_key_alias);
	else if (o->port && o->port != 22)
		buf_printf(&own, "[%s]:%d", o->host, o->port);
	else
		buf_puts(&own, o->host);
	return !strcasecmp(buf_str(&own), name);
}

/* Whose key it is: a bastion's, or NULL for the node's. */
static const struct ssh_options *find_bastion(const struct ssh_options *o, const char *name)
{
	const struct ssh_options *via = o->via;

	while (via && !is_named(via, name))
		via = via->via;
	return via && !is_named(o, name) ? via : NULL;
}

static int judge(const struct ssh_options *o, const char *name, struct told_key *key, struct err *err)
{
	static const char *const usual[] = { "~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts", NULL };
	struct ssh_share *share = o->share ? NULL : ssh_share_new();
	auto_buf struct buf blob = BUF_INIT;
	struct ssh_options own = *o;
	struct ssh_trust trust;
	int rc;

	if (!own.known_hosts)
		own.known_hosts = usual;
	if (share)
		own.share = share;
	take_name(&own, key->names);
	rc = ssh_trust_init(&trust, &own, err);
	if (!rc)
		rc = pki_base64_decode(key->text, strlen(key->text), &blob, err);
	if (!rc)
		rc = ssh_judge_host_key(name, &own, &trust, buf_str(&blob), blob.len, err);
	ssh_trust_release(&trust);
	ssh_share_free(share);
	return rc;
}

/* The rules of known_hosts for it are those of the node: who accepts new keys does so on the way too. */
static int judge_bastion(const struct ssh_options *o, const struct ssh_options *via, struct told_key *key,
			 struct err *err)
{
	auto_free char *name = NULL;
	struct ssh_options own = *via;

	if (asprintf(&name, "bastion '%s'", key->names) < 0)
		abort();
	if (own.unknown_hosts == SSH_UNKNOWN_REFUSE)
		own.unknown_hosts = o->unknown_hosts;
	return judge(&own, name, key, err);
}

int openssh_judge_host_key(const struct openssh_master *m, const struct ssh_options *o,
			   int64_t deadline_ms, struct buf *key, bool *bastion, struct err *err)
{
	auto_buf struct buf said = BUF_INIT;
	const struct ssh_options *via;
	struct told_key told;

	if (ask(m, o, deadline_ms, &said, err) < 0)
		return -1;
	if (!find_key(&said, &told))
		return 1;
	via = find_bastion(o, told.names);
	*bastion = via != NULL;
	if (via)
		return judge_bastion(o, via, &told, err);
	buf_printf(key, "%s %s", told.type, told.text);
	return judge(o, m->name, &told, err);
}
