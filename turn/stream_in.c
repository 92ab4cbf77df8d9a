#include "base/err.h"
#include "stream_impl.h"

/* Bytes into messages (RFC 8656 12.5, RFC 8489 6.2.2): what is whole goes to the engine where it came, but for one
 * copy into a room that it may write around. Only the beginning of a frame is kept. */

static void deliver(struct stream_client *c, struct bytes frame)
{
	struct worker *w = c->of->worker;
	const struct turn_path path = stream_path(c);
	struct turn_packet p = batch_place(w->batch, frame);

	c->heard_ms = loop_now(w->loop);
	if (c->state == STREAM_NEW) {
		c->state = STREAM_OPEN;
		if (loop_timer_set(w->loop, &c->timer, STREAM_IDLE_MS)) {
			stream_lose(c); /* without a timer it might stay for ever */
			return;
		}
	}
	serve_client(w, &path, &p);
}

/* No client of RFC 3489, which had no cookie, is on a stream. */
static bool has_cookie(struct bytes in)
{
	static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };

	return in.n < 8 || in.p[0] > 3 || memcmp(in.p + 4, cookie, sizeof cookie) == 0;
}

/* Who has no allocation has nothing long to say. */
static int next(struct stream_client *c, struct bytes in, struct bytes *frame, size_t *used)
{
	const struct turn_path path = stream_path(c);
	int rc = has_cookie(in) ? stunframe_next(in, STREAM_REQUEST_MAX, frame, used) : ERR_SYNTAX;

	if (rc == ERR_LIMIT && turn_server_has(c->of->worker->server, &path))
		rc = stunframe_next(in, TURN_PACKET_MAX, frame, used);
	return rc;
}

/* The bytes that a beginning in c->in lacks; its frame goes when they are there. Returns how many of in were taken. */
static size_t complete(struct stream_client *c, struct bytes in, int *rc)
{
	struct bytes frame;
	size_t used, taken = 0;

	while ((*rc = next(c, buf_bytes(&c->in), &frame, &used)) == ERR_AGAIN && taken < in.n) {
		size_t lacks = used - buf_len(&c->in), n = lacks < in.n - taken ? lacks : in.n - taken;
		buf_put(&c->in, in.p + taken, n);
		taken += n;
		if (buf_failed(&c->in)) {
			*rc = ERR_NOMEM;
			return taken;
		}
	}
	if (*rc == 0) {
		struct buf whole = c->in; /* a tap may want it for what follows */
		buf_init(&c->in, whole.max);
		deliver(c, frame);
		buf_fini(&whole);
	}
	return taken;
}

/* One frame, or the beginning of one. Returns how many of in were taken. */
static size_t take_one(struct stream_client *c, struct bytes in, int *rc)
{
	struct bytes frame;
	size_t used;

	if (buf_len(&c->in))
		return complete(c, in, rc);
	*rc = next(c, in, &frame, &used);
	if (*rc == 0) {
		deliver(c, frame);
		return used;
	}
	if (*rc == ERR_AGAIN) {
		buf_put_bytes(&c->in, in);
		if (buf_failed(&c->in))
			*rc = ERR_NOMEM;
	}
	return in.n;
}

void stream_take(struct stream_client *c, struct bytes in)
{
	int rc = 0;

	while (in.n && !rc && (c->state == STREAM_NEW || c->state == STREAM_OPEN)) {
		size_t n = take_one(c, in, &rc);
		in = bytes_make(in.p + n, in.n - n);
	}
	if (c->state == STREAM_TAPPED) {
		stream_tap_hold(c, in);
	} else if (rc && rc != ERR_AGAIN) {
		c->of->counts[STREAM_STAT_MALFORMED]++;
		stream_refuse(c, "connection", rc == ERR_LIMIT ? "a message is longer than any is" :
			      rc == ERR_SYNTAX ? "neither STUN nor ChannelData" : err_text(rc));
	}
}
