#include "handover.h"

#include "base/err.h"
#include "conn.h"
#include "post.h"

static struct chan *switch_chan(struct s2s *s)
{
	return bus_chan(proc_bus(s->proc), PROG_SWITCH, 0);
}

/* ---- gh-switch gave it to us ---- */

static int tell(struct s2s *s, uint64_t id, int rc)
{
	struct chan *c = switch_chan(s);
	struct buf *b;

	if (!c)
		return ERR_CLOSED;
	b = chan_begin(c, MSG_ROUTE_DONE, 0);
	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	return chan_end(c);
}

static void put_done(struct s2s *s, uint64_t id)
{
	if (tell(s, id, 0) < 0) /* said when gh-switch is back */
		wire_put_u64(&s->dones, id);
}

/* The item is dealt with: sent and safe, or answered. Frees it. */
void handover_done(struct s2s *s, struct queue_item *i)
{
	if (i->id) {
		(void)map_del_u64(&s->outgoing, i->id); /* an item of ours is not in it */
		s->recent[i->id % S2S_RECENT_MAX] = i->id;
		put_done(s, i->id);
	}
	queue_item_free(i);
}

void handover_elsewhere(struct s2s *s, struct queue_item *i)
{
	(void)map_del_u64(&s->outgoing, i->id); /* it comes back, to another program */
	(void)tell(s, i->id, ERR_UNSUPPORTED);  /* a gh-switch that has gone asks again */
	queue_item_free(i);
}

/* Ids of one origin are in sequence, so the last few thousand are all there. */
bool handover_is_repeat(struct s2s *s, uint64_t id)
{
	if (!id)
		return false;
	if (map_get_u64(&s->outgoing, id))
		return true;
	if (s->recent[id % S2S_RECENT_MAX] != id)
		return false;
	put_done(s, id);
	return true;
}

/* ---- we give it to gh-switch ---- */

static void put_flight(struct s2s *s, struct flight *x)
{
	struct chan *c = switch_chan(s);

	x->sent_ms = 0;
	if (!c)
		return;
	buf_put(chan_begin(c, MSG_ROUTE, 0), x->data, x->n);
	if (chan_end(c) == 0)
		x->sent_ms = loop_now(s->loop);
	s2s_want_tick(s);
}

struct flight *handover_give(struct s2s *s, struct envelope *e, uint64_t conn, bool counts)
{
	struct flight *x;

	e->id = proc_next_id(s->proc);
	if (!e->trace)
		e->trace = e->id;
	e->door = DOOR_S2S;
	x = flight_new(&s->flights, e, conn, counts);
	if (x)
		put_flight(s, x);
	return x;
}

/* All streams may be read again: what they hold unread is dealt with too, which may change the map,
 * so it goes by ids. */
static void resume_reading(struct s2s *s)
{
	uint64_t ids[256];
	size_t at = 0, n = 0;
	struct conn *c;

	while (n < 256 && (c = map_next(&s->conns, &at)))
		if (!c->is_gone && c->has_link && c->link.is_paused)
			ids[n++] = c->id;
	for (size_t i = 0; i < n; i++)
		if ((c = conn_find(s, ids[i])))
			conn_resume(c);
}

/* Nobody has taken it for so long: who sent it is told, as of any server that cannot be reached (RFC 6120 8.3.3.13). */
static void answer_undelivered(struct s2s *s, const struct flight *x)
{
	struct envelope e;
	struct stanza_refusal why = { .error = STANZA_RECIPIENT_UNAVAILABLE, .text = "The server of this domain cannot be reached now" };
	struct buf b;

	s->counts[STAT_FLIGHT_BOUNCED]++;
	if (envelope_decode(bytes_make(x->data, x->n), &e))
		return; /* it was encoded here */
	buf_init(&b, 16384);
	if (stanza_write_error(&b, (enum stanza_kind)e.kind, (enum stanza_type)e.type, e.sid, e.to, e.from, &why) && !buf_failed(&b)) {
		struct envelope answer = { .trace = e.trace, .door = DOOR_S2S, .kind = e.kind, .type = TYPE_ERROR, .from = e.to, .to = e.from,
		                           .sid = e.sid, .stanza = buf_bytes(&b) };
		post_queue(s, &answer);
	}
	buf_fini(&b);
}

int handover_on_done(void *program, struct chan *from, const struct frame *f)
{
	struct s2s *s = program;
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	int32_t rc = (int32_t)wire_u32(&w);
	struct flight *x;
	struct conn *c;
	bool was_full = s->flights.bytes >= FLIGHT_BYTES_MAX;

	(void)from;
	if (wire_end(&w) < 0)
		return ERR_SYNTAX;
	x = flight_find(&s->flights, id);
	if (!x)
		return 0; /* answered twice after a repeat */
	if (rc < 0 && ++x->tries < FLIGHT_TRIES_MAX) {
		x->sent_ms = loop_now(s->loop); /* handover_tick sends it again */
		return 0;
	}
	if (rc < 0)
		answer_undelivered(s, x);
	c = conn_find(s, x->conn);
	flight_done(&s->flights, x);
	if (c)
		conn_settle_flights(c);
	if (was_full && s->flights.bytes < FLIGHT_BYTES_MAX)
		resume_reading(s);
	return 0;
}

void handover_switch_up(struct s2s *s)
{
	struct wire w = wire_of(buf_bytes(&s->dones));
	size_t n = wire_left(&w) / 8;
	uint64_t ids[64];

	/* what is done first, so that it is not repeated */
	for (size_t i = 0; i < n;) {
		size_t some = 0;
		for (; i < n && some < 64; i++)
			ids[some++] = wire_u64(&w);
		struct chan *c = switch_chan(s);
		for (size_t k = 0; c && k < some; k++) {
			struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);
			wire_put_u64(b, ids[k]);
			wire_put_u32(b, 0);
			if (chan_end(c) < 0)
				return; /* full at once: it will come up again, or repeat and be told */
		}
	}
	buf_clear(&s->dones);
	LIST_EACH(it, &s->flights.all)
		put_flight(s, LIST_OWNER(it, struct flight, in_table));
}

void handover_tick(struct s2s *s)
{
	uint64_t now = loop_now(s->loop);

	LIST_EACH(it, &s->flights.all) {
		struct flight *x = LIST_OWNER(it, struct flight, in_table);
		if (x->sent_ms && (!x->tries || now < x->sent_ms + FLIGHT_AGAIN_MS))
			continue;
		if (!switch_chan(s))
			return;
		s->counts[STAT_FLIGHT_AGAIN]++;
		put_flight(s, x);
	}
}
