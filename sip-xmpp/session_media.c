#include "session_msrp.h"

#include "base/err.h"
#include "base/random.h"
#include "base/stamp.h"
#include "base/text.h"
#include "charset.h"
#include "cpim.h"
#include "proto/xmpp.h"

#include <stdio.h>

enum { FRAME_BYTES_MAX = 1 << 20, ID_DIGITS = 16, DELAY_FROM_MS = 60000 };

/* ---- receipts that are awaited or owed ---- */

static void note(struct msrp_note *notes, unsigned *n, const char *message_id, struct bytes sid, size_t size)
{
	struct msrp_note *to = &notes[(*n)++ % MSRP_NOTES]; /* the oldest is forgotten */

	snprintf(to->message_id, sizeof to->message_id, "%s", message_id);
	snprintf(to->sid, sizeof to->sid, "%.*s", BYTES_FMT(sid));
	to->size = size;
}

static struct msrp_note *note_of(struct msrp_note *notes, struct bytes message_id, struct bytes sid)
{
	for (size_t i = 0; i < MSRP_NOTES; i++)
		if (notes[i].message_id[0] && (bytes_eq_str(message_id, notes[i].message_id) || (sid.n && bytes_eq_str(sid, notes[i].sid))))
			return &notes[i];
	return NULL;
}

/* ---- to the SIP user ---- */

int msrp_put(struct session *s, struct msrp_frame *f, char text[static MSRP_ID_MAX_BYTES + 1])
{
	struct buf b;
	int rc = ERR_EXISTS;

	if (!*text)
		random_hex(text, ID_DIGITS);
	f->to_path = bytes_of(s->msrp->path);
	f->from_path = bytes_of(s->msrp->ours);
	f->flag = '$';
	buf_init(&b, FRAME_BYTES_MAX);
	for (int i = 0; i < 3 && rc == ERR_EXISTS; i++) {
		f->id = bytes_of(text);
		rc = msrp_encode(f, &b);
		if (rc == ERR_EXISTS)
			random_hex(text, ID_DIGITS);
	}
	if (!rc)
		rc = msrp_put_frame(s, buf_bytes(&b));
	buf_fini(&b);
	return rc;
}

/* id: of the transaction, or empty for a fresh one. */
static int put(struct session *s, struct msrp_frame *f, struct bytes id)
{
	char text[MSRP_ID_MAX_BYTES + 1];

	if (msrp_id_of(id, text) != 0)
		*text = 0;
	return msrp_put(s, f, text);
}

/* SES-03, RCP-05 */
static int put_send(struct session *s, struct bytes sid, const char *message_id, const char *type, struct bytes body, bool wants_receipt)
{
	struct msrp_frame f = { .method = MSRP_SEND, .message_id = bytes_of(message_id), .failure_report = BYTES("no"),
				.success_report = wants_receipt ? BYTES("yes") : BYTES_NONE, .content_type = bytes_of(type),
				.has_range = true, .from = 1, .to = body.n, .total = body.n, .has_body = type != NULL, .body = body };

	return put(s, &f, sid);
}

void msrp_send_empty(struct session *s)
{
	char message_id[ID_DIGITS + 1];

	random_hex(message_id, ID_DIGITS);
	(void)put_send(s, BYTES_NONE, message_id, NULL, BYTES_NONE, false); /* without it they wait for our first words */
}

static void put_cpim(struct session *s, struct bytes text, struct buf *out)
{
	char stamp[TEXT_TIME_BYTES];
	const struct cpim c = { .from = dialog_get(&s->dialog, s->dialog.local_uri), .to = dialog_get(&s->dialog, s->dialog.remote_uri),
				.date_time = bytes_of(stamp), .content_type = BYTES("text/plain; charset=utf-8"), .content = text };

	text_time(loop_wall_ms(s->x->loop), false, stamp);
	cpim_write(out, &c);
}

int msrp_send(struct session *s, struct stanza_in *st, struct bytes text)
{
	struct session_msrp *m = s->msrp;
	bool is_plain = msrp_takes(m, "text/plain"), wants_receipt = xml_child(st->node, "request", NS_RECEIPTS) != NULL;
	char message_id[ID_DIGITS + 1];
	struct buf cpim;

	buf_init(&cpim, FRAME_BYTES_MAX);
	if (!is_plain)
		put_cpim(s, text, &cpim);
	struct bytes body = is_plain ? text : buf_bytes(&cpim);
	random_hex(message_id, ID_DIGITS);
	int rc = buf_failed(&cpim) || (m->their_max && body.n > m->their_max) ? ERR_LIMIT : 0;
	if (!rc)
		rc = put_send(s, st->e.sid, message_id, is_plain ? "text/plain; charset=utf-8" : "message/cpim", body, wants_receipt);
	if (!rc && wants_receipt && st->e.sid.n <= MSRP_SID_MAX_BYTES)
		note(m->sent, &m->n_sent, message_id, st->e.sid, body.n);
	buf_fini(&cpim);
	return rc;
}

void msrp_tell_typing(struct session *s, bool is_typing)
{
	char message_id[ID_DIGITS + 1];
	struct buf b;

	if (!s->msrp->accept || !msrp_takes(s->msrp, "application/im-iscomposing+xml")) /* CMP-09 */
		return;
	buf_init(&b, 1024);
	composing_write(&b, is_typing, is_typing ? COMPOSING_REFRESH_S : 0);
	random_hex(message_id, ID_DIGITS);
	(void)put_send(s, BYTES_NONE, message_id, "application/im-iscomposing+xml", buf_bytes(&b), false); /* of passing interest */
	buf_fini(&b);
}

void msrp_report(struct session *s, struct bytes sid)
{
	struct msrp_note *n = note_of(s->msrp->got, BYTES_NONE, sid);

	if (!n)
		return; /* nobody asked */
	struct msrp_frame f = { .method = MSRP_REPORT, .message_id = bytes_of(n->message_id), .has_range = true, .from = 1,
				.to = n->size, .total = n->size, .report_status = 200 };
	(void)put(s, &f, BYTES_NONE); /* a report that is lost is lost (RFC 4975 7.1.2) */
	n->message_id[0] = 0;
}

/* ---- from the SIP user ---- */

/* RFC 4975 7.2: nothing to who said no, of success nothing to who said partial. */
void msrp_answer(struct session *s, const struct msrp_frame *f, unsigned status)
{
	bool is_silent = bytes_eq_nocase(f->failure_report, BYTES("no")) ||
	                 (status == 200 && bytes_eq_nocase(f->failure_report, BYTES("partial")));
	struct buf b;

	if (is_silent || f->method == MSRP_REPORT)
		return;
	buf_init(&b, 65536);
	if (msrp_respond(f, status, NULL, &b) == 0)
		(void)msrp_put_frame(s, buf_bytes(&b)); /* a connection that is gone ends the session */
	buf_fini(&b);
}

void msrp_put_delay(struct session *s, struct bytes date_time, struct buf *out)
{
	struct jid user = jid_of_normal(bytes_of(s->user));
	char stamp[TEXT_TIME_BYTES];
	uint64_t ms;

	if (stamp_parse(date_time, &ms) || ms + DELAY_FROM_MS > loop_wall_ms(s->x->loop))
		return;
	text_time(ms, false, stamp);
	buf_put_str(out, "<delay xmlns='" NS_DELAY "'");
	xml_write_attr(out, "from", jid_domain(&user));
	buf_putf(out, " stamp='%s'/>", stamp);
}

static unsigned tell_text(struct session *s, const struct mime_type *type, struct bytes body, struct bytes date_time,
			  const struct msrp_whole *w)
{
	struct buf text, beside;
	uint32_t facts = w->wants_success ? FACT_RECEIPT : 0;

	buf_init(&text, 3 * SESSION_SIZE_MAX);
	buf_init(&beside, 4096);
	int rc = charset_to_utf8(mime_param(type, "charset"), body, &text);
	if (date_time.n)
		msrp_put_delay(s, date_time, &beside);
	if (buf_len(&beside))
		facts |= FACT_DELAYED;
	if (w->wants_success)
		buf_put_str(&beside, "<request xmlns='" NS_RECEIPTS "'/>"); /* RCP-03 */
	if (!rc && buf_len(&text)) {
		rc = session_tell_with(s, buf_bytes(&text), buf_bytes(&beside), facts);
		if (!rc && w->wants_success)
			note(s->msrp->got, &s->msrp->n_got, (const char *)w->message_id.p, bytes_of(s->last_sid), w->body.n);
	}
	buf_fini(&text);
	buf_fini(&beside);
	return rc == ERR_UNSUPPORTED ? 415 : rc == ERR_UTF8 ? 400 : rc == ERR_LIMIT ? 413 : rc ? 408 : 200;
}

static unsigned tell_composing(struct session *s, struct bytes body)
{
	uint64_t now = loop_now(s->x->loop);
	bool is_typing;
	uint32_t refresh_s;

	if (composing_read(body, &s->x->arena, &is_typing, &refresh_s))
		return 400;
	session_typing_note(&s->to_xmpp, is_typing, (uint64_t)refresh_s * 1000, now);
	if (session_typing_due(&s->to_xmpp, now, &is_typing))
		session_tell_state(s, is_typing ? CHAT_COMPOSING : CHAT_ACTIVE);
	return 200;
}

static unsigned tell_cpim(struct session *s, const struct msrp_whole *w)
{
	struct cpim c;

	if (cpim_read(w->body, &c))
		return 400;
	struct mime_type inner = mime_type_of(c.content_type);
	if (c.require.n || c.content_encoding.n)
		return 415;
	if (mime_is(&inner, "application/im-iscomposing+xml"))
		return tell_composing(s, c.content);
	return mime_is(&inner, "text/plain") ? tell_text(s, &inner, c.content, c.date_time, w) : 415;
}

static unsigned tell(struct session *s, const struct msrp_whole *w, const struct msrp_frame *f)
{
	struct mime_type type = mime_type_of(w->content_type);

	if (s->owner)
		return s->owner->message(s->owner_arg, w, f);
	if (mime_is(&type, "message/cpim"))
		return tell_cpim(s, w);
	if (mime_is(&type, "application/im-iscomposing+xml"))
		return tell_composing(s, w->body);
	return tell_text(s, &type, w->body, BYTES_NONE, w);
}

static bool is_type_known(struct bytes content_type)
{
	return imsdp_accepts(MSRP_ACCEPT, content_type);
}

/* 0: the owner does it later. */
static void answer_unless_later(struct session *s, const struct msrp_frame *f, unsigned status)
{
	if (status)
		msrp_answer(s, f, status);
}

/* SES-04 to SES-07 */
static void take_send(struct session *s, const struct msrp_frame *f)
{
	struct msrp_whole w;

	if (!f->has_body) { /* it only says that it is there */
		msrp_answer(s, f, 200);
		return;
	}
	if (!is_type_known(f->content_type)) {
		msrp_answer(s, f, 415);
		return;
	}
	switch (msrp_join_add(&s->msrp->join, f, loop_now(s->x->loop), &w)) {
	case 0:
		answer_unless_later(s, f, tell(s, &w, f));
		break;
	case ERR_AGAIN:
	case ERR_CLOSED:
		msrp_answer(s, f, 200);
		break;
	case ERR_SYNTAX:
		msrp_answer(s, f, 400);
		break;
	default:
		msrp_answer(s, f, 413);
		break;
	}
}

/* RCP-02 */
static void take_report(struct session *s, const struct msrp_frame *f)
{
	struct msrp_note *n = f->report_status == 200 ? note_of(s->msrp->sent, f->message_id, BYTES_NONE) : NULL;
	struct buf b;

	if (!n)
		return;
	buf_init(&b, 4096);
	buf_put_str(&b, "<received xmlns='" NS_RECEIPTS "'");
	xml_write_attr(&b, "id", bytes_of(n->sid));
	buf_put_str(&b, "/>");
	session_tell_bare(s, buf_bytes(&b), FACT_RECEIPT);
	buf_fini(&b);
	n->message_id[0] = 0;
}

void msrp_take_frame(struct session *s, const struct msrp_frame *f)
{
	session_touch(s);
	if (f->status) {
		if (f->status == 481 || f->status == 506) {
			session_step(s, SESSION_LOST, NULL);
			return;
		}
		if (s->owner) {
			session_arm(s);
			s->owner->response(s->owner_arg, f);
			return;
		}
	} else if (f->fault) {
		msrp_answer(s, f, f->fault);
	} else if (f->method == MSRP_SEND) {
		take_send(s, f);
	} else if (f->method == MSRP_REPORT) {
		take_report(s, f);
	} else if (f->method == MSRP_NICKNAME && s->owner && s->owner->nickname) {
		answer_unless_later(s, f, s->owner->nickname(s->owner_arg, f));
	} else {
		msrp_answer(s, f, 501);
	}
	session_arm(s);
}

uint64_t msrp_next(const struct session *s)
{
	size_t n;

	return s->msrp ? msrp_join_sweep(&s->msrp->join, 0, &n) : 0;
}

void msrp_sweep(struct session *s, uint64_t now_ms)
{
	size_t n = 0;

	if (s->msrp)
		(void)msrp_join_sweep(&s->msrp->join, now_ms, &n); /* session_arm asks for the next time */
	if (n)
		log_info("session.message.incomplete", LOG_ID("session", s->key), LOG_INT("messages", n));
}
