#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "inventory/inventory.h"

/* Caller frees. */
static char *document(enum inventory_doc as)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	inventory_document(as, out);
	fclose(out);
	return text;
}

static void the_schema_is_json_and_refuses_unknown_keys(void **state)
{
	auto_free char *text = document(INVENTORY_DOC_SCHEMA);
	json_error_t error;
	json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	json_t *node, *port;
	int min, max, more;

	(void)state;
	if (!schema)
		fail_msg("%d:%d: %s", error.line, error.column, error.text);
	assert_int_equal(json_unpack(schema, "{s:b, s:{s:{s:o}, s:{s:{s:o}}}}", "additionalProperties", &more,
				     "properties", "controlPlane", "items", &node, "ssh", "properties", "port",
				     &port), 0);
	assert_false(more);
	assert_non_null(json_object_get(json_object_get(node, "properties"), "address"));
	assert_int_equal(json_unpack(port, "{s:i, s:i}", "minimum", &min, "maximum", &max), 0);
	assert_int_equal(min, 1);
	assert_int_equal(max, 65535);
	json_decref(schema);
}

static void every_row_of_the_table_has_three_cells(void **state)
{
	auto_free char *text = document(INVENTORY_DOC_MARKDOWN);
	int rows = 0;

	(void)state;
	for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int bars = 0;

		for (char *c = line; *c; c++)
			bars += *c == '|' && (c == line || c[-1] != '\\');
		assert_int_equal(bars, 4);
		rows++;
	}
	assert_true(rows > 30);
}

static void the_manual_leaves_no_dash_to_roff(void **state)
{
	auto_free char *text = document(INVENTORY_DOC_MAN);

	(void)state;
	assert_non_null(strstr(text, ".TP\n\\fBvirtualRouterID\\fP (number)\n"));
	for (size_t i = 0; text[i]; i++)
		assert_true(text[i] != '-' || (i > 0 && text[i - 1] == '\\'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_schema_is_json_and_refuses_unknown_keys),
		cmocka_unit_test(every_row_of_the_table_has_three_cells),
		cmocka_unit_test(the_manual_leaves_no_dash_to_roff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
