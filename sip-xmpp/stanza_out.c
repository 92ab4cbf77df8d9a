#include "stanza_out.h"

#include "base/err.h"

#include <stdlib.h>

struct stanza_out {
	struct xlate *x;
	struct list node_order; /* oldest first */
	struct envelope e;      /* texts below */
	uint64_t due_ms;        /* lost then; while is_taken: free of errors then */
	uint32_t hold_ms;
	bool is_taken, must_repeat, has_sid;
	stanza_out_fn fn;
	void *arg;
	size_t bytes;
	uint8_t text[];
};

static struct envelope envelope_of(const struct stanza_to *to)
{
	return (struct envelope){ .trace = to->trace, .door = DOOR_SIP, .kind = (uint8_t)to->kind, .type = (uint8_t)to->type,
				  .facts = to->facts, .from = to->from, .to = to->to, .sid = to->sid, .stanza = to->stanza };
}

static int transmit(struct xlate *x, const struct envelope *e)
{
	struct jid from = jid_of_normal(e->from);

	xlate_stats[STAT_STANZAS_OUT]++;
	if (x->client_send && xlate_is_hosted(x, jid_domain(&from)))
		return x->client_send(x, e);
	struct chan *c = bus_chan(x->bus, PROG_SWITCH, 0);
	envelope_encode(chan_begin(c, MSG_ROUTE, 0), e);
	return chan_end(c);
}

void stanza_out_post(struct xlate *x, const struct stanza_to *to)
{
	struct envelope e = envelope_of(to);

	(void)transmit(x, &e); /* as its contract says */
}

/* ---- ending ---- */

static void unlink_stanza(struct stanza_out *s)
{
	struct xlate *x = s->x;

	map_del_u64(&x->stanzas_out, s->e.id);
	if (s->has_sid)
		map_del(&x->stanzas_out_sid, s->e.sid);
	list_del(&s->node_order);
	x->stanzas_out_bytes -= s->bytes;
}

static void end(struct stanza_out *s, enum stanza_outcome o, const struct stanza_in *error)
{
	unlink_stanza(s);
	if (o == STANZA_LOST)
		xlate_stats[STAT_STANZAS_LOST]++;
	if (s->fn)
		s->fn(s->arg, o, error);
	free(s);
}

void stanza_out_drop(struct stanza_out *s)
{
	if (!s)
		return;
	unlink_stanza(s);
	free(s);
}

/* ---- sending ---- */

static struct bytes copy(uint8_t **at, struct bytes v)
{
	uint8_t *p = *at;

	if (v.n)
		memcpy(p, v.p, v.n);
	*at += v.n;
	return bytes_make(p, v.n);
}

static struct stanza_out *stanza_new(struct xlate *x, const struct stanza_to *to)
{
	size_t texts = to->from.n + to->to.n + to->sid.n + to->stanza.n;
	struct stanza_out *s = calloc(1, sizeof *s + texts);

	if (!s)
		return NULL;
	uint8_t *at = s->text;
	s->x = x;
	s->bytes = sizeof *s + texts;
	s->e = envelope_of(to);
	s->e.id = xlate_next_id(x);
	s->e.from = copy(&at, to->from);
	s->e.to = copy(&at, to->to);
	s->e.sid = copy(&at, to->sid);
	s->e.stanza = copy(&at, to->stanza);
	s->hold_ms = to->hold_ms;
	s->due_ms = loop_now(x->loop) + (to->wait_ms ? to->wait_ms : STANZA_OUT_WAIT_MS);
	return s;
}

static void arm(struct xlate *x)
{
	if (!loop_timer_is_set(&x->stanzas_out_timer))
		(void)loop_timer_set(x->loop, &x->stanzas_out_timer, STANZA_OUT_AGAIN_MS); /* the next one sets it */
}

int stanza_out_send(struct xlate *x, const struct stanza_to *to, stanza_out_fn fn, void *arg, struct stanza_out **out)
{
	if (x->stanzas_out.count >= STANZAS_OUT_MAX || x->stanzas_out_bytes + to->stanza.n > STANZAS_OUT_BYTES_MAX) {
		xlate_stats[STAT_STANZAS_FULL]++;
		return ERR_FULL;
	}
	struct stanza_out *s = stanza_new(x, to);
	if (!s || map_add_u64(&x->stanzas_out, s->e.id, s)) {
		xlate_stats[STAT_NO_MEMORY]++;
		free(s);
		return ERR_NOMEM;
	}
	s->has_sid = fn && s->e.sid.n && map_add(&x->stanzas_out_sid, s->e.sid, s) == 0;
	list_add_tail(&x->stanzas_out_order, &s->node_order);
	x->stanzas_out_bytes += s->bytes;
	s->fn = fn;
	s->arg = arg;
	s->must_repeat = transmit(x, &s->e) != 0;
	arm(x);
	if (out)
		*out = s;
	return 0;
}

/* ---- what comes back ---- */

void stanza_out_result(struct xlate *x, uint64_t id, int rc)
{
	struct stanza_out *s = map_get_u64(&x->stanzas_out, id);

	if (!s || s->is_taken)
		return;
	if (rc) {
		s->must_repeat = true;
	} else if (!s->hold_ms) {
		end(s, STANZA_TAKEN, NULL);
	} else {
		s->is_taken = true;
		s->due_ms = loop_now(x->loop) + s->hold_ms;
	}
}

int stanza_out_on_done(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);
	int rc = (int32_t)wire_u32(&w);

	(void)from;
	xlate_begin(x);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	stanza_out_result(x, id, rc);
	return 0;
}

/* Only the one who was written to may refuse it, or his server for him. */
bool stanza_out_on_error(struct xlate *x, const struct stanza_in *error)
{
	struct stanza_out *s = map_get(&x->stanzas_out_sid, error->e.sid);

	if (!s || s->e.kind != error->e.kind || !bytes_eq(s->e.from, error->e.to))
		return false;
	struct jid to = jid_of_normal(s->e.to);
	if (!jid_bare_eq(&to, &error->from) && !bytes_eq(jid_domain(&to), error->e.from))
		return false;
	end(s, STANZA_REFUSED, error);
	return true;
}

/* ---- again, and the end of waiting ---- */

static void on_timer(void *arg)
{
	struct xlate *x = arg;
	uint64_t now = loop_now(x->loop);
	struct list over; /* what one of them does at its end may end others */

	xlate_begin(x);
	list_init(&over);
	LIST_EACH (it, &x->stanzas_out_order) {
		struct stanza_out *s = LIST_OWNER(it, struct stanza_out, node_order);
		if (s->due_ms <= now) {
			list_del(&s->node_order);
			list_add_tail(&over, &s->node_order);
		} else if (s->must_repeat && !s->is_taken) {
			s->must_repeat = transmit(x, &s->e) != 0;
		}
	}
	while (!list_is_empty(&over)) {
		struct stanza_out *s = LIST_OWNER(over.next, struct stanza_out, node_order);
		end(s, s->is_taken ? STANZA_TAKEN : STANZA_LOST, NULL);
	}
	if (!list_is_empty(&x->stanzas_out_order))
		arm(x);
}

void stanza_out_up(struct xlate *x)
{
	LIST_EACH (it, &x->stanzas_out_order) {
		struct stanza_out *s = LIST_OWNER(it, struct stanza_out, node_order);
		if (!s->is_taken)
			s->must_repeat = transmit(x, &s->e) != 0;
	}
}

void stanza_out_init(struct xlate *x)
{
	list_init(&x->stanzas_out_order);
	loop_timer_init(&x->stanzas_out_timer, on_timer, x);
}

void stanza_out_fini(struct xlate *x)
{
	loop_timer_del(x->loop, &x->stanzas_out_timer);
	while (!list_is_empty(&x->stanzas_out_order))
		stanza_out_drop(LIST_OWNER(x->stanzas_out_order.next, struct stanza_out, node_order));
	map_fini(&x->stanzas_out);
	map_fini(&x->stanzas_out_sid);
}
