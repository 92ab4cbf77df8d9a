#include "session_impl.h"

#include "address.h"
#include "base/err.h"
#include "base/text.h"

#include <stdio.h>

enum { URI_BYTES_MAX = 2048, THREAD_MAX_BYTES = 128, LYNC_PORT = 5060 };

#define ALLOW "INVITE, ACK, BYE, CANCEL, MESSAGE, INFO, UPDATE, OPTIONS"

/* ---- sending ---- */

int session_send(struct session *s, struct sipmsg *m, request_out_fn fn, void *arg, struct request_out **out)
{
	struct jid remote = jid_of_normal(bytes_of(s->remote));
	const struct request_to to = { .m = m, .trace = s->key, .peer = jid_domain(&remote), .flow = s->flow, .flags = s->flags };
	int rc = m ? request_out_send(s->x, &to, fn, arg, out) : ERR_NOMEM;

	sipmsg_free(m);
	return rc;
}

/* The XMPP user's device, by way of this box; gh-sip adds the transport. */
bool session_put_contact(const struct session *s, struct buf *out)
{
	const struct settings *set = s->x->settings;
	struct jid user = jid_of_normal(bytes_of(s->user));
	size_t start = buf_len(out);
	char host[256];
	uint16_t port;

	if (address_of_bare(&user, SIPURI_SIP, out))
		return false;
	if (settings_is_set(set, SET_SIP_HOST, BYTES_NONE) && setting_split_host(settings_text(set, SET_SIP_HOST), 0, host, &port) == 0) {
		buf_truncate(out, start + bytes_find(bytes_skip(buf_bytes(out), start), '@'));
		buf_putf(out, strchr(host, ':') ? "@[%s]" : "@%s", host);
		if (port)
			buf_putf(out, ":%u", port);
	}
	if (user.resource_n) {
		buf_put_str(out, ";gr="); /* BUG-01: inside the brackets */
		address_put_gr(jid_resource(&user), out);
	}
	return !buf_failed(out);
}

struct sipmsg *session_request(struct session *s, const char *method, bool has_contact)
{
	struct buf contact;

	buf_init(&contact, URI_BYTES_MAX);
	if (has_contact)
		(void)session_put_contact(s, &contact); /* it was written before, when the dialog began */
	struct sipmsg *m = dialog_request(&s->dialog, method, buf_bytes(&contact));
	buf_fini(&contact);
	return m;
}

/* ---- INVITE ---- */

/* What is no word of Call-ID's grammar is encoded; the suffix keeps two users with one thread apart (MSG-X04). */
static void put_call_id(const struct session *s, struct buf *out)
{
	char tag[DIALOG_TAG_BYTES];
	struct bytes thread = bytes_of(s->thread);

	for (size_t i = 0; i < thread.n && i < THREAD_MAX_BYTES; i++) {
		uint8_t c = thread.p[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-._!*+'~", c));
		if (is_plain)
			buf_put_u8(out, c);
		else
			buf_putf(out, "%%%02X", c);
	}
	dialog_new_tag(tag);
	buf_putf(out, "%s%s", thread.n ? "." : "", tag);
}

static int begin_dialog(struct session *s)
{
	struct jid user = jid_of_normal(bytes_of(s->user)), remote = jid_of_normal(bytes_of(s->remote));
	struct buf from, to, call_id;

	buf_init(&from, URI_BYTES_MAX);
	buf_init(&to, URI_BYTES_MAX);
	buf_init(&call_id, URI_BYTES_MAX);
	put_call_id(s, &call_id);
	int rc = address_of_jid(&user, SIPURI_SIP, &from);
	if (!rc)
		rc = address_of_jid(&remote, SIPURI_SIP, &to);
	if (!rc)
		rc = dialog_begin(&s->dialog, buf_bytes(&from), buf_bytes(&to), buf_bytes(&call_id), NULL);
	buf_fini(&from);
	buf_fini(&to);
	buf_fini(&call_id);
	return rc ? rc : session_enter(s);
}

/* COMPAT: what Lync expects; it has no use for the address, but the grammar has. */
static void describe_lync(const struct session *s, char host[static 256], struct imsdp *out)
{
	struct jid user = jid_of_normal(bytes_of(s->user));

	if (jid_domain_to_ascii(jid_domain(&user), host) != 0)
		snprintf(host, 256, "0.0.0.0");
	*out = (struct imsdp){ .kind = IMSDP_LYNC, .port = LYNC_PORT, .host = host, .accept = "text/plain" };
}

int session_describe(struct session *s, const struct imsdp *offer)
{
	struct imsdp ours;
	struct buf text;
	char host[256];

	buf_init(&text, IMSDP_MAX_BYTES);
	int rc = 0;
	if (s->kind == SESSION_MSRP)
		rc = msrp_describe(s, offer, &ours);
	else
		describe_lync(s, host, &ours);
	if (!rc)
		rc = imsdp_print(&ours, offer, &text);
	if (!rc && !session_set(&s->sdp, buf_bytes(&text)))
		rc = ERR_NOMEM;
	buf_fini(&text);
	return rc;
}

static bool is_answer_good(struct session *s, const struct sipmsg *m)
{
	struct imsdp answer;

	if (s->owner && !s->owner->is_wanted(s->owner_arg, m))
		return false;
	if (s->kind == SESSION_LYNC)
		return true; /* COMPAT: what the answer says makes no difference */
	return imsdp_parse(sipmsg_body(m), &s->x->arena, &answer) == 0 && msrp_answered(s, &answer) == 0;
}

static void on_invited(void *arg, const struct outcome *o)
{
	struct session *s = arg;
	struct outcome unusable = *o;

	s->invite = NULL;
	if (!o->m || o->status >= 300) {
		session_step(s, SESSION_REFUSED, (void *)(uintptr_t)o);
		return;
	}
	if (is_answer_good(s, o->m)) {
		session_refresh_note(s, o->m);
		session_step(s, SESSION_ACCEPTED, (void *)(uintptr_t)o);
		return;
	}
	if (dialog_of_response(&s->dialog, o->m) == 0) {
		session_ack(s);
		session_bye(s, NULL);
	}
	unusable.status = 488;
	session_step(s, SESSION_REFUSED, &unusable);
}

/* A quoted string (RFC 3261 25.1). */
static void put_name(const struct session *s, struct sipmsg *m)
{
	struct sip_address from;
	struct buf b;

	if (!s->name || !*s->name || !sipmsg_address(m, SIPH_FROM, 0, &from))
		return;
	buf_init(&b, DIALOG_BYTES_MAX);
	buf_put_u8(&b, '"');
	for (const char *c = s->name; *c; c++) {
		if (strchr("\"\\", *c))
			buf_put_u8(&b, '\\');
		buf_put_u8(&b, (uint8_t)*c);
	}
	buf_put_str(&b, "\" <");
	buf_put_bytes(&b, from.uri);
	buf_put_str(&b, ">;");
	buf_put_bytes(&b, from.params);
	sipmsg_replace(m, SIPH_FROM, buf_bytes(&b));
	buf_fini(&b);
}

int session_invite(struct session *s)
{
	int rc = begin_dialog(s);

	if (!rc)
		rc = session_describe(s, NULL);
	if (rc)
		return rc;
	struct sipmsg *m = session_request(s, "INVITE", true);
	if (m) {
		sipmsg_append(m, SIPH_ALLOW, BYTES(ALLOW));
		if (s->owner) {
			sipmsg_append(m, SIPH_SUPPORTED, BYTES("timer"));
			put_name(s, m);
		}
		sipmsg_set_body(m, IMSDP_TYPE, bytes_of(s->sdp));
	}
	s->invite_cseq = s->dialog.local_cseq;
	s->state = SESSION_INVITING;
	return session_send(s, m, on_invited, s, &s->invite);
}

void session_ack(struct session *s)
{
	struct jid remote = jid_of_normal(bytes_of(s->remote));
	struct sipmsg *m = dialog_ack(&s->dialog, s->invite_cseq);

	if (m)
		(void)request_out_ack(s->x, &(struct request_to){ .m = m, .trace = s->key, .peer = jid_domain(&remote),
								   .flow = s->flow, .flags = s->flags }); /* they repeat their 200 */
	sipmsg_free(m);
}

void session_bye(struct session *s, const char *reason)
{
	struct sipmsg *m = dialog_is_confirmed(&s->dialog) ? session_request(s, "BYE", false) : NULL;

	if (m && reason)
		sipmsg_append(m, SIPH_REASON, bytes_of(reason));
	(void)session_send(s, m, NULL, NULL, NULL); /* if it does not arrive, their own end comes */
}

/* ---- MESSAGE in the dialog ---- */

static void on_message_answer(void *arg, const struct outcome *o)
{
	struct session *s = arg;
	struct outgoing *sent = s->sending;
	bool is_unknown = o->m && o->status == 481;

	s->message = NULL;
	if (is_unknown && !sent->is_second) {
		session_step(s, SESSION_LOST, NULL); /* what was sent finds a new session */
		return;
	}
	s->sending = NULL;
	if (o->m && o->status < 300)
		outgoing_done(sent);
	else
		outgoing_refuse(sent, o);
	if (is_unknown || o->why) { /* RFC 3261 12.2.1.2 */
		session_step(s, SESSION_LOST, NULL);
		return;
	}
	session_flush(s);
	session_arm(s);
}

static int send_text(struct session *s, struct bytes text)
{
	struct sipmsg *m = session_request(s, "MESSAGE", false);

	if (m)
		sipmsg_set_body(m, "text/plain; charset=UTF-8", text);
	return session_send(s, m, on_message_answer, s, &s->message);
}

/* Over MSRP nobody answers a message (RCP-05). */
static void send_msrp(struct session *s, struct outgoing *o)
{
	o->s->node = stanza_in_tree(o->s);
	int rc = msrp_send(s, o->s, session_body_of(o->s->node));
	if (rc == 0) {
		session_typing_message(&s->to_sip);
		outgoing_done(o);
	} else if (rc == ERR_LIMIT) {
		outgoing_fail(o, STANZA_POLICY_VIOLATION, "the message is too long for the other side");
	} else {
		outgoing_fail(o, STANZA_RESOURCE_CONSTRAINT, "");
	}
}

static bool send_one(struct session *s)
{
	struct outgoing *o = LIST_OWNER(s->queue.next, struct outgoing, node);

	list_del(&o->node);
	s->n_queue--;
	if (s->kind == SESSION_MSRP) {
		send_msrp(s, o);
		return false;
	}
	struct bytes text = session_body_of(stanza_in_tree(o->s));
	int rc = text.n ? send_text(s, text) : 0;
	if (rc == 0 && text.n) {
		s->sending = o;
		session_typing_message(&s->to_sip);
		return true;
	}
	if (rc == ERR_LIMIT || rc == ERR_SYNTAX)
		outgoing_fail(o, STANZA_POLICY_VIOLATION, "the message is too long for the other side");
	else if (rc)
		outgoing_fail(o, STANZA_RESOURCE_CONSTRAINT, "");
	else
		outgoing_done(o);
	return false;
}

/* One at a time (RFC 3428 8). */
void session_flush(struct session *s)
{
	while (s->state >= SESSION_JOINING && !s->sending && !list_is_empty(&s->queue))
		if (send_one(s))
			return;
}

/* CMP-12 */
void session_tell_typing(struct session *s, bool is_typing)
{
	struct buf body;

	if (s->kind == SESSION_MSRP) {
		msrp_tell_typing(s, is_typing);
		return;
	}
	struct sipmsg *m = session_request(s, "INFO", false);
	buf_init(&body, 256);
	buf_putf(&body, "<KeyboardActivity><status status=\"%s\"/></KeyboardActivity>", is_typing ? "type" : "idle");
	if (m)
		sipmsg_set_body(m, "application/xml", buf_bytes(&body));
	(void)session_send(s, m, NULL, NULL, NULL); /* of passing interest */
	buf_fini(&body);
}
