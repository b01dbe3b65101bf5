/* Hostile values in every key that the schema has, hence in every key there is: refused, or no danger
 * where the key leads. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "../hostile.h"
#include "inventory/inventory.h"

/* Files of this machine, which no shell ever sees. */
static const char *const local_paths[] = {
	"ssh.identityFile", "ssh.passwordFile", "ssh.sudoPasswordFile", "ssh.config", "ssh.knownHostsFile",
	"kubeadm.config", NULL,
};
/* Words of keepalived.conf, which ends a word at a blank and has its own special characters. */
static const char *const keepalived_words[] = { "vip.interface", "vip.password", NULL };

static int keys, accepted;

static bool ends_in_one_of(const char *key, const char *const *list)
{
	for (; *list; list++)
		if (strlen(key) >= strlen(*list) && !strcmp(key + strlen(key) - strlen(*list), *list))
			return true;
	return false;
}

/* May stand in any file and any shell as it is, quoted or not, and is no option. */
static bool is_harmless(const char *v)
{
	if (*v == '-')
		return false;
	for (; *v; v++)
		if (!isalnum((unsigned char)*v) && !strchr("._-:@\\,=%+/[]", *v))
			return false;
	return true;
}

static bool is_keepalived_word(const char *v)
{
	for (; *v; v++)
		if (!isgraph((unsigned char)*v) || strchr("\"'#!$@~\\{}", *v))
			return false;
	return true;
}

static bool is_accepted(const json_t *config)
{
	char *text = json_dumps(config, 0);
	auto_err struct err err = ERR_INIT;
	auto_inventory struct inventory inv = { 0 };
	bool ok;

	assert_non_null(text);
	ok = inventory_parse("hostile.yaml", text, strlen(text), &inv, &err) == 0;
	if (!ok)
		assert_int_equal(err.kind, ERR_CONFIG);
	free(text);
	return ok;
}

static void try_value(const char *key, const char *value, const json_t *config)
{
	if (!is_accepted(config))
		return;
	accepted++;
	if (ends_in_one_of(key, local_paths))
		return;
	if (ends_in_one_of(key, keepalived_words) ? !is_keepalived_word(value) : !is_harmless(value))
		fail_msg("%s: '%s' is taken", key, value);
}

/* The value by itself, as the only one of a list, and as a map's key and value. */
static void try_at(json_t *config, const char *key, json_t *parent, const char *name)
{
	json_t *before = json_incref(json_object_get(parent, name));

	for (size_t i = 0; i < HOSTILE_COUNT; i++) {
		const char *v = hostile_value(i);
		json_t *text = json_string(v);

		if (!text) /* no UTF-8: the reader of YAML refuses it */
			continue;
		json_object_set(parent, name, text);
		try_value(key, v, config);
		json_object_set_new(parent, name, json_pack("[O]", text));
		try_value(key, v, config);
		json_object_set_new(parent, name, json_pack("{s:s}", "a", v));
		try_value(key, v, config);
		json_object_set_new(parent, name, json_pack("{s:s}", v, "a"));
		try_value(key, v, config);
		json_decref(text);
	}
	if (before)
		json_object_set_new(parent, name, before);
	else
		json_object_del(parent, name);
	keys++;
}

static void walk(json_t *config, const char *prefix, json_t *parent, const json_t *schema)
{
	const char *name;
	json_t *property;

	json_object_foreach(json_object_get(schema, "properties"), name, property) {
		const json_t *items = json_object_get(property, "items");
		const json_t *inner = json_object_get(items ? items : property, "properties");
		json_t *child = json_object_get(parent, name);
		char *key;

		assert_true(asprintf(&key, "%s%s%s", prefix, *prefix ? "." : "", name) > 0);
		try_at(config, key, parent, name);
		if (inner && !child) {
			child = json_object();
			json_object_set_new(parent, name, items ? json_pack("[o]", child) : child);
		} else if (json_is_array(child)) {
			child = json_array_get(child, 0);
		}
		if (inner && json_is_object(child))
			walk(config, key, child, items ? items : property);
		free(key);
	}
}

static void every_key_refuses_them_or_is_not_hurt(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	json_error_t error;
	json_t *schema, *config = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s}], s:{s:s}}", "apiVersion", "hactl/v1",
					    "kind", "Cluster", "endpoint", "192.0.2.9:6443", "controlPlane", "name",
					    "m1", "address", "192.0.2.11", "vip", "provider", "keepalived");

	(void)state;
	inventory_document(INVENTORY_DOC_SCHEMA, f);
	fclose(f);
	schema = json_loads(text, 0, &error);
	free(text);
	assert_non_null(schema);
	assert_true(is_accepted(config));
	walk(config, "", config, schema);
	print_message("%d keys, %zu values, %d taken\n", keys, (size_t)HOSTILE_COUNT, accepted);
	assert_true(keys >= 40);
	assert_true(accepted > 0);
	json_decref(schema);
	json_decref(config);
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

/* Each is compared with those before, and each asks what was meant: reading must end after some. */
static void a_file_of_errors_is_not_read_to_its_end(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_err struct err err = ERR_INIT;
	struct inventory inv;

	(void)state;
	buf_puts(&text, "apiVersion: hactl/v1\nkind: Cluster\nendpoint: 10.0.0.9:6443\ncontrolPlane:\n");
	for (int i = 0; i < 900; i++)
		buf_puts(&text, "- {adress: x}\n");
	for (int i = 0; i < 80000; i++)
		buf_printf(&text, "k%d: 1\n", i);
	assert_int_equal(inventory_parse("f", buf_str(&text), text.len, &inv, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_int_equal(count(err.msg, "unknown key"), 20);
	assert_non_null(strstr(err.msg, "there may be more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_refuses_them_or_is_not_hurt),
		cmocka_unit_test(a_file_of_errors_is_not_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
