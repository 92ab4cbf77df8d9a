#include "receipt.h"

#include "address.h"
#include "cpim.h"
#include "message_write.h"
#include "stanza_out.h"

static void post(struct xlate *x, const struct message_head *h, uint32_t facts, uint64_t trace, struct bytes stanza)
{
	const struct stanza_to to = { .kind = STANZA_MESSAGE, .type = h->type, .facts = facts, .trace = trace, .from = h->from,
				      .to = h->to, .sid = h->sid, .stanza = stanza };

	if (stanza_out_send(x, &to, NULL, NULL, NULL))
		stanza_out_post(x, &to);
}

static void tell_receipt(struct conversation *c, const struct request_in *r, const struct note *n, bool is_displayed)
{
	char sid[MESSAGE_SID_BYTES];
	struct buf b;

	message_new_sid(c->x, sid);
	const struct message_head h = { .type = TYPE_CHAT, .sid = bytes_of(sid), .from = r->from.full, .to = n->jid };
	buf_init(&b, 16384);
	uint32_t facts = message_write_receipt(&b, &h, is_displayed, n->sid);
	post(c->x, &h, facts, r->trace, buf_bytes(&b));
	buf_fini(&b);
}

static void tell_failure(struct conversation *c, const struct request_in *r, const struct note *n)
{
	const struct message_head h = { .type = TYPE_ERROR, .sid = n->sid, .from = c->sip, .to = n->jid };
	struct buf b;

	buf_init(&b, 16384);
	(void)error_write(&b, STANZA_MESSAGE, TYPE_CHAT, h.sid, h.from, h.to, &(struct stanza_fault){ .error = STANZA_RECIPIENT_UNAVAILABLE });
	post(c->x, &h, 0, r->trace, buf_bytes(&b));
	buf_fini(&b);
}

void receipt_from_sip(struct conversation *c, const struct request_in *r, const struct imdn *i)
{
	struct note *n = note_of_message(c, i->message_id);
	unsigned bit = i->status == IMDN_DISPLAYED ? CPIM_DISPLAY : CPIM_DELIVERY;

	if (!n || !settings_bool(c->x->settings, SET_GATEWAY_RECEIPTS))
		return;
	if (imdn_is_failure(i)) {
		tell_failure(c, r, n);
		note_del(c, n);
	} else if ((i->status == IMDN_DELIVERED || i->status == IMDN_DISPLAYED) && n->wanted & bit) {
		n->wanted &= ~bit;
		tell_receipt(c, r, n, i->status == IMDN_DISPLAYED);
	}
}

static struct imdn report_of(struct conversation *c, const struct note *n, enum imdn_status status, struct buf *uri)
{
	struct jid j = jid_of_normal(c->xmpp);

	buf_init(uri, ADDRESS_URI_MAX_BYTES + 16);
	(void)address_of_bare(&j, SIPURI_SIP, uri); /* the element is left out then */
	return (struct imdn){ .status = status, .message_id = n->message_id, .date_time = n->date, .recipient = buf_bytes(uri) };
}

static void report(struct conversation *c, const struct note *n, enum imdn_status status)
{
	struct buf uri;
	struct imdn i = report_of(c, n, status, &uri);

	message_out_notice(c, &i);
	buf_fini(&uri);
}

void receipt_from_xmpp(struct conversation *c, struct bytes id, bool is_displayed)
{
	struct note *n = note_of_sid(c, true, id);
	unsigned bit = is_displayed ? CPIM_DISPLAY : CPIM_DELIVERY;

	if (!n || !(n->wanted & bit) || !settings_bool(c->x->settings, SET_GATEWAY_RECEIPTS))
		return;
	n->wanted &= ~bit;
	report(c, n, is_displayed ? IMDN_DISPLAYED : IMDN_DELIVERED);
}

void receipt_undelivered(struct conversation *c, const struct stanza_in *error)
{
	struct note *n = note_of_sid(c, true, error->e.sid);
	struct bytes text = settings_text(c->x->settings, SET_GATEWAY_UNDELIVERED);

	if (!n)
		return;
	log_info("xlate.message.undelivered", LOG_ID("trace", error->e.trace), LOG_BYTES("from", c->sip), LOG_BYTES("to", c->xmpp),
		 LOG_STR("told", n->wanted ? "report" : text.n ? "text" : "nothing"));
	if (n->wanted & (CPIM_DELIVERY | CPIM_NEGATIVE_DELIVERY))
		report(c, n, IMDN_FAILED);
	else if (text.n)
		message_out_text(c, text);
	note_del(c, n);
}
