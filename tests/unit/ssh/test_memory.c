/* What a login leaves in this program's memory. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "sshd.h"

static struct sshd sshd;

/* A secret that the program's own image does not have, in the caller's buffer. */
static void make_secret(char secret[32], char kind)
{
	for (int i = 0; i < 31; i++)
		secret[i] = (char)('a' + (i * 7 + kind) % 26);
	secret[31] = '\0';
}

static int setup(void **state)
{
	auto_err struct err err = ERR_INIT;
	char secret[32], command[200];

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	make_secret(secret, 'k');
	sshd_prepare(&sshd);
	snprintf(command, sizeof(command), "cd %s && ssh-keygen -q -t ed25519 -a 2 -N %s -C '' -f locked", sshd.dir, secret);
	assert_int_equal(system(command), 0);
	explicit_bzero(command, sizeof(command));
	sshd_start(&sshd, "PasswordAuthentication yes\nKbdInteractiveAuthentication no");
	sshd_know(&sshd, "ed25519");
	explicit_bzero(secret, sizeof(secret));
	return ssh_init(&err);
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&sshd);
	return 0;
}

/* How often the secret, of which only the complement is given, is in what can be written to. */
static int count_in_memory(const unsigned char hidden[31])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	auto_close int mem = open("/proc/self/mem", O_RDONLY);
	static unsigned char page[4096 + 31];
	unsigned long from, to;
	char line[512], may[8];
	int found = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, may) != 3 || strncmp(may, "rw", 2) || to - from > 64UL << 20)
			continue;
		for (unsigned long at = from; at < to; at += 4096) {
			ssize_t n = pread(mem, page, sizeof(page), (off_t)at);

			if (at <= (unsigned long)page + sizeof(page) && at + 8192 > (unsigned long)page)
				continue;
			for (ssize_t i = 0; i + 31 <= n; i++) {
				int same = 0;

				while (same < 31 && page[i + same] == (unsigned char)~hidden[same])
					same++;
				found += same == 31 && i < 4096;
			}
		}
	}
	fclose(maps);
	explicit_bzero(page, sizeof(page));
	return found;
}

static void hide(const char *secret, unsigned char hidden[31])
{
	for (int i = 0; i < 31; i++)
		hidden[i] = (unsigned char)~(unsigned char)secret[i];
}

static void what_is_looked_for_would_be_found(void **state)
{
	unsigned char hidden[31];
	char *secret = malloc(32);

	(void)state;
	make_secret(secret, 'x');
	hide(secret, hidden);
	assert_true(count_in_memory(hidden) >= 1);
	explicit_bzero(secret, 32);
	free(secret);
	assert_int_equal(count_in_memory(hidden), 0);
}

static void a_password_leaves_nothing(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;
	unsigned char hidden[31];
	char secret[32];

	(void)state;
	make_secret(secret, 'p');
	hide(secret, hidden);
	sshd_client_init(&c, &sshd, "id");
	c.options.password = secret;
	SYSTEM("cd %s && : >authorized_keys", sshd.dir);
	assert_null(ssh_connect(&c.options, &err));
	assert_non_null(strstr(err.msg, "the password that was given"));
	explicit_bzero(secret, sizeof(secret));
	assert_int_equal(count_in_memory(hidden), 0);
}

static int reply(void *ctx, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	char secret[32];

	(void)ctx;
	(void)prompt;
	(void)echo;
	(void)err;
	make_secret(secret, 'k');
	buf_puts(answer, secret);
	explicit_bzero(secret, sizeof(secret));
	return 0;
}

static void a_passphrase_leaves_nothing(void **state)
{
	auto_err struct err err = ERR_INIT;
	auto_client struct sshd_client c;
	unsigned char hidden[31];
	char secret[32];
	struct remote *r;

	(void)state;
	make_secret(secret, 'k');
	hide(secret, hidden);
	explicit_bzero(secret, sizeof(secret));
	SYSTEM("cd %s && cp locked.pub authorized_keys", sshd.dir);
	sshd_client_init(&c, &sshd, "locked");
	c.options.secrets = ssh_secrets_new(&(struct ssh_asker){ reply, NULL });
	r = ssh_connect(&c.options, &err);
	if (!r)
		print_error("%s\n", err.msg);
	assert_non_null(r);
	assert_int_equal(count_in_memory(hidden), 0);
	remote_close(r);
	ssh_secrets_free(c.options.secrets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_looked_for_would_be_found),
		cmocka_unit_test(a_password_leaves_nothing),
		cmocka_unit_test(a_passphrase_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
