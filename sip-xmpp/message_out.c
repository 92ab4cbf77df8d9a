#include "message_out.h"

#include <stdlib.h>

#include "base/err.h"
#include "message_build.h"
#include "request_out.h"
#include "typing.h"

/* ---- ending one ---- */

static void take_out(struct word *w)
{
	list_del(&w->node);
	w->c->n_queue--;
}

static void word_free(struct word *w)
{
	request_out_drop(w->request);
	buf_fini(&w->target);
	free(w);
}

static void end_done(struct word *w)
{
	take_out(w);
	if (w->s)
		stanza_in_done(w->s);
	word_free(w);
}

static void end_refused(struct word *w, const struct stanza_fault *f)
{
	take_out(w);
	if (w->s) {
		log_info("xlate.message.refused", LOG_ID("trace", w->s->e.trace), LOG_BYTES("from", w->s->e.from),
			 LOG_BYTES("to", w->s->e.to), LOG_STR("error", stanza_error_name(f->error)), LOG_BYTES("text", f->text));
		stanza_in_refuse(w->s, f);
	}
	word_free(w);
}

static struct word *first_of(struct conversation *c)
{
	return list_is_empty(&c->queue) ? NULL : LIST_OWNER(c->queue.next, struct word, node);
}

/* The door is not there: whoever sent them sends them again. */
static void give_back_all(struct conversation *c)
{
	struct word *w;

	while ((w = first_of(c))) {
		take_out(w);
		if (w->s)
			stanza_in_again(w->s);
		word_free(w);
	}
}

static uint8_t client_flag(const struct word *w)
{
	return (w->s ? w->s->flags : w->c->flags) & UNIT_CLIENT;
}

static uint64_t flow_of(const struct word *w)
{
	return w->s ? w->s->flow : w->c->flow;
}

/* Nobody answers there: those behind would wait as long for nothing. Another client of this user may answer. */
static void refuse_alike(struct word *failed, const struct stanza_fault *f)
{
	struct conversation *c = failed->c;
	uint64_t flow = flow_of(failed);
	uint8_t client = client_flag(failed);

	LIST_EACH (it, &c->queue) {
		struct word *w = LIST_OWNER(it, struct word, node);
		if (client_flag(w) == client && flow_of(w) == flow)
			end_refused(w, f);
	}
}

void message_out_drop_all(struct conversation *c)
{
	struct word *w;

	while ((w = first_of(c))) {
		take_out(w);
		word_free(w);
	}
}

/* ---- what came of it ---- */

static void start(struct conversation *c);

/* MSG-X16: once, and not to another domain. */
static bool follow(struct word *w, const struct outcome *o)
{
	struct sip_address contact;
	struct jid to;

	if (o->status != 302 || !o->m || w->was_redirected || !w->s || !sipmsg_address(o->m, SIPH_CONTACT, 0, &contact) ||
	    address_to_jid(contact.uri, false, &w->c->x->arena, &to) || !bytes_eq(jid_domain(&to), jid_domain(&w->s->to)))
		return false;
	w->was_redirected = true;
	buf_put_bytes(&w->target, contact.uri);
	return !buf_failed(&w->target);
}

/* RCP-08: the same without its wrapping. */
static bool unwrap(struct word *w, const struct outcome *o)
{
	if (!w->is_cpim || (o->status != 415 && o->status != 406 && o->status != 488))
		return false;
	capability_set(w->c, &w->c->takes_cpim, false);
	w->is_cpim = false;
	return true;
}

static void learn(struct word *w, const struct outcome *o)
{
	struct conversation *c = w->c;

	if (w->kind == WORD_STATE && o->status == 415)
		capability_set(c, &c->takes_composing, false); /* CMP-08 */
	for (size_t i = 0; o->m && i < sipmsg_count(o->m, SIPH_ACCEPT); i++)
		if (mime_list_has(sipmsg_value(o->m, SIPH_ACCEPT, i), "message/cpim"))
			capability_set(c, &c->takes_cpim, true);
}

static struct stanza_fault fault_of(struct word *w, const struct outcome *o)
{
	struct sip_address contact = { 0 };

	if (!o->m)
		return error_of_failure(o->why);
	(void)sipmsg_address(o->m, SIPH_CONTACT, 0, &contact); /* then it has none */
	return error_of_status(o->status, o->reason, contact.uri, &w->c->x->arena);
}

static bool is_reported_on(const struct word *w)
{
	return w->is_cpim && w->kind == WORD_STANZA;
}

/* A report may overtake the answer, so this is known from the sending on. Without memory it finds nothing to
 * report to. */
static void remember(struct word *w)
{
	if (is_reported_on(w))
		(void)note_add(w->c, &(struct note){ .sid = w->s->e.sid, .jid = w->s->e.from, .wanted = w->wanted });
}

static void forget(struct word *w)
{
	if (is_reported_on(w))
		note_del(w->c, note_of_message(w->c, w->s->e.sid));
}

static void on_outcome(void *arg, const struct outcome *o)
{
	struct word *w = arg;
	struct conversation *c = w->c;

	w->request = NULL;
	w->is_sent = false;
	learn(w, o);
	if (o->status >= 300)
		forget(w);
	if (o->status < 300) {
		end_done(w);
	} else if (!unwrap(w, o) && !follow(w, o)) {
		struct stanza_fault f = fault_of(w, o);
		if (o->why)
			refuse_alike(w, &f);
		else
			end_refused(w, &f);
	}
	start(c);
}

/* ---- sending ---- */

static struct bytes domain_of(struct bytes bare)
{
	struct jid j = jid_of_normal(bare);

	return jid_domain(&j);
}

static uint32_t max_bytes(const struct conversation *c)
{
	if (c->flags & UNIT_CLIENT)
		return 0;
	return (uint32_t)settings_int_at(c->x->settings, SET_SIP_PEER_MESSAGE_MAX, xlate_peer_key(c->x, domain_of(c->sip)));
}

static int transmit(struct word *w)
{
	struct conversation *c = w->c;
	struct sipmsg *m;
	int rc = message_build(w, &m);

	if (rc)
		return rc;
	const struct request_to to = { .m = m, .trace = w->s ? w->s->e.trace : xlate_next_id(c->x), .peer = domain_of(c->sip),
				       .flow = flow_of(w), .flags = client_flag(w), .max_bytes = max_bytes(c) };
	rc = request_out_send(c->x, &to, on_outcome, w, &w->request);
	w->is_sent = !rc;
	if (!rc)
		remember(w);
	sipmsg_free(m);
	return rc;
}

/* The first of the queue, unless it is under way. */
static void start(struct conversation *c)
{
	struct word *w;

	while ((w = first_of(c)) && !w->is_sent) {
		int rc = transmit(w);
		if (!rc)
			return;
		if (rc == ERR_AGAIN) {
			give_back_all(c);
			return;
		}
		struct stanza_fault f = error_of_failure(rc == ERR_SYNTAX ? ERR_PROTOCOL : rc);
		end_refused(w, &f);
	}
}

static struct word *word_new(struct conversation *c, enum word_kind kind, struct bytes text)
{
	struct word *w = calloc(1, sizeof *w + text.n);

	if (!w)
		return NULL;
	w->c = c;
	w->kind = kind;
	buf_init(&w->target, ADDRESS_URI_MAX_BYTES);
	if (text.n)
		memcpy(w->text, text.p, text.n);
	w->text_n = text.n;
	return w;
}

static void enqueue(struct word *w)
{
	list_add_tail(&w->c->queue, &w->node);
	w->c->n_queue++;
	start(w->c);
}

void message_out_send(struct xlate *x, struct stanza_in *s)
{
	struct conversation *c = conversation_get(x, jid_bare(&s->from), jid_bare(&s->to));
	struct word *w = c && c->n_queue < CONVERSATION_QUEUE_MAX ? word_new(c, WORD_STANZA, BYTES_NONE) : NULL;

	if (!w) {
		stanza_in_refuse_with(s, STANZA_RESOURCE_CONSTRAINT, "Too many messages wait for this SIP user"); /* MSG-X19 */
		return;
	}
	c->flags = s->flags;
	c->flow = s->flow;
	buf_clear(&c->xmpp_full);
	buf_put_bytes(&c->xmpp_full, s->e.from);
	w->s = s;
	w->wanted = message_wanted(s);
	w->is_cpim = w->wanted && capability_is_on(c, &c->takes_cpim); /* RCP-06..08 */
	typing_text_to_sip(c);
	enqueue(w);
}

/* ---- the gateway's own words: with a full queue they are not worth waiting for ---- */

static void enqueue_own(struct word *w)
{
	if (w)
		enqueue(w);
	else
		xlate_stats[STAT_NO_MEMORY]++;
}

void message_out_state(struct conversation *c, bool is_active)
{
	if (c->n_queue)
		return; /* the text before it says as much */
	struct word *w = word_new(c, WORD_STATE, BYTES_NONE);
	if (w)
		w->is_active = is_active;
	enqueue_own(w);
}

void message_out_notice(struct conversation *c, const struct imdn *i)
{
	struct buf b;

	if (c->n_queue >= CONVERSATION_QUEUE_MAX)
		return;
	buf_init(&b, 65536);
	imdn_write(&b, i);
	if (!buf_failed(&b))
		enqueue_own(word_new(c, WORD_NOTICE, buf_bytes(&b)));
	buf_fini(&b);
}

void message_out_text(struct conversation *c, struct bytes text)
{
	if (c->n_queue < CONVERSATION_QUEUE_MAX)
		enqueue_own(word_new(c, WORD_TEXT, text));
}
