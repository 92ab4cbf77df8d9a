/* What the link and the clock say, as calls into the stream. */
#include "conn_impl.h"

#include <stdio.h>

#include "base/err.h"
#include "check.h"
#include "sent.h"

static void note_tls(struct conn *c)
{
	(void)snprintf(c->tls_version, sizeof c->tls_version, "%s", tls_version_name(c->link.tls));
	(void)snprintf(c->tls_cipher, sizeof c->tls_cipher, "%s", tls_cipher_name(c->link.tls));
}

static void on_connected(void *arg)
{
	struct conn *c = arg;

	check_note_address(c, 0);
	if (c->is_direct_tls) {
		conn_begin_tls(c);
		return;
	}
	CONN_CALL(c, stream_connected(&c->stream, conn_now(c), &out));
}

static void on_secured(void *arg)
{
	struct conn *c = arg;

	note_tls(c);
	check_note_tls(c);
	CONN_CALL(c, stream_secured(&c->stream, tls_has_peer_certificate(c->link.tls), conn_now(c), &out));
}

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;

	(void)stream_feed(&c->stream, in); /* the stream itself tells the peer what is wrong */
	conn_pump(c);
}

static void on_drained(void *arg)
{
	sent_flush(arg);
}

void conn_on_settle(void *arg)
{
	struct conn *c = arg;

	if (link_queued(&c->link) == 0)
		sent_written(c);
	if (!list_is_empty(&c->sent) && !c->is_gone && !c->stream.sm.is_on)
		(void)loop_timer_set(c->s2s->loop, &c->settle, CONN_SETTLE_MS); /* as above */
}

static void on_closed(void *arg, int why)
{
	struct conn *c = arg;

	c->has_link = false;
	if (c->is_gone)
		return;
	if (c->is_out && c->dial == DIAL_CONNECT && c->stream.why.rung == RUNG_NONE &&
	    (c->stream.state == SS_OUT_START || c->stream.state == SS_OUT_HEADER)) {
		dial_next(c, why);
		return;
	}
	conn_over(c, why);
}

void conn_on_timer(void *arg)
{
	struct conn *c = arg;

	if (!c->has_link) { /* resolving has its own budget; this is the attempt's */
		if (c->is_out && conn_now(c) >= stream_wake_ms(&c->stream)) {
			struct reason why = { 0 };
			reason_set(&why, c->dial == DIAL_CONNECT ? RUNG_TCP : RUNG_DNS, ERR_TIMEOUT, NULL);
			conn_fail(c, &why);
		}
		return;
	}
	CONN_CALL(c, stream_timer(&c->stream, conn_now(c), &out));
}

const struct link_owner conn_link_owner = {
	.connected = on_connected, .secured = on_secured, .data = on_data, .drained = on_drained, .closed = on_closed,
};
