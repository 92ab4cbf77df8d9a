#include "message_in.h"

#include <stdio.h>
#include <stdlib.h>

#include "address.h"
#include "base/err.h"
#include "base/text.h"
#include "charset.h"
#include "cpim.h"
#include "service_features.h"
#include "message_write.h"
#include "mime.h"
#include "receipt.h"
#include "stanza_out.h"

enum { LATE_MS = 60000 };

/* A stanza that an answer waits for. */
struct delivery {
	struct list node; /* of the conversation's deliveries */
	struct conversation *c;
	struct stanza_out *out;
	struct request_in *r; /* NULL: its door has gone */
	struct bytes sid;
	char sid_text[MESSAGE_SID_BYTES];
	bool is_full; /* it went to a full JID */
};

/* ---- answers ---- */

static void refuse_content(struct request_in *r, unsigned status, const char *why)
{
	bool is_unknown = status == 415;

	request_in_refuse_with(r, status, why,
			       is_unknown ? BYTES("Accept: " XLATE_ACCEPT "\r\nAccept-Encoding: identity\r\n") : BYTES_NONE);
}

static void answer_taken(struct request_in *r)
{
	request_in_status(r, settings_enum(r->x->settings, SET_GATEWAY_ANSWER) ? 202 : 200, NULL); /* MSG-S08 */
}

static void answer_error(struct request_in *r, const struct stanza_in *error, bool is_full)
{
	struct status_fault f;
	struct buf headers;

	error_of_stanza(xml_child(error->node, "error", NS_CLIENT), is_full, &r->x->arena, &f);
	buf_init(&headers, 4096);
	if (f.contact.n) {
		buf_put_str(&headers, "Contact: <");
		buf_put_bytes(&headers, f.contact);
		buf_put_str(&headers, ">\r\n");
	}
	request_in_answer(r, &(struct reply){ .status = f.status, .reason = *f.reason ? f.reason : NULL, .headers = buf_bytes(&headers) });
	buf_fini(&headers);
}

/* ---- what became of the stanza ---- */

static void on_gone(struct request_in *r)
{
	struct delivery *d = r->user;

	d->r = NULL;
}

static void on_outcome(void *arg, enum stanza_outcome o, const struct stanza_in *error)
{
	struct delivery *d = arg;

	list_del(&d->node);
	if (o != STANZA_TAKEN)
		note_del(d->c, note_of_sid(d->c, true, d->sid));
	if (d->r && o == STANZA_TAKEN)
		answer_taken(d->r);
	else if (d->r && o == STANZA_REFUSED)
		answer_error(d->r, error, d->is_full);
	else if (d->r)
		request_in_refuse(d->r, 504, "not-taken-in-time");
	free(d);
}

void message_in_drop_all(struct conversation *c)
{
	while (!list_is_empty(&c->deliveries)) {
		struct delivery *d = LIST_OWNER(c->deliveries.next, struct delivery, node);
		list_del(&d->node);
		stanza_out_drop(d->out);
		if (d->r)
			d->r->gone = NULL;
		free(d);
	}
}

static void send(struct conversation *c, struct request_in *r, const struct message_head *head, struct bytes stanza, uint32_t facts)
{
	struct xlate *x = c->x;
	struct delivery *d = calloc(1, sizeof *d);

	if (!d || stanza.n > STANZA_IN_BYTES_MAX) {
		note_del(c, note_of_sid(c, true, head->sid));
		request_in_refuse(r, d ? 413 : 500, d ? "too-long" : "memory"); /* MSG-S21 */
		free(d);
		return;
	}
	d->c = c;
	d->r = r;
	memcpy(d->sid_text, head->sid.p, head->sid.n);
	d->sid = bytes_make(d->sid_text, head->sid.n);
	d->is_full = !jid_is_bare(&r->to);
	r->user = d;
	r->gone = on_gone;
	bool is_held = settings_bool_at(x->settings, SET_SIP_PEER_HOLD, xlate_peer_key(x, r->peer));
	const struct stanza_to to = { .kind = STANZA_MESSAGE, .type = head->type, .facts = facts, .trace = r->trace, .from = head->from,
				      .to = head->to, .sid = head->sid, .stanza = stanza, .hold_ms = is_held ? MESSAGE_HOLD_MS : 0 };
	if (stanza_out_send(x, &to, on_outcome, d, &d->out) == 0) {
		list_add_tail(&c->deliveries, &d->node);
		return;
	}
	free(d);
	r->gone = NULL;
	note_del(c, note_of_sid(c, true, head->sid));
	request_in_answer(r, &(struct reply){ .status = 500, .headers = BYTES("Retry-After: 10\r\n") });
}

/* ---- text ---- */

/* What may be said of it later: reports, a late error, an answer in its thread. */
static void remember(struct conversation *c, const struct request_in *r, const struct letter *l, struct bytes sid)
{
	const struct note n = { .is_from_sip = true, .wanted = l->message_id.n ? l->disposition : 0, .sid = sid,
				.message_id = l->message_id, .call_id = sipmsg_value(r->m, SIPH_CALL_ID, 0), .date = l->date, .jid = r->to.full };

	if (!note_add(c, &n)) /* then it can only be logged */
		xlate_stats[STAT_NO_MEMORY]++;
}

static void deliver(struct conversation *c, struct request_in *r, const struct letter *l)
{
	struct xlate *x = c->x;
	char sid[MESSAGE_SID_BYTES];
	struct buf b;
	uint32_t facts = 0;
	uint64_t now = loop_wall_ms(x->loop);

	message_new_sid(x, sid);
	const struct message_head head = { .type = settings_enum(x->settings, SET_GATEWAY_TYPE) ? TYPE_CHAT : TYPE_NORMAL, .sid = bytes_of(sid),
					   .from = r->from.full, .to = r->to.full, .lang = l->lang,
					   .thread = sipmsg_value(r->m, SIPH_CALL_ID, 0) };
	const struct message_more more = { .has_xhtml = settings_bool(x->settings, SET_GATEWAY_XHTML),
					   .has_receipts = settings_bool(x->settings, SET_GATEWAY_RECEIPTS),
					   .delay_by = jid_domain(&r->to),
					   .at_ms = l->at_ms && l->at_ms + LATE_MS < now ? l->at_ms : 0 }; /* DLY-03, DLY-05 */
	buf_init(&b, STANZA_IN_BYTES_MAX + 1);
	facts = message_write_letter(&b, &head, l, &more);
	if (buf_failed(&b)) {
		request_in_refuse(r, 413, "too-long"); /* MSG-S21 */
	} else {
		remember(c, r, l, head.sid);
		typing_text_to_xmpp(c);
		send(c, r, &head, buf_bytes(&b), facts);
	}
	buf_fini(&b);
}

/* ---- typing ---- */

static void write_state(struct xlate *x, struct buf *b, struct message_head *head, bool is_active, char sid[static MESSAGE_SID_BYTES])
{
	message_new_sid(x, sid);
	head->sid = bytes_of(sid);
	head->type = TYPE_CHAT;
	message_write_state(b, head, is_active ? CHAT_COMPOSING : CHAT_ACTIVE);
}

static void deliver_state(struct conversation *c, struct request_in *r, const struct letter *l)
{
	struct message_head head = { .from = r->from.full, .to = r->to.full, .thread = sipmsg_value(r->m, SIPH_CALL_ID, 0) };
	char sid[MESSAGE_SID_BYTES];
	struct buf b;

	if (!settings_bool(c->x->settings, SET_GATEWAY_STATES) || !typing_to_xmpp(c, l->is_active, l->refresh_s)) {
		request_in_status(r, 200, NULL);
		return;
	}
	buf_init(&b, 16384);
	write_state(c->x, &b, &head, l->is_active, sid);
	send(c, r, &head, buf_bytes(&b), FACT_CHAT_STATE);
	buf_fini(&b);
}

void message_in_state(struct conversation *c, bool is_active, uint64_t trace)
{
	struct message_head head = { .from = buf_bytes(&c->sip_full), .to = buf_bytes(&c->xmpp_full), .thread = buf_bytes(&c->call_id) };
	char sid[MESSAGE_SID_BYTES];
	struct buf b;

	if (!head.from.n || !head.to.n)
		return;
	buf_init(&b, 16384);
	write_state(c->x, &b, &head, is_active, sid);
	stanza_out_post(c->x, &(struct stanza_to){ .kind = STANZA_MESSAGE, .type = TYPE_CHAT, .facts = FACT_CHAT_STATE,
						   .trace = trace ? trace : xlate_next_id(c->x), .from = head.from, .to = head.to,
						   .sid = head.sid, .stanza = buf_bytes(&b) });
	buf_fini(&b);
}

/* ---- judging ---- */

/* MSG-S10: who writes inside is who writes outside. */
static bool is_same_user(struct xlate *x, struct bytes uri, const struct jid *outside)
{
	struct jid inside;

	return !uri.n || (address_to_jid(uri, true, &x->arena, &inside) == 0 && jid_bare_eq(&inside, outside));
}

/* MSG-S15: seconds from Date, or from now. */
static bool is_expired(struct xlate *x, const struct request_in *r, const struct letter *l)
{
	uint32_t seconds;

	if (!sipmsg_number(r->m, SIPH_EXPIRES, &seconds))
		return false;
	uint64_t now = loop_wall_ms(x->loop), from = l->at_ms ? l->at_ms : now;
	return seconds == 0 || from + seconds * 1000ull < now;
}

static bool is_in_dialog(const struct sipmsg *m)
{
	struct sip_address to;
	struct bytes tag;

	return sipmsg_address(m, SIPH_TO, 0, &to) && sip_param(to.params, "tag", &tag);
}

static void learn(struct conversation *c, const struct request_in *r, const struct letter *l)
{
	if (l->is_cpim)
		capability_set(c, &c->takes_cpim, true);
	if (l->is_state)
		capability_set(c, &c->takes_composing, true); /* CMP-09 */
	for (size_t i = 0; i < sipmsg_count(r->m, SIPH_ACCEPT); i++) {
		if (mime_list_has(sipmsg_value(r->m, SIPH_ACCEPT, i), "message/cpim"))
			capability_set(c, &c->takes_cpim, true);
		if (mime_list_has(sipmsg_value(r->m, SIPH_ACCEPT, i), "application/im-iscomposing+xml"))
			capability_set(c, &c->takes_composing, true);
	}
	buf_clear(&c->sip_full);
	buf_put_bytes(&c->sip_full, r->from.full);
	buf_clear(&c->xmpp_full);
	buf_put_bytes(&c->xmpp_full, r->to.full);
	buf_clear(&c->call_id);
	buf_put_bytes(&c->call_id, sipmsg_value(r->m, SIPH_CALL_ID, 0));
	c->flags = r->flags;
	c->flow = r->flags & UNIT_CLIENT ? r->flow : 0;
}

static void dispatch(struct conversation *c, struct request_in *r, const struct letter *l)
{
	learn(c, r, l);
	if (l->is_notice) {
		receipt_from_sip(c, r, &l->notice);
		request_in_status(r, 200, NULL); /* RCP-12 as well: nobody waits for more */
	} else if (l->is_state) {
		deliver_state(c, r, l);
	} else if (!l->body.n && !l->subject.n) {
		request_in_status(r, 200, NULL); /* MSG-S20 */
	} else {
		deliver(c, r, l);
	}
}

bool message_in_on_request(struct xlate *x, struct request_in *r)
{
	struct letter l;
	const char *why;

	if (!settings_bool(x->settings, SET_GATEWAY_IM))
		return false;
	if (is_in_dialog(r->m)) {
		request_in_status(r, 481, NULL); /* MSG-S16 */
		return true;
	}
	unsigned status = letter_read(r->m, &x->arena, &l, &why);
	if (status) {
		refuse_content(r, status, why);
	} else if (l.is_cpim && (!is_same_user(x, l.cpim_from, &r->from) || !is_same_user(x, l.cpim_to, &r->to))) {
		request_in_refuse(r, 403, "cpim-addresses");
	} else if (is_expired(x, r, &l)) {
		request_in_status(r, 200, NULL);
	} else {
		struct conversation *c = conversation_get(x, jid_bare(&r->to), jid_bare(&r->from));
		if (c)
			dispatch(c, r, &l);
		else
			request_in_answer(r, &(struct reply){ .status = 500, .headers = BYTES("Retry-After: 10\r\n") });
	}
	return true;
}
