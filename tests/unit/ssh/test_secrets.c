#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "remote/remote.h"
#include "ssh/secrets.h"

#define PLACES 64

/* A person who answers from a list, and what they were asked. */
struct person {
	const char *const *answers; /* ends in NULL, which is Ctrl-D */
	int asked;
	atomic_int at_once;
	char prompts[16][200];
	bool waits; /* until the program is interrupted */
};

static int reply(void *ctx, const char *prompt, bool echo, struct buf *answer, struct err *err)
{
	struct person *p = ctx;
	const char *text = p->answers[p->asked];
	struct clock_poll poll = clock_poll_start(5000, 20);

	assert_int_equal(atomic_fetch_add(&p->at_once, 1), 0);
	assert_false(echo);
	snprintf(p->prompts[p->asked++], sizeof(p->prompts[0]), "%s", prompt);
	clock_poll_pause(&poll);
	while (p->waits && !remote_interrupted() && clock_poll_pause(&poll))
		;
	atomic_fetch_sub(&p->at_once, 1);
	if (p->waits)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (!text)
		return err_set(err, ERR_CONNECT, "no answer");
	buf_puts(answer, text);
	return 0;
}

/* Nodes try the same answer at the same time, as PAM takes seconds to refuse it. */
static pthread_barrier_t all_have_one;

/* One node, which takes one password. */
struct place {
	struct ssh_secrets *secrets;
	char name[32];
	const char *takes, *file, *value;
	int tried;
	bool in;
	struct err err;
};

static void *log_in(void *arg)
{
	struct place *p = arg;
	struct ssh_password want = { .what = "password for root", .place = p->name, .hint = "set ssh.passwordFile",
				     .file = p->file, .value = p->value };

	for (bool first = true; !p->in; first = false) {
		auto_wipe struct buf password = BUF_INIT;
		int rc = ssh_secrets_password(p->secrets, &want, &password, &p->err);

		if (first)
			pthread_barrier_wait(&all_have_one);
		if (rc < 0)
			break;
		p->tried++;
		p->in = !strcmp(buf_str(&password), p->takes);
		ssh_secrets_settle(p->secrets, &want, p->in ? SSH_PASSWORD_TAKEN : SSH_PASSWORD_REFUSED);
	}
	return NULL;
}

static void run(struct ssh_secrets *s, struct place *places, int n)
{
	pthread_t threads[PLACES];

	pthread_barrier_init(&all_have_one, NULL, (unsigned int)n);
	for (int i = 0; i < n; i++) {
		places[i].secrets = s;
		snprintf(places[i].name, sizeof(places[i].name), "root@10.0.0.%d:22", i + 1);
		assert_int_equal(pthread_create(&threads[i], NULL, log_in, &places[i]), 0);
	}
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all_have_one);
}

static struct ssh_secrets *secrets_of(struct person *p)
{
	return ssh_secrets_new(&(struct ssh_asker){ reply, p });
}

static void one_answer_opens_every_place(void **state)
{
	static const char *const answers[] = { "right", NULL };
	struct person person = { .answers = answers };
	struct place places[PLACES];
	struct ssh_secrets *s = secrets_of(&person);

	(void)state;
	for (int i = 0; i < PLACES; i++)
		places[i] = (struct place){ .takes = "right" };
	run(s, places, PLACES);
	for (int i = 0; i < PLACES; i++)
		assert_true(places[i].in);
	assert_int_equal(person.asked, 1);
	assert_string_equal(person.prompts[0], "password for root (used for every node that takes it): ");
	ssh_secrets_free(s);
}

static void a_slip_is_asked_again_once_for_all(void **state)
{
	static const char *const answers[] = { "slip", "right", NULL };
	struct person person = { .answers = answers };
	struct place places[PLACES];
	struct ssh_secrets *s = secrets_of(&person);

	(void)state;
	for (int i = 0; i < PLACES; i++)
		places[i] = (struct place){ .takes = "right" };
	run(s, places, PLACES);
	for (int i = 0; i < PLACES; i++) {
		assert_true(places[i].in);
		assert_true(places[i].tried <= 2);
	}
	assert_int_equal(person.asked, 2);
	assert_non_null(strstr(person.prompts[1], ":22 does not take it; password for root (used for every node"));
	ssh_secrets_free(s);
}

static void a_place_of_its_own_password_is_named_and_asked_for_it(void **state)
{
	static const char *const answers[] = { "right", "other", NULL };
	struct person person = { .answers = answers };
	struct place places[8];
	struct ssh_secrets *s = secrets_of(&person);

	(void)state;
	for (int i = 0; i < 8; i++)
		places[i] = (struct place){ .takes = i == 5 ? "other" : "right" };
	run(s, places, 8);
	for (int i = 0; i < 8; i++)
		assert_true(places[i].in);
	assert_int_equal(person.asked, 2);
	assert_string_equal(person.prompts[1],
			    "root@10.0.0.6:22 does not take it; password for root there (empty: leave it out): ");
	/* it is remembered: nobody is asked again */
	struct place again = { .takes = "other", .secrets = s };

	snprintf(again.name, sizeof(again.name), "%s", places[5].name);
	pthread_barrier_init(&all_have_one, NULL, 1);
	log_in(&again);
	pthread_barrier_destroy(&all_have_one);
	assert_true(again.in);
	assert_int_equal(again.tried, 1);
	assert_int_equal(person.asked, 2);
	ssh_secrets_free(s);
}

static void after_three_answers_it_is_over(void **state)
{
	static const char *const answers[] = { "a", "b", "c", "d", NULL };
	struct person person = { .answers = answers };
	struct place places[4];
	struct ssh_secrets *s = secrets_of(&person);

	(void)state;
	for (int i = 0; i < 4; i++)
		places[i] = (struct place){ .takes = "right" };
	run(s, places, 4);
	for (int i = 0; i < 4; i++) {
		assert_false(places[i].in);
		assert_string_equal(places[i].err.msg, "none of the 3 passwords is taken");
		err_clear(&places[i].err);
	}
	assert_int_equal(person.asked, 3);
	ssh_secrets_free(s);
}

static void a_place_alone_has_three_answers_too(void **state)
{
	static const char *const answers[] = { "right", "b", "c", "d", NULL };
	struct person person = { .answers = answers };
	struct place places[2] = { { .takes = "right" }, { .takes = "other" } };
	struct ssh_secrets *s = secrets_of(&person);

	(void)state;
	run(s, places, 2);
	assert_true(places[0].in);
	assert_false(places[1].in);
	assert_int_equal(places[1].tried, 3);
	err_clear(&places[1].err);
	ssh_secrets_free(s);
}

static void no_answer_is_no_second_question(void **state)
{
	static const char *const answers[] = { "", NULL };
	struct person person = { .answers = answers };
	struct place places[8];
	struct ssh_secrets *s = secrets_of(&person);

	(void)state;
	for (int i = 0; i < 8; i++)
		places[i] = (struct place){ .takes = "right" };
	run(s, places, 8);
	for (int i = 0; i < 8; i++) {
		assert_string_equal(places[i].err.msg, "no password was given");
		err_clear(&places[i].err);
	}
	assert_int_equal(person.asked, 1);
	ssh_secrets_free(s);
}

static void without_a_terminal_the_error_says_how_to_give_it(void **state)
{
	struct place place = { .takes = "right" };
	struct ssh_secrets *s = ssh_secrets_new(NULL);

	(void)state;
	run(s, &place, 1);
	assert_string_equal(place.err.msg, "a password for root is needed, and there is no terminal to ask for it: "
					   "set ssh.passwordFile");
	err_clear(&place.err);
	ssh_secrets_free(s);
}

static void what_is_given_is_tried_once(void **state)
{
	struct place place = { .takes = "right", .value = "right" }, wrong = { .takes = "right", .value = "wrong" };
	struct ssh_secrets *s = ssh_secrets_new(NULL);

	(void)state;
	run(s, &place, 1);
	assert_true(place.in);
	run(s, &wrong, 1);
	assert_int_equal(wrong.tried, 1);
	assert_string_equal(wrong.err.msg, "the password that was given is not taken");
	err_clear(&wrong.err);
	ssh_secrets_free(s);
}

static void a_file_is_read_once_and_may_be_a_pipe(void **state)
{
	char path[32];
	int ends[2];
	struct place places[8];
	struct ssh_secrets *s = ssh_secrets_new(NULL);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "right\r\nsecond line\n", 19), 19);
	close(ends[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	for (int i = 0; i < 8; i++)
		places[i] = (struct place){ .takes = "right", .file = path };
	run(s, places, 8);
	for (int i = 0; i < 8; i++)
		assert_true(places[i].in);
	close(ends[0]);
	ssh_secrets_free(s);
}

static void a_file_that_is_missing_or_empty_is_named(void **state)
{
	struct place missing = { .takes = "x", .file = "/nonexistent/password" }, empty = { .takes = "x", .file = "/dev/null" };
	struct ssh_secrets *s = ssh_secrets_new(NULL);

	(void)state;
	run(s, &missing, 1);
	assert_non_null(strstr(missing.err.msg, "/nonexistent/password: No such file"));
	run(s, &empty, 1);
	assert_string_equal(empty.err.msg, "'/dev/null' has no password in its first line");
	err_clear(&missing.err);
	err_clear(&empty.err);
	ssh_secrets_free(s);
}

static void what_was_not_tried_is_given_again(void **state)
{
	static const char *const answers[] = { "right", NULL };
	struct person person = { .answers = answers };
	struct ssh_secrets *s = secrets_of(&person);
	struct ssh_password want = { .what = "password for root", .place = "here", .hint = "" };
	auto_err struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 5; i++) {
		auto_wipe struct buf password = BUF_INIT;

		assert_int_equal(ssh_secrets_password(s, &want, &password, &err), 0);
		assert_string_equal(buf_str(&password), "right");
		ssh_secrets_settle(s, &want, SSH_PASSWORD_UNTRIED);
	}
	assert_int_equal(person.asked, 1);
	ssh_secrets_free(s);
}

static void different_passwords_are_kept_apart(void **state)
{
	static const char *const answers[] = { "login", "sudo", NULL };
	struct person person = { .answers = answers };
	struct ssh_secrets *s = secrets_of(&person);
	auto_err struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct ssh_password want = { .what = i % 2 ? "sudo password of dev" : "password for dev", .place = "here",
					     .hint = "" };
		auto_wipe struct buf password = BUF_INIT;

		assert_int_equal(ssh_secrets_password(s, &want, &password, &err), 0);
		assert_string_equal(buf_str(&password), answers[i % 2]);
		ssh_secrets_settle(s, &want, SSH_PASSWORD_TAKEN);
	}
	assert_int_equal(person.asked, 2);
	ssh_secrets_free(s);
}

static void *interrupt(void *unused)
{
	struct clock_poll p = clock_poll_start(1000, 100);

	(void)unused;
	clock_poll_pause(&p);
	clock_poll_pause(&p);
	remote_interrupt(true);
	return NULL;
}

static void an_interrupt_ends_the_question_and_all_who_wait(void **state)
{
	static const char *const answers[] = { "right", NULL };
	struct person person = { .answers = answers, .waits = true };
	struct place places[8];
	struct ssh_secrets *s = secrets_of(&person);
	pthread_t t;

	(void)state;
	for (int i = 0; i < 8; i++)
		places[i] = (struct place){ .takes = "right" };
	assert_int_equal(pthread_create(&t, NULL, interrupt, NULL), 0);
	run(s, places, 8);
	pthread_join(t, NULL);
	remote_interrupt(false);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(places[i].err.kind, ERR_INTERRUPTED);
		err_clear(&places[i].err);
	}
	assert_int_equal(person.asked, 1);
	ssh_secrets_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_answer_opens_every_place),
		cmocka_unit_test(a_slip_is_asked_again_once_for_all),
		cmocka_unit_test(a_place_of_its_own_password_is_named_and_asked_for_it),
		cmocka_unit_test(after_three_answers_it_is_over),
		cmocka_unit_test(a_place_alone_has_three_answers_too),
		cmocka_unit_test(no_answer_is_no_second_question),
		cmocka_unit_test(without_a_terminal_the_error_says_how_to_give_it),
		cmocka_unit_test(what_is_given_is_tried_once),
		cmocka_unit_test(a_file_is_read_once_and_may_be_a_pipe),
		cmocka_unit_test(a_file_that_is_missing_or_empty_is_named),
		cmocka_unit_test(what_was_not_tried_is_given_again),
		cmocka_unit_test(different_passwords_are_kept_apart),
		cmocka_unit_test(an_interrupt_ends_the_question_and_all_who_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
