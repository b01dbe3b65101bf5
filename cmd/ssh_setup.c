/* hactl ssh setup: from machines that know a password to nodes that know the operator's key. */
#define _GNU_SOURCE
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cmd.h"
#include "connect.h"
#include "run.h"
#include "ssh/known_hosts.h"
#include "ssh/public.h"
#include "ssh/ssh.h"
#include "tmpl/tmpl.h"

#define USUAL_KEY "~/.ssh/id_ed25519"
#define HOW_TO_COMPARE "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"

struct setup_opts {
	struct run_opts run;
	bool generate, root;
	char **names;
};

static const struct cli_opt opts[] = {
	OPT_FLAG(struct setup_opts, generate, 0, "generate", "make an ed25519 key without a passphrase where there is none"),
	OPT_FLAG(struct setup_opts, root, 0, "root", "also let the key log in as root, through sudo"),
	OPT_END,
};

/* Whoever logs in: the user of hactl.yaml, and with --root root. */
enum login { LOGIN_USER, LOGIN_ROOT, NLOGINS };

struct node {
	struct ssh_refusal refusal; /* of the first attempt: its fingerprint is empty unless the key is unknown */
	bool works[NLOGINS], added;
	struct buf key;             /* the line for authorized_keys */
};

/* One command per process, and steps have no place for more than a steps_node. */
static struct setup {
	const struct setup_opts *o;
	const struct inventory *inv;
	struct node *nodes; /* parallel to inv->nodes */
	size_t n;
} setup;

static struct node *node_of(const struct steps_node *n)
{
	return &setup.nodes[n->inv - setup.inv->nodes];
}

static struct connect *connect_of(const struct steps_run *run)
{
	return run->opt.ctx;
}

static const char *address_of(const struct steps_node *n)
{
	return n->address ? n->address : n->inv->address;
}

/* ---- which logins work, and whose host key is not known ---- */

/* Tries the keys alone.  0 unless something else is wrong than that none is taken; *login says. */
static int try_keys(struct steps_node *n, enum login login, struct ssh_refusal *refusal, struct err *err)
{
	const struct connect_how how = { .user = login == LOGIN_ROOT ? "root" : NULL, .keys_only = true,
					 .refusal = refusal };
	struct node *node = node_of(n);
	bool untrusted = false;
	struct remote *r = connect_node_as(connect_of(n->run), n->inv, address_of(n), &how, &untrusted, err);

	node->works[login] = r;
	if (r && r->root == REMOTE_ROOT_NONE)
		node->works[LOGIN_ROOT] = true;
	remote_close(r);
	return r || refusal->login || refusal->fingerprint.len ? 0 : -1;
}

static int look(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);
	auto_err struct err why = ERR_INIT;

	*done = true;
	if (try_keys(n, LOGIN_USER, &node_of(n)->refusal, &why) == 0)
		return 0;
	*err = why;
	why = (struct err)ERR_INIT;
	return -1;
}

/* ---- host keys ---- */

static size_t list_unknown(const struct steps_run *run, struct buf *list)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++) {
		const struct ssh_refusal *r = &node_of(&run->nodes[i])->refusal;

		if (!r->fingerprint.len)
			continue;
		n++;
		buf_printf(list, "  %s (%s)  %s\n", run->nodes[i].inv->name, run->nodes[i].inv->address,
			   buf_str(&r->fingerprint));
	}
	return n;
}

static int check_host_keys(struct plan_node *p, bool *done, struct err *err)
{
	auto_buf struct buf list = BUF_INIT;

	(void)err;
	*done = !list_unknown(steps_node(p)->run, &list);
	return 0;
}

static int refuse_unknown(struct steps_run *run, size_t n, struct err *err)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct ssh_refusal *r = &node_of(&run->nodes[i])->refusal;

		if (r->fingerprint.len)
			plan_problem(&run->plan, run->nodes[i].inv->name, NULL, "its host key is not known: %s",
				     buf_str(&r->fingerprint));
	}
	return err_set(err, ERR_CONNECT,
		       "%zu host key%s not known, and nobody can be asked here: compare with '" HOW_TO_COMPARE
		       "' on the machines, then run again with --accept-new-host-keys", n, n == 1 ? " is" : "s are");
}

static int ask_for_host_keys(struct connect *c, const char *list, struct err *err)
{
	auto_buf struct buf prompt = BUF_INIT, answer = BUF_INIT;

	buf_printf(&prompt, "These host keys are not known:\n%sCompare with '" HOW_TO_COMPARE
		   "' on the machines.  Trust them? [y/n] ", list);
	if (ssh_secrets_ask(c->secrets, buf_str(&prompt), true, &answer, err) < 0)
		return -1;
	if (strcasecmp(buf_str(&answer), "y") && strcasecmp(buf_str(&answer), "yes"))
		return err_set(err, ERR_CONNECT, "the host keys were not trusted; nothing was changed");
	return 0;
}

/* Adds just what was shown; a key that a machine shows later is compared with it. */
static int record(struct steps_run *run, struct err *err)
{
	struct connect *c = connect_of(run);

	for (size_t i = 0; i < run->n; i++) {
		struct ssh_refusal *r = &node_of(&run->nodes[i])->refusal;

		if (!r->fingerprint.len)
			continue;
		if (!r->file)
			return err_set(err, ERR_CONFIG, "there is no file of known hosts to add '%s' to", buf_str(&r->line));
		if (known_hosts_append(r->file, buf_str(&r->line), err) < 0)
			return -1;
		plan_note(&run->plan, run->nodes[i].inv->name, "host key %s added to '%s'", buf_str(&r->fingerprint),
			  r->file);
		ssh_refusal_release(r);
	}
	ssh_share_free(c->share); /* it has read the files as they were */
	c->share = ssh_share_new();
	return 0;
}

static int apply_host_keys(struct plan_node *p, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;
	struct connect *c = connect_of(run);
	auto_buf struct buf list = BUF_INIT;
	size_t n = list_unknown(run, &list);

	if (!setup.o->run.accept_new_host_keys && !ssh_secrets_can_ask(c->secrets))
		return refuse_unknown(run, n, err);
	if (!setup.o->run.accept_new_host_keys && ask_for_host_keys(c, buf_str(&list), err) < 0)
		return -1;
	return record(run, err);
}

/* ---- the operator's key ---- */

static char *comment(void)
{
	const struct passwd *pw = getpwuid(getuid());
	char host[256] = "localhost", *text;

	gethostname(host, sizeof(host) - 1);
	if (asprintf(&text, "%s@%s", pw ? pw->pw_name : "hactl", host) < 0)
		abort();
	return text;
}

static int generate(struct plan *p, const char *path, struct buf *key, struct err *err)
{
	auto_free char *who = comment();
	int rc;

	if (!setup.o->generate)
		return err_set(err, ERR_FAILED, "there is no key to set up: '%s' does not exist%s; --generate makes it",
			       path, strcmp(path, USUAL_KEY) ? "" : ", and no agent has one");
	if (ssh_public_generate(path, who, err) < 0)
		return -1;
	plan_note(p, NULL, "made the key '%s'", path);
	rc = ssh_public_find(path, key, err);
	return rc == 1 ? err_set(err, ERR_FAILED, "'%s' was made, but is not there", path) : rc;
}

static bool is_complete(const struct steps_node *n)
{
	const struct node *node = node_of(n);

	return node->works[LOGIN_USER] && (node->works[LOGIN_ROOT] || !setup.o->root);
}

/* Only where a node needs it, so that nothing is made for nothing. */
static int find_keys(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_run *run = steps_node(p)->run;

	*done = true;
	for (size_t i = 0; i < run->n; i++) {
		const struct steps_node *n = &run->nodes[i];
		struct buf *key = &node_of(n)->key;
		int rc = is_complete(n) || key->len ? 0 : ssh_public_find(n->inv->ssh.identity_file, key, err);

		if (rc == 1)
			rc = generate(p->plan, n->inv->ssh.identity_file ? n->inv->ssh.identity_file : USUAL_KEY, key, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* ---- authorized_keys ---- */

/* After the key was added a refusal is no longer what we are here for. */
static int check_login(struct steps_node *n, enum login login, struct err *err)
{
	struct ssh_refusal refusal = { 0 };
	auto_err struct err why = ERR_INIT;
	const struct node *node = node_of(n);
	int rc = 0;

	if (node->works[login] || (login == LOGIN_USER && node->refusal.login && !node->added))
		return 0;
	if (try_keys(n, login, &refusal, &why) < 0)
		rc = err_set(err, why.kind, "%s", why.msg);
	else if (!node->works[login] && node->added)
		rc = err_set(err, ERR_CONNECT,
			     "the key is in authorized_keys now, but sshd does not take it: see AuthorizedKeysFile, "
			     "PubkeyAuthentication and PermitRootLogin in sshd_config, and sshd's log (%s)", why.msg);
	ssh_refusal_release(&refusal);
	return rc;
}

static int check_keys(struct plan_node *p, bool *done, struct err *err)
{
	struct steps_node *n = steps_node(p);

	if (check_login(n, LOGIN_USER, err) < 0 || (setup.o->root && check_login(n, LOGIN_ROOT, err) < 0))
		return -1;
	*done = is_complete(n);
	return 0;
}

static int add_key(struct steps_node *n, enum login login, struct err *err)
{
	const struct remote_var vars[] = { { "key", buf_str(&node_of(n)->key) }, { "home", "" }, { NULL, NULL } };
	const struct remote_cmd cmd = { .script = tmpl_text("authorized-keys.sh"), .vars = vars };
	auto_remote_result struct remote_result res = REMOTE_RESULT_INIT;
	struct remote *r = connect_node(connect_of(n->run), n->inv, address_of(n), NULL, err);
	int rc;

	if (!r)
		return -1;
	if (login == LOGIN_USER)
		r->root = REMOTE_ROOT_NONE; /* the login's own file */
	rc = remote_check(r, &cmd, &res, err);
	if (rc == 0 && strstr(buf_str(&res.out), "changed"))
		plan_note(&n->run->plan, n->inv->name, "key added to authorized_keys of %s",
			  login == LOGIN_ROOT ? "root" : n->inv->ssh.user ? n->inv->ssh.user : "the login");
	remote_close(r);
	return rc;
}

static int apply_keys(struct plan_node *p, struct err *err)
{
	struct steps_node *n = steps_node(p);
	struct node *node = node_of(n);

	for (enum login login = LOGIN_USER; login <= (setup.o->root ? LOGIN_ROOT : LOGIN_USER); login++)
		if (!node->works[login] && add_key(n, login, err) < 0)
			return -1;
	node->added = true;
	return 0;
}

/* ---- */

static const struct plan_step look_steps[] = {
	{ .name = "key-login", .title = "login by key", .check = look },
	{ .name = NULL },
};
static const struct plan_step host_key_steps[] = {
	{ .name = "host-keys", .title = "host keys", .check = check_host_keys, .apply = apply_host_keys },
	{ .name = NULL },
};
static const struct plan_step find_steps[] = {
	{ .name = "own-key", .title = "your key", .check = find_keys },
	{ .name = NULL },
};
static const struct plan_step key_steps[] = {
	{ .name = "authorized-keys", .title = "authorized_keys", .check = check_keys, .apply = apply_keys },
	{ .name = NULL },
};
static const struct plan_phase looking = { .name = "look", .steps = look_steps, .unbounded = true };
static const struct plan_phase host_keys = { .name = "host-keys", .scope = PLAN_ONCE, .steps = host_key_steps };
static const struct plan_phase finding = { .name = "own-key", .scope = PLAN_ONCE, .steps = find_steps };
static const struct plan_phase keys = { .name = "keys", .steps = key_steps, .unbounded = true };
static const struct plan_phase *const phases[] = { &looking, &host_keys, &finding, &keys, NULL };

static enum steps_part part(const void *ctx, const struct inv_node *n)
{
	const struct setup_opts *o = ctx;

	for (char *const *name = o->names; *name; name++)
		if (!strcmp(*name, n->name))
			return STEPS_TARGET;
	return *o->names ? STEPS_ABSENT : STEPS_TARGET;
}

static int accept_names(const void *ctx, const struct inventory *inv, struct err *err)
{
	const struct setup_opts *o = ctx;

	for (char *const *name = o->names; *name; name++)
		if (!inventory_node(inv, *name))
			return err_set(err, ERR_USAGE, "'%s' is no node of %s", *name, inv->path);
	setup = (struct setup){ .o = o, .inv = inv, .n = inv->nnodes, .nodes = calloc(inv->nnodes + 1, sizeof(*setup.nodes)) };
	if (!setup.nodes)
		abort();
	return 0;
}

static void release(void)
{
	for (size_t i = 0; i < setup.n; i++) {
		ssh_refusal_release(&setup.nodes[i].refusal);
		buf_release(&setup.nodes[i].key);
	}
	free(setup.nodes);
	setup = (struct setup){ 0 };
}

static int run(const void *data, char **operands, struct err *err)
{
	struct setup_opts o = *(const struct setup_opts *)data;
	const struct run_spec spec = { .command = "ssh setup", .part = part, .ctx = &o, .accept = accept_names, .phases = phases };
	int rc;

	o.names = operands;
	rc = run_command(&o.run, &spec, err);
	release();
	return rc;
}

const struct cli_cmd cmd_ssh_setup = {
	.name = "setup",
	.summary = "put your public key on nodes where only a password works yet, and record their host keys",
	.description =
		"Unknown host keys are shown with their fingerprints and recorded when you say yes, or with "
		"--accept-new-host-keys; without a terminal they are refused.  Where a key logs in already nothing is done.  "
		"Elsewhere the password is asked for once (or comes from ssh.passwordFile, ssh.passwordEnv), the key is added "
		"to the user's authorized_keys, and a login with it proves that it works.\n\n"
		"The key is that of ssh.identityFile, else the first of the agent, else the first of ~/.ssh/id_ed25519, "
		"id_ecdsa, id_rsa.",
	.examples = "hactl ssh setup\nhactl ssh setup --generate m3\nhactl ssh setup --root",
	.operands = "[NODE...]",
	.max_operands = -1,
	.opts = opts,
	.common = run_common_opts,
	.opts_size = sizeof(struct setup_opts),
	.run = run,
};
