/* Stanzas of a client's session: out with XEP-0198's count, so that a request is answered 2xx only when gh-im has
 * taken what it brought; in, acknowledged when the client has taken them. */
#include "client.h"

#include "base/err.h"
#include "proto/xmpp.h"

#include <stdlib.h>

struct sent_stanza {
	struct list node;
	uint64_t id;  /* of stanza_out */
	uint32_t seq;
};

struct delivery {
	struct list node;
	struct client *client; /* NULL: it has gone */
	uint32_t seq;
	bool is_done;
};

static struct chan *core(const struct xlate *x)
{
	return bus_chan(x->bus, PROG_IM, 0);
}

/* ---- out ---- */

/* One question a turn: its answer says that all up to it is safe. */
static void ask(void *arg)
{
	struct client *c = arg;
	struct chan *im = core(c->x);

	if (c->state != CLIENT_OPEN)
		return;
	wire_put_u64(chan_begin(im, MSG_SM_REQUEST, 0), c->conn);
	(void)chan_end(im); /* with gh-im the session goes, and what waits is told so */
}

static int transmit(struct client *c, const struct envelope *e)
{
	struct chan *im = core(c->x);
	struct buf *b = chan_begin(im, MSG_STANZA, 0);

	wire_put_u64(b, c->conn);
	envelope_encode(b, e);
	int rc = chan_end(im);
	if (rc)
		return ERR_AGAIN;
	c->sent++;
	return 0;
}

static int remember(struct client *c, uint64_t id)
{
	if (!id)
		return 0;
	if (c->n_pending >= CLIENT_SENT_MAX)
		return ERR_FULL;
	struct sent_stanza *s = calloc(1, sizeof *s);
	if (!s)
		return ERR_NOMEM;
	s->id = id;
	s->seq = c->sent + 1;
	list_add_tail(&c->pending, &s->node);
	c->n_pending++;
	return 0;
}

static void forget_last(struct client *c)
{
	struct sent_stanza *s = LIST_OWNER(c->pending.prev, struct sent_stanza, node);

	list_del(&s->node);
	c->n_pending--;
	free(s);
}

/* From is the session's, not only its user's. Into out. */
static int rewrite(struct client *c, const struct envelope *e, struct buf *out)
{
	struct xml_node *n;
	struct stanza s;

	if (xml_pool_parse(c->x->parsers, e->stanza, NS_CLIENT, &xml_limits_default, &c->x->arena, &n) ||
	    stanza_of_node(n, NS_CLIENT, &s))
		return ERR_SYNTAX;
	stanza_write(out, &s, bytes_of(c->full), e->to);
	return buf_failed(out) ? ERR_NOMEM : 0;
}

/* That a SIP subscription has ended, by its expiry as well, is no word about the user's roster, which other
 * clients of hers show, nor does she go offline by it: she keeps the contact, and her session its presence. */
static int pass_over(struct client *c, const struct envelope *e)
{
	int rc = remember(c, e->id);

	if (rc || !e->id)
		return rc;
	LIST_OWNER(c->pending.prev, struct sent_stanza, node)->seq = c->sent;
	loop_defer_call(c->x->loop, &c->request);
	return 0;
}

static int send_from(struct client *c, const struct envelope *e)
{
	struct envelope mine = *e;
	struct buf text;

	if (e->kind == STANZA_PRESENCE && e->type != TYPE_SUBSCRIBE && e->type != TYPE_PROBE)
		return pass_over(c, e);
	buf_init(&text, 1 << 20);
	mine.id = 0;
	mine.door = DOOR_ACCESS;
	mine.from = bytes_of(c->full);
	int rc = bytes_eq(e->from, mine.from) ? 0 : rewrite(c, e, &text);
	if (!rc && buf_len(&text))
		mine.stanza = buf_bytes(&text);
	if (!rc)
		rc = remember(c, e->id);
	if (!rc && (rc = transmit(c, &mine)) && e->id)
		forget_last(c);
	if (!rc && e->id)
		loop_defer_call(c->x->loop, &c->request);
	buf_fini(&text);
	return rc;
}

int client_send(struct xlate *x, const struct envelope *e)
{
	struct jid from = jid_of_normal(e->from);
	struct client *c = client_of_jid(x, &from);

	return c && c->state == CLIENT_OPEN ? send_from(c, e) : ERR_AGAIN;
}

void client_say(struct client *c, enum stanza_kind kind, enum stanza_type type, struct bytes to, struct bytes stanza)
{
	const struct envelope e = { .trace = xlate_next_id(c->x), .door = DOOR_ACCESS, .kind = (uint8_t)kind, .type = (uint8_t)type,
				    .from = bytes_of(c->full), .to = to, .stanza = stanza };

	if (c->state == CLIENT_OPEN && transmit(c, &e))
		client_break(c); /* then it begins anew, and says it again */
}

int client_on_answer(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	uint64_t conn = wire_u64(&w);
	uint32_t h = wire_u32(&w);
	struct client *c;

	(void)from;
	xlate_begin(x);
	if (wire_end(&w))
		return ERR_SYNTAX;
	/* What hears of it may end the client. */
	while ((c = client_of_conn(x, conn)) && !list_is_empty(&c->pending)) {
		struct sent_stanza *s = LIST_OWNER(c->pending.next, struct sent_stanza, node);
		uint64_t id = s->id;
		if ((int32_t)(h - s->seq) < 0)
			break;
		list_del(&s->node);
		c->n_pending--;
		free(s);
		stanza_out_result(x, id, 0);
	}
	return 0;
}

/* ---- in ---- */

static void acknowledge(struct client *c)
{
	struct chan *im = core(c->x);
	uint32_t before = c->acked;

	while (!list_is_empty(&c->deliveries)) {
		struct delivery *d = LIST_OWNER(c->deliveries.next, struct delivery, node);
		if (!d->is_done)
			break;
		c->acked = d->seq;
		list_del(&d->node);
		free(d);
	}
	if (c->acked == before || c->state != CLIENT_OPEN)
		return;
	struct buf *b = chan_begin(im, MSG_SM_ACK, 0);
	wire_put_u64(b, c->conn);
	wire_put_u32(b, c->acked);
	(void)chan_end(im); /* as in ask */
}

/* rc: not taken now. Its origin is gh-im, which has it until it is acknowledged: the session begins anew. */
static void on_finish(struct stanza_in *s, int rc)
{
	struct delivery *d = s->user;
	struct client *c = d->client;

	if (!c) {
		free(d);
		return;
	}
	d->is_done = true;
	if (rc)
		client_break(c);
	else
		acknowledge(c);
}

static bool is_own(const struct client *c, const struct jid *from)
{
	return bytes_eq(jid_bare(from), client_bare(c));
}

/* A client has no way to ask its user; see `gateway clients-approve`. */
static void on_subscribe(struct client *c, const struct jid *from)
{
	struct buf b;

	if (!settings_bool(c->x->settings, SET_GATEWAY_CLIENTS_APPROVE))
		return;
	buf_init(&b, 8192);
	buf_put_str(&b, "<presence type='subscribed'");
	xml_write_attr(&b, "from", bytes_of(c->full));
	xml_write_attr(&b, "to", jid_bare(from));
	buf_put_str(&b, "/>");
	if (!buf_failed(&b))
		client_say(c, STANZA_PRESENCE, TYPE_SUBSCRIBED, jid_bare(from), buf_bytes(&b));
	buf_fini(&b);
}

/* What no feature has to see. */
static bool is_dealt_with(struct client *c, const struct stanza *s, const struct jid *from)
{
	switch (s->kind) {
	case STANZA_PRESENCE:
		if (is_own(c, from) || client_is_phone(c))
			return true;
		if (s->type == TYPE_SUBSCRIBE)
			on_subscribe(c, from);
		return s->type == TYPE_SUBSCRIBE || s->type == TYPE_UNSUBSCRIBE || s->type == TYPE_PROBE;
	case STANZA_IQ:
		return s->type == TYPE_RESULT || s->type == TYPE_ERROR;
	default:
		return s->type == TYPE_ERROR && client_is_phone(c);
	}
}

static struct delivery *delivery_new(struct client *c)
{
	struct delivery *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->client = c;
	d->seq = ++c->delivered;
	list_add_tail(&c->deliveries, &d->node);
	return d;
}

static void offer(struct client *c, struct delivery *d, const struct stanza *s, const struct jid *from, struct bytes text)
{
	struct xlate *x = c->x;
	const struct envelope e = { .trace = xlate_next_id(x), .door = DOOR_CORE, .kind = (uint8_t)s->kind, .type = (uint8_t)s->type,
				    .facts = s->facts, .from = from->full, .to = bytes_of(c->full), .sid = s->id, .stanza = text };
	const struct stanza_from how = { .finish = on_finish, .user = d, .flags = UNIT_CLIENT, .flow = c->reg };
	uint64_t conn = c->conn;

	if (!stanza_in_offer(x, &e, &how) || !client_of_conn(x, conn))
		return;
	d->is_done = true; /* nobody has it */
	client_break(c);
}

/* A phone takes presence and nothing else. */
static void refuse(struct client *c, const struct stanza *s, const struct jid *from)
{
	struct buf b;

	buf_init(&b, 16384);
	const struct stanza_refusal why = { .error = STANZA_SERVICE_UNAVAILABLE };
	if (stanza_write_error(&b, s->kind, s->type, s->id, bytes_of(c->full), from->full, &why) && !buf_failed(&b))
		client_say(c, s->kind, TYPE_ERROR, from->full, buf_bytes(&b));
	buf_fini(&b);
}

static void take(struct client *c, struct bytes text)
{
	struct xlate *x = c->x;
	struct delivery *d = delivery_new(c);
	struct xml_node *n;
	struct stanza s;
	struct jid from = jid_of_normal(client_bare(c));
	uint64_t conn = c->conn;

	if (!d) {
		client_break(c);
		return;
	}
	bool is_good = !xml_pool_parse(x->parsers, text, NS_CLIENT, &xml_limits_default, &x->arena, &n) &&
		       !stanza_of_node(n, NS_CLIENT, &s) && (!s.from.n || !jid_parse(s.from, &x->arena, &from));
	if (is_good && !is_dealt_with(c, &s, &from)) {
		if (!client_is_phone(c)) {
			offer(c, d, &s, &from, text);
			return;
		}
		refuse(c, &s, &from);
	}
	c = client_of_conn(x, conn);
	if (!c) {
		free(d); /* what was said ended it */
		return;
	}
	d->is_done = true;
	acknowledge(c);
}

int client_on_deliver(void *program, struct chan *from, const struct frame *f)
{
	struct xlate *x = program;
	struct wire w = wire_of(f->body);
	struct client *c = client_of_conn(x, wire_u64(&w));
	(void)wire_u8(&w);
	struct bytes stanza = wire_bytes(&w);

	(void)from;
	xlate_begin(x);
	if (wire_end(&w))
		return ERR_SYNTAX;
	if (c && c->state == CLIENT_OPEN)
		take(c, stanza);
	return 0;
}

/* ---- life ---- */

void client_stanza_init(struct client *c)
{
	list_init(&c->pending);
	list_init(&c->deliveries);
	loop_defer_init(&c->request, ask, c);
}

void client_stanza_fini(struct client *c, bool is_end)
{
	loop_defer_cancel(&c->request);
	while (!list_is_empty(&c->deliveries)) {
		struct delivery *d = LIST_OWNER(c->deliveries.next, struct delivery, node);
		list_del(&d->node);
		d->client = NULL;
		if (is_end || d->is_done)
			free(d);
	}
	while (!list_is_empty(&c->pending)) {
		struct sent_stanza *s = LIST_OWNER(c->pending.next, struct sent_stanza, node);
		uint64_t id = s->id;
		list_del(&s->node);
		c->n_pending--;
		free(s);
		if (!is_end)
			stanza_out_result(c->x, id, ERR_AGAIN);
	}
}
