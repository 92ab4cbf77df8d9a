#include "session_impl.h"

#include "base/err.h"
#include "base/text.h"
#include "charset.h"
#include "mime.h"
#include "xmldoc.h"

#include <stdlib.h>

enum { HEADERS_MAX = 8192 };

#define ALLOW "Allow: INVITE, ACK, BYE, CANCEL, MESSAGE, INFO, UPDATE, OPTIONS\r\n"

static bool is_in_dialog(const struct request_in *r)
{
	return dialog_tag(r->m, SIPH_TO).n != 0;
}

/* A request in one of our dialogs, its CSeq judged. NULL: r is answered, or (outside any dialog) is not
 * ours: *is_ours says which. */
static struct session *session_for(struct xlate *x, struct request_in *r, bool *is_ours)
{
	struct session *s = is_in_dialog(r) ? session_of_request(x, r->m) : NULL;

	*is_ours = s != NULL;
	if (!s)
		return NULL;
	if (sipmsg_method(r->m) != SIPM_ACK && dialog_take_request(&s->dialog, r->m)) {
		request_in_status(r, 500, "CSeq is behind"); /* RFC 3261 12.2.2 */
		return NULL;
	}
	session_touch(s);
	return s;
}

/* ---- INVITE ---- */

/* SES-00 */
void session_refuse_media(struct request_in *r, const char *code_and_text)
{
	struct buf headers;

	buf_init(&headers, 512);
	buf_putf(&headers, "Warning: %s\r\n", code_and_text);
	request_in_answer(r, &(struct reply){ .status = 488, .headers = buf_bytes(&headers) });
	buf_fini(&headers);
}

static int read_offer(struct request_in *r, struct imsdp *offer)
{
	struct mime_type type = mime_type_of(sipmsg_value(r->m, SIPH_CONTENT_TYPE, 0));

	if (!mime_is(&type, IMSDP_TYPE))
		return ERR_UNSUPPORTED;
	return imsdp_parse(sipmsg_body(r->m), &r->x->arena, offer);
}

/* RFC 4028 9: whoever called refreshes; without that the session ends. */
static void note_refresh(struct session *s, const struct sipmsg *m, struct buf *headers)
{
	uint32_t seconds;
	bool is_theirs;

	if (!session_refresh_read(m, &seconds, &is_theirs))
		return;
	s->refresh_ms = loop_now(s->x->loop) + seconds * 1000ull;
	s->renew_ms = 0; /* from now on they do it */
	buf_putf(headers, "Require: timer\r\nSession-Expires: %u;refresher=uac\r\n", seconds);
}

static void accept_with(struct session *s, struct request_in *r, bool has_sdp)
{
	struct buf headers;

	buf_init(&headers, HEADERS_MAX);
	buf_put_str(&headers, "Contact: <");
	(void)session_put_contact(s, &headers); /* it was written before, when the session began */
	buf_put_str(&headers, s->owner && s->owner->is_focus ? ">;isfocus\r\n" ALLOW : ">\r\n" ALLOW);
	note_refresh(s, r->m, &headers);
	request_in_answer(r, &(struct reply){ .status = 200, .to_tag = *s->tag ? s->tag : NULL, .headers = buf_bytes(&headers), .content_type = has_sdp ? IMSDP_TYPE : NULL,
	                                      .body = has_sdp ? bytes_of(s->sdp) : BYTES_NONE });
	buf_fini(&headers);
}

/* COMPAT: Lync sends the first text with the INVITE: "text/plain; charset=UTF-8; ms-body=SGk=". */
static void tell_first_text(struct session *s, const struct sipmsg *m)
{
	struct mime_type type = mime_type_of(sipmsg_value(m, SIPH_MS_TEXT_FORMAT, 0));
	struct buf raw, text;

	buf_init(&raw, SESSION_SIZE_MAX);
	buf_init(&text, 3 * SESSION_SIZE_MAX);
	if (mime_is(&type, "text/plain") && text_unbase64(mime_param(&type, "ms-body"), &raw) == 0 && buf_len(&raw) &&
	    charset_to_utf8(mime_param(&type, "charset"), buf_bytes(&raw), &text) == 0)
		(void)session_tell_text(s, buf_bytes(&text), NULL, NULL); /* it has no answer of its own */
	buf_fini(&raw);
	buf_fini(&text);
}

static int answer_dialog(struct session *s, struct request_in *r, const struct imsdp *offer)
{
	dialog_new_tag(s->tag);
	int rc = dialog_of_request(&s->dialog, r->m, s->tag);
	if (!rc)
		rc = session_enter(s);
	return rc ? rc : session_describe(s, offer);
}

struct session *session_accept(struct xlate *x, struct request_in *r, enum session_kind kind, const struct imsdp *offer,
			       const struct session_owner *owner, void *owner_arg)
{
	struct session *s = session_new(x, kind, r->to.full, r->from.full, sipmsg_value(r->m, SIPH_CALL_ID, 0));

	if (!s) {
		request_in_refuse(r, 503, "too-many-sessions");
		return NULL;
	}
	s->flags = r->flags & UNIT_CLIENT;
	s->flow = r->flags & UNIT_CLIENT ? r->flow : 0;
	s->state = SESSION_ANSWERED;
	s->owner = owner;
	s->owner_arg = owner_arg;
	if (owner)
		s->idle_ms = 0;
	int rc = answer_dialog(s, r, offer);
	if (rc) {
		session_drop(s);
		request_in_refuse(r, rc == ERR_SYNTAX ? 400 : rc == ERR_AGAIN ? 503 : 500, "dialog");
		return NULL;
	}
	if (!owner)
		tell_first_text(s, r->m);
	accept_with(s, r, true);
	session_begin_wait(s);
	return s;
}

/* SES-12: nothing about the session changes. */
static void accept_again(struct session *s, struct request_in *r)
{
	struct imsdp offer;

	if (sipmsg_body(r->m).n && read_offer(r, &offer)) {
		session_refuse_media(r, "399 gatehouse \"The session description cannot be read\"");
		return;
	}
	accept_with(s, r, true);
	session_arm(s);
}

static bool may_accept(const struct xlate *x, const struct imsdp *offer)
{
	return offer->kind == IMSDP_LYNC || (offer->kind != IMSDP_NONE && msrp_may_answer(x, offer));
}

bool session_read_offer(struct request_in *r, struct imsdp *offer)
{
	return settings_bool(r->x->settings, SET_GATEWAY_IM) && read_offer(r, offer) == 0 && may_accept(r->x, offer);
}

bool session_on_invite(struct xlate *x, struct request_in *r)
{
	struct imsdp offer;
	bool is_ours;
	struct session *s = session_for(x, r, &is_ours);

	if (s)
		accept_again(s, r);
	if (is_ours)
		return true;
	if (is_in_dialog(r))
		request_in_status(r, 481, NULL);
	else if (!session_read_offer(r, &offer))
		session_refuse_media(r, "304 gatehouse \"Media type not available\"");
	else
		(void)session_accept(x, r, offer.kind == IMSDP_LYNC ? SESSION_LYNC : SESSION_MSRP, &offer, NULL, NULL); /* it is in the table */
	return true;
}

bool session_on_ack(struct xlate *x, struct request_in *r)
{
	bool is_ours;
	struct session *s = session_for(x, r, &is_ours);

	request_in_free(r);
	if (s)
		session_step(s, SESSION_ACKED, NULL);
	return true;
}

bool session_on_update(struct xlate *x, struct request_in *r)
{
	bool is_ours;
	struct session *s = session_for(x, r, &is_ours);

	if (s) {
		accept_with(s, r, sipmsg_body(r->m).n != 0);
		session_arm(s);
	} else if (!is_ours) {
		request_in_status(r, 481, NULL);
	}
	return true;
}

bool session_on_bye(struct xlate *x, struct request_in *r)
{
	bool is_ours;
	struct session *s = session_for(x, r, &is_ours);

	if (s) {
		struct bytes why = sipmsg_value(r->m, SIPH_MS_DIAGNOSTICS, 0);
		if (why.n)
			log_info("session.diagnostics", LOG_ID("session", s->key), LOG_BYTES("text", why));
		request_in_status(r, 200, NULL);
		session_step(s, SESSION_BYE, NULL);
	} else if (!is_ours) {
		request_in_status(r, 481, NULL);
	}
	return true;
}

/* ---- MESSAGE in the dialog ---- */

struct delivery { /* a MESSAGE whose answer is the XMPP side's */
	struct list node;
	struct request_in *r; /* NULL: nobody waits any more */
};

static void delivery_gone(struct request_in *r)
{
	((struct delivery *)r->user)->r = NULL;
}

static void delivery_free(struct delivery *d)
{
	if (d->r)
		d->r->gone = NULL;
	list_del(&d->node);
	free(d);
}

void deliveries_fini(struct sessions *all)
{
	while (!list_is_empty(&all->deliveries))
		delivery_free(LIST_OWNER(all->deliveries.next, struct delivery, node));
}

static void answer_error(struct request_in *r, const struct stanza_in *error)
{
	struct status_fault f;

	error_of_stanza(xml_child(error->node, "error", NULL), r->to.resource_n != 0, &r->x->arena, &f);
	request_in_status(r, f.status, *f.reason ? f.reason : NULL);
}

static void on_delivered(void *arg, enum stanza_outcome o, const struct stanza_in *error)
{
	struct delivery *d = arg;
	struct request_in *r = d->r;

	delivery_free(d);
	if (!r)
		return;
	if (o == STANZA_TAKEN)
		request_in_status(r, 200, NULL);
	else if (o == STANZA_REFUSED)
		answer_error(r, error);
	else
		request_in_status(r, 504, NULL);
}

static void deliver(struct session *s, struct request_in *r, struct bytes text)
{
	struct delivery *d = calloc(1, sizeof *d);

	if (!d) {
		request_in_status(r, 500, NULL);
		return;
	}
	d->r = r;
	r->user = d;
	r->gone = delivery_gone;
	list_add_tail(&s->x->sessions->deliveries, &d->node);
	int rc = session_tell_text(s, text, on_delivered, d);
	if (rc) {
		delivery_free(d);
		request_in_status(r, rc == ERR_LIMIT ? 413 : 503, NULL);
	}
}

static void refuse_type(struct request_in *r, const char *accept)
{
	struct buf headers;

	buf_init(&headers, 256);
	buf_putf(&headers, "Accept: %s\r\n", accept);
	request_in_answer(r, &(struct reply){ .status = 415, .headers = buf_bytes(&headers) });
	buf_fini(&headers);
}

/* MSG-S22, MSG-S23 */
static void take_message(struct session *s, struct request_in *r)
{
	struct mime_type type = mime_type_of(sipmsg_value(r->m, SIPH_CONTENT_TYPE, 0));
	struct bytes body = sipmsg_body(r->m);
	struct buf text;

	if (!mime_is(&type, "text/plain") || sipmsg_count(r->m, SIPH_CONTENT_ENCODING)) {
		refuse_type(r, "text/plain");
		return;
	}
	if (!body.n) {
		request_in_status(r, 200, NULL); /* MSG-S20 */
		return;
	}
	buf_init(&text, 3 * SIPMSG_MAX_BYTES);
	int rc = charset_to_utf8(mime_param(&type, "charset"), body, &text);
	if (rc)
		request_in_status(r, rc == ERR_UNSUPPORTED ? 415 : 400, NULL);
	else if (buf_len(&text) > SESSION_SIZE_MAX)
		request_in_status(r, 413, NULL);
	else
		deliver(s, r, buf_bytes(&text));
	buf_fini(&text);
}

bool session_on_message(struct xlate *x, struct request_in *r)
{
	bool is_ours;
	struct session *s = session_for(x, r, &is_ours);

	if (s) {
		take_message(s, r);
		session_arm(s);
	}
	return is_ours;
}

/* ---- INFO: is typing (CMP-12) ---- */

static bool read_activity(struct xlate *x, struct bytes body, bool *is_typing)
{
	struct xml_node *root;

	/* COMPAT: the document of OCS and Lync has no namespace. */
	if (xmldoc_parse(body, &xmldoc_small, &x->arena, &root) || strcmp(root->name, "KeyboardActivity"))
		return false;
	*is_typing = bytes_eq_nocase(xml_attr(xml_child(root, "status", NULL), "status"), BYTES("type"));
	return true;
}

bool session_on_info(struct xlate *x, struct request_in *r)
{
	struct mime_type type = mime_type_of(sipmsg_value(r->m, SIPH_CONTENT_TYPE, 0));
	bool is_ours, is_typing;
	struct session *s = session_for(x, r, &is_ours);

	if (!s) {
		if (!is_ours)
			request_in_status(r, 481, NULL);
		return true;
	}
	if (sipmsg_body(r->m).n && !mime_is(&type, "application/xml")) {
		refuse_type(r, "application/xml");
		return true;
	}
	if (read_activity(x, sipmsg_body(r->m), &is_typing)) {
		session_typing_note(&s->to_xmpp, is_typing, SESSION_TYPING_MS, loop_now(x->loop));
		if (session_typing_due(&s->to_xmpp, loop_now(x->loop), &is_typing))
			session_tell_state(s, is_typing ? CHAT_COMPOSING : CHAT_ACTIVE);
	}
	request_in_status(r, 200, NULL);
	session_arm(s);
	return true;
}
