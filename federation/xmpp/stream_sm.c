/* Stream management on server-to-server streams (XEP-0198): counts in both directions, without
 * resumption. What is unacknowledged when a stream ends goes out again on a fresh one. */
#include "stream_impl.h"

#include "base/err.h"

void stream_put_ack(struct stream *s, struct stream_out *out)
{
	if (s->is_end_sent)
		return;
	buf_putf(out->bytes, "<a xmlns='" NS_SM "' h='%u'/>", s->sm.in_done);
	s->sm.in_told = s->sm.in_done;
}

/* The counts start here, both ways (XEP-0198 3). What was delivered before does not count. */
static void sm_start(struct stream *s)
{
	s->sm = (struct stream_sm){ .is_on = true };
}

int act_sm_enable(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	if (s->sm.is_on || !s->env->conf->has_sm) {
		buf_put_str(ev->out->bytes, "<failed xmlns='" NS_SM "'><unexpected-request xmlns='" NS_STANZA_ERRORS
		                            "'/></failed>");
		return 0;
	}
	buf_put_str(ev->out->bytes, "<enabled xmlns='" NS_SM "'/>");
	sm_start(s);
	return 0;
}

int act_sm_on(void *machine, void *event)
{
	struct stream *s = machine;

	(void)event;
	sm_start(s);
	stream_queue(s, SE_ESTABLISHED);
	return 0;
}

int act_sm_r(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	if (!s->sm.is_on)
		return stream_fail(s, STREAM_UNSUPPORTED_STANZA_TYPE, RUNG_STREAM, ERR_BAD_STATE, "not enabled");
	if (s->sm.in_done == s->sm.in) {
		stream_put_ack(s, ev->out);
		return 0;
	}
	/* Answered as soon as all of it is safe, or after a second with what is. */
	if (!s->sm.is_ack_owed)
		s->sm.owed_ms = ev->now_ms;
	s->sm.is_ack_owed = true;
	return 0;
}

void stream_handled(struct stream *s, uint32_t n, uint64_t now_ms, struct stream_out *out)
{
	(void)now_ms;
	s->sm.in_done += n;
	if (!s->sm.is_on || s->sm.in_done != s->sm.in || s->is_end_sent || s->state == SS_DEAD)
		return;
	if (!s->sm.is_ack_owed)
		return;
	s->sm.is_ack_owed = false;
	stream_put_ack(s, out);
}

int act_sm_a(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	uint64_t h;
	struct stream_act *a;

	if (!s->sm.is_on || bytes_to_u64(xml_attr(ev->xml->node, "h"), UINT32_MAX, &h) < 0)
		return stream_fail(s, STREAM_BAD_FORMAT, RUNG_STREAM, ERR_SYNTAX, "acknowledgement without a count");
	/* More than was sent: XEP-0198 4, handled-count-too-high */
	if ((uint32_t)h - s->sm.out_acked > s->sm.out - s->sm.out_acked)
		return stream_fail(s, STREAM_UNDEFINED_CONDITION, RUNG_STREAM, ERR_RANGE,
		                   "acknowledged more stanzas than were sent");
	s->sm.is_asked = false;
	s->sm.out_acked = (uint32_t)h;
	a = act_add(ev->out, ACT_ACKED);
	a->h = (uint32_t)h;
	return 0;
}

void stream_batch_end(struct stream *s, uint64_t now_ms, struct stream_out *out)
{
	if (!s->sm.is_on || s->sm.is_asked || s->sm.out == s->sm.out_acked || s->state != SS_READY)
		return;
	buf_put_str(out->bytes, "<r xmlns='" NS_SM "'/>");
	s->sm.is_asked = true;
	s->sm.asked_ms = now_ms;
}
