#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "openssh/master.h"
#include "openssh/mux.h"
#include "remote/frame.h"

#define DEFAULT_TIMEOUT_MS 10000
#define MAX_RETRIES 6
#define MAX_BASTIONS 8
#define MUX_MS 5000
/* Between two looks whether ssh is ready, which nothing announces. */
#define FIRST_LOOK_MS 5

struct attempt {
	struct openssh_master *m;
	const struct ssh_options *o;
	struct openssh_prompts *prompts; /* NULL: nothing is asked */
	int64_t deadline_ms;
	int number;
	int bastions; /* how often a new key of one was accepted */
};

static char *name_of(const struct ssh_options *o)
{
	bool bare = !strchr(o->host, ':');
	struct buf b = BUF_INIT;

	if (o->user)
		buf_printf(&b, "%s@", o->user);
	buf_printf(&b, "%s%s%s", bare ? "" : "[", o->host, bare ? "" : "]");
	if (o->port || o->user)
		buf_printf(&b, ":%d", o->port ? o->port : 22);
	return buf_detach(&b);
}

bool openssh_alive(struct openssh_master *m, int64_t deadline_ms)
{
	auto_buf struct buf request = BUF_INIT, why = BUF_INIT;
	auto_close int fd = mux_connect(m->path, deadline_ms);

	mux_alive(&request);
	return fd >= 0 && mux_ask(fd, &request, NULL, 0, deadline_ms, &why) == 0;
}

int openssh_fail(struct openssh_master *m, int64_t deadline_ms, const char *doing, struct err *err)
{
	auto_buf struct buf words = BUF_INIT;

	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (clock_ms() >= deadline_ms)
		return err_set(err, ERR_CONNECT, "%s: no answer in time (%s): the machine is slow or sshd hangs",
			       m->name, doing);
	openssh_listen(&m->ssh);
	frame_last_lines(&m->ssh.said, &words);
	return err_set(err, ERR_CONNECT,
		       "%s: the connection is lost (%s%s%s); check the machine and run the command again",
		       m->name, doing, words.len ? ": " : "", buf_str(&words));
}

static void master_close(struct remote *r)
{
	struct openssh_master *m = (struct openssh_master *)r;

	openssh_unhold(r);
	openssh_tunnels_end(m);
	openssh_end(&m->ssh);
	if (m->config)
		unlink(m->config);
	if (m->known_hosts)
		unlink(m->known_hosts);
	if (m->path)
		openssh_keeper_leave(m->path);
	buf_release(&m->ssh.said);
	remote_release(&m->remote);
	free(m->path);
	free(m->config);
	free(m->known_hosts);
	free(m->name);
	free(m);
}

static struct openssh_master *master_new(const struct ssh_options *o)
{
	static const struct remote_ops ops = { openssh_exec, openssh_tunnel, openssh_hold, openssh_beat, openssh_unhold, master_close };
	struct openssh_master *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->remote.ops = &ops;
	m->remote.root = o->user && strcmp(o->user, "root") ? REMOTE_ROOT_AUTO : REMOTE_ROOT_NONE;
	m->ssh = (struct openssh_process)OPENSSH_PROCESS_INIT;
	m->name = name_of(o);
	memset(m->held, -1, sizeof(m->held));
	return m;
}

static int start(struct attempt *a, struct err *err)
{
	const struct openssh_purpose purpose = {
		.control_path = a->m->path,
		.config = a->m->config,
		.known_hosts = a->m->known_hosts,
		.ask = a->prompts != NULL,
		.timeout_ms = (int)(a->deadline_ms - clock_ms()),
	};
	auto_buf struct buf askpass = BUF_INIT, helper = BUF_INIT;
	auto_strs struct strs argv = STRS_INIT;

	buf_puts(&askpass, "SSH_ASKPASS=");
	openssh_own_path(&askpass);
	buf_printf(&helper, "HACTL_SSH_HELPER=askpass:%s.ask", a->m->path);

	const char *const env[] = {
		buf_str(&askpass), buf_str(&helper), "SSH_ASKPASS_REQUIRE=force",
		"DISPLAY=:", /* before OpenSSH 8.4 that is what asks for it */
		NULL,
	};

	if (openssh_arguments(a->o, &purpose, &argv, err) < 0)
		return -1;
	buf_clear(&a->m->ssh.said);
	return openssh_start(&a->m->ssh, argv.v, env, err);
}

static int out_of_time(struct attempt *a, struct err *err)
{
	auto_buf struct buf words = BUF_INIT;

	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	frame_last_lines(&a->m->ssh.said, &words);
	return err_set(err, ERR_CONNECT,
		       "%s: no answer in time (connecting%s%s): is the machine up, the address right, and no "
		       "firewall between?", a->m->name, words.len ? ": " : "", buf_str(&words));
}

/* 0: ssh shares its connection; 1: it has ended; -1: neither in time. */
static int wait_ready(struct attempt *a, struct err *err)
{
	int look_ms = FIRST_LOOK_MS;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = a->m->ssh.log, .events = POLLIN },
			{ .fd = a->prompts ? openssh_prompts_fd(a->prompts) : -1, .events = POLLIN },
		};

		if (remote_interrupted() || clock_ms() >= a->deadline_ms)
			return out_of_time(a, err);
		poll(p, 2, look_ms);
		look_ms = look_ms < OPENSSH_SLICE_MS / 2 ? look_ms * 2 : look_ms;
		if (p[0].revents)
			openssh_listen(&a->m->ssh);
		if (p[1].revents)
			a->deadline_ms += openssh_prompts_serve(a->prompts, a->m->ssh.pid);
		if (openssh_alive(a->m, clock_ms() + MUX_MS))
			return 0;
		if (openssh_has_ended(&a->m->ssh))
			return 1;
	}
}

/* 100 ms, doubled each time, and up to as much again by chance.  false: the time does not allow
 * for it. */
static bool pause_before_retry(const struct attempt *a)
{
	unsigned int pause = 100U << a->number, chance = 0;

	(void)!getrandom(&chance, sizeof(chance), 0);
	pause += chance % pause;
	if (a->number == MAX_RETRIES || clock_ms() + pause + 200 > a->deadline_ms)
		return false;
	nanosleep(&(struct timespec){ pause / 1000, pause % 1000 * 1000000L }, NULL);
	return !remote_interrupted();
}

/* From now on this one key counts, and no other. */
static int pin(struct openssh_master *m, const char *key, struct err *err)
{
	auto_free char *line = NULL;

	if ((!m->known_hosts && asprintf(&m->known_hosts, "%s.key", m->path) < 0) ||
	    asprintf(&line, "* %s\n", key) < 0)
		abort();
	return file_write(m->known_hosts, line, strlen(line), 0600, err);
}

/* The line of ssh's that names the host; of bastions nothing else is known. */
static void find_words(const struct buf *said, struct buf *words)
{
	const char *end = strstr(buf_str(said), " and you have requested strict checking"), *at = end;

	while (at && at > buf_str(said) && at[-1] != '\n')
		at--;
	if (end)
		buf_add(words, at, (size_t)(end - at));
	else
		frame_last_lines(said, words);
}

/* 1: try again. */
static int judge_host_key(struct attempt *a, struct err *err)
{
	auto_buf struct buf key = BUF_INIT, words = BUF_INIT;
	bool bastion = false;
	int rc = openssh_judge_host_key(a->m, a->o, a->deadline_ms, &key, &bastion, err);

	if (rc == 0 && bastion && a->bastions++ < MAX_BASTIONS)
		return 1; /* its key is one of known_hosts' now */
	if (rc == 0 && !bastion && !a->m->known_hosts)
		return pin(a->m, buf_str(&key), err) < 0 ? -1 : 1;
	if (a->o->untrusted)
		*a->o->untrusted = true;
	if (rc < 0)
		return -1;
	find_words(&a->m->ssh.said, &words);
	return err_set(err, ERR_CONNECT, "%s: ssh does not trust %s: %s", a->m->name,
		       a->m->config ? "a host key on the way" : "its host key", buf_str(&words));
}

/* ssh has ended before it was ready.  1: try again. */
static int judge_end(struct attempt *a, struct err *err)
{
	auto_err struct err why = ERR_INIT;
	bool again;

	openssh_end(&a->m->ssh);
	if (openssh_refused_host_key(&a->m->ssh.said))
		return judge_host_key(a, err);
	openssh_explain(a->o, a->m->name, &a->m->ssh.said, &again, &why);
	if (a->o->refusal)
		a->o->refusal->login = openssh_refused_login(&a->m->ssh.said);
	if (again && pause_before_retry(a))
		return 1;
	if (remote_interrupted())
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (a->prompts && *openssh_prompts_failure(a->prompts))
		return err_set(err, ERR_CONNECT, "%s; %s", why.msg, openssh_prompts_failure(a->prompts));
	return err_set(err, why.kind, "%s", why.msg);
}

static int open_prompts(struct attempt *a, struct err *err)
{
	auto_free char *path = NULL;

	if (!a->o->password && !a->o->password_file && !a->o->secrets)
		return 0;
	if (asprintf(&path, "%s.ask", a->m->path) < 0)
		abort();
	a->prompts = openssh_prompts_open(a->o, a->m->name, path, err);
	return a->prompts ? 0 : -1;
}

static int write_config(const struct attempt *a, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (openssh_config(a->o, &text, err) < 0)
		return -1;
	if (!text.len)
		return 0;
	if (asprintf(&a->m->config, "%s.conf", a->m->path) < 0)
		abort();
	return file_write(a->m->config, text.data, text.len, 0600, err);
}

static int try_until_ready(struct attempt *a, struct err *err)
{
	int rc = 1;

	if (openssh_keeper_join(&a->m->path, err) < 0 || write_config(a, err) < 0 || open_prompts(a, err) < 0 ||
	    (a->o->host_key && pin(a->m, a->o->host_key, err) < 0))
		return -1;
	for (a->number = 0; rc > 0; a->number++) {
		rc = start(a, err);
		if (!rc)
			rc = wait_ready(a, err);
		if (rc > 0)
			rc = judge_end(a, err);
	}
	return rc;
}

struct remote *openssh_connect(const struct ssh_options *o, struct err *err)
{
	struct attempt a = {
		.m = master_new(o),
		.o = o,
		.deadline_ms = clock_ms() +
			       (o->connect_timeout_ms ? o->connect_timeout_ms : DEFAULT_TIMEOUT_MS),
	};
	int rc = try_until_ready(&a, err);

	openssh_prompts_close(a.prompts, !rc ? SSH_PASSWORD_TAKEN : SSH_PASSWORD_REFUSED);
	if (rc < 0) {
		master_close(&a.m->remote);
		return NULL;
	}
	return &a.m->remote;
}

void openssh_helper(int argc, char **argv)
{
	static const char askpass[] = "askpass:";
	const char *mode = getenv("HACTL_SSH_HELPER");

	if (!mode)
		return;
	if (!strcmp(mode, "keeper") && argc == 2)
		_exit(openssh_keeper_main(argv[1]));
	if (argc == 5 && !strcmp(argv[1], "host-key"))
		_exit(openssh_tell_key_main(argv + 2));
	if (!strncmp(mode, askpass, strlen(askpass)) && argc == 2)
		_exit(openssh_askpass_main(mode + strlen(askpass), argv[1]));
}
