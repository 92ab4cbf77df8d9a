#include "conn.h"
#include "greeting.h"

#include "base/err.h"
#include "base/log.h"

#include <stdlib.h>

/* A client until its stream is handed on, or its TLS begins. */

enum {
	REFUSED_LINES = 30,        /* a minute: scanners find the ports */
	SAID_BYTES_MAX = 128 << 10, /* what one read of the link gives, and a header before it */
};

struct greet {
	struct greeting greeting;
	struct buf said; /* inside TLS: for gh-access, once it is known that it is for it */
};

int greet_open(struct conn *c)
{
	bool is_secure = c->client.state == LINK_SECURE;

	c->greet = malloc(sizeof *c->greet);
	if (!c->greet)
		return ERR_NOMEM;
	c->kind = CONN_GREETING;
	greeting_init(&c->greet->greeting, c->proxy->xml, proxy_is_domain, c->proxy, is_secure);
	buf_init(&c->greet->said, SAID_BYTES_MAX);
	return 0;
}

void greet_free(struct greet *g)
{
	if (!g)
		return;
	greeting_fini(&g->greeting);
	buf_fini(&g->said);
	free(g);
}

static void forget(struct conn *c)
{
	greet_free(c->greet);
	c->greet = NULL;
}

static void log_refused(struct conn *c, enum stream_error error, const char *why)
{
	struct proxy *p = c->proxy;
	char peer[PEER_TEXT_BYTES];
	uint32_t held = 0;

	p->stats[STAT_GREETING_REFUSED]++;
	if (!log_limit_pass(&p->greet_log, REFUSED_LINES, loop_now(p->loop), &held))
		return;
	peer_address_text(&c->peer, peer);
	log_info("proxy.greeting.refused", LOG_STR("address", peer), LOG_STR("tls", c->greet->greeting.is_secure ? "yes" : "no"),
	         LOG_STR("error", stream_error_name(error)), LOG_STR("why", why), LOG_INT("suppressed", held));
}

static void end(struct conn *c)
{
	c->is_ending = true;
	loop_timer_del(c->proxy->loop, &c->x.timer);
	link_kick(&c->client);
	link_shutdown(&c->client);
}

void greet_fail(struct conn *c, enum stream_error error)
{
	greeting_fail(&c->greet->greeting, link_out(&c->client), error, "");
	end(c);
}

static void start_tls(struct conn *c)
{
	struct greeting *g = &c->greet->greeting;

	if (!c->proxy->tls) {
		log_refused(c, STREAM_INTERNAL_SERVER_ERROR, "no certificate");
		greeting_refuse(g, link_out(&c->client));
		end(c);
		return;
	}
	greeting_proceed(g, link_out(&c->client));
	if (conn_start_tls(c, g->domain, NULL)) {
		conn_drop(c, "tls");
		return;
	}
	c->proxy->stats[STAT_STARTTLS]++;
	c->kind = CONN_NEW;
	forget(c);
}

/* Its header was for a domain of ours: the rest is gh-access' matter. */
static void hand_on(struct conn *c)
{
	if (join_access(&c->x)) { /* RFC 6120 4.9.3.15 */
		c->proxy->stats[STAT_NO_CORE]++;
		greet_fail(c, STREAM_REMOTE_CONNECTION_FAILED);
		return;
	}
	c->kind = CONN_STREAM;
	c->proxy->stats[STAT_STREAMS]++;
	loop_timer_del(c->proxy->loop, &c->x.timer); /* gh-access asks it for signs of life */
	(void)link_send(&c->x.access, buf_bytes(&c->greet->said)); /* full: the link says closed */
	forget(c);
}

void greet_data(struct conn *c, struct bytes in)
{
	struct greet *g = c->greet;

	if (g->greeting.is_secure)
		buf_put_bytes(&g->said, in);
	if (buf_failed(&g->said)) {
		conn_drop(c, "memory");
		return;
	}
	switch (greeting_feed(&g->greeting, in, &c->proxy->arena, link_out(&c->client))) {
	case GREETING_MORE:
		link_kick(&c->client);
		return;
	case GREETING_TLS:
		start_tls(c);
		return;
	case GREETING_STREAM:
		hand_on(c);
		return;
	case GREETING_FAILED:
		log_refused(c, g->greeting.error, g->greeting.why);
		end(c);
		return;
	case GREETING_ENDED:
		end(c);
		return;
	}
}
