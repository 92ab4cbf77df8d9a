#include "conn.h"

#include "base/err.h"

/* Which server is asked, and what becomes of a question whose server fails. */

enum { AGAIN_MS = 2000 /* so soon after its failure a server is not tried, even if all have failed */ };

static void finish(struct task *t, int rc, uint32_t code)
{
	struct dir *d = t->dir;

	loop_timer_del(d->loop, &t->timer);
	if (t->conn)
		conn_drop(t->conn, t);
	list_del(&t->node);
	t->conn = NULL;
	t->is_active = false;
	buf_fini(&t->cookie);
	t->done(t->arg, rc, code);
}

/* The first in order that has not been asked and is not passed over; of those that are, the first that rested a little. */
static struct server *choose(struct dir *d, const struct task *t)
{
	uint64_t now = loop_now(d->loop);

	for (size_t i = 0; i < d->n_servers; i++)
		if (!(t->tried & 1u << i) && now >= d->servers[i].down_until_ms)
			return &d->servers[i];
	for (size_t i = 0; i < d->n_servers; i++)
		if (!(t->tried & 1u << i) && now >= d->servers[i].down_since_ms + AGAIN_MS)
			return &d->servers[i];
	return NULL;
}

/* Puts it on a connection; false: there is no server left, or no connection. */
static bool place(struct task *t)
{
	struct dir *d = t->dir;
	struct server *s = choose(d, t);
	bool is_bind = !t->search;

	if (!s)
		return false;
	struct conn *c = conn_find(d, s, is_bind);
	if (!c && is_bind && conn_count_binders(d) >= BINDERS_MAX) {
		list_add_tail(&d->waiting, &t->node);
		return true;
	}
	if (!c && !(c = conn_new(d, s, is_bind))) {
		t->why = ERR_NOMEM;
		return false;
	}
	t->tried |= 1u << (s - d->servers);
	s->requests++;
	conn_take(c, t);
	return true;
}

static void on_timer(void *arg)
{
	struct task *t = arg;

	/* Without a connection it never had one, or none is left: the deferred word of task_start. */
	if (!t->conn && list_is_empty(&t->node) && t->why) {
		finish(t, t->why, 0);
		return;
	}
	if (!t->conn) {
		finish(t, ERR_TIMEOUT, 0);
		return;
	}
	t->conn->addrs.n = 0; /* no time is left for another address */
	conn_fail(t->conn, "answer", ERR_TIMEOUT, ""); /* that takes the task along */
}

static void move(struct task *t)
{
	struct dir *d = t->dir;

	if (!t->why)
		t->why = ERR_CLOSED;
	if (d->is_refused && t->search) {
		finish(t, ERR_AUTH, 0);
		return;
	}
	bool is_placed = d->is_usable && place(t);
	if (loop_timer_set(d->loop, &t->timer, is_placed ? t->patience_ms : 0))
		finish(t, ERR_NOMEM, 0);
}

void task_start(struct dir *d, struct task *t)
{
	t->dir = d;
	t->conn = NULL;
	t->is_sent = false;
	t->is_active = true;
	t->tried = 0;
	t->why = 0;
	list_init(&t->node);
	buf_init(&t->cookie, 4096);
	loop_timer_init(&t->timer, on_timer, t);
	bool is_refused = d->is_refused && t->search;
	bool is_placed = d->is_usable && !is_refused && place(t);
	if (!is_placed)
		t->why = is_refused ? ERR_AUTH : t->why ? t->why : ERR_AGAIN;
	if (loop_timer_set(d->loop, &t->timer, is_placed ? t->patience_ms : 0))
		die("dir.task", "no memory for a timer"); /* its owner would wait for ever */
}

void task_stop(struct task *t)
{
	if (!t->is_active)
		return;
	loop_timer_del(t->dir->loop, &t->timer);
	if (t->conn)
		conn_drop(t->conn, t);
	list_del(&t->node);
	t->conn = NULL;
	t->is_active = false;
	buf_fini(&t->cookie);
}

void task_resume(struct task *t)
{
	list_del(&t->node);
	move(t);
}

void task_lost(struct task *t, int why)
{
	t->conn = NULL;
	t->is_sent = false;
	t->why = why;
	list_init(&t->node);
	buf_clear(&t->cookie);
	t->dir->stats[STAT_FAILOVERS]++;
	if (t->again)
		t->again(t->arg);
	move(t);
}

/* Results by which a server says that it cannot answer now. */
static bool is_servers_trouble(uint32_t code)
{
	return code == LDAP_BUSY || code == LDAP_UNAVAILABLE;
}

static void on_search_done(struct task *t, const struct ldap_answer *a)
{
	if (a->code || !t->search->page_size || !a->cookie.n) {
		finish(t, 0, a->code);
		return;
	}
	buf_clear(&t->cookie);
	buf_put_bytes(&t->cookie, a->cookie);
	int rc = buf_failed(&t->cookie) ? ERR_PROTOCOL : conn_ask(t->conn, t);
	if (!rc)
		rc = loop_timer_set(t->dir->loop, &t->timer, t->patience_ms);
	if (rc)
		finish(t, rc, 0);
}

void task_answer(struct task *t, const struct ldap_answer *a)
{
	if (a->op == LDAP_ENTRY && t->search) {
		t->dir->stats[STAT_ENTRIES]++;
		t->entry(t->arg, a);
	} else if (a->op != LDAP_ENTRY && a->op != LDAP_REFERENCE && is_servers_trouble(a->code)) {
		conn_fail(t->conn, "answer", ERR_AGAIN, a->code == LDAP_BUSY ? "busy" : "unavailable");
	} else if (a->op == LDAP_SEARCH_DONE && t->search) {
		on_search_done(t, a);
	} else if (a->op == LDAP_BIND_DONE && !t->search) {
		t->is_sent = false; /* nothing is under way: the connection may carry the next one */
		finish(t, 0, a->code);
	} else if (a->op != LDAP_REFERENCE || !t->search) {
		conn_fail(t->conn, "answer", ERR_PROTOCOL, "");
	}
}
