#include "focus_impl.h"

#include "address.h"
#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "charset.h"
#include "cpim.h"

#include <stdio.h>
#include <stdlib.h>

enum { CPIM_BYTES_MAX = 65536, URI_BYTES_MAX = 2048, NICK_BYTES_MAX = 4 + 2 * JID_PART_MAX_BYTES, MESSAGE_ID_DIGITS = 16 };

/* ---- to the focus ---- */

static struct focus_sent *sent_new(struct focus *f, enum focus_sent_kind kind, struct stanza_in *st, struct bytes nick)
{
	struct focus_sent *s = f->n_sent < FOCUS_SENT_MAX ? calloc(1, sizeof *s) : NULL;

	if (!s)
		return NULL;
	list_init(&s->node);
	s->kind = kind;
	s->st = st;
	s->due_ms = loop_now(f->x->loop) + FOCUS_SENT_MS;
	if (kind == FOCUS_NICK && !session_set(&s->nick, nick)) {
		free(s);
		return NULL;
	}
	list_add_tail(&f->sent, &s->node);
	f->n_sent++;
	return s;
}

static int send(struct focus *f, struct msrp_frame *frame, enum focus_sent_kind kind, struct bytes nick, struct stanza_in *st)
{
	struct focus_sent *s = sent_new(f, kind, st, nick);

	if (!s)
		return ERR_FULL;
	int rc = msrp_put(f->session, frame, s->id);
	if (rc)
		focus_sent_free(f, s);
	else
		focus_arm(f);
	return rc;
}

int focus_name(struct focus *f, struct bytes nick, struct stanza_in *st)
{
	struct buf quoted;

	buf_init(&quoted, NICK_BYTES_MAX);
	buf_put_u8(&quoted, '"');
	for (size_t i = 0; i < nick.n; i++) {
		if (nick.p[i] == '"' || nick.p[i] == '\\')
			buf_put_u8(&quoted, '\\');
		buf_put_u8(&quoted, nick.p[i]);
	}
	buf_put_u8(&quoted, '"');
	struct msrp_frame frame = { .method = MSRP_NICKNAME, .use_nickname = buf_bytes(&quoted) };
	int rc = send(f, &frame, FOCUS_NICK, nick, st);
	buf_fini(&quoted);
	return rc;
}

static int put_cpim(const struct focus *f, struct bytes nick, struct bytes text, struct buf *out)
{
	const struct dialog *d = &f->session->dialog;
	char stamp[TEXT_TIME_BYTES];
	struct buf to;

	buf_init(&to, URI_BYTES_MAX);
	int rc = address_of_occupant(bytes_of(f->room), nick, &to); /* MUC-X06 */
	text_time(loop_wall_ms(f->x->loop), false, stamp);
	const struct cpim c = { .from = dialog_get(d, d->local_uri), .to = buf_bytes(&to), .date_time = bytes_of(stamp),
				.content_type = BYTES("text/plain; charset=utf-8"), .content = text };
	if (!rc)
		cpim_write(out, &c);
	if (!rc && buf_failed(out))
		rc = ERR_LIMIT;
	buf_fini(&to);
	return rc;
}

int focus_say(struct focus *f, struct bytes nick, struct bytes text, struct stanza_in *st)
{
	uint64_t their_max = f->session->msrp->their_max;
	char message_id[MESSAGE_ID_DIGITS + 1];
	struct buf cpim;

	random_hex(message_id, MESSAGE_ID_DIGITS);
	buf_init(&cpim, CPIM_BYTES_MAX);
	int rc = put_cpim(f, nick, text, &cpim);
	struct bytes body = buf_bytes(&cpim);
	if (!rc && their_max && body.n > their_max)
		rc = ERR_LIMIT;
	struct msrp_frame frame = { .method = MSRP_SEND, .message_id = bytes_of(message_id), .content_type = BYTES("message/cpim"),
				    .has_range = true, .from = 1, .to = body.n, .total = body.n, .has_body = true, .body = body };
	if (!rc)
		rc = send(f, &frame, nick.n ? FOCUS_PRIVATE : FOCUS_GROUP, BYTES_NONE, st);
	buf_fini(&cpim);
	return rc;
}

/* ---- what the focus answers ---- */

static enum stanza_error error_of_msrp(unsigned status)
{
	switch (status) {
	case 403: return STANZA_FORBIDDEN;
	case 404: return STANZA_ITEM_NOT_FOUND;
	case 408: return STANZA_REMOTE_SERVER_TIMEOUT;
	case 413: return STANZA_POLICY_VIOLATION;
	case 423: /* RFC 7701 10 */
	case 424: return STANZA_NOT_ACCEPTABLE;
	case 425: return STANZA_CONFLICT;
	case 415:
	case 428:
	case 501: return STANZA_FEATURE_NOT_IMPLEMENTED;
	default: return STANZA_NOT_ALLOWED;
	}
}

/* RFC 7701 7: the nickname of the join. */
static void on_first_name(struct focus *f, struct focus_sent *s, unsigned status)
{
	struct stanza_fault fault = { .error = error_of_msrp(status) };

	focus_sent_free(f, s);
	if (status == 200 || status == 501)
		focus_step(f, FOCUS_NAMED, NULL);
	else
		focus_step(f, FOCUS_CLASHED, &fault);
}

static void on_new_name(struct focus *f, struct focus_sent *s)
{
	char *old = f->nick;

	f->nick = s->nick;
	s->nick = NULL;
	f->session->name = f->nick;
	focus_tell_presence(f, &(struct focus_change){ .nick = old, .is_gone = true, .is_us = true, .status = 303, .new_nick = f->nick });
	focus_tell_presence(f, &(struct focus_change){ .nick = f->nick, .is_us = true });
	free(old);
	focus_sent_done(f, s);
}

/* MUC-X05: nobody else sends it to him. */
static void reflect(struct focus *f, struct focus_sent *s)
{
	struct xml_node *node = stanza_in_tree(s->st);
	struct buf inner;

	buf_init(&inner, STANZA_IN_BYTES_MAX);
	if (node)
		xml_write_inner(&inner, node, NS_CLIENT);
	if (!buf_failed(&inner))
		focus_tell_message(f, bytes_of(f->nick), true, s->st->e.sid, buf_bytes(&inner), s->st->e.facts);
	buf_fini(&inner);
	focus_sent_done(f, s);
}

void focus_on_response(void *arg, const struct msrp_frame *r)
{
	struct focus *f = arg;
	struct focus_sent *found = NULL;

	if (!f)
		return;
	LIST_EACH (it, &f->sent) {
		struct focus_sent *s = LIST_OWNER(it, struct focus_sent, node);
		if (bytes_eq_str(r->id, s->id))
			found = s;
	}
	if (!found)
		return;
	if (!found->st)
		on_first_name(f, found, r->status);
	else if (r->status != 200)
		focus_sent_refuse(f, found, error_of_msrp(r->status), "");
	else if (found->kind == FOCUS_NICK)
		on_new_name(f, found);
	else if (found->kind == FOCUS_GROUP)
		reflect(f, found);
	else
		focus_sent_done(f, found);
}

/* ---- what the focus sends ---- */

/* Whose nickname a sender has: from the list, else out of the room's own address for him, else as he calls
 * himself. Empty: in no way. */
static struct bytes nick_of(struct focus *f, const struct cpim *c)
{
	struct jid room = jid_of_normal(bytes_of(f->room)), j;
	struct occupant *o = focus_occupant(f, c->from);
	struct bytes nick;
	struct buf name;

	if (o)
		return bytes_of(o->is_us ? f->nick : o->nick);
	if (address_to_jid(c->from, true, &f->x->arena, &j) != 0)
		return BYTES_NONE;
	if (jid_bare_eq(&room, &j))
		return jid_resource(&j);
	LIST_EACH (it, &f->occupants) { /* the list may leave his device out, or name another */
		struct jid other;
		o = LIST_OWNER(it, struct occupant, node);
		if (address_to_jid(bytes_of(o->entity), true, &f->x->arena, &other) == 0 && jid_bare_eq(&other, &j))
			return bytes_of(o->is_us ? f->nick : o->nick);
	}
	buf_init(&name, NICK_BYTES_MAX);
	cpim_put_text(&name, c->from_name);
	int rc = buf_len(&name) ? jid_parse_resource(buf_bytes(&name), &f->x->arena, &nick) : ERR_SYNTAX;
	if (!rc)
		nick = arena_dup(&f->x->arena, nick);
	buf_fini(&name);
	return !rc ? nick : jid_local(&j);
}

/* To the room, or to him alone (RFC 7701 6.2)? */
static bool is_for_all(const struct focus *f, const struct cpim *c)
{
	struct jid room = jid_of_normal(bytes_of(f->room)), to;

	return !c->to.n || (address_to_jid(c->to, true, &f->x->arena, &to) == 0 && jid_bare_eq(&to, &room) && !to.resource_n);
}

static unsigned tell(struct focus *f, const struct cpim *c, struct bytes nick, struct bytes text)
{
	struct buf b;

	buf_init(&b, STANZA_IN_BYTES_MAX);
	buf_put_str(&b, "<body>");
	charset_put_xml(&b, text);
	buf_put_str(&b, "</body>");
	size_t before = buf_len(&b);
	msrp_put_delay(f->session, c->date_time, &b);
	uint32_t facts = FACT_BODY | FACT_PAYLOAD | (buf_len(&b) > before ? FACT_DELAYED : 0);
	bool is_whole = !buf_failed(&b);
	if (is_whole)
		focus_tell_message(f, nick, is_for_all(f, c), BYTES_NONE, buf_bytes(&b), facts);
	buf_fini(&b);
	return is_whole ? 200 : 413;
}

unsigned focus_on_text(void *arg, const struct msrp_whole *w, const struct msrp_frame *frame)
{
	struct focus *f = arg;
	struct mime_type type = mime_type_of(w->content_type), inner;
	struct cpim c;
	struct buf text;

	(void)frame;
	if (!f || f->state != FOCUS_INSIDE)
		return 200; /* nothing comes before the list (XEP-0045 7.2); who is not inside misses it */
	if (!mime_is(&type, "message/cpim"))
		return 415;
	if (cpim_read(w->body, &c))
		return 400;
	inner = mime_type_of(c.content_type);
	if (!mime_is(&inner, "text/plain") || c.require.n || c.content_encoding.n)
		return 415;
	struct bytes nick = nick_of(f, &c);
	if (!nick.n)
		return 400;
	if (bytes_eq_str(nick, f->nick) && is_for_all(f, &c))
		return 200; /* his own words: he has them since their 200 */
	buf_init(&text, 3 * SESSION_SIZE_MAX);
	int rc = charset_to_utf8(mime_param(&inner, "charset"), c.content, &text);
	unsigned status = rc == ERR_UNSUPPORTED ? 415 : rc == ERR_LIMIT ? 413 : rc ? 400 : buf_len(&text) ? tell(f, &c, nick, buf_bytes(&text)) : 200;
	buf_fini(&text);
	return status;
}
