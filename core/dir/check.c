/* Is it the person's password? The entry that has the address is searched for as the service, then its DN is bound with the password
 * (RFC 4513 5.1.3). The password is in memory until the verdict, and nowhere else. */
#include "task.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

enum { DN_MAX = 2048, LINES = 60 /* a minute */ };

struct check {
	struct list node;
	struct dir *dir;
	uint32_t id; /* of the ask */
	struct task task;
	struct ldap_search search;
	struct secret password;
	struct arena arena; /* of what is searched for, and of the person */
	struct person person;
	unsigned n_found;
	bool is_theirs; /* the one entry has this very address */
	size_t dn_n;
	char dn[DN_MAX];
	size_t jid_n;
	char jid[];
};

static void answer(struct dir *d, uint32_t id, int rc, const struct person *p)
{
	static const struct person nobody;
	struct buf *b = chan_begin(bus_chan(d->bus, PROG_IM, 0), MSG_DIR_VERDICT, id);

	if (!p)
		p = &nobody;
	wire_put_u32(b, (uint32_t)(int32_t)rc);
	wire_put_str(b, p->user);
	wire_put_str(b, p->name);
	wire_put_str(b, p->mail);
	wire_put_str(b, p->uri);
	(void)chan_end(bus_chan(d->bus, PROG_IM, 0)); /* a gh-im that is gone has no login either */
}

static void check_free(struct check *c)
{
	task_stop(&c->task);
	list_del(&c->node);
	c->dir->n_checks--;
	secret_fini(&c->password);
	arena_fini(&c->arena);
	free(c);
}

static void end(struct check *c, int rc)
{
	struct dir *d = c->dir;

	d->stats[!rc ? STAT_CHECKS_OK : rc == ERR_AUTH ? STAT_CHECKS_REFUSED : STAT_CHECKS_FAILED]++;
	answer(d, c->id, rc, rc ? NULL : &c->person);
	check_free(c);
}

static void complain(struct check *c, const char *reason, uint32_t code)
{
	uint32_t held = 0;

	if (log_limit_pass(&c->dir->log, LINES, loop_now(c->dir->loop), &held))
		log_warn("dir.check.failed", LOG_BYTES("user", bytes_make(c->jid, c->jid_n)), LOG_STR("reason", reason), LOG_INT("code", code),
		         LOG_INT("suppressed", held));
}

/* ---- the bind ---- */

/* What says that the password is wrong, or that this entry may not come in whatever the password. */
static bool is_refusal(uint32_t code)
{
	return code == LDAP_BAD_CREDENTIALS || code == LDAP_NO_OBJECT || code == LDAP_BAD_AUTH || code == LDAP_NO_RIGHTS ||
	       code == LDAP_CONSTRAINT || code == LDAP_UNWILLING;
}

static void on_bound(void *arg, int rc, uint32_t code)
{
	struct check *c = arg;

	if (rc) {
		complain(c, err_name(rc), 0);
		end(c, ERR_AGAIN);
	} else if (!c->is_theirs || is_refusal(code)) {
		end(c, ERR_AUTH);
	} else if (code) {
		complain(c, "bind", code);
		end(c, ERR_AGAIN);
	} else {
		end(c, 0);
	}
}

/* For people who are not there one that nobody has is bound: it takes as long, and nobody learns who is (RFC 4513 6.3.1). */
static void bind_person(struct check *c)
{
	struct dir *d = c->dir;

	if (!c->is_theirs)
		c->dn_n = (size_t)snprintf(c->dn, sizeof c->dn, "cn=nobody-%llx%s%s", (unsigned long long)c->id, d->config.base[0] ? "," : "", d->config.base);
	c->task = (struct task){
		.dn = bytes_make(c->dn, c->dn_n),
		.password = &c->password,
		.patience_ms = d->config.timeout_ms,
		.done = on_bound,
		.arg = c,
	};
	task_start(d, &c->task);
}

/* ---- the search ---- */

static void on_again(void *arg)
{
	struct check *c = arg;

	c->n_found = 0;
	c->is_theirs = false;
}

static void on_entry(void *arg, const struct ldap_answer *a)
{
	struct check *c = arg;

	if (c->n_found++ || a->dn.n > DN_MAX || !a->dn.n)
		return;
	/* The directory compares more loosely than addresses are compared: " a" is "a" to it. */
	c->is_theirs = person_read(&c->dir->config.people, a, &c->arena, &c->person) == 0 &&
		       bytes_eq(c->person.jid, bytes_make(c->jid, c->jid_n));
	memcpy(c->dn, a->dn.p, a->dn.n);
	c->dn_n = a->dn.n;
}

static void on_searched(void *arg, int rc, uint32_t code)
{
	struct check *c = arg;

	if (rc || (code && code != LDAP_SIZE_LIMIT && code != LDAP_NO_OBJECT)) {
		complain(c, rc ? err_name(rc) : "search", code);
		end(c, ERR_AGAIN);
		return;
	}
	if (c->n_found > 1) {
		complain(c, "two entries have this address", code);
		c->is_theirs = false;
	}
	bind_person(c);
}

static int begin(struct dir *d, struct check *c)
{
	const struct dir_config *f = &d->config;

	int rc = person_find(&f->people, bytes_make(c->jid, c->jid_n), &c->arena, &c->search);
	if (rc)
		return rc == ERR_NOMEM ? rc : ERR_AUTH;
	c->search.base = bytes_of(f->base);
	c->search.scope = LDAP_SCOPE_SUBTREE;
	c->search.filter = bytes_of(f->filter);
	c->search.size_limit = 2;
	c->search.time_limit_s = f->timeout_ms / 1000;
	person_wants(&f->people, &c->search);
	c->task = (struct task){
		.search = &c->search,
		.patience_ms = f->timeout_ms,
		.again = on_again,
		.entry = on_entry,
		.done = on_searched,
		.arg = c,
	};
	task_start(d, &c->task);
	return 0;
}

int check_on_ask(void *program, struct chan *from, const struct frame *f)
{
	enum { ARENA_MAX = 64 << 10 };
	struct dir *d = program;
	struct wire w = wire_of(f->body);
	struct bytes jid = wire_str(&w), password = wire_bytes(&w);
	struct check *c;

	(void)from;
	if (wire_end(&w) || !jid.n || jid.n > PERSON_JID_MAX)
		return ERR_PROTOCOL;
	d->stats[STAT_CHECKS]++;
	if (!password.n || !d->config.authenticates || !d->is_usable || d->n_checks == CHECKS_MAX || !(c = calloc(1, sizeof *c + jid.n))) {
		d->stats[password.n ? STAT_CHECKS_FAILED : STAT_CHECKS_REFUSED]++;
		answer(d, f->id, password.n ? ERR_AGAIN : ERR_AUTH, NULL);
		return 0;
	}
	c->dir = d;
	c->id = f->id;
	arena_init(&c->arena, ARENA_MAX);
	memcpy(c->jid, jid.p, jid.n);
	c->jid_n = jid.n;
	list_add_tail(&d->checks, &c->node);
	d->n_checks++;
	int rc = secret_set(&c->password, password);
	if (rc == ERR_LIMIT)
		rc = ERR_AUTH;
	if (!rc)
		rc = begin(d, c);
	if (rc)
		end(c, rc == ERR_AUTH ? rc : ERR_AGAIN);
	return 0;
}

void checks_end_all(struct dir *d)
{
	LIST_EACH (it, &d->checks)
		end(LIST_OWNER(it, struct check, node), ERR_AGAIN);
}

void checks_drop_all(struct dir *d)
{
	LIST_EACH (it, &d->checks)
		check_free(LIST_OWNER(it, struct check, node));
}
