#include "conn.h"
#include "siphello.h"

#include "base/log.h"
#include "base/random.h"
#include "base/err.h"

#include <stdlib.h>

/* A SIP client until gh-line has said its first word (mra.md M-09): before that it can still be told why not. */

enum {
	SAID_BYTES_MAX = 128 << 10, /* what one read of the link gives, and a head before it */
	REFUSED_LINES = 30,         /* a minute: scanners find the ports */
	RETRY_S = 30, RETRY_SPREAD_S = 60, /* so that not all come back at a time */
};

struct hello {
	struct buf said;
	bool is_sip; /* ALPN sip/2 says so */
};

void hello_free(struct hello *h)
{
	if (h)
		buf_fini(&h->said);
	free(h);
}

static void forget(struct conn *c)
{
	hello_free(c->hello);
	c->hello = NULL;
}

int hello_open(struct conn *c, bool is_sip)
{
	c->hello = malloc(sizeof *c->hello);
	if (!c->hello)
		return ERR_NOMEM;
	buf_init(&c->hello->said, SAID_BYTES_MAX);
	c->hello->is_sip = is_sip;
	c->kind = CONN_HELLO;
	return 0;
}

bool hello_is_host(void *conn, const char *host)
{
	struct conn *c = conn;

	return proxy_is_domain(c->proxy, host) || proxy_is_host(c->proxy, bytes_of(host));
}

void hello_log_refused(struct conn *c, const char *why)
{
	struct proxy *p = c->proxy;
	char peer[PEER_TEXT_BYTES];
	uint32_t held = 0;

	p->stats[STAT_GREETING_REFUSED]++;
	if (!log_limit_pass(&p->greet_log, REFUSED_LINES, loop_now(p->loop), &held))
		return;
	peer_address_text(&c->peer, peer);
	log_info("proxy.greeting.refused", LOG_STR("address", peer), LOG_STR("tls", "yes"), LOG_STR("error", "sip"), LOG_STR("why", why),
	         LOG_INT("suppressed", held));
}

static void refuse(struct conn *c, unsigned status, const char *reason)
{
	enum { TAG_CHARS = 16 };
	char tag[TAG_CHARS + 1];

	random_hex(tag, TAG_CHARS);
	siphello_answer(buf_bytes(&c->hello->said), status, reason, tag, status == 503 ? RETRY_S + random_below(RETRY_SPREAD_S) : 0,
	                link_out(&c->client));
	c->is_ending = true;
	loop_timer_del(c->proxy->loop, &c->x.timer);
	link_kick(&c->client);
	link_shutdown(&c->client);
}

void hello_sent_away(struct conn *c)
{
	if (c->hello)
		refuse(c, 503, "Service Unavailable"); /* RFC 3261 21.5.4: another door of the domain */
	else
		link_shutdown(&c->client);
}

void hello_heard(struct conn *c)
{
	forget(c);
}

static void hand_on(struct conn *c)
{
	if (join_line(&c->x)) {
		c->proxy->stats[STAT_NO_CORE]++;
		hello_sent_away(c);
		return;
	}
	c->kind = CONN_SIP;
	c->proxy->stats[STAT_SIP]++;
	loop_timer_del(c->proxy->loop, &c->x.timer); /* gh-line knows how long it may be silent */
	(void)link_send(&c->x.access, buf_bytes(&c->hello->said)); /* full: the link says closed */
}

/* Not SIP after all. */
static void become_http(struct conn *c)
{
	struct hello *h = c->hello;

	c->hello = NULL;
	if (http_open(c)) {
		conn_drop(c, "memory");
	} else {
		c->kind = CONN_HTTP;
		http_data(c, buf_bytes(&h->said));
	}
	hello_free(h);
}

void hello_data(struct conn *c, struct bytes in)
{
	struct hello *h = c->hello;

	buf_put_bytes(&h->said, in);
	if (buf_failed(&h->said)) {
		conn_drop(c, "memory");
		return;
	}
	switch (siphello_read(buf_bytes(&h->said), hello_is_host, c)) {
	case SIPHELLO_MORE:
		return;
	case SIPHELLO_OURS:
		hand_on(c);
		return;
	case SIPHELLO_FOREIGN:
		hello_log_refused(c, "another host");
		refuse(c, 404, "Not Found");
		return;
	case SIPHELLO_NO:
		if (!h->is_sip && siphello_kind(buf_bytes(&h->said)) == SIPHELLO_NO) {
			become_http(c);
			return;
		}
		hello_log_refused(c, "malformed");
		conn_drop(c, "malformed");
		return;
	}
}
