#include "conn.h"

#include "base/log.h"

/* Streams of an edge leave over a time (mra.md M-21). On a combined box gh-access and gh-line end them, who know more. */

enum { QUIET_MS = 500 }; /* nothing has come for so long: what has come was whole */

static bool is_to_end(const struct exchange *x)
{
	return x->is_joined && !x->is_gone && !x->conn->is_gone && !x->is_sent_off;
}

static bool is_bosh_to_end(const struct bosh_session *s)
{
	return !s->bosh.is_ended;
}

static size_t left(void *arg)
{
	const struct proxy *p = arg;
	size_t n = 0;

	if (!p->config.is_edge)
		return 0;
	LIST_EACH (it, &p->exchanges)
		n += is_to_end(LIST_OWNER(it, struct exchange, node));
	LIST_EACH (it, &p->bosh_sessions)
		n += is_bosh_to_end(LIST_OWNER(it, struct bosh_session, node));
	return n;
}

/* A stream of XMPP is bytes to us. Between two stanzas, that is when the last byte that came ended one and nothing has come
 * since, an error of ours can stand (RFC 6120 4.9.3.20); else the stream just ends, as when a line breaks. */
static void say_good_bye(struct exchange *x)
{
	struct buf *out = link_out(&x->conn->client);
	bool is_between = x->conn->kind == CONN_STREAM && x->is_end_of_element && buf_len(out) == 0 &&
	                  loop_now(x->proxy->loop) - x->said_ms >= QUIET_MS;

	if (!is_between)
		return;
	buf_put_str(out, "<stream:error><system-shutdown xmlns='" NS_STREAM_ERRORS "'/></stream:error></stream:stream>");
	link_kick(&x->conn->client);
}

static void end_exchange(struct exchange *x)
{
	x->is_sent_off = true;
	say_good_bye(x);
	conn_end_exchange(x, "the front is stopping");
}

static bool end_bosh(struct proxy *p)
{
	LIST_EACH (it, &p->bosh_sessions) {
		struct bosh_session *s = LIST_OWNER(it, struct bosh_session, node);
		if (!is_bosh_to_end(s))
			continue;
		bosh_session_end(s, BOSH_SYSTEM_SHUTDOWN);
		return true;
	}
	return false;
}

static bool end_one(void *arg, bool is_last)
{
	struct proxy *p = arg;

	(void)is_last;
	LIST_EACH (it, &p->exchanges) {
		struct exchange *x = LIST_OWNER(it, struct exchange, node);
		if (!is_to_end(x))
			continue;
		p->stats[STAT_DRAINED]++;
		end_exchange(x);
		return true;
	}
	bool is_one = end_bosh(p);
	p->stats[STAT_DRAINED] += is_one;
	return is_one;
}

static void over(void *arg)
{
	const struct proxy *p = arg;

	if (p->config.is_edge)
		log_info("proxy.drained", LOG_INT("streams", p->stats[STAT_DRAINED]));
}

const struct drain_owner proxy_drain_owner = { left, end_one, over };
