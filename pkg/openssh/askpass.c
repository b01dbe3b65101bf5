#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "openssh/master.h"

/* ssh itself takes no longer answer. */
#define MAX_TEXT 4096
#define MAX_PROMPTS 16
/* From the helper's start to its request, and for its answer to be taken. */
#define HELPER_MS 5000

/* A question and what is known of its answer: the same ssh asks it again when that was wrong. */
struct prompt {
	pid_t asker;
	char *text;
	char *what, *place;
	struct ssh_password password;
	bool keeps; /* the answer is good for more than once */
	bool open;  /* given, and not yet settled */
};

struct openssh_prompts {
	const struct ssh_options *o;
	const char *name;
	pid_t master; /* the ssh that speaks to the node; those to bastions are its children */
	struct ssh_secrets *secrets, *own;
	char *path;
	int fd;
	struct prompt list[MAX_PROMPTS];
	size_t n;
	struct buf failure;
};

static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&addr, sizeof(addr)) && !listen(fd, 4))
		return fd;
	err_errno(err, "'%s'", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

struct openssh_prompts *openssh_prompts_open(const struct ssh_options *o, const char *name,
					     const char *path, struct err *err)
{
	struct openssh_prompts *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->o = o;
	p->name = name;
	p->fd = listen_at(path, err);
	if (p->fd < 0) {
		free(p);
		return NULL;
	}
	p->path = strdup(path);
	if (!o->secrets)
		p->own = ssh_secrets_new(NULL);
	p->secrets = o->secrets ? o->secrets : p->own;
	return p;
}

int openssh_prompts_fd(const struct openssh_prompts *p)
{
	return p->fd;
}

const char *openssh_prompts_failure(const struct openssh_prompts *p)
{
	return buf_str(&p->failure);
}

/* "root@host's password: " and "(root@host) Password: ": who asks, as user@host. */
static char *asker_of(const char *text)
{
	const char *at = text + (*text == '('), *end = at + strcspn(at, "') ");

	return memchr(at, '@', (size_t)(end - at)) ? strndup(at, (size_t)(end - at)) : NULL;
}

/* The password that was given is the node's, and not shown to others.  Only where there are others
 * it matters which ssh asks: it may be started by a script of the user's. */
static bool is_of_node(const struct prompt *q, const struct openssh_prompts *p)
{
	const struct ssh_options *o = p->o;

	return q->asker == p->master ||
	       (!o->via && !o->proxy_command && (!o->jump || !strcmp(o->jump, "none")));
}

static void describe_login(struct prompt *q, const struct openssh_prompts *p)
{
	auto_free char *asker = asker_of(q->text);
	const char *user = asker ? asker : p->o->user ? p->o->user : "root";
	int len = (int)strcspn(user, "@");
	bool ours = is_of_node(q, p) &&
		    (!p->o->user || ((int)strlen(p->o->user) == len && !strncmp(p->o->user, user, (size_t)len)));

	if (asprintf(&q->what, "password for %.*s", len, user) < 0)
		abort();
	q->place = asker && !ours ? TAKE(asker) : strdup(p->name);
	q->password.value = ours ? p->o->password : NULL;
	q->password.file = ours && !p->o->password ? p->o->password_file : NULL;
	q->password.hint = "set ssh.passwordFile or ssh.passwordEnv, or use a key";
}

/* false: a code that is good once, which no other node takes. */
static bool describe(struct prompt *q, const struct openssh_prompts *p)
{
	const char *key = strstr(q->text, "passphrase for key ");

	if (key) {
		key += strlen("passphrase for ");
		if (asprintf(&q->what, "passphrase for %.*s", (int)strcspn(key, ":"), key) < 0)
			abort();
		q->place = strdup(p->name);
		q->password.hint = "run ssh-add for the key first";
	} else if (strcasestr(q->text, "password")) {
		describe_login(q, p);
	}
	q->password.what = q->what;
	q->password.place = q->place;
	return q->what;
}

static struct prompt *find(struct openssh_prompts *p, pid_t asker, const char *text)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->list[i].asker == asker && !strcmp(p->list[i].text, text))
			return &p->list[i];
	if (p->n == MAX_PROMPTS)
		return NULL;
	p->list[p->n].asker = asker;
	p->list[p->n].text = strdup(text);
	p->list[p->n].keeps = describe(&p->list[p->n], p);
	return &p->list[p->n++];
}

static void settle(struct openssh_prompts *p, struct prompt *q, enum ssh_verdict verdict)
{
	if (q->open)
		ssh_secrets_settle(p->secrets, &q->password, verdict);
	q->open = false;
}

static int ask_once(struct openssh_prompts *p, const char *text, struct buf *out, struct err *err)
{
	auto_buf struct buf prompt = BUF_INIT;

	buf_printf(&prompt, "%s: %s", p->name, text);
	return ssh_secrets_ask(p->secrets, buf_str(&prompt), false, out, err);
}

/* message: who asks, and in a line of its own what.  A question about a host key is never answered:
 * known_hosts decide. */
static int answer(struct openssh_prompts *p, const char *message, struct buf *out)
{
	auto_err struct err err = ERR_INIT;
	const char *text = strchr(message, '\n');
	struct prompt *q;
	int rc;

	if (!text || strstr(++text, "(yes/no") || !(q = find(p, (pid_t)atoi(message), text)))
		return -1;
	settle(p, q, SSH_PASSWORD_REFUSED);
	rc = q->keeps ? ssh_secrets_password(p->secrets, &q->password, out, &err) :
			ask_once(p, text, out, &err);
	q->open = !rc && q->keeps;
	if (rc < 0) {
		buf_clear(&p->failure);
		buf_puts(&p->failure, err.msg);
	}
	return rc;
}

/* One message: up to the other's end of writing. */
static int receive(int fd, struct buf *b)
{
	int64_t until = clock_ms() + HELPER_MS;
	char chunk[MAX_TEXT];
	ssize_t n = 1;

	while (n && b->len < MAX_TEXT) {
		if (remote_interrupted() || clock_ms() >= until)
			return -1;
		if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, OPENSSH_SLICE_MS) <= 0)
			continue;
		n = recv(fd, chunk, MAX_TEXT - b->len, 0);
		if (n < 0)
			return -1;
		buf_add(b, chunk, (size_t)n);
		explicit_bzero(chunk, (size_t)n);
	}
	return 0;
}

int64_t openssh_prompts_serve(struct openssh_prompts *p, pid_t master)
{
	auto_close int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
	auto_buf struct buf text = BUF_INIT;
	auto_wipe struct buf reply = BUF_INIT;
	int64_t begun = clock_ms();

	p->master = master;
	if (fd < 0 || receive(fd, &text) < 0)
		return 0;
	buf_reserve(&reply, MAX_TEXT);
	buf_puts(&reply, "=");
	if (answer(p, buf_str(&text), &reply) == 0)
		(void)!send(fd, reply.data, reply.len, MSG_NOSIGNAL);
	return clock_ms() - begun;
}

void openssh_prompts_close(struct openssh_prompts *p, enum ssh_verdict verdict)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		settle(p, &p->list[i], verdict);
		free(p->list[i].text);
		free(p->list[i].what);
		free(p->list[i].place);
	}
	close(p->fd);
	unlink(p->path);
	free(p->path);
	ssh_secrets_free(p->own);
	buf_release(&p->failure);
	free(p);
}

/* ---- what follows runs in the helper that ssh starts ---- */

/* ssh reads the answer from its stdout. */
int openssh_askpass_main(const char *path, const char *prompt)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *kind = getenv("SSH_ASKPASS_PROMPT");
	auto_buf struct buf message = BUF_INIT;
	auto_wipe struct buf reply = BUF_INIT;
	char chunk[MAX_TEXT];
	ssize_t n;

	if (kind && *kind) {
		/* "none": a key waits to be touched, and ssh ends this.  "confirm": never. */
		if (!strcmp(kind, "none"))
			poll(NULL, 0, -1);
		return 1;
	}
	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	buf_printf(&message, "%d\n", (int)getppid());
	buf_add(&message, prompt, strnlen(prompt, MAX_TEXT - 1 - message.len));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    send(fd, message.data, message.len, MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) < 0)
		return 1;
	buf_reserve(&reply, MAX_TEXT);
	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0 && reply.len + (size_t)n < MAX_TEXT)
		buf_add(&reply, chunk, (size_t)n);
	explicit_bzero(chunk, sizeof(chunk));
	if (!reply.len)
		return 1;
	buf_puts(&reply, "\n");
	return write(1, reply.data + 1, reply.len - 1) != (ssize_t)reply.len - 1;
}
