#include "focus_impl.h"

#include "address.h"
#include "base/err.h"

#include <stdlib.h>

enum { URI_BYTES_MAX = 2048 };

/* ---- what waits for a response ---- */

void focus_sent_free(struct focus *f, struct focus_sent *s)
{
	list_del(&s->node);
	f->n_sent--;
	free(s->nick);
	free(s);
}

static struct stanza_in *unwrap(struct focus *f, struct focus_sent *s)
{
	struct stanza_in *st = s->st;

	focus_sent_free(f, s);
	return st;
}

void focus_sent_done(struct focus *f, struct focus_sent *s)
{
	struct stanza_in *st = unwrap(f, s);

	if (st)
		stanza_in_done(st);
}

void focus_sent_refuse(struct focus *f, struct focus_sent *s, enum stanza_error e, const char *text)
{
	struct stanza_in *st = unwrap(f, s);

	if (st)
		stanza_in_refuse_with(st, e, text);
}

void focus_sent_expire(struct focus *f, uint64_t now_ms)
{
	static const struct stanza_fault silence = { .error = STANZA_REMOTE_SERVER_TIMEOUT, .text = BYTES("the room did not answer") };
	bool is_join_late = false;

	LIST_EACH (it, &f->sent) {
		struct focus_sent *s = LIST_OWNER(it, struct focus_sent, node);
		if (s->due_ms > now_ms)
			continue;
		is_join_late = is_join_late || !s->st;
		focus_sent_refuse(f, s, silence.error, (const char *)silence.text.p);
	}
	if (is_join_late)
		focus_step(f, FOCUS_CLASHED, (void *)(uintptr_t)&silence);
	else
		focus_arm(f);
}

/* How a stanza that could not be sent ends. */
static void refuse_unsent(struct stanza_in *st, int rc)
{
	if (rc == ERR_LIMIT)
		stanza_in_refuse_with(st, STANZA_POLICY_VIOLATION, "the message is too long for the room");
	else if (rc == ERR_FULL)
		stanza_in_refuse_with(st, STANZA_RESOURCE_CONSTRAINT, "too many messages wait for the room");
	else if (rc == ERR_SYNTAX)
		stanza_in_refuse_with(st, STANZA_JID_MALFORMED, "");
	else if (rc == ERR_AGAIN)
		stanza_in_again(st);
	else
		stanza_in_refuse_with(st, STANZA_RESOURCE_CONSTRAINT, "");
}

/* ---- presence ---- */

/* MUC-X01 */
static void join(struct xlate *x, struct stanza_in *st)
{
	if (!st->to.resource_n) {
		stanza_in_refuse_with(st, STANZA_JID_MALFORMED, "a room is joined with a nickname");
		return;
	}
	if (!settings_bool(x->settings, SET_GATEWAY_IM) || !msrp_may_offer(x)) { /* MUC-00 */
		stanza_in_refuse_with(st, STANZA_SERVICE_UNAVAILABLE, "rooms of SIP domains are switched off here");
		return;
	}
	if (focus_count_of(x, &st->from) >= FOCI_PER_USER_MAX) {
		stanza_in_refuse_with(st, STANZA_RESOURCE_CONSTRAINT, "you are in too many rooms");
		return;
	}
	int rc = focus_join(x, st);
	if (rc)
		refuse_unsent(st, rc);
	else
		stanza_in_done(st);
}

/* MUC-X07 */
static void rename_us(struct focus *f, struct stanza_in *st)
{
	if (!f->session->msrp->has_nickname) {
		stanza_in_refuse_with(st, STANZA_NOT_ACCEPTABLE, "the room has no nicknames");
		return;
	}
	int rc = focus_name(f, jid_resource(&st->to), st);
	if (rc)
		refuse_unsent(st, rc);
}

static void available(struct focus *f, struct stanza_in *st)
{
	bool is_same = !st->to.resource_n || bytes_eq_str(jid_resource(&st->to), f->nick);

	if (f->state != FOCUS_INSIDE && !is_same) {
		stanza_in_refuse_with(st, STANZA_UNEXPECTED_REQUEST, "the room is still being joined");
		return;
	}
	if (!is_same) {
		rename_us(f, st);
		return;
	}
	if (f->state == FOCUS_INSIDE && xml_child(st->node, "x", NS_MUC))
		focus_tell_room(f); /* his client has forgotten that it is there */
	stanza_in_done(st);
}

static void leave(struct focus *f, struct stanza_in *st)
{
	stanza_in_done(st);
	focus_step(f, FOCUS_LEAVE, NULL);
}

bool focus_on_presence(struct xlate *x, struct stanza_in *st)
{
	struct focus *f = focus_of_pair(x, &st->from, &st->to);
	bool is_join = st->e.type == TYPE_AVAILABLE && st->from.resource_n && st->to.local_n && xml_child(st->node, "x", NS_MUC) &&
	               !xlate_is_hosted(x, jid_domain(&st->to));

	if (!f && !is_join)
		return false;
	if (!f)
		join(x, st);
	else if (st->e.type == TYPE_AVAILABLE)
		available(f, st);
	else if (st->e.type == TYPE_UNAVAILABLE || st->e.type == TYPE_ERROR) /* an error: he is gone without a word */
		leave(f, st);
	else
		return false;
	return true;
}

/* ---- messages ---- */

static void say(struct focus *f, struct stanza_in *st, struct bytes nick)
{
	struct bytes text = session_body_of(st->node);
	bool is_inside = f->state == FOCUS_INSIDE;
	int rc = 0;

	if (!is_inside)
		stanza_in_refuse_with(st, STANZA_NOT_ACCEPTABLE, "the room is still being joined");
	else if (!text.n && xml_child(st->node, "subject", NS_CLIENT))
		stanza_in_refuse_with(st, STANZA_FORBIDDEN, "the subject is set by the room"); /* SIP has no request for it */
	else if (!text.n)
		stanza_in_done(st); /* states and receipts have no form in a room of SIP */
	else if (nick.n && !f->session->msrp->has_private)
		stanza_in_refuse_with(st, STANZA_FEATURE_NOT_IMPLEMENTED, "the room has no private messages");
	else
		rc = focus_say(f, nick, text, st);
	if (rc)
		refuse_unsent(st, rc);
}

static void on_referred(void *arg, const struct outcome *o)
{
	struct stanza_in *st = arg;

	if (o->m && o->status < 300) {
		stanza_in_done(st);
		return;
	}
	struct stanza_fault fault = o->m ? error_of_status(o->status, o->reason, BYTES_NONE, &st->x->arena) : error_of_failure(o->why);
	stanza_in_refuse(st, &fault);
}

static int refer(struct focus *f, const struct jid *invitee, struct stanza_in *st)
{
	struct buf uri;

	buf_init(&uri, URI_BYTES_MAX);
	buf_put_u8(&uri, '<');
	int rc = address_of_bare(invitee, SIPURI_SIP, &uri);
	buf_put_u8(&uri, '>');
	struct sipmsg *m = rc ? NULL : session_request(f->session, "REFER", true);
	if (m)
		sipmsg_append(m, SIPH_REFER_TO, buf_bytes(&uri));
	if (!rc)
		rc = session_send(f->session, m, on_referred, st, NULL);
	buf_fini(&uri);
	return rc;
}

/* MUC-X08 */
static void invite(struct focus *f, struct stanza_in *st, struct bytes whom)
{
	struct jid invitee;

	if (f->state != FOCUS_INSIDE) {
		stanza_in_refuse_with(st, STANZA_NOT_ACCEPTABLE, "the room is still being joined");
		return;
	}
	int rc = jid_parse(whom, &f->x->arena, &invitee) || !invitee.local_n ? ERR_SYNTAX : refer(f, &invitee, st);
	if (rc)
		refuse_unsent(st, rc);
}

bool focus_on_message(struct xlate *x, struct stanza_in *st)
{
	struct focus *f = focus_of_pair(x, &st->from, &st->to);
	struct bytes whom = xml_attr(xml_child(xml_child(st->node, "x", NS_MUC_USER), "invite", NS_MUC_USER), "to");

	if (!f && st->e.type == TYPE_GROUPCHAT && !st->to.resource_n && msrp_may_offer(x)) {
		stanza_in_refuse_with(st, STANZA_NOT_ACCEPTABLE, "you are not in that room"); /* XEP-0045 7.4 */
		return true;
	}
	if (!f)
		return false;
	if (st->e.type == TYPE_ERROR)
		stanza_in_done(st); /* one message that did not arrive */
	else if (whom.n)
		invite(f, st, whom);
	else if ((st->e.type == TYPE_GROUPCHAT) == (st->to.resource_n != 0))
		stanza_in_refuse_with(st, STANZA_BAD_REQUEST, ""); /* XEP-0045 7.4, 7.5: to all, or to one */
	else
		say(f, st, jid_resource(&st->to));
	return true;
}
