#include "guest_impl.h"

#include "address.h"
#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "charset.h"
#include "cpim.h"

#include <stdlib.h>

enum { CPIM_BYTES_MAX = 65536 + STANZA_IN_BYTES_MAX, URI_BYTES_MAX = 2048, MESSAGE_ID_DIGITS = 16, NICK_BYTES_MAX = 2 * JID_PART_MAX_BYTES };

/* ---- requests that wait for the room ---- */

static void sent_free(struct guest *g, struct guest_sent *s)
{
	list_del(&s->node);
	g->n_sent--;
	free(s->nick);
	free(s->id);
	free(s->to_path);
	free(s->from_path);
	free(s->failure_report);
	free(s);
}

void guest_sent_clear(struct guest *g)
{
	while (!list_is_empty(&g->sent))
		sent_free(g, LIST_OWNER(g->sent.next, struct guest_sent, node));
}

static struct guest_sent *sent_new(struct guest *g, const struct msrp_frame *f, const char *nick)
{
	struct guest_sent *s = g->n_sent < GUEST_SENT_MAX ? calloc(1, sizeof *s) : NULL;

	if (!s)
		return NULL;
	random_hex(s->sid, GUEST_SID_BYTES - 1);
	s->due_ms = loop_now(g->x->loop) + GUEST_SENT_MS;
	list_init(&s->node);
	list_add_tail(&g->sent, &s->node);
	g->n_sent++;
	if (session_set(&s->id, f->id) && session_set(&s->to_path, f->to_path) && session_set(&s->from_path, f->from_path) &&
	    session_set(&s->failure_report, f->failure_report) && (!nick || session_set(&s->nick, bytes_of(nick)))) {
		guest_arm(g);
		return s;
	}
	sent_free(g, s);
	return NULL;
}

static void answer(struct guest *g, struct guest_sent *s, unsigned status)
{
	const struct msrp_frame f = { .method = s->nick ? MSRP_NICKNAME : MSRP_SEND, .id = bytes_of(s->id), .to_path = bytes_of(s->to_path),
				      .from_path = bytes_of(s->from_path), .failure_report = bytes_of(s->failure_report) };

	if (g->session)
		msrp_answer(g->session, &f, status);
	sent_free(g, s);
	guest_arm(g);
}

bool guest_answer(struct guest *g, struct bytes sid, unsigned status)
{
	LIST_EACH (it, &g->sent) {
		struct guest_sent *s = LIST_OWNER(it, struct guest_sent, node);
		if (s->nick || !bytes_eq_str(sid, s->sid))
			continue;
		answer(g, s, status);
		return true;
	}
	return false;
}

bool guest_answer_nick(struct guest *g, struct bytes nick, unsigned status)
{
	LIST_EACH (it, &g->sent) {
		struct guest_sent *s = LIST_OWNER(it, struct guest_sent, node);
		if (!s->nick || !bytes_eq_str(nick, s->nick))
			continue;
		answer(g, s, status);
		return true;
	}
	return false;
}

void guest_sent_expire(struct guest *g, uint64_t now_ms)
{
	LIST_EACH (it, &g->sent) {
		struct guest_sent *s = LIST_OWNER(it, struct guest_sent, node);
		if (s->due_ms <= now_ms)
			answer(g, s, 408); /* MUC-S04 */
	}
}

/* ---- from the SIP user ---- */

static int put_body(struct buf *b, const struct mime_type *type, struct bytes content)
{
	struct buf text;

	buf_init(&text, 3 * SESSION_SIZE_MAX);
	int rc = charset_to_utf8(mime_param(type, "charset"), content, &text);
	if (!rc && buf_len(&text)) {
		buf_put_str(b, "<body>");
		charset_put_xml(b, buf_bytes(&text));
		buf_put_str(b, "</body>");
	}
	buf_fini(&text);
	return rc ? rc : buf_failed(b) ? ERR_LIMIT : 0;
}

static unsigned say_to_one(struct guest *g, struct bytes nick, struct buf *body)
{
	char sid[GUEST_SID_BYTES];

	random_hex(sid, GUEST_SID_BYTES - 1);
	buf_put_str(body, "<x xmlns='" NS_MUC_USER "'/>"); /* XEP-0045 7.5 */
	guest_post(g, STANZA_MESSAGE, TYPE_CHAT, nick, sid, buf_bytes(body), FACT_BODY | FACT_MUC_USER | FACT_PAYLOAD);
	return 200; /* MUC-S05: the room sends no copy of it */
}

/* MUC-S04: answered when the room has sent it to everybody. */
static unsigned say_to_all(struct guest *g, const struct msrp_frame *f, const struct buf *body)
{
	struct guest_sent *s = sent_new(g, f, NULL);

	if (!s)
		return 408;
	guest_post(g, STANZA_MESSAGE, TYPE_GROUPCHAT, BYTES_NONE, s->sid, buf_bytes(body), FACT_BODY | FACT_PAYLOAD);
	return 0;
}

static unsigned say(struct guest *g, const struct cpim *c, const struct msrp_frame *f, struct buf *body)
{
	struct jid room = jid_of_normal(bytes_of(g->room)), to;

	if (!buf_len(body))
		return 200;
	if (!c->to.n)
		return say_to_all(g, f, body);
	if (address_to_jid(c->to, true, &g->x->arena, &to) || !jid_bare_eq(&to, &room))
		return 404;
	return to.resource_n ? say_to_one(g, jid_resource(&to), body) : say_to_all(g, f, body);
}

static unsigned status_of(int rc)
{
	return rc == ERR_UNSUPPORTED ? 415 : rc == ERR_LIMIT ? 413 : 400;
}

unsigned guest_on_text(void *arg, const struct msrp_whole *w, const struct msrp_frame *f)
{
	struct guest *g = arg;
	struct mime_type type = mime_type_of(w->content_type), inner;
	struct cpim c;
	struct buf body;

	if (!mime_is(&type, "message/cpim"))
		return 415; /* RFC 7701 5.2 */
	if (cpim_read(w->body, &c))
		return 400;
	inner = mime_type_of(c.content_type);
	if (!mime_is(&inner, "text/plain") || c.require.n || c.content_encoding.n)
		return 415;
	if (g->state != GUEST_INSIDE)
		return 403;
	buf_init(&body, STANZA_IN_BYTES_MAX);
	int rc = put_body(&body, &inner, c.content);
	unsigned status = rc ? status_of(rc) : say(g, &c, f, &body);
	buf_fini(&body);
	return status;
}

/* MUC-S06; RFC 7701 7: Use-Nickname is a quoted string. */
unsigned guest_on_nickname(void *arg, const struct msrp_frame *f)
{
	struct guest *g = arg;
	struct bytes quoted = f->use_nickname, nick;
	struct buf name;

	if (g->state != GUEST_INSIDE)
		return 403;
	if (quoted.n < 3 || quoted.p[0] != '"' || quoted.p[quoted.n - 1] != '"')
		return 424;
	buf_init(&name, NICK_BYTES_MAX);
	cpim_put_text(&name, bytes_make(quoted.p + 1, quoted.n - 2));
	int rc = jid_parse_resource(buf_bytes(&name), &g->x->arena, &nick);
	struct bytes kept = rc ? BYTES_NONE : arena_dup(&g->x->arena, nick);
	buf_fini(&name);
	if (!kept.n)
		return 424;
	if (bytes_eq_str(kept, g->nick))
		return 200;
	char *text = NULL;
	struct guest_sent *s = session_set(&text, kept) ? sent_new(g, f, text) : NULL;
	free(text);
	if (!s)
		return 408;
	guest_post(g, STANZA_PRESENCE, TYPE_AVAILABLE, kept, NULL, BYTES_NONE, 0);
	return 0;
}

/* ---- to the SIP user ---- */

static void send_cpim(struct guest *g, const struct cpim *c)
{
	char message_id[MESSAGE_ID_DIGITS + 1], id[MSRP_ID_MAX_BYTES + 1] = "";
	uint64_t their_max = g->session->msrp->their_max;
	struct buf b;

	random_hex(message_id, MESSAGE_ID_DIGITS);
	buf_init(&b, CPIM_BYTES_MAX);
	cpim_write(&b, c);
	struct msrp_frame f = { .method = MSRP_SEND, .message_id = bytes_of(message_id), .failure_report = BYTES("no"),
				.content_type = BYTES("message/cpim"), .has_range = true, .from = 1, .to = buf_len(&b),
				.total = buf_len(&b), .has_body = true, .body = buf_bytes(&b) };
	bool is_too_long = buf_failed(&b) || (their_max && buf_len(&b) > their_max);
	if (is_too_long || msrp_put(g->session, &f, id))
		log_info("room.guest.missed", LOG_STR("guest", g->member), LOG_STR("room", g->room),
			 LOG_STR("reason", is_too_long ? "the message is longer than the SIP side takes" : "gh-sip is away"));
	buf_fini(&b);
}

void guest_say(struct guest *g, struct bytes nick, struct bytes text, struct bytes stamp, bool is_private)
{
	char now[TEXT_TIME_BYTES];
	struct buf from, to;

	if (!g->session || !g->session->msrp || !msrp_is_joined(g->session))
		return;
	text_time(loop_wall_ms(g->x->loop), false, now);
	buf_init(&from, URI_BYTES_MAX);
	buf_init(&to, URI_BYTES_MAX);
	int rc = address_of_occupant(bytes_of(g->room), nick, &from);
	if (!rc)
		rc = address_of_occupant(bytes_of(g->room), BYTES_NONE, &to);
	const struct dialog *d = &g->session->dialog;
	const struct cpim c = { .from = buf_bytes(&from), .to = is_private ? dialog_get(d, d->remote_uri) : buf_bytes(&to),
				.date_time = stamp.n ? stamp : bytes_of(now), /* DLY-06 */
				.content_type = BYTES("text/plain; charset=utf-8"), .content = text };
	if (!rc)
		send_cpim(g, &c);
	buf_fini(&from);
	buf_fini(&to);
}
