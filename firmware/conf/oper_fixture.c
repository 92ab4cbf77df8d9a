#include "oper_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void no_snapshot(void *arg, enum prog p, unsigned instance, uint32_t generation, const struct rows *r)
{
	(void)arg, (void)p, (void)instance, (void)generation, (void)r;
}

static void no_verdict(void *arg, enum prog p, unsigned instance, uint32_t generation)
{
	(void)arg, (void)p, (void)instance, (void)generation;
}

static void no_listeners(void *arg, const struct rows *r)
{
	struct conf *c = arg;

	(void)r;
	txn_bound(&c->txn, 0, BYTES_NONE, "");
}

static void on_done(void *arg, const struct txn_result *r, bool is_by_itself)
{
	if (!is_by_itself)
		commit_answer(arg, r);
}

static void on_switched(void *arg, const struct rows *old, const char *by)
{
	audit_commit(arg, old, by);
}

static void on_lost(void *arg)
{
	(void)arg;
	abort();
}

void oper_fixture_open(struct oper_fixture *f)
{
	const struct bus_hooks hooks = { .program = &f->conf };
	struct conf *c = &f->conf;
	int pair[2];

	*f = (struct oper_fixture){ .ops = { .snapshot = no_snapshot, .switch_to = no_verdict, .drop = no_verdict,
					     .listeners = no_listeners, .done = on_done, .switched = on_switched } };
	/* In memory where there is such a folder: what is written is synced each time, and a fuzz target comes here for each input. */
	snprintf(f->folder, sizeof f->folder, "%s/oper-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(f->folder) != NULL);
	int dir = open(f->folder, O_RDONLY | O_DIRECTORY);
	c->loop = loop_new(LOOP_FAKE);
	c->bus = bus_new(c->loop, PROG_CONF, 0, &hooks);
	c->owner = geteuid();
	list_init(&c->opers);
	transfer_init(c);
	must(c->loop && c->bus && store_open(&c->store, dir) == 0 && accounts_open(&c->accounts, dir) == 0 && tokens_open(&c->tokens, dir) == 0 &&
	     trail_open(&c->trail, c->loop, dir) == 0);
	txn_init(&c->txn, c->loop, &c->store, &f->ops, c);
	lockout_init(c);
	scrypt_fresh(&c->nobody);
	c->nobody.log2_n = 1;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	must(hasher_init(&c->hasher, c->loop, pair[0], on_lost, NULL) == 0);
	f->helper_fd = pair[1];
}

static void empty_folder(const struct oper_fixture *f)
{
	static const char *const names[] = { "accounts", "accounts.damaged", "tokens", "tokens.damaged", "audit", "audit.1", "current", "pending", "accounts.new", "lockout", "lockout.new", "recovery", "boot-menu", "trail-generation" };
	char name[32];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		(void)unlinkat(f->conf.store.dir_fd, names[i], 0);
	for (unsigned g = 0; g <= f->conf.store.generation + 1; g++) {
		snprintf(name, sizeof name, "gen-%08u.conf", g);
		(void)unlinkat(f->conf.store.dir_fd, name, 0);
	}
	(void)rmdir(f->folder); /* a file that a test left is found there */
}

void oper_fixture_close(struct oper_fixture *f)
{
	struct conf *c = &f->conf;

	oper_close_all(c);
	txn_fini(&c->txn);
	hasher_fini(&c->hasher);
	(void)close(f->helper_fd);
	approvals_fini(&c->approvals);
	accounts_close(&c->accounts);
	tokens_close(&c->tokens);
	trail_close(&c->trail);
	empty_folder(f);
	store_close(&c->store);
	bus_free(c->bus);
	map_fini(&c->relays.by_id);
	loop_free(c->loop);
}

struct account *oper_fixture_account(struct oper_fixture *f, const char *name, enum oper_role role, const char *password)
{
	struct account *a = accounts_add(&f->conf.accounts, bytes_of(name));

	must(a != NULL);
	a->role = role;
	a->changed_s = loop_wall_ms(f->conf.loop) / 1000;
	scrypt_fresh(&a->password);
	a->password.log2_n = 1;
	must(scrypt_compute(&a->password, bytes_of(password), a->password.hash) == 0);
	return a;
}

void oper_fixture_set(struct oper_fixture *f, const char *path, const char *value)
{
	must(rows_set(&f->conf.store.running, bytes_of(path), bytes_of(value)) == 0);
}

int oper_fixture_connect(struct oper_fixture *f, const char *source)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	oper_accept(&f->conf, pair[0], !source, source ? source : "");
	return pair[1];
}

void oper_fixture_settle(struct oper_fixture *f, unsigned hashes_max)
{
	struct pollfd p = { .fd = f->helper_fd, .events = POLLIN };

	loop_fake_advance(f->conf.loop, 0);
	while (hashes_max-- > 0 && poll(&p, 1, 0) > 0) {
		must(hasher_work_once(f->helper_fd));
		loop_fake_advance(f->conf.loop, 0);
	}
}
