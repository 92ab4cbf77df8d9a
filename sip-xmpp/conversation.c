#include "conversation.h"

#include "base/err.h"
#include "message_in.h"
#include "message_out.h"
#include "typing.h"

#include <stdlib.h>

enum { TEXT_BYTES_MAX = 4096, SWEEP_MS = 60000 };

/* ---- notes ---- */

void note_del(struct conversation *c, struct note *n)
{
	if (!n)
		return;
	list_del(&n->node);
	c->n_notes--;
	free(n);
}

static struct bytes copy(uint8_t **at, struct bytes v)
{
	uint8_t *p = *at;

	if (v.n)
		memcpy(p, v.p, v.n);
	*at += v.n;
	return bytes_make(p, v.n);
}

struct note *note_add(struct conversation *c, const struct note *from)
{
	size_t texts = from->sid.n + from->message_id.n + from->call_id.n + from->date.n + from->jid.n;
	struct note *n = texts > TEXT_BYTES_MAX ? NULL : calloc(1, sizeof *n + texts);

	if (!n)
		return NULL;
	if (c->n_notes == CONVERSATION_NOTES_MAX)
		note_del(c, LIST_OWNER(c->notes.next, struct note, node));
	uint8_t *at = n->text;
	n->is_from_sip = from->is_from_sip;
	n->wanted = from->wanted;
	n->sid = copy(&at, from->sid);
	n->message_id = copy(&at, from->message_id);
	n->call_id = copy(&at, from->call_id);
	n->date = copy(&at, from->date);
	n->jid = copy(&at, from->jid);
	list_add_tail(&c->notes, &n->node);
	c->n_notes++;
	return n;
}

struct note *note_of_sid(struct conversation *c, bool is_from_sip, struct bytes sid)
{
	LIST_EACH (it, &c->notes) {
		struct note *n = LIST_OWNER(it, struct note, node);
		if (n->is_from_sip == is_from_sip && bytes_eq(n->sid, sid))
			return n;
	}
	return NULL;
}

struct note *note_of_message(struct conversation *c, struct bytes message_id)
{
	return note_of_sid(c, false, message_id); /* ours go out with the stanza's id (RCP-06) */
}

struct note *note_of_call(struct conversation *c, struct bytes call_id)
{
	if (!call_id.n)
		return NULL;
	LIST_EACH (it, &c->notes) {
		struct note *n = LIST_OWNER(it, struct note, node);
		if (n->is_from_sip && bytes_eq(n->call_id, call_id))
			return n;
	}
	return NULL;
}

/* ---- capabilities ---- */

bool capability_is_on(const struct conversation *c, const struct capability *k)
{
	(void)c;
	return k->is_known && k->is_on;
}

void capability_set(const struct conversation *c, struct capability *k, bool is_on)
{
	uint64_t now = loop_now(c->x->loop);

	if (is_on && k->is_known && !k->is_on && k->until_ms > now)
		return; /* it has refused: not again before the day is over */
	*k = (struct capability){ .is_known = true, .is_on = is_on, .until_ms = now + CONVERSATION_FORGET_MS };
}

/* ---- conversations ---- */

static void conversation_free(struct conversation *c)
{
	message_out_drop_all(c);
	message_in_drop_all(c);
	loop_timer_del(c->x->loop, &c->to_sip.timer);
	loop_timer_del(c->x->loop, &c->to_xmpp.timer);
	while (!list_is_empty(&c->notes))
		note_del(c, LIST_OWNER(c->notes.next, struct note, node));
	map_del(&c->x->message->conversations, bytes_make(c->key, c->key_n));
	list_del(&c->node_lru);
	buf_fini(&c->xmpp_full);
	buf_fini(&c->sip_full);
	buf_fini(&c->call_id);
	free(c);
}

static bool is_busy(const struct conversation *c)
{
	return !list_is_empty(&c->deliveries) || c->n_queue;
}

/* Room for one more: the longest silent that nothing waits for. */
static bool make_room(struct message *m)
{
	if (m->conversations.count < CONVERSATIONS_MAX)
		return true;
	LIST_EACH (it, &m->lru) {
		struct conversation *c = LIST_OWNER(it, struct conversation, node_lru);
		if (is_busy(c))
			continue;
		conversation_free(c);
		return true;
	}
	return false;
}

/* Neither of the two has a NUL in it. */
static size_t put_key(uint8_t *out, struct bytes xmpp, struct bytes sip)
{
	memcpy(out, xmpp.p, xmpp.n);
	out[xmpp.n] = 0;
	memcpy(out + xmpp.n + 1, sip.p, sip.n);
	return xmpp.n + 1 + sip.n;
}

static struct conversation *conversation_new(struct xlate *x, struct bytes xmpp, struct bytes sip)
{
	struct conversation *c = make_room(x->message) ? calloc(1, sizeof *c + xmpp.n + 1 + sip.n) : NULL;

	if (!c)
		return NULL;
	c->x = x;
	c->key_n = put_key(c->key, xmpp, sip);
	c->xmpp = bytes_make(c->key, xmpp.n);
	c->sip = bytes_make(c->key + xmpp.n + 1, sip.n);
	/* Grows over a restart, so that a thread's numbers do (RFC 3261 8.1.1.5). */
	c->cseq = (uint32_t)(loop_wall_ms(x->loop) / 1000) & 0x3fffffff;
	list_init(&c->queue);
	list_init(&c->deliveries);
	list_init(&c->notes);
	list_init(&c->node_lru);
	buf_init(&c->xmpp_full, TEXT_BYTES_MAX);
	buf_init(&c->sip_full, TEXT_BYTES_MAX);
	buf_init(&c->call_id, TEXT_BYTES_MAX);
	typing_init(c);
	if (map_add(&x->message->conversations, bytes_make(c->key, c->key_n), c)) {
		free(c);
		return NULL;
	}
	return c;
}

struct conversation *conversation_find(struct xlate *x, struct bytes xmpp, struct bytes sip)
{
	uint8_t *key = arena_alloc(&x->arena, xmpp.n + 1 + sip.n);

	return key ? map_get(&x->message->conversations, bytes_make(key, put_key(key, xmpp, sip))) : NULL;
}

struct conversation *conversation_get(struct xlate *x, struct bytes xmpp, struct bytes sip)
{
	struct conversation *c = conversation_find(x, xmpp, sip);

	if (!c)
		c = conversation_new(x, xmpp, sip);
	if (!c) {
		xlate_stats[STAT_NO_MEMORY]++;
		return NULL;
	}
	c->used_ms = loop_now(x->loop);
	list_del(&c->node_lru);
	list_add_tail(&x->message->lru, &c->node_lru);
	return c;
}

static void on_sweep(void *arg)
{
	struct xlate *x = arg;
	uint64_t now = loop_now(x->loop);

	xlate_begin(x);
	LIST_EACH (it, &x->message->lru) {
		struct conversation *c = LIST_OWNER(it, struct conversation, node_lru);
		if (c->used_ms + CONVERSATION_FORGET_MS > now)
			break;
		if (!is_busy(c))
			conversation_free(c);
	}
	(void)loop_timer_set(x->loop, &x->message->timer, SWEEP_MS); /* without memory: the most is the bound */
}

int conversations_init(struct xlate *x)
{
	x->message = calloc(1, sizeof *x->message);
	if (!x->message)
		return ERR_NOMEM;
	list_init(&x->message->lru);
	loop_timer_init(&x->message->timer, on_sweep, x);
	return loop_timer_set(x->loop, &x->message->timer, SWEEP_MS);
}

void conversations_fini(struct xlate *x)
{
	if (!x->message)
		return;
	loop_timer_del(x->loop, &x->message->timer);
	while (!list_is_empty(&x->message->lru))
		conversation_free(LIST_OWNER(x->message->lru.next, struct conversation, node_lru));
	map_fini(&x->message->conversations);
	free(x->message);
	x->message = NULL;
}
