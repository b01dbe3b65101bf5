#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sshd.h"

static struct sshd sshd;

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	sshd_prepare(&sshd);
	sshd_start(&sshd, NULL);
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&sshd);
	return 0;
}

static int connect_with(enum ssh_unknown_hosts unknown, struct err *err)
{
	auto_client struct sshd_client c;
	struct remote *r;

	sshd_client_init(&c, &sshd, "id");
	c.options.unknown_hosts = unknown;
	r = ssh_connect(&c.options, err);
	remote_close(r);
	return r ? 0 : -1;
}

static void assert_refused(enum ssh_unknown_hosts unknown, const char *a, const char *b)
{
	auto_err struct err err = ERR_INIT;

	assert_int_equal(connect_with(unknown, &err), -1);
	assert_int_equal(err.kind, ERR_CONNECT);
	if (!strstr(err.msg, a) || !strstr(err.msg, b))
		print_error("%s\n", err.msg);
	assert_non_null(strstr(err.msg, a));
	assert_non_null(strstr(err.msg, b));
}

static void assert_accepted(void)
{
	auto_err struct err err = ERR_INIT;

	if (connect_with(SSH_UNKNOWN_REFUSE, &err) < 0)
		fail_msg("%s", err.msg);
}

static void an_unknown_key_is_refused_with_its_fingerprint_and_line(void **state)
{
	auto_buf struct buf pub = BUF_INIT;
	char print[200] = "";

	(void)state;
	sshd_write(&sshd, "known_hosts", "other.example ssh-ed25519 AAAA\n");
	SYSTEM("cd %s && ssh-keygen -lf host_ed25519.pub | cut -d' ' -f2 >print", sshd.dir);
	sshd_read(&sshd, "print", &pub);
	snprintf(print, sizeof(print), "ssh-ed25519 %.*s", (int)strcspn(buf_str(&pub), "\n"), buf_str(&pub));
	assert_refused(SSH_UNKNOWN_REFUSE, print, "--accept-new-host-keys: [127.0.0.1]:");
	assert_refused(SSH_UNKNOWN_REFUSE, "known_hosts:1 is malformed", "is not known");
}

static void the_line_shown_makes_the_key_known(void **state)
{
	auto_err struct err err = ERR_INIT;
	const char *line;

	(void)state;
	sshd_write(&sshd, "known_hosts", "");
	assert_int_equal(connect_with(SSH_UNKNOWN_REFUSE, &err), -1);
	line = strstr(err.msg, "keys: [127");
	assert_non_null(line);
	sshd_write(&sshd, "known_hosts", line + strlen("keys: "));
	assert_accepted();
}

static void a_new_key_is_added_when_asked_for(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *path = sshd_path(&sshd, "new/known_hosts"), *dir = sshd_path(&sshd, "new");
	auto_buf struct buf text = BUF_INIT;
	auto_client struct sshd_client c;
	struct remote *r;
	struct stat st;

	(void)state;
	sshd_client_init(&c, &sshd, "id");
	free(c.known_hosts[0]);
	c.known_hosts[0] = TAKE(path);
	c.options.unknown_hosts = SSH_UNKNOWN_ADD;
	for (int i = 0; i < 2; i++) {
		r = ssh_connect(&c.options, &err);
		assert_non_null(r);
		remote_close(r);
	}
	assert_int_equal(stat(c.known_hosts[0], &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	sshd_read(&sshd, "new/known_hosts", &text);
	assert_ptr_equal(strchr(buf_str(&text), '\n'), buf_str(&text) + text.len - 1);
}

static void a_key_is_added_on_a_line_of_its_own(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	sshd_write(&sshd, "known_hosts", "# no newline");
	assert_int_equal(connect_with(SSH_UNKNOWN_ADD, &err), 0);
	sshd_read(&sshd, "known_hosts", &text);
	assert_non_null(strstr(buf_str(&text), "# no newline\n[127.0.0.1]:"));
}

static void a_changed_key_is_always_refused(void **state)
{
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	SYSTEM("cd %s && sed 's/^/[127.0.0.1]:%d /' id.pub >known_hosts", sshd.dir, sshd.port);
	assert_refused(SSH_UNKNOWN_REFUSE, "its host key has changed to ssh-ed25519 SHA256:", "known_hosts:1");
	assert_refused(SSH_UNKNOWN_ADD, "its host key has changed", "known_hosts:1 has another one");
	sshd_read(&sshd, "known_hosts", &text);
	assert_ptr_equal(strchr(buf_str(&text), '\n'), buf_str(&text) + text.len - 1);
}

static void a_host_known_by_another_type_of_key_is_no_new_host(void **state)
{
	(void)state;
	SYSTEM("cd %s && { [ -e rsa ] || ssh-keygen -q -t rsa -b 2048 -N '' -f rsa; } && "
	       "sed 's/^/[127.0.0.1]:%d /' rsa.pub >known_hosts", sshd.dir, sshd.port);
	assert_refused(SSH_UNKNOWN_ADD, "is known by a key of another type", "known_hosts:1");
}

static void a_revoked_key_is_refused_even_when_it_is_also_known(void **state)
{
	(void)state;
	SYSTEM("cd %s && { sed 's/^/[127.0.0.1]:%d /' host_ed25519.pub; "
	       "sed 's/^/@revoked * /' host_ed25519.pub; } >known_hosts",
	       sshd.dir, sshd.port);
	assert_refused(SSH_UNKNOWN_ADD, "is revoked", "known_hosts:2");
}

static void the_type_that_is_known_is_asked_for(void **state)
{
	(void)state;
	sshd_know(&sshd, "ecdsa");
	assert_accepted();
	sshd_know(&sshd, "ed25519");
	assert_accepted();
}

static void hashed_names_are_understood(void **state)
{
	(void)state;
	sshd_know(&sshd, "ed25519");
	SYSTEM("cd %s && ssh-keygen -H -f known_hosts >/dev/null 2>&1 && grep -q '^|1|' known_hosts", sshd.dir);
	assert_accepted();
}

static void a_second_name_and_a_second_file_count(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_free char *other = sshd_path(&sshd, "other");
	auto_client struct sshd_client c;
	const char *files[3] = { NULL };
	struct remote *r;

	(void)state;
	sshd_write(&sshd, "known_hosts", "");
	SYSTEM("cd %s && sed 's/^/node-*,!node-2 /' host_ed25519.pub >other", sshd.dir);
	sshd_client_init(&c, &sshd, "id");
	files[0] = c.known_hosts[0];
	files[1] = other;
	c.options.known_hosts = files;
	c.options.alias = "Node-1";
	r = ssh_connect(&c.options, &err);
	assert_non_null(r);
	remote_close(r);
	c.options.alias = "node-2";
	assert_null(ssh_connect(&c.options, &err));
}

static void a_certificate_authority_is_said_to_be_unsupported(void **state)
{
	(void)state;
	SYSTEM("cd %s && sed 's/^/@cert-authority * /' id.pub >known_hosts", sshd.dir);
	assert_refused(SSH_UNKNOWN_REFUSE, "@cert-authority", "host certificates are not supported");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_key_is_refused_with_its_fingerprint_and_line),
		cmocka_unit_test(the_line_shown_makes_the_key_known),
		cmocka_unit_test(a_new_key_is_added_when_asked_for),
		cmocka_unit_test(a_key_is_added_on_a_line_of_its_own),
		cmocka_unit_test(a_changed_key_is_always_refused),
		cmocka_unit_test(a_host_known_by_another_type_of_key_is_no_new_host),
		cmocka_unit_test(a_revoked_key_is_refused_even_when_it_is_also_known),
		cmocka_unit_test(the_type_that_is_known_is_asked_for),
		cmocka_unit_test(hashed_names_are_understood),
		cmocka_unit_test(a_second_name_and_a_second_file_count),
		cmocka_unit_test(a_certificate_authority_is_said_to_be_unsupported),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
