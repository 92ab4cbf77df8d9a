#include "session_impl.h"

#include "base/err.h"
#include "base/random.h"
#include "charset.h"
#include "proto/xmpp.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- messages that wait ---- */

static struct outgoing *outgoing_new(struct stanza_in *st, bool is_second)
{
	struct outgoing *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	list_init(&o->node);
	o->s = st;
	o->is_second = is_second;
	return o;
}

void outgoing_free(struct outgoing *o)
{
	list_del(&o->node);
	free(o);
}

static struct stanza_in *unwrap(struct outgoing *o)
{
	struct stanza_in *st = o->s;

	outgoing_free(o);
	return st;
}

void outgoing_done(struct outgoing *o)
{
	stanza_in_done(unwrap(o));
}

void outgoing_refuse(struct outgoing *o, const struct outcome *why)
{
	struct stanza_in *st = unwrap(o);
	struct sip_address contact = { 0 };

	if (why->m && (why->status == 301 || why->status == 302))
		(void)sipmsg_address(why->m, SIPH_CONTACT, 0, &contact); /* without one the error says less */
	struct stanza_fault f = why->m ? error_of_status(why->status, why->reason, contact.uri, &st->x->arena) : error_of_failure(why->why);
	stanza_in_refuse(st, &f);
}

void outgoing_fail(struct outgoing *o, enum stanza_error e, const char *text)
{
	stanza_in_refuse_with(unwrap(o), e, text);
}

void outgoing_page(struct outgoing *o)
{
	struct stanza_in *st = unwrap(o);

	st->node = stanza_in_tree(st);
	features_stanza(st->x, st);
}

/* ---- to the XMPP user ---- */

static int post(struct session *s, const struct buf *stanza, struct bytes sid, uint32_t facts, stanza_out_fn fn, void *arg)
{
	const struct stanza_to to = { .kind = STANZA_MESSAGE, .type = TYPE_CHAT, .facts = facts, .trace = s->key,
				      .from = bytes_of(s->remote), .to = bytes_of(s->user), .sid = sid, .stanza = buf_bytes(stanza) };

	if (buf_failed(stanza))
		return ERR_LIMIT;
	return stanza_out_send(s->x, &to, fn, arg, NULL);
}

static void open_message(struct session *s, struct buf *b, const char *sid)
{
	buf_put_str(b, "<message type='chat'");
	xml_write_attr(b, "id", bytes_of(sid));
	xml_write_attr(b, "from", bytes_of(s->remote));
	xml_write_attr(b, "to", bytes_of(s->user));
	buf_put_str(b, ">");
}

static void close_message(struct session *s, struct buf *b)
{
	if (*s->thread) {
		buf_put_str(b, "<thread>");
		charset_put_xml(b, bytes_of(s->thread));
		buf_put_str(b, "</thread>");
	}
	buf_put_str(b, "</message>");
}

static int tell(struct session *s, struct bytes text, struct bytes beside, uint32_t facts, stanza_out_fn fn, void *arg)
{
	struct buf b;

	buf_init(&b, STANZA_IN_BYTES_MAX);
	random_hex(s->last_sid, 16);
	open_message(s, &b, s->last_sid);
	buf_put_str(&b, "<body>");
	charset_put_xml(&b, text);
	buf_put_str(&b, "</body>");
	buf_put_bytes(&b, beside);
	close_message(s, &b);
	int rc = post(s, &b, bytes_of(s->last_sid), facts | FACT_BODY | FACT_PAYLOAD, fn, arg);
	buf_fini(&b);
	session_typing_message(&s->to_xmpp);
	return rc;
}

int session_tell_text(struct session *s, struct bytes text, stanza_out_fn fn, void *arg)
{
	return tell(s, text, BYTES_NONE, 0, fn, arg);
}

int session_tell_with(struct session *s, struct bytes text, struct bytes beside, uint32_t facts)
{
	return tell(s, text, beside, facts, NULL, NULL);
}

void session_tell_bare(struct session *s, struct bytes elements, uint32_t facts)
{
	struct buf b;
	char sid[17];

	buf_init(&b, 65536);
	random_hex(sid, 16);
	open_message(s, &b, sid);
	buf_put_bytes(&b, elements);
	close_message(s, &b);
	(void)post(s, &b, bytes_of(sid), facts, NULL, NULL); /* of passing interest */
	buf_fini(&b);
}

void session_tell_state(struct session *s, enum chat_state state)
{
	struct buf b;

	buf_init(&b, 256);
	buf_putf(&b, "<%s xmlns='" NS_CHATSTATES "'/>", chat_state_name(state));
	session_tell_bare(s, buf_bytes(&b), FACT_CHAT_STATE);
	buf_fini(&b);
}

/* ---- from the XMPP user ---- */

struct bytes session_body_of(const struct xml_node *message)
{
	const struct xml_node *found = NULL;

	for (const struct xml_node *n = message ? message->child : NULL; n; n = n->next) {
		if (!xml_is(n, "body", NS_CLIENT))
			continue;
		if (!xml_attr_ns(n, "lang", XML_NS_XML).p)
			return xml_text(n);
		found = found ? found : n;
	}
	return xml_text(found);
}

/* Who answers from a device gets the rest of the conversation there. */
static void follow(struct session *s, const struct stanza_in *st)
{
	if (!bytes_eq_str(st->e.from, s->user))
		(void)session_set(&s->user, st->e.from); /* else the bare JID serves as well */
}

static bool put_into(struct session *s, struct stanza_in *st, bool is_second)
{
	struct outgoing *o = outgoing_new(st, is_second);

	if (!o) {
		stanza_in_refuse_with(st, STANZA_RESOURCE_CONSTRAINT, "");
		return true;
	}
	session_step(s, SESSION_STANZA, o);
	return true;
}

static bool begin(struct xlate *x, struct stanza_in *st, enum session_kind kind, bool is_second)
{
	struct bytes thread = xml_text(xml_child(st->node, "thread", NS_CLIENT));
	struct jid bare = jid_of_normal(jid_bare(&st->to));
	struct session *s = session_new(x, kind, st->e.from, bare.full, thread);

	int rc = s ? session_invite(s) : ERR_FULL;
	if (!rc)
		return put_into(s, st, is_second);
	if (s)
		session_drop(s);
	if (rc == ERR_AGAIN)
		stanza_in_again(st);
	else if (rc == ERR_SYNTAX)
		stanza_in_refuse_with(st, STANZA_JID_MALFORMED, "");
	else
		stanza_in_refuse_with(st, STANZA_RESOURCE_CONSTRAINT, "");
	return true;
}

static bool is_lync(struct xlate *x, const struct jid *remote)
{
	enum { PEER_LYNC = 1 };

	return !xlate_is_hosted(x, jid_domain(remote)) && settings_enum_at(x->settings, SET_SIP_PEER_TYPE, xlate_peer_key(x, jid_domain(remote))) == PEER_LYNC;
}

/* SES-01: the first chat message of a thread. SIP clients of our own users call by themselves. */
static bool calls_for_msrp(struct xlate *x, const struct stanza_in *st)
{
	return msrp_may_offer(x) && !xlate_is_hosted(x, jid_domain(&st->to)) && st->e.type == TYPE_CHAT && xml_text(xml_child(st->node, "thread", NS_CLIENT)).n &&
	       !session_is_paged(x, &st->to);
}

void outgoing_again(struct outgoing *o)
{
	bool is_second = o->is_second;
	struct stanza_in *st = unwrap(o);

	st->node = stanza_in_tree(st);
	if (is_second)
		stanza_in_refuse_with(st, STANZA_RECIPIENT_UNAVAILABLE, "the session with the other side ended twice");
	else if (is_lync(st->x, &st->to) || calls_for_msrp(st->x, st))
		(void)begin(st->x, st, is_lync(st->x, &st->to) ? SESSION_LYNC : SESSION_MSRP, true); /* it is taken either way */
	else
		features_stanza(st->x, st);
}

/* What has no text: a state (CMP-02, CMP-03, CMP-12), a receipt (RCP-04). */
static void take_state(struct session *s, struct stanza_in *st)
{
	enum chat_state state = chat_state_of(st->node);
	struct bytes received = xml_attr(xml_child(st->node, "received", NS_RECEIPTS), "id");
	bool is_typing;

	if (received.n && s->msrp)
		msrp_report(s, received);
	if (composing_of_state(state, &is_typing) && s->state == SESSION_OPEN) {
		session_typing_note(&s->to_sip, is_typing, COMPOSING_IDLE_S * 1000, loop_now(s->x->loop));
		if (session_typing_due(&s->to_sip, loop_now(s->x->loop), &is_typing))
			session_tell_typing(s, is_typing);
		session_arm(s);
	}
	stanza_in_done(st);
	/* What he wrote before he went is still to be sent. */
	if (state == CHAT_GONE && !s->sending && list_is_empty(&s->queue))
		session_step(s, SESSION_END, NULL);
}

bool session_on_stanza(struct xlate *x, struct stanza_in *st)
{
	struct session *s = session_of_pair(x, &st->from, &st->to);
	bool has_text = session_body_of(st->node).n != 0;

	if (!settings_bool(x->settings, SET_GATEWAY_IM) || st->e.facts & (FACT_CARBON | FACT_MUC_USER))
		return false;
	if (s) {
		follow(s, st);
		if (has_text)
			return put_into(s, st, false);
		take_state(s, st);
		return true;
	}
	if (!has_text)
		return false;
	if (is_lync(x, &st->to))
		return begin(x, st, SESSION_LYNC, false);
	return calls_for_msrp(x, st) && begin(x, st, SESSION_MSRP, false);
}

/* SES-11: nobody was there to ask when the session began. */
bool session_on_error(struct xlate *x, struct stanza_in *st)
{
	struct session *s = session_of_pair(x, &st->from, &st->to);
	struct status_fault fault;
	char reason[ERROR_REASON_MAX_BYTES + 64];

	if (!s || !*s->last_sid || !bytes_eq_str(st->e.sid, s->last_sid))
		return false;
	error_of_stanza(xml_child(st->node, "error", NS_CLIENT), st->to.resource_n != 0, &x->arena, &fault);
	snprintf(reason, sizeof reason, "SIP;cause=%u", fault.status);
	stanza_in_done(st);
	session_step(s, SESSION_END, reason);
	return true;
}
