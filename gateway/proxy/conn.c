#include "http2.h"
#include "siphello.h"
#include "web_pair.h"

#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A client's life: TLS, what it speaks, and how it ends. */

enum {
	TLS_MS = 10000,
	FIRST_MS = 10000, /* from the handshake to a request or a stream's header; in clear, until TLS begins */
};

static const char alpn_xmpp[] = "xmpp-client"; /* XEP-0368 */
static const char alpn_sip[] = "sip/2"; /* IANA's TLS ALPN protocol IDs; mra.md M-09 */
static const char alpn_http2[] = "h2";  /* RFC 9113 3.2 */
static const char *const alpn[] = { alpn_xmpp, alpn_sip, alpn_http2, "http/1.1", NULL },
		  *const alpn_old[] = { alpn_xmpp, alpn_sip, "http/1.1", NULL };

/* ---- end ---- */

void conn_drop(struct conn *c, const char *reason)
{
	struct proxy *p = c->proxy;

	if (c->is_gone)
		return;
	c->is_gone = true;
	log_debug("proxy.closed", LOG_STR("reason", reason), LOG_INT("in", c->client.bytes_in), LOG_INT("out", c->client.bytes_out));
	peek_close(c);
	link_close(&c->client);
	http2_close(c);
	exchange_gone(&c->x);
	web_pair_close_all(c);
	address_leave(&p->addresses, c->address);
	list_del(&c->node);
	list_add_tail(&p->gone, &c->node);
	p->n_conns--;
	p->stats[STAT_CLOSED]++;
	loop_defer_call(p->loop, &p->sweep);
}

void conn_sweep(struct proxy *p)
{
	LIST_EACH (it, &p->gone_streams) {
		struct http2_stream *s = LIST_OWNER(it, struct http2_stream, node);
		list_del(it);
		http2_stream_free(s);
	}
	web_pair_sweep(p);
	LIST_EACH (it, &p->gone) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		list_del(it);
		if (c->http)
			http1_reader_fini(c->http);
		free(c->http);
		http2_free(c->http2);
		greet_free(c->greet);
		hello_free(c->hello);
		exchange_free(&c->x);
		free(c);
	}
	bosh_sweep(p);
	proxy_accept_update(p);
}

void conn_end(struct conn *c, const char *reason)
{
	if (c->kind == CONN_WEBSOCKET) {
		websocket_close(&c->x, WS_GOING_AWAY, reason);
	} else if (c->kind == CONN_GREETING) {
		greet_fail(c, STREAM_SYSTEM_SHUTDOWN);
	} else if (c->kind == CONN_HTTP2) {
		http2_end(c, reason);
	} else if (c->kind == CONN_PEEK) {
		conn_drop(c, reason);
	} else {
		if (c->x.is_joined)
			link_close(&c->x.access);
		bosh_exchange_gone(&c->x);
		link_shutdown(&c->client);
	}
}

void conn_end_exchange(struct exchange *x, const char *reason)
{
	if (x != &x->conn->x && x->websocket)
		websocket_close(x, WS_GOING_AWAY, reason);
	else
		conn_end(x->conn, reason);
}

void conn_drain_all(struct proxy *p)
{
	LIST_EACH (it, &p->conns) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		if (c->kind == CONN_HTTP2)
			http2_drain(c);
	}
}

void conn_stop_all(struct proxy *p)
{
	LIST_EACH (it, &p->conns)
		conn_end(LIST_OWNER(it, struct conn, node), "the front is stopping");
}

/* ---- time ---- */

void conn_wait(struct conn *c, uint64_t ms)
{
	exchange_wait(&c->x, ms);
}

void conn_timeout(struct conn *c)
{
	if (c->kind == CONN_HTTP2) {
		http2_timeout(c);
		return;
	}
	c->proxy->stats[STAT_TIMEOUT]++;
	if (c->kind == CONN_GREETING)
		greet_fail(c, STREAM_CONNECTION_TIMEOUT);
	else
		conn_drop(c, "timeout");
}

/* ---- what it speaks ---- */

static void become_stream(struct conn *c)
{
	if (greet_open(c))
		conn_drop(c, "memory");
}

static void become_http2(struct conn *c)
{
	if (http2_open(c))
		conn_drop(c, "memory");
	else
		c->kind = CONN_HTTP2;
}

static void become_http(struct conn *c)
{
	if (http_open(c))
		conn_drop(c, "memory");
	else
		c->kind = CONN_HTTP;
}

static void become_hello(struct conn *c, bool is_sip)
{
	if (hello_open(c, is_sip))
		conn_drop(c, "memory");
}

static void on_secured(void *arg)
{
	struct conn *c = arg;

	c->proxy->stats[STAT_TLS]++;
	conn_wait(c, FIRST_MS);
	if (c->is_gone)
		return;
	if (c->is_starttls || strcmp(tls_alpn_name(c->client.tls), alpn_xmpp) == 0)
		become_stream(c);
	else if (strcmp(tls_alpn_name(c->client.tls), alpn_sip) == 0)
		become_hello(c, true);
	else if (strcmp(tls_alpn_name(c->client.tls), alpn_http2) == 0)
		become_http2(c);
	else if (tls_alpn_matched(c->client.tls))
		become_http(c);
}

/* Without ALPN the first bytes tell (M-02): a stream begins with an element, SIP with a method and a URI of its own. */
static void decide(struct conn *c, struct bytes in)
{
	if (in.n && in.p[0] == '<')
		become_stream(c);
	else if (siphello_kind(in) != SIPHELLO_NO)
		become_hello(c, false);
	else
		become_http(c);
}

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;

	if (c->is_gone)
		return;
	c->x.last_in_ms = loop_now(c->proxy->loop);
	if (c->kind == CONN_NEW)
		decide(c, in);
	if (c->is_gone || c->is_ending)
		return;
	if (c->kind == CONN_GREETING) {
		greet_data(c, in);
		return;
	}
	if (c->kind == CONN_HELLO) {
		hello_data(c, in);
		return;
	}
	if (c->kind == CONN_HTTP2) {
		http2_data(c, in);
		return;
	}
	if (c->kind == CONN_HTTP)
		http_data(c, in);
	else if (c->kind == CONN_WEBSOCKET)
		websocket_data(&c->x, in);
	else
		(void)link_send(&c->x.access, in); /* full: the link says closed */
	/* Who does not read its answers is not read from, nor who sends faster than gh-access takes it. */
	if (!c->is_gone && link_queued(c->x.is_joined ? &c->x.access : &c->client) > CONN_HIGH_WATER)
		link_pause(&c->client, true);
}

/* The client has taken what there was. */
static void on_drained(void *arg)
{
	struct conn *c = arg;

	if (c->kind == CONN_HTTP2)
		http2_drained(c);
	else
		exchange_drained(&c->x);
}

static void on_closed(void *arg, int why)
{
	conn_drop(arg, why == 0 ? "closed-by-peer" : err_name(why));
}

static const struct link_owner owner = { .secured = on_secured, .data = on_data, .drained = on_drained, .closed = on_closed };

/* ---- begin ---- */

int conn_start_tls(struct conn *c, const char *domain, const char *const *protocols)
{
	const struct tls_options o = { .side = TLS_SERVER, .domain = domain, .alpn = protocols };
	struct tls *t;

	conn_wait(c, TLS_MS + FIRST_MS);
	if (c->is_gone)
		return 0;
	int rc = c->proxy->tls ? tls_new(c->proxy->tls, &o, &t) : ERR_CERT_NONE;
	return rc ? rc : link_start_tls(&c->client, t, TLS_MS);
}

static int start(struct conn *c)
{
	if (!c->is_starttls)
		return conn_start_tls(c, NULL, c->proxy->config.has_http2 ? alpn : alpn_old);
	conn_wait(c, FIRST_MS);
	return c->is_gone ? 0 : greet_open(c);
}

int conn_open(struct proxy *p, int fd, const struct sockaddr *from, bool is_starttls)
{
	struct conn *c = calloc(1, sizeof *c);
	int rc = c ? address_enter(&p->addresses, from, p->config.strangers_per_address, &c->address) : ERR_NOMEM;

	if (rc) {
		free(c);
		(void)close(fd); /* nothing was written to it */
		return rc;
	}
	c->proxy = p;
	bool is_looked_at = (p->config.has_federation || p->config.has_turn) && !is_starttls;
	rc = is_looked_at ? peek_open(c, fd) : link_accept(&c->client, p->loop, fd, &owner, c, CONN_QUEUE_MAX);
	if (rc) {
		address_leave(&p->addresses, c->address);
		free(c);
		return rc;
	}
	list_init(&c->web_pairs);
	c->is_starttls = is_starttls;
	peer_address_of(from, &c->peer);
	exchange_init(&c->x, c, &http_way);
	list_add_tail(&p->conns, &c->node);
	p->n_conns++;
	if (is_looked_at)
		conn_wait(c, TLS_MS);
	else if (start(c))
		conn_drop(c, "tls");
	return 0;
}

void conn_begin(struct conn *c, int fd)
{
	if (link_accept(&c->client, c->proxy->loop, fd, &owner, c, CONN_QUEUE_MAX))
		conn_drop(c, "memory");
	else if (start(c))
		conn_drop(c, "tls");
}
