#include "conn.h"

#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A client's life: TLS, what it speaks, and how it ends. */

enum {
	TLS_MS = 10000,
	FIRST_MS = 10000, /* from the handshake to the first byte */
};

static const char alpn_xmpp[] = "xmpp-client"; /* XEP-0368 */
static const char *const alpn[] = { alpn_xmpp, "http/1.1", NULL };

/* ---- end ---- */

void conn_drop(struct conn *c, const char *reason)
{
	struct proxy *p = c->proxy;

	if (c->is_gone)
		return;
	c->is_gone = true;
	log_debug("proxy.closed", LOG_STR("reason", reason), LOG_INT("in", c->client.bytes_in), LOG_INT("out", c->client.bytes_out));
	link_close(&c->client);
	if (c->is_joined)
		link_close(&c->access);
	address_leave(&p->addresses, c->address);
	loop_timer_del(p->loop, &c->timer);
	list_del(&c->node);
	list_add_tail(&p->gone, &c->node);
	p->n_conns--;
	p->stats[STAT_CLOSED]++;
	loop_defer_call(p->loop, &p->sweep);
}

void conn_sweep(struct proxy *p)
{
	LIST_EACH (it, &p->gone) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		list_del(it);
		if (c->http)
			http1_reader_fini(c->http);
		free(c->http);
		websocket_free(c->websocket);
		free(c);
	}
	proxy_accept_update(p);
}

void conn_stop_all(struct proxy *p)
{
	LIST_EACH (it, &p->conns) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		if (c->kind == CONN_WEBSOCKET)
			websocket_close(c, WS_GOING_AWAY, "the front is stopping");
		else
			link_shutdown(&c->client);
	}
}

/* ---- time ---- */

void conn_wait(struct conn *c, uint64_t ms)
{
	if (loop_timer_set(c->proxy->loop, &c->timer, ms))
		conn_drop(c, "memory"); /* nothing may wait without an end */
}

static void on_timer(void *arg)
{
	struct conn *c = arg;

	if (c->kind == CONN_WEBSOCKET) {
		websocket_timeout(c);
		return;
	}
	c->proxy->stats[STAT_TIMEOUT]++;
	if (c->kind == CONN_HTTP)
		http_timeout(c);
	else
		conn_drop(c, "timeout");
}

/* ---- what it speaks ---- */

static void become_stream(struct conn *c)
{
	int rc = join_access(c);

	if (rc) {
		c->proxy->stats[STAT_NO_CORE]++;
		conn_drop(c, err_name(rc));
		return;
	}
	c->kind = CONN_STREAM;
	c->proxy->stats[STAT_STREAMS]++;
	loop_timer_del(c->proxy->loop, &c->timer); /* gh-access asks it for signs of life */
}

static void become_http(struct conn *c)
{
	if (http_open(c))
		conn_drop(c, "memory");
	else
		c->kind = CONN_HTTP;
}

static void on_secured(void *arg)
{
	struct conn *c = arg;

	c->proxy->stats[STAT_TLS]++;
	conn_wait(c, FIRST_MS);
	if (c->is_gone)
		return;
	if (strcmp(tls_alpn_name(c->client.tls), alpn_xmpp) == 0)
		become_stream(c);
	else if (tls_alpn_matched(c->client.tls))
		become_http(c);
}

/* Without ALPN the first byte tells (M-02): a stream begins with an element. */
static void decide(struct conn *c, struct bytes in)
{
	if (in.n && in.p[0] == '<')
		become_stream(c);
	else
		become_http(c);
}

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;

	if (c->is_gone)
		return;
	c->last_in_ms = loop_now(c->proxy->loop);
	if (c->kind == CONN_NEW)
		decide(c, in);
	if (c->is_gone)
		return;
	if (c->kind == CONN_HTTP)
		http_data(c, in);
	else if (c->kind == CONN_WEBSOCKET)
		websocket_data(c, in);
	else
		(void)link_send(&c->access, in); /* full: the link says closed */
	/* Who does not read its answers is not read from, nor who sends faster than gh-access takes it. */
	if (!c->is_gone && link_queued(c->is_joined ? &c->access : &c->client) > CONN_HIGH_WATER)
		link_pause(&c->client, true);
}

/* The client has taken what there was. */
static void on_drained(void *arg)
{
	struct conn *c = arg;

	link_pause(c->is_joined ? &c->access : &c->client, false);
}

static void on_closed(void *arg, int why)
{
	conn_drop(arg, why == 0 ? "closed-by-peer" : err_name(why));
}

static const struct link_owner owner = { .secured = on_secured, .data = on_data, .drained = on_drained, .closed = on_closed };

/* ---- begin ---- */

static int start_tls(struct conn *c)
{
	const struct tls_options o = { .side = TLS_SERVER, .alpn = alpn };
	struct tls *t;
	int rc = c->proxy->tls ? tls_new(c->proxy->tls, &o, &t) : ERR_CERT_NONE;

	return rc ? rc : link_start_tls(&c->client, t, TLS_MS);
}

int conn_open(struct proxy *p, int fd, const struct sockaddr *from)
{
	struct conn *c = calloc(1, sizeof *c);
	int rc = c ? address_enter(&p->addresses, from, p->config.strangers_per_address, &c->address) : ERR_NOMEM;

	if (rc) {
		free(c);
		(void)close(fd); /* nothing was written to it */
		return rc;
	}
	rc = link_accept(&c->client, p->loop, fd, &owner, c, CONN_QUEUE_MAX);
	if (rc) {
		address_leave(&p->addresses, c->address);
		free(c);
		return rc;
	}
	c->proxy = p;
	peer_address_of(from, &c->peer);
	loop_timer_init(&c->timer, on_timer, c);
	list_add_tail(&p->conns, &c->node);
	p->n_conns++;
	conn_wait(c, TLS_MS + FIRST_MS);
	if (!c->is_gone && start_tls(c))
		conn_drop(c, "tls");
	return 0;
}
