#include "exchange.h"

#include "base/err.h"

/* The service's answer to an exchange. */

static void finish(struct exchange *x)
{
	struct outlet *o = x->outlet;
	bool may_keep = x->may_keep && x->has_ended && http1_waiting(&o->reader) == 0;

	forward_end_body(link_out(&x->pair), (enum forward_body)x->answers);
	exchange_leave(x, may_keep);
	exchange_end(x, x->has_ended && http1_waiting(&x->ask) == 0);
}

static void answer_head(struct exchange *x, const struct http1_request *q)
{
	struct buf *out = link_out(&x->pair);

	x->is_interim = q->status < 200;
	if (x->is_interim)
		return;
	x->may_keep = q->is_kept;
	x->state = STATE_ANSWER;
	forward_put_response(out, q);
	if (!x->has_ended)
		buf_put_str(out, "Connection: close\r\n"); /* what still comes of the request would stand before the next */
	x->answers = (uint8_t)forward_end_response(out, q, x->is_of_head, true);
}

void exchange_answered(struct exchange *x, struct bytes in)
{
	static struct http1_request q; /* large; used within one call */
	struct http1_reader *r = &x->outlet->reader;
	enum http1_event what;
	struct bytes piece;
	pacer_count(&x->publish->pacer);
	int rc = http1_feed(r, in);

	while (rc == 0 && (rc = http1_next(r, &what, &q, &piece)) == 0) {
		if (what == HTTP1_HEAD_CAME)
			answer_head(x, &q);
		else if (what == HTTP1_BODY_CAME) {
			x->publish->stats[STAT_BYTES_OUT] += piece.n;
			forward_put_body(link_out(&x->pair), (enum forward_body)x->answers, piece);
		} else if (!x->is_interim) {
			finish(x);
			return;
		}
	}
	if (rc == ERR_AGAIN)
		exchange_flow(x);
	else
		exchange_fail(x, 502, "the service's answer is malformed");
}

void exchange_ended(struct exchange *x, int why)
{
	struct outlet *o = x->outlet;

	if (x->state == STATE_ANSWER && why == 0 && http1_closed(&o->reader) == 0) {
		finish(x);
		return;
	}
	bool was_idle = o->is_used && !x->has_body && x->state == STATE_SENT && !http1_is_inside(&o->reader);
	if (!was_idle) {
		exchange_fail(x, 502, "the service has broken off");
		return;
	}
	/* It was closed while it was idle, before it saw the request (RFC 9112 9.3.1): asked again, and once only. */
	struct target *t = x->target;
	exchange_leave(x, false);
	x->target = t;
	exchange_connect(x, true);
}
