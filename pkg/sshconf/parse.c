/* The lines of `ssh -G`: a keyword in lower case, a blank, the value. */
#define _GNU_SOURCE
#include "sshconf/sshconf.h"

#include <stddef.h>
#include <string.h>

#include "base/file.h"

static void set_string(void *field, const char *value)
{
	free(*(char **)field);
	*(char **)field = strdup(value);
	if (!*(char **)field)
		abort();
}

/* "none" is no value, but of identityagent. */
static void set_unless_none(void *field, const char *value)
{
	if (strcmp(value, "none"))
		set_string(field, value);
}

static void set_number(void *field, const char *value)
{
	long n = strtol(value, NULL, 10);

	*(int *)field = n > 0 && n <= 1000000 ? (int)n : 0;
}

static void set_seconds(void *field, const char *value)
{
	set_number(field, value);
	*(int *)field = *(int *)field > 86400 ? 86400000 : *(int *)field * 1000;
}

static void set_bool(void *field, const char *value)
{
	*(bool *)field = !strcmp(value, "yes") || !strcmp(value, "true");
}

static void add_one(void *field, const char *value)
{
	if (strcmp(value, "none"))
		strs_add(field, value);
}

static void add_words(void *field, const char *value)
{
	for (size_t n; *value; value += n + strspn(value + n, " ")) {
		n = strcspn(value, " ");
		if (n != 4 || memcmp(value, "none", 4))
			strs_printf(field, "%.*s", (int)n, value);
	}
}

static void set_agent(void *field, const char *value)
{
	auto_free char *path = file_resolve(value, NULL);
	const char *named = *value == '$' ? getenv(value + 1) : NULL;

	if (!strcmp(value, "none"))
		set_string(field, value);
	else if (named)
		set_string(field, named);
	else if (*value != '$' && strcmp(value, "SSH_AUTH_SOCK"))
		set_string(field, path);
}

static const struct keyword {
	const char *name;
	void (*set)(void *field, const char *value);
	size_t offset;
} keywords[] = {
	{ "hostname", set_string, offsetof(struct sshconf, hostname) },
	{ "user", set_string, offsetof(struct sshconf, user) },
	{ "port", set_number, offsetof(struct sshconf, port) },
	{ "identityfile", add_one, offsetof(struct sshconf, identity_files) },
	{ "certificatefile", add_one, offsetof(struct sshconf, certificate_files) },
	{ "identitiesonly", set_bool, offsetof(struct sshconf, identities_only) },
	{ "identityagent", set_agent, offsetof(struct sshconf, identity_agent) },
	{ "userknownhostsfile", add_words, offsetof(struct sshconf, known_hosts) },
	{ "globalknownhostsfile", add_words, offsetof(struct sshconf, known_hosts) },
	{ "hostkeyalias", set_unless_none, offsetof(struct sshconf, host_key_alias) },
	{ "proxyjump", set_unless_none, offsetof(struct sshconf, proxy_jump) },
	{ "proxycommand", set_unless_none, offsetof(struct sshconf, proxy_command) },
	{ "connecttimeout", set_seconds, offsetof(struct sshconf, connect_timeout_ms) },
	{ "serveraliveinterval", set_seconds, offsetof(struct sshconf, alive_interval_ms) },
	{ "serveralivecountmax", set_number, offsetof(struct sshconf, alive_count) },
};

/* name: NULL takes every keyword, else only that one. */
static void take_lines(const char *text, const char *only, bool take, struct sshconf *c)
{
	for (const char *end; *text; text = end + (*end == '\n')) {
		auto_free char *line = NULL;
		char *value;

		end = strchrnul(text, '\n');
		line = strndup(text, (size_t)(end - text));
		if (!line)
			abort();
		value = strchr(line, ' ');
		if (!value)
			continue;
		*value++ = '\0';
		if ((!strcmp(line, only)) != take)
			continue;
		for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
			if (!strcmp(line, keywords[i].name))
				keywords[i].set((char *)c + keywords[i].offset, value);
	}
}

/* The system's known_hosts come first in ssh's output, and last in what they are asked for. */
void sshconf_parse(const char *text, struct sshconf *c)
{
	take_lines(text, "globalknownhostsfile", false, c);
	take_lines(text, "globalknownhostsfile", true, c);
}

void sshconf_release(struct sshconf *c)
{
	free(c->hostname);
	free(c->user);
	free(c->identity_agent);
	free(c->host_key_alias);
	free(c->proxy_jump);
	free(c->proxy_command);
	strs_release(&c->identity_files);
	strs_release(&c->certificate_files);
	strs_release(&c->known_hosts);
	*c = (struct sshconf){ 0 };
}
