#include "deliver.h"

#include "base/err.h"
#include "handover.h"
#include "post.h"
#include "tap.h"

static void answer_ping(struct s2s *s, uint64_t ping_id)
{
	size_t at = 0;
	struct conn *c;

	while ((c = map_next(&s->conns, &at)))
		if (!c->is_gone && c->stream.is_ping_out && c->stream.ping_id == ping_id)
			break;
	if (c)
		conn_ponged(c);
}

/* bad-request and the like go to the peer by our own queue. */
static void answer_error(struct s2s *s, const struct stream_act *a)
{
	struct buf b;
	struct stanza_refusal refusal = { .error = a->error, .text = err_text(a->rc), .by = a->local };
	struct envelope e = { .door = DOOR_S2S, .kind = (uint8_t)a->stanza.kind, .type = TYPE_ERROR,
		              .from = a->to, .to = a->from, .sid = a->stanza.id };

	s->counts[STAT_STANZAS_BAD]++;
	buf_init(&b, 16384);
	if (stanza_write_error(&b, a->stanza.kind, a->stanza.type, a->stanza.id, a->to, a->from, &refusal) &&
	    !buf_failed(&b)) {
		e.stanza = buf_bytes(&b);
		post_queue(s, &e);
	}
	buf_fini(&b);
}

/* One that needs nothing of the core; it keeps its place in the order for the peer's h. */
static struct flight *flight_of_nothing(struct s2s *s, struct conn *c)
{
	struct envelope none = { 0 };

	return flight_new(&s->flights, &none, c->id, c->stream.sm.is_on);
}

void deliver_stanza(struct conn *c, const struct stream_act *a)
{
	struct s2s *s = c->s2s;
	struct envelope e = { .kind = (uint8_t)a->stanza.kind, .type = (uint8_t)a->stanza.type,
		              .facts = a->stanza.facts, .from = a->from, .to = a->to, .sid = a->stanza.id };
	struct flight *x;
	struct buf b;

	s->counts[STAT_STANZAS_IN]++;
	s2s_tap_in(c, a->remote, a->stanza.node);
	buf_init(&b, 9 << 20);
	if (a->kind == ACT_PONG) {
		x = flight_of_nothing(s, c);
		answer_ping(s, a->h64);
	} else if (a->rc < 0) {
		x = flight_of_nothing(s, c);
		answer_error(s, a);
	} else {
		stanza_write(&b, &a->stanza, a->from, a->to);
		e.stanza = buf_bytes(&b);
		x = buf_failed(&b) ? NULL : handover_give(s, &e, c->id, c->stream.sm.is_on);
	}
	buf_fini(&b);
	if (!x) {
		conn_close(c, STREAM_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	list_add_tail(&c->flights, &x->in_conn);
	c->n_flights++;
	if (x->is_done)
		conn_settle_flights(c);
}
