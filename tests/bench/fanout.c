/*
 * fanout put|bare DIR PORT DEST HOST...: the PKI below DIR/pki to DEST of all hosts at once, as root with the
 * key DIR/id and the host keys of DIR/known_hosts.
 *   put   what hactl does: pkg/plan's phases, pkg/ssh's connections, pkg/remote's put
 *   bare  as little as libssh2 can: TCP, key exchange, login, the end; a thread for each host
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <libssh2.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "plan/plan.h"
#include "remote/remote.h"
#include "ssh/ssh.h"

#define NFILES 9

static const char *const names[NFILES] = {
	"ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key",
	"etcd/ca.crt", "etcd/ca.key", "admin.conf",
};

static char *key, *known_hosts;
static int port;
static struct remote_file files[NFILES];

static char *path_of(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		abort();
	return path;
}

/* ---- put ---- */

static int check_connect(struct plan_node *n, bool *done, struct err *err)
{
	const char *const identities[] = { key, NULL }, *const known[] = { known_hosts, NULL };
	const struct ssh_options o = { .host = n->name, .port = port, .user = "root",
				       .identity_files = identities, .known_hosts = known };

	*done = true;
	n->data = ssh_connect(&o, err);
	return n->data ? 0 : -1;
}

static int check_put(struct plan_node *n, bool *done, struct err *err)
{
	*done = true;
	return remote_put(n->data, files, NFILES, NULL, err);
}

static int put(char **hosts, size_t n, struct err *err)
{
	static const struct plan_step connect_steps[] = { { .name = "connect", .check = check_connect }, { 0 } };
	static const struct plan_step put_steps[] = { { .name = "put", .check = check_put }, { 0 } };
	static const struct plan_phase connecting = { .name = "connect", .steps = connect_steps, .unbounded = true };
	static const struct plan_phase putting = { .name = "put", .steps = put_steps };
	static const struct plan_phase *const phases[] = { &connecting, &putting, NULL };
	struct plan plan = { .nodes = calloc(n, sizeof(*plan.nodes)), .n = n };
	int rc;

	for (size_t i = 0; i < n; i++)
		plan.nodes[i] = (struct plan_node){ .name = hosts[i] };
	rc = plan_run(&plan, phases, err);
	for (size_t i = 0; i < n; i++)
		remote_close(plan.nodes[i].data);
	free(plan.nodes);
	return rc;
}

/* ---- bare ---- */

#define RETRY(call) ({ \
	long rc_; \
	while ((rc_ = (call)) == LIBSSH2_ERROR_EAGAIN) \
		wait_for(fd, lib); \
	rc_; \
})

static void wait_for(int fd, LIBSSH2_SESSION *lib)
{
	int out = libssh2_session_block_directions(lib) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
	struct pollfd p = { .fd = fd, .events = out ? POLLIN | POLLOUT : POLLIN };

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
	poll(&p, 1, 10000);
}

static void *shake_hands(void *host)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	LIBSSH2_SESSION *lib = libssh2_session_init();
	long rc;

	inet_pton(AF_INET, host, &to.sin_addr);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return "connect";
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	libssh2_session_set_blocking(lib, 0);
	rc = RETRY(libssh2_session_handshake(lib, fd));
	if (rc == 0)
		rc = RETRY(libssh2_userauth_publickey_fromfile(lib, "root", NULL, key, NULL));
	if (rc == 0)
		(void)RETRY(libssh2_session_disconnect(lib, "done"));
	shutdown(fd, SHUT_RDWR);
	while (libssh2_session_free(lib) == LIBSSH2_ERROR_EAGAIN)
		;
	return rc ? "handshake" : NULL;
}

static int bare(char **hosts, size_t n, struct err *err)
{
	pthread_t *threads = calloc(n, sizeof(*threads));
	void *failed;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, shake_hands, hosts[i]))
			abort();
	for (size_t i = 0; i < n; i++) {
		pthread_join(threads[i], &failed);
		if (failed && rc == 0)
			rc = err_set(err, ERR_CONNECT, "%s: %s failed", hosts[i], (char *)failed);
	}
	free(threads);
	return rc;
}

/* ---- */

static int read_files(const char *dir, const char *dest, struct err *err)
{
	for (size_t i = 0; i < NFILES; i++) {
		auto_free char *below = path_of("pki", names[i]), *path = path_of(dir, below);
		bool public = strstr(names[i], ".crt") || strstr(names[i], ".pub");
		bool conf = !strcmp(names[i], "admin.conf");
		struct buf b = BUF_INIT;

		if (file_read(path, 1 << 16, &b, err) < 0)
			return -1;
		files[i] = (struct remote_file){ .path = path_of(dest, conf ? names[i] : below), .data = b.data,
						 .len = b.len, .mode = public ? 0644 : 0600 };
	}
	return 0;
}

int main(int argc, char **argv)
{
	auto_err struct err err = ERR_INIT;
	int rc;

	if (argc < 6)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	key = path_of(argv[2], "id");
	known_hosts = path_of(argv[2], "known_hosts");
	port = atoi(argv[3]);
	rc = read_files(argv[2], argv[4], &err);
	if (rc == 0)
		rc = ssh_init(&err);
	if (rc == 0)
		rc = (strcmp(argv[1], "bare") ? put : bare)(argv + 5, (size_t)argc - 5, &err);
	if (rc < 0)
		fprintf(stderr, "fanout: %s\n", err.msg);
	return rc < 0;
}
