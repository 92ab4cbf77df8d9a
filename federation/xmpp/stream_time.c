/* What time asks of a stream: limits on set-up, owed acknowledgements, dead peers, idleness. */
#include "stream_impl.h"

/* Waiting for the peer's end tag after ours; asking about our stanzas once more. */
enum { CLOSE_WAIT_MS = 5000, ACK_OWED_MS = 1000 };

static bool can_ask(const struct stream *s)
{
	return s->sm.is_on || s->role == STREAM_OUT;
}

/* Established: owed acknowledgements, dead peers, idleness. */
static void ready_timer(struct stream *s, uint64_t now_ms, struct stream_event *ev)
{
	const struct s2s_conf *c = s->env->conf;
	bool is_unacked = s->sm.is_on && s->sm.out != s->sm.out_acked;

	if (s->sm.is_ack_owed && now_ms >= s->sm.owed_ms + ACK_OWED_MS) {
		stream_put_ack(s, ev->out);
		s->sm.owed_ms = now_ms;
	}
	if (s->sm.is_asked && now_ms >= s->sm.asked_ms + c->setup_ms) {
		stream_step(s, SE_TIMEOUT, ev);
		return;
	}
	/* Without XEP-0198 the answer comes by a stream of the peer's own; if that one fails, ours may
	 * still be good, so it ends in order. */
	if (s->is_ping_out && now_ms >= s->ping_ms + c->setup_ms) {
		stream_close(s, -1, NULL, now_ms, ev->out);
		return;
	}
	if (c->idle_ms && !is_unacked && now_ms >= s->last_stanza_ms + c->idle_ms) {
		stream_close(s, -1, NULL, now_ms, ev->out);
		return;
	}
	if (!c->ping_ms || !can_ask(s) || s->sm.is_asked || s->is_ping_out || now_ms < s->last_in_ms + c->ping_ms)
		return;
	if (s->sm.is_on) {
		buf_put_str(ev->out->bytes, "<r xmlns='" NS_SM "'/>");
		s->sm.is_asked = true;
		s->sm.asked_ms = now_ms;
	} else if (now_ms >= s->ping_ms + c->ping_ms) {
		stream_put_ping(s, now_ms, ev->out);
	}
}

void stream_timer(struct stream *s, uint64_t now_ms, struct stream_out *out)
{
	struct stream_event ev = { .now_ms = now_ms, .out = out };

	if (s->state == SS_DEAD || now_ms < stream_wake_ms(s))
		return;
	if (s->state == SS_READY) {
		ready_timer(s, now_ms, &ev);
	} else if (s->state == SS_OUT_OPEN) {
		stream_close(s, -1, NULL, now_ms, out);
	} else {
		stream_step(s, SE_TIMEOUT, &ev);
	}
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t stream_wake_ms(const struct stream *s)
{
	const struct s2s_conf *c = s->env->conf;
	uint64_t at = UINT64_MAX;

	if (s->state == SS_DEAD)
		return at;
	if (s->state == SS_CLOSING)
		return s->close_ms + CLOSE_WAIT_MS;
	if (s->state == SS_OUT_OPEN)
		return s->last_in_ms + c->setup_ms;
	if (s->state != SS_READY)
		return s->begun_ms + c->setup_ms;
	if (s->sm.is_ack_owed)
		at = sooner(at, s->sm.owed_ms + ACK_OWED_MS);
	if (s->sm.is_asked)
		at = sooner(at, s->sm.asked_ms + c->setup_ms);
	else if (s->is_ping_out)
		at = sooner(at, s->ping_ms + c->setup_ms);
	else if (c->ping_ms && s->sm.is_on)
		at = sooner(at, s->last_in_ms + c->ping_ms);
	else if (c->ping_ms && can_ask(s))
		at = sooner(at, (s->last_in_ms > s->ping_ms ? s->last_in_ms : s->ping_ms) + c->ping_ms);
	if (c->idle_ms && !(s->sm.is_on && s->sm.out != s->sm.out_acked))
		at = sooner(at, s->last_stanza_ms + c->idle_ms);
	return at;
}
