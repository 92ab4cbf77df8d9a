#include "handover.h"

#include "base/err.h"
#include "conn.h"

/* A repeat of an envelope is looked for only so long after gh-switch came back. */
enum { REPEAT_WINDOW_MS = 30000 };

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
		s->recent[s->recent_at++ % S2S_RECENT_MAX] = i->id;
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

bool handover_is_repeat(struct s2s *s, uint64_t id)
{
	if (!id)
		return false;
	if (map_get_u64(&s->outgoing, id))
		return true;
	if (!s->switch_up_ms || loop_now(s->loop) > s->switch_up_ms + REPEAT_WINDOW_MS)
		return false;
	for (unsigned i = 0; i < S2S_RECENT_MAX; i++)
		if (s->recent[i] == id) {
			put_done(s, id);
			return true;
		}
	return false;
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
		s->counts[STAT_FLIGHT_DROPPED]++;
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

	s->switch_up_ms = loop_now(s->loop);
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
