#include "conn.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUEUE_MAX = 4 << 20, IN_MAX = LDAP_MESSAGE_MAX + 64, LINES = 60 /* a minute */ };

/* ---- how a server is ---- */

static void is_there(struct conn *c)
{
	struct server *s = c->server;

	if (!s->is_up)
		log_info("dir.server.up", LOG_STR("server", s->host), LOG_INT("port", s->port));
	s->is_up = s->is_known = true;
	s->down_until_ms = s->down_since_ms = 0;
	s->why[0] = '\0';
	alarm_clear(ALARM_DIRECTORY_UNREACHABLE, s->host);
}

static void is_away(struct conn *c, const char *step, int rc, const char *words)
{
	struct server *s = c->server;
	uint32_t held = 0;

	s->failures++;
	(void)snprintf(s->why, sizeof s->why, "%s: %s%s%.80s", step, err_text(rc), words && *words ? ": " : "", words ? words : "");
	if ((s->is_up || !s->is_known) && log_limit_pass(&c->dir->log, LINES, loop_now(c->dir->loop), &held))
		log_warn("dir.server.failed", LOG_STR("server", s->host), LOG_INT("port", s->port), LOG_STR("step", step),
		         LOG_STR("reason", err_name(rc)), LOG_STR("what", words ? words : ""), LOG_INT("suppressed", held));
	s->is_up = false;
	s->is_known = true;
	s->down_since_ms = loop_now(c->dir->loop);
	s->down_until_ms = s->down_since_ms + RETRY_MS;
	alarm_raise(ALARM_DIRECTORY_UNREACHABLE, s->host, ALARM_USUAL, s->why);
}

/* ---- ends ---- */

/* A connection for binds is free, or there may be one more. */
static void take_waiting(struct dir *d)
{
	if (!list_is_empty(&d->waiting))
		task_resume(LIST_OWNER(d->waiting.next, struct task, node));
}

static void close_conn(struct conn *c)
{
	struct dir *d = c->dir;

	if (c->is_gone)
		return;
	c->is_gone = true;
	dns_cancel(c->query);
	c->query = NULL;
	link_close(&c->link);
	loop_timer_del(d->loop, &c->timer);
	list_del(&c->node);
	list_add_tail(&d->gone, &c->node);
	loop_defer_call(d->loop, &d->sweep);
}

void conns_sweep(struct dir *d)
{
	LIST_EACH (it, &d->gone) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		list_del(it);
		buf_fini(&c->in);
		free(c);
	}
}

static void end(struct conn *c, int why)
{
	struct dir *d = c->dir;
	bool was_binder = c->is_for_binds;

	close_conn(c);
	while (!list_is_empty(&c->tasks)) {
		struct task *t = LIST_OWNER(c->tasks.next, struct task, node);
		list_del(&t->node);
		task_lost(t, why);
	}
	if (was_binder)
		take_waiting(d);
}

static void try_address(struct conn *c);

void conn_fail(struct conn *c, const char *step, int rc, const char *words)
{
	if (c->is_gone)
		return;
	if (c->state == CONN_CONNECT && c->addr_at + 1 < c->addrs.n) {
		link_close(&c->link);
		c->addr_at++;
		try_address(c);
		return;
	}
	is_away(c, step, rc, words);
	end(c, rc);
}

/* ---- requests ---- */

static uint32_t next_id(struct conn *c)
{
	c->last_id = c->last_id < 0x7ffffffe ? c->last_id + 1 : 1;
	return c->last_id;
}

static int sent(struct conn *c, int rc)
{
	if (!rc)
		link_kick(&c->link);
	return rc;
}

int conn_ask(struct conn *c, struct task *t)
{
	t->id = next_id(c);
	t->is_sent = true;
	c->dir->stats[STAT_SEARCHES] += t->search != NULL;
	if (!t->search)
		return sent(c, ldap_put_bind(link_out(&c->link), t->id, t->dn, bytes_make(t->password->p, t->password->n)));
	struct ldap_search s = *t->search;
	s.cookie = buf_bytes(&t->cookie);
	return sent(c, ldap_put_search(link_out(&c->link), t->id, &s));
}

/* What waited for it to be ready. */
static void ask_all(struct conn *c)
{
	LIST_EACH (it, &c->tasks) {
		struct task *t = LIST_OWNER(it, struct task, node);
		int rc = t->is_sent ? 0 : conn_ask(c, t);
		if (rc) {
			conn_fail(c, "request", rc, "");
			return;
		}
	}
}

static void rest(struct conn *c)
{
	if (loop_timer_set(c->dir->loop, &c->timer, IDLE_MS))
		close_conn(c);
}

void conn_take(struct conn *c, struct task *t)
{
	t->conn = c;
	list_add_tail(&c->tasks, &t->node);
	c->n_tasks++;
	if (c->state != CONN_READY)
		return;
	loop_timer_del(c->dir->loop, &c->timer);
	int rc = conn_ask(c, t);
	if (rc)
		link_shutdown(&c->link); /* its end comes later: nobody is called from inside here */
}

void conn_drop(struct conn *c, struct task *t)
{
	list_del(&t->node);
	c->n_tasks--;
	if (c->is_gone || c->n_tasks)
		return;
	if (c->is_old || (c->is_for_binds && t->is_sent))
		close_conn(c);
	else if (c->state == CONN_READY)
		rest(c);
	if (c->is_for_binds)
		take_waiting(c->dir);
}

/* ---- set-up ---- */

static int request(struct conn *c, enum conn_state state, int (*put)(struct buf *, uint32_t))
{
	c->state = (uint8_t)state;
	c->setup_id = next_id(c);
	return sent(c, put(link_out(&c->link), c->setup_id));
}

static void ready(struct conn *c)
{
	c->state = CONN_READY;
	c->dir->stats[STAT_CONNECTED]++;
	loop_timer_del(c->dir->loop, &c->timer);
	is_there(c);
	ask_all(c);
	if (!c->is_gone && !c->n_tasks)
		rest(c);
}

static void bind_service(struct conn *c)
{
	const struct dir_config *f = &c->dir->config;

	if (c->is_for_binds || !f->bind_dn[0]) {
		ready(c);
		return;
	}
	c->state = CONN_BIND;
	c->setup_id = next_id(c);
	int rc = sent(c, ldap_put_bind(link_out(&c->link), c->setup_id, bytes_of(f->bind_dn), bytes_make(f->password.p, f->password.n)));
	if (rc)
		conn_fail(c, "bind", rc, "");
}

static void start_tls(struct conn *c)
{
	struct dir *d = c->dir;
	struct tls_options options = { .side = TLS_CLIENT, .server_name = c->server->host };
	struct tls *t = NULL;
	int rc = d->store ? tls_new(d->store, &options, &t) : ERR_BAD_STATE;

	c->state = CONN_TLS;
	buf_clear(&c->in); /* what came in clear does not count (RFC 4511 6.2) */
	if (!rc)
		rc = link_start_tls(&c->link, t, d->config.timeout_ms);
	if (rc)
		conn_fail(c, "tls", rc, "");
}

static void on_connected(void *arg)
{
	struct conn *c = arg;

	if (c->server->is_ldaps) {
		start_tls(c);
	} else if (c->dir->config.is_clear) {
		bind_service(c);
	} else {
		int rc = request(c, CONN_STARTTLS, ldap_put_starttls);
		if (rc)
			conn_fail(c, "starttls", rc, "");
	}
}

/* RFC 4513 3.1.3: of an authority that is trusted, and for the name that the settings have. */
static void on_secured(void *arg)
{
	struct conn *c = arg;
	struct tls_demand demand = { .domain_ascii = c->server->host, .domain = bytes_of(c->server->host), .allow_wildcard = true,
				     .authority = bytes_of(c->dir->config.authority) };
	struct tls_verdict v;

	tls_verify(c->link.tls, &demand, &v);
	if (v.rc)
		conn_fail(c, "certificate", v.rc, v.hint);
	else
		bind_service(c);
}

/* The service's own password is wrong: one try, or the directory locks the account for all who use it (B-LDX-14). */
static void refused(struct conn *c, const struct ldap_answer *a)
{
	struct dir *d = c->dir;

	(void)snprintf(c->server->why, sizeof c->server->why, "bind: refused with code %u", a->code);
	log_error("dir.bind.refused", LOG_STR("server", c->server->host), LOG_STR("dn", d->config.bind_dn), LOG_INT("code", a->code));
	alarm_raise(ALARM_DIRECTORY_REFUSED, "", ALARM_USUAL, c->server->why);
	d->is_refused = true;
	end(c, ERR_AUTH);
}

static void on_setup_answer(struct conn *c, const struct ldap_answer *a)
{
	if (a->id != c->setup_id || a->op != (c->state == CONN_STARTTLS ? LDAP_EXTENDED_DONE : LDAP_BIND_DONE))
		conn_fail(c, "answer", ERR_PROTOCOL, "");
	else if (c->state == CONN_STARTTLS && a->code)
		conn_fail(c, "starttls", ERR_UNSUPPORTED, "the server refuses StartTLS");
	else if (c->state == CONN_STARTTLS)
		start_tls(c);
	else if (a->code == LDAP_BUSY || a->code == LDAP_UNAVAILABLE)
		conn_fail(c, "bind", ERR_AGAIN, "");
	else if (a->code)
		refused(c, a);
	else
		ready(c);
}

/* ---- answers ---- */

static struct task *task_of(struct conn *c, uint32_t id)
{
	LIST_EACH (it, &c->tasks) {
		struct task *t = LIST_OWNER(it, struct task, node);
		if (t->is_sent && t->id == id)
			return t;
	}
	return NULL; /* it was stopped meanwhile */
}

static void on_answer(struct conn *c, const struct ldap_answer *a)
{
	struct task *t;

	if (!a->id)
		conn_fail(c, "answer", ERR_CLOSED, "the server ends the connection");
	else if (c->state != CONN_READY)
		on_setup_answer(c, a);
	else if ((t = task_of(c, a->id)))
		task_answer(t, a);
}

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;
	struct ldap_answer a;
	size_t n;
	int rc = 0;

	buf_put_bytes(&c->in, in);
	if (buf_failed(&c->in))
		rc = ERR_LIMIT;
	while (!rc && !c->is_gone && !(rc = ldap_frame(buf_bytes(&c->in), &n)) &&
	       !(rc = ldap_read(bytes_make(buf_bytes(&c->in).p, n), &a))) {
		on_answer(c, &a);
		arena_reset(&c->dir->arena);
		if (!c->is_gone)
			buf_consume(&c->in, n < buf_len(&c->in) ? n : buf_len(&c->in));
	}
	if (c->is_gone)
		return;
	if (rc && rc != ERR_TRUNCATED) {
		c->dir->stats[STAT_MALFORMED]++;
		conn_fail(c, "answer", rc, "");
		return;
	}
	buf_release_if_empty(&c->in);
}

static void on_closed(void *arg, int why)
{
	struct conn *c = arg;

	if (c->is_gone)
		return;
	if (c->state == CONN_READY && !c->n_tasks)
		close_conn(c); /* it was idle */
	else
		conn_fail(c, c->state == CONN_TLS ? "tls" : c->state < CONN_STARTTLS ? "connect" : "answer", why ? why : ERR_CLOSED, c->link.words);
}

static const struct link_owner owner = { .connected = on_connected, .secured = on_secured, .data = on_data, .closed = on_closed };

static void try_address(struct conn *c)
{
	struct sockaddr_storage to;
	socklen_t n = dns_addr_sockaddr(&c->addrs.addrs[c->addr_at], c->server->port, &to);

	c->state = CONN_CONNECT;
	int rc = link_connect(&c->link, c->dir->loop, (struct sockaddr *)&to, n, NULL, 0, c->dir->config.timeout_ms, &owner, c, QUEUE_MAX);
	if (rc)
		conn_fail(c, "connect", rc, "");
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct conn *c = arg;

	c->query = NULL;
	c->addrs = *a;
	c->addr_at = 0;
	if (a->rc || !a->n) {
		c->addrs.n = 0;
		conn_fail(c, "dns", a->rc ? a->rc : ERR_DNS_NODATA, "");
	} else {
		try_address(c);
	}
}

/* Its set-up took too long, or it was idle long enough. */
static void on_timer(void *arg)
{
	struct conn *c = arg;

	if (c->state != CONN_READY) {
		c->addrs.n = 0; /* no time is left for another address */
		conn_fail(c, "connect", ERR_TIMEOUT, "");
	} else {
		(void)ldap_put_unbind(link_out(&c->link), next_id(c)); /* a courtesy */
		link_kick(&c->link);
		c->is_old = true;
		link_shutdown(&c->link);
	}
}

struct conn *conn_new(struct dir *d, struct server *s, bool is_for_binds)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->dir = d;
	c->server = s;
	c->is_for_binds = is_for_binds;
	list_init(&c->tasks);
	buf_init(&c->in, IN_MAX);
	loop_timer_init(&c->timer, on_timer, c);
	c->query = loop_timer_set(d->loop, &c->timer, d->config.timeout_ms) ? NULL : dns_addr(d->dns, s->host, on_addresses, c);
	if (!c->query) {
		loop_timer_del(d->loop, &c->timer);
		free(c);
		return NULL;
	}
	list_add_tail(&d->conns, &c->node);
	return c;
}

struct conn *conn_find(struct dir *d, const struct server *s, bool is_for_binds)
{
	LIST_EACH (it, &d->conns) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		if (c->server == s && c->is_for_binds == is_for_binds && !c->is_old && !(is_for_binds && c->n_tasks))
			return c;
	}
	return NULL;
}

unsigned conn_count_binders(const struct dir *d)
{
	unsigned n = 0;

	LIST_EACH (it, &d->conns)
		n += LIST_OWNER(it, struct conn, node)->is_for_binds;
	return n;
}

void conns_renew(struct dir *d)
{
	struct list old;

	list_init(&old);
	LIST_EACH (it, &d->conns) {
		list_del(it);
		list_add_tail(&old, it);
	}
	LIST_EACH (it, &old) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		LIST_EACH (at, &c->tasks)
			LIST_OWNER(at, struct task, node)->tried = 0; /* servers are others now */
		end(c, ERR_CLOSED);
	}
}

void conns_close(struct dir *d)
{
	LIST_EACH (it, &d->conns)
		close_conn(LIST_OWNER(it, struct conn, node));
}
