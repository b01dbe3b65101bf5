#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pki/pki.h"

static void sha256_is_the_standard_one(void **state)
{
	char hex[65];

	(void)state;
	pki_sha256("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	pki_sha256("", 0, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_token_has_the_form_kubeadm_asks_for(void **state)
{
	auto_err struct err err = ERR_INIT;
	char token[24], other[24];

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(pki_token(token, &err), 0);
		assert_int_equal(strspn(token, "abcdefghijklmnopqrstuvwxyz0123456789"), 6);
		assert_int_equal(token[6], '.');
		assert_int_equal(strspn(token + 7, "abcdefghijklmnopqrstuvwxyz0123456789"), 16);
		assert_int_equal(token[23], '\0');
	}
	assert_int_equal(pki_token(other, &err), 0);
	assert_string_not_equal(token, other);
}

static void random_text_uses_every_character(void **state)
{
	auto_err struct err err = ERR_INIT;
	char text[4001];
	bool seen[256] = { false };
	int distinct = 0;

	(void)state;
	assert_int_equal(pki_random_text(text, 4000, &err), 0);
	assert_int_equal(strlen(text), 4000);
	for (size_t i = 0; i < 4000; i++)
		seen[(unsigned char)text[i]] = true;
	for (int c = 0; c < 256; c++)
		distinct += seen[c];
	assert_int_equal(distinct, 62);
	assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
			 4000);
}

static void base64_round_trips(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfd", "//79" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		auto_err struct err err = ERR_INIT;
		auto_buf struct buf text = BUF_INIT;
		auto_wipe struct buf bytes = BUF_INIT;

		pki_base64_encode(pairs[i][0], strlen(pairs[i][0]), &text);
		assert_string_equal(buf_str(&text), pairs[i][1]);
		assert_int_equal(pki_base64_decode(buf_str(&text), text.len, &bytes, &err), 0);
		assert_int_equal(bytes.len, strlen(pairs[i][0]));
		assert_memory_equal(buf_str(&bytes), pairs[i][0], bytes.len);
	}
}

static void base64_may_be_broken_into_lines(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf bytes = BUF_INIT;

	(void)state;
	assert_int_equal(pki_base64_decode("Zm9\nvYg=\r\n=\n", 12, &bytes, &err), 0);
	assert_string_equal(buf_str(&bytes), "foob");
}

static void damaged_base64_is_refused(void **state)
{
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zm9v=", "=", "====", "Zg==Zg==", "Zg===", "Zm 9v", "Zm9v!", "Z===",
		"Zm-_", "Zm9vZ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		auto_err struct err err = ERR_INIT;
		auto_buf struct buf bytes = BUF_INIT;

		if (pki_base64_decode(bad[i], strlen(bad[i]), &bytes, &err) == 0)
			fail_msg("'%s' was taken for base64", bad[i]);
		assert_non_null(strstr(err.msg, "not base64"));
	}
}

static void a_nul_is_not_base64(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf bytes = BUF_INIT;

	(void)state;
	assert_int_equal(pki_base64_decode("Zm\0v", 4, &bytes, &err), -1);
	assert_string_equal(err.msg, "not base64: bad character at byte 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_the_standard_one),
		cmocka_unit_test(a_token_has_the_form_kubeadm_asks_for),
		cmocka_unit_test(random_text_uses_every_character),
		cmocka_unit_test(base64_round_trips),
		cmocka_unit_test(base64_may_be_broken_into_lines),
		cmocka_unit_test(damaged_base64_is_refused),
		cmocka_unit_test(a_nul_is_not_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
