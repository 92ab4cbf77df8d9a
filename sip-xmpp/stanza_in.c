#include "stanza_in.h"

#include "base/err.h"
#include "service_features.h"
#include "proto/xmpp.h"
#include "stanza_out.h"

#include <stdlib.h>

/* ---- ending ---- */

static void tell_switch(struct xlate *x, uint64_t id, int rc)
{
	struct chan *c = bus_chan(x->bus, PROG_SWITCH, 0);

	if (!id)
		return;
	if (!rc)
		x->recent_in[id % STANZAS_IN_RECENT] = id;
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);
	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	(void)chan_end(c); /* it comes again, and is known */
}

static void end(struct stanza_in *s, int rc)
{
	struct xlate *x = s->x;

	if (s->finish) {
		s->finish(s, rc);
	} else {
		if (s->e.id)
			map_del_u64(&x->stanzas_in, s->e.id);
		tell_switch(x, s->e.id, rc);
	}
	list_del(&s->node_order);
	free(s);
}

void stanza_in_done(struct stanza_in *s)
{
	end(s, 0);
}

void stanza_in_again(struct stanza_in *s)
{
	xlate_stats[STAT_STANZAS_AGAIN]++;
	end(s, ERR_AGAIN);
}

static void answer(struct stanza_in *s, enum stanza_type type, struct bytes stanza)
{
	const struct stanza_to to = { .kind = (enum stanza_kind)s->e.kind, .type = type, .trace = s->e.trace, .from = s->e.to,
				      .to = s->e.from, .sid = s->e.sid, .stanza = stanza, .wait_ms = STANZA_IN_ANSWER_MS };

	/* Kept until it is taken: s itself is done with then, and its origin may not hear of it otherwise. */
	if (stanza_out_send(s->x, &to, NULL, NULL, NULL))
		stanza_out_post(s->x, &to);
}

void stanza_in_refuse(struct stanza_in *s, const struct stanza_fault *f)
{
	struct buf b;

	xlate_stats[STAT_STANZAS_REFUSED]++;
	buf_init(&b, 16384);
	if (error_write(&b, (enum stanza_kind)s->e.kind, (enum stanza_type)s->e.type, s->e.sid, s->e.to, s->e.from, f) &&
	    !buf_failed(&b))
		answer(s, TYPE_ERROR, buf_bytes(&b));
	buf_fini(&b);
	end(s, 0);
}

void stanza_in_refuse_with(struct stanza_in *s, enum stanza_error e, const char *text)
{
	stanza_in_refuse(s, &(struct stanza_fault){ .error = e, .text = bytes_of(text) });
}

void stanza_in_result(struct stanza_in *s, struct bytes inner)
{
	struct buf b;

	buf_init(&b, 65536);
	buf_put_str(&b, "<iq type='result'");
	xml_write_attr(&b, "id", s->e.sid);
	xml_write_attr(&b, "from", s->e.to);
	xml_write_attr(&b, "to", s->e.from);
	buf_put_str(&b, inner.n ? ">" : "/>");
	if (inner.n) {
		buf_put_bytes(&b, inner);
		buf_put_str(&b, "</iq>");
	}
	if (!buf_failed(&b))
		answer(s, TYPE_RESULT, buf_bytes(&b));
	buf_fini(&b);
	end(s, 0);
}

/* ---- coming in ---- */

struct xml_node *stanza_in_tree(struct stanza_in *s)
{
	struct xml_node *n;

	if (xml_pool_parse(s->x->parsers, s->e.stanza, NS_CLIENT, &xml_limits_default, &s->x->arena, &n))
		return NULL;
	return n;
}

static struct bytes copy(uint8_t **at, struct bytes v)
{
	uint8_t *p = *at;

	if (v.n)
		memcpy(p, v.p, v.n);
	*at += v.n;
	return bytes_make(p, v.n);
}

static struct stanza_in *stanza_new(struct xlate *x, const struct envelope *e)
{
	struct stanza_in *s = calloc(1, sizeof *s + e->from.n + e->to.n + e->sid.n + e->stanza.n);

	if (!s)
		return NULL;
	uint8_t *at = s->text;
	s->x = x;
	s->e = *e;
	s->e.from = copy(&at, e->from);
	s->e.to = copy(&at, e->to);
	s->e.sid = copy(&at, e->sid);
	s->e.stanza = copy(&at, e->stanza);
	s->from = jid_of_normal(s->e.from);
	s->to = jid_of_normal(s->e.to);
	list_init(&s->node_order);
	return s;
}

static int admit(struct xlate *x, const struct envelope *e, struct stanza_in **out)
{
	if (x->stanzas_in.count >= STANZAS_IN_MAX) {
		xlate_stats[STAT_STANZAS_FULL]++;
		return ERR_FULL;
	}
	*out = stanza_new(x, e);
	if (!*out)
		xlate_stats[STAT_NO_MEMORY]++;
	return *out ? 0 : ERR_NOMEM;
}

static void offer(struct stanza_in *s)
{
	struct xlate *x = s->x;

	list_add_tail(&x->stanzas_in_order, &s->node_order);
	s->node = stanza_in_tree(s);
	/* gh-im's errors are labelled without id; they are dealt with before the tree goes. */
	if (s->node && !s->e.sid.n && (s->e.type == TYPE_ERROR || s->e.type == TYPE_RESULT))
		s->e.sid = xml_attr(s->node, "id");
	if (!s->node)
		stanza_in_refuse_with(s, STANZA_BAD_REQUEST, "");
	else if (s->e.type == TYPE_ERROR && stanza_out_on_error(x, s))
		stanza_in_done(s);
	else
		features_stanza(x, s);
}

int stanza_in_offer(struct xlate *x, const struct envelope *e, const struct stanza_from *from)
{
	struct stanza_in *s;
	int rc = admit(x, e, &s);

	if (rc)
		return rc;
	s->finish = from->finish;
	s->user = from->user;
	s->flags = from->flags;
	s->flow = from->flow;
	offer(s);
	return 0;
}

/* One that was sent again after a broken channel is known: it is under way, or was ended lately. */
static bool is_known(struct xlate *x, uint64_t id)
{
	if (map_get_u64(&x->stanzas_in, id))
		return true;
	if (x->recent_in[id % STANZAS_IN_RECENT] != id)
		return false;
	tell_switch(x, id, 0);
	return true;
}

int stanza_in_on_route(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct envelope e;
	struct stanza_in *s;

	(void)from;
	xlate_begin(x);
	if (envelope_decode(f->body, &e) || !e.from.n || !e.to.n)
		return ERR_PROTOCOL;
	xlate_stats[STAT_STANZAS_IN]++;
	if (e.id && is_known(x, e.id))
		return 0;
	int rc = x->settings ? admit(x, &e, &s) : ERR_AGAIN;
	if (!rc && e.id && map_add_u64(&x->stanzas_in, e.id, s)) {
		free(s);
		rc = ERR_NOMEM;
	}
	if (rc)
		tell_switch(x, e.id, rc);
	else
		offer(s);
	return 0;
}

int stanza_in_init(struct xlate *x)
{
	list_init(&x->stanzas_in_order);
	x->recent_in = calloc(STANZAS_IN_RECENT, sizeof *x->recent_in);
	return x->recent_in ? 0 : ERR_NOMEM;
}

/* What is left stays with its origin, which sends it again to the program that comes after us. */
void stanza_in_fini(struct xlate *x)
{
	while (x->stanzas_in_order.next && !list_is_empty(&x->stanzas_in_order)) {
		struct stanza_in *s = LIST_OWNER(x->stanzas_in_order.next, struct stanza_in, node_order);
		list_del(&s->node_order);
		free(s);
	}
	map_fini(&x->stanzas_in);
	free(x->recent_in);
}
