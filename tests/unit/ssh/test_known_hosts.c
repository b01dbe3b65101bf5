#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "pki/pki.h"
#include "ssh/known_hosts.h"

/* Two keys of one type and one of another, in known_hosts' own form. */
#define ED_1 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
#define ED_2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
#define RSA "ssh-rsa AAAAB3NzaC1yc2EAAAABAwAAAAED"

static enum known_verdict look(const char *text, const char *host, int port, const char *key,
			       struct known_result *res)
{
	struct known_hosts k = KNOWN_HOSTS_INIT;
	struct known_names names = KNOWN_NAMES_INIT;
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf blob = BUF_INIT;
	const char *base64 = strchr(key, ' ') + 1;

	assert_int_equal(pki_base64_decode(base64, strlen(base64), &blob, &err), 0);
	known_names_add(&names, host, port);
	known_hosts_add_text(&k, "file", text);
	known_hosts_check(&k, &names, blob.data, blob.len, res);
	known_names_release(&names);
	known_hosts_release(&k);
	return res->verdict;
}

static enum known_verdict verdict(const char *text, const char *host, int port)
{
	struct known_result res;
	enum known_verdict v = look(text, host, port, ED_1, &res);

	known_result_release(&res);
	return v;
}

static void names_addresses_and_ports_match(void **state)
{
	(void)state;
	assert_int_equal(verdict("m1 " ED_1 "\n", "m1", 22), KNOWN_MATCH);
	assert_int_equal(verdict("m1 " ED_1, "M1", 22), KNOWN_MATCH);
	assert_int_equal(verdict("m0,10.0.0.1,m1 " ED_1 " comment\r\n", "10.0.0.1", 22), KNOWN_MATCH);
	assert_int_equal(verdict("[m1]:2222 " ED_1 "\n", "m1", 2222), KNOWN_MATCH);
	assert_int_equal(verdict("[m1]:2222 " ED_1 "\n", "m1", 22), KNOWN_NOT_FOUND);
	assert_int_equal(verdict("m1 " ED_1 "\n", "m1", 2222), KNOWN_MATCH);
	assert_int_equal(verdict("m11 " ED_1 "\n", "m1", 22), KNOWN_NOT_FOUND);
	assert_int_equal(verdict("", "m1", 22), KNOWN_NOT_FOUND);
}

static void patterns_and_their_negation_match(void **state)
{
	(void)state;
	assert_int_equal(verdict("10.0.*,!10.0.9.* " ED_1 "\n", "10.0.0.1", 22), KNOWN_MATCH);
	assert_int_equal(verdict("10.0.*,!10.0.9.* " ED_1 "\n", "10.0.9.1", 22), KNOWN_NOT_FOUND);
	assert_int_equal(verdict("!m1 " ED_1 "\n", "m2", 22), KNOWN_NOT_FOUND);
	assert_int_equal(verdict("M? " ED_1 "\n", "m1", 22), KNOWN_MATCH);
	assert_int_equal(verdict("*a*b " ED_1 "\n", "xaybaab", 22), KNOWN_MATCH);
	assert_int_equal(verdict("*a*b " ED_1 "\n", "xaybaabc", 22), KNOWN_NOT_FOUND);
}

static void another_key_is_told_from_another_type(void **state)
{
	(void)state;
	assert_int_equal(verdict("m1 " ED_2 "\n", "m1", 22), KNOWN_CHANGED);
	assert_int_equal(verdict("m1 " RSA "\n", "m1", 22), KNOWN_OTHER_TYPE);
	assert_int_equal(verdict("m1 " RSA "\nm1 " ED_2 "\n", "m1", 22), KNOWN_CHANGED);
	assert_int_equal(verdict("m1 " ED_2 "\nm1 " ED_1 "\n", "m1", 22), KNOWN_MATCH);
	assert_int_equal(verdict("m1 " ED_1 "\nm1 " ED_2 "\n", "m1", 22), KNOWN_MATCH);
	/* A line without the port does not say that the key of this port has changed. */
	assert_int_equal(verdict("m1 " ED_2 "\n", "m1", 2222), KNOWN_NOT_FOUND);
}

static void a_revoked_key_stays_revoked(void **state)
{
	(void)state;
	assert_int_equal(verdict("m1 " ED_1 "\n@revoked * " ED_1 "\n", "m1", 22), KNOWN_REVOKED);
	assert_int_equal(verdict("@revoked m1 " ED_1 "\nm1 " ED_1 "\n", "m1", 22), KNOWN_REVOKED);
	assert_int_equal(verdict("@revoked m2 " ED_1 "\nm1 " ED_1 "\n", "m1", 22), KNOWN_MATCH);
	assert_int_equal(verdict("@revoked m1 " ED_2 "\nm1 " ED_1 "\n", "m1", 22), KNOWN_MATCH);
}

static void malformed_lines_are_passed_over_and_the_first_is_named(void **state)
{
	static const char *const lines[] = { "m1", "m1 ssh-ed25519", "m1 ssh-ed25519 ????", "m1 ssh-rsa AAAA",
					     "m1 ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB",
					     "@unknown m1 " ED_1, "m1 1024 35 1234567", "@revoked" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		auto_buf struct buf text = BUF_INIT;
		struct known_result res;

		buf_printf(&text, "# comment\n\n%s\n%s\nm1 " ED_1 "\n", lines[i], lines[i]);
		assert_int_equal(look(buf_str(&text), "m1", 22, ED_1, &res), KNOWN_MATCH);
		assert_string_equal(buf_str(&res.malformed), "file:3");
		assert_string_equal(buf_str(&res.place), "file:5");
		known_result_release(&res);
	}
}

static void an_authority_vouches_for_nothing_and_is_named(void **state)
{
	struct known_result res;

	(void)state;
	assert_int_equal(look("@cert-authority * " ED_1 "\n", "m1", 22, ED_1, &res), KNOWN_NOT_FOUND);
	assert_string_equal(buf_str(&res.authority), "file:1");
	known_result_release(&res);
}

static void a_line_is_written_as_it_is_read(void **state)
{
	struct known_names names = KNOWN_NAMES_INIT;
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf blob = BUF_INIT, line = BUF_INIT;
	const char *base64 = strchr(RSA, ' ') + 1;

	(void)state;
	assert_int_equal(pki_base64_decode(base64, strlen(base64), &blob, &err), 0);
	known_names_add(&names, "FE80::1", 2222);
	known_names_add(&names, "m1", 22);
	known_hosts_line(&names, blob.data, blob.len, &line);
	assert_string_equal(buf_str(&line), "[fe80::1]:2222,m1 " RSA);
	known_names_release(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_addresses_and_ports_match),
		cmocka_unit_test(patterns_and_their_negation_match),
		cmocka_unit_test(another_key_is_told_from_another_type),
		cmocka_unit_test(a_revoked_key_stays_revoked),
		cmocka_unit_test(malformed_lines_are_passed_over_and_the_first_is_named),
		cmocka_unit_test(an_authority_vouches_for_nothing_and_is_named),
		cmocka_unit_test(a_line_is_written_as_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
