/* Who gets which password from what was given: the node, and not the bastion in front of it. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "openssh/master.h"

static char dir[] = "/tmp/askpass-XXXXXX", path[64];
static const struct ssh_options bastion = { .host = "b", .user = "root" };

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void serve(struct openssh_prompts *p, pid_t master)
{
	struct pollfd fd = { .fd = openssh_prompts_fd(p), .events = POLLIN };

	assert_int_equal(poll(&fd, 1, 10000), 1);
	openssh_prompts_serve(p, master);
}

/* What ssh gets that asks so; this process is that ssh.  "": no answer. */
static void ask(struct openssh_prompts *p, pid_t master, const char *prompt, char *got, size_t size)
{
	int out[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		_exit(openssh_askpass_main(path, prompt));
	}
	close(out[1]);
	serve(p, master);
	n = read(out[0], got, size - 1);
	got[n > 0 ? n : 0] = '\0';
	close(out[0]);
	waitpid(pid, &status, 0);
	assert_int_equal(status == 0, n > 0);
}

static void assert_gets(const struct ssh_options *o, bool master, const char *prompt, const char *want)
{
	auto_err struct err err = ERR_INIT;
	struct openssh_prompts *p = openssh_prompts_open(o, "node", path, &err);
	char got[64];

	assert_non_null(p);
	ask(p, master ? getpid() : 1, prompt, got, sizeof(got));
	assert_string_equal(got, want);
	openssh_prompts_close(p, SSH_PASSWORD_REFUSED);
}

static void the_node_gets_the_password_that_was_given(void **state)
{
	const struct ssh_options o = { .host = "n", .user = "root", .password = "secret", .via = &bastion };

	(void)state;
	assert_gets(&o, true, "root@n's password: ", "secret\n");
	assert_gets(&o, true, "(root@n) Password: ", "secret\n");
	assert_gets(&o, true, "Are you sure you want to continue connecting (yes/no/[fingerprint])? ", "");
}

static void a_bastion_does_not_even_when_its_user_has_the_same_name(void **state)
{
	const struct ssh_options by_config = { .host = "n", .user = "root", .password = "secret", .via = &bastion };
	const struct ssh_options by_name = { .host = "n", .user = "root", .password = "secret", .jump = "b" };
	const struct ssh_options by_command = { .host = "n", .user = "root", .password = "secret", .proxy_command = "x" };

	(void)state;
	assert_gets(&by_config, false, "root@b's password: ", "");
	assert_gets(&by_name, false, "root@b's password: ", "");
	assert_gets(&by_command, false, "(root@b) Password: ", "");
}

static void without_a_bastion_any_ssh_is_the_nodes(void **state)
{
	const struct ssh_options o = { .host = "n", .user = "root", .password = "secret", .jump = "none" };

	(void)state;
	assert_gets(&o, false, "root@n's password: ", "secret\n");
	assert_gets(&o, false, "other@n's password: ", "");
}

/* Told again by the same ssh it was wrong; by another one, to which a bastion's key is the same, not. */
static int asked;

static int person(void *ctx, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	(void)ctx;
	(void)prompt;
	(void)echo;
	(void)err;
	asked++;
	buf_puts(answer, "phrase");
	return 0;
}

static void ask_from(struct openssh_prompts *p, const char *prompt)
{
	char got[64];
	int status;
	pid_t pid = fork(); /* another ssh */

	if (!pid) {
		pid_t helper = fork();

		if (!helper)
			_exit(openssh_askpass_main(path, prompt));
		waitpid(helper, &status, 0);
		_exit(0);
	}
	serve(p, getpid());
	waitpid(pid, &status, 0);
	ask(p, getpid(), prompt, got, sizeof(got));
	assert_string_equal(got, "phrase\n");
}

static void a_key_that_bastion_and_node_take_is_asked_for_once(void **state)
{
	auto_err struct err err = ERR_INIT;
	struct ssh_secrets *secrets = ssh_secrets_new(&(struct ssh_asker){ person, NULL });
	const struct ssh_options o = { .host = "n", .user = "root", .secrets = secrets, .via = &bastion };
	struct openssh_prompts *p = openssh_prompts_open(&o, "node", path, &err);

	(void)state;
	assert_non_null(p);
	ask_from(p, "Enter passphrase for key '/k': ");
	assert_int_equal(asked, 1);
	openssh_prompts_close(p, SSH_PASSWORD_TAKEN);
	ssh_secrets_free(secrets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_node_gets_the_password_that_was_given),
		cmocka_unit_test(a_bastion_does_not_even_when_its_user_has_the_same_name),
		cmocka_unit_test(without_a_bastion_any_ssh_is_the_nodes),
		cmocka_unit_test(a_key_that_bastion_and_node_take_is_asked_for_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
