#include "message_build.h"

#include <stdio.h>

#include "base/err.h"
#include "base/random.h"
#include "base/stamp.h"
#include "base/text.h"
#include "composing.h"
#include "cpim.h"
#include "date.h"
#include "proto/xmpp.h"
#include "xhtml.h"

enum { HEADER_BYTES_MAX = 4096, CALL_ID_MAX_BYTES = 255 };

/* What a stanza says, as views into its tree. */
struct said {
	const struct xml_node *tree;
	struct bytes body, subject, lang, thread;
	uint64_t at_ms; /* of the oldest delay; 0: none */
	bool is_html;
};

/* Content of the request. */
struct content {
	struct bytes type;
	struct buf body;
};

/* ---- reading the stanza ---- */

/* MSG-X08: the one without a language of its own, else the first. */
static const struct xml_node *choose(const struct xml_node *message, const char *name)
{
	const struct xml_node *best = NULL;

	for (const struct xml_node *n = xml_first(message); n; n = xml_next(n)) {
		if (!xml_is(n, name, NS_CLIENT))
			continue;
		if (!xml_attr_ns(n, "lang", XML_NS_XML).n)
			return n;
		best = best ? best : n;
	}
	return best;
}

/* DLY-02 */
static uint64_t oldest_delay(const struct xml_node *message)
{
	uint64_t oldest = 0, at;

	for (const struct xml_node *n = xml_first(message); n; n = xml_next(n))
		if (xml_is(n, "delay", NS_DELAY) && stamp_parse(xml_attr(n, "stamp"), &at) == 0 && (!oldest || at < oldest))
			oldest = at;
	return oldest;
}

static void read_stanza(const struct xml_node *tree, struct said *out)
{
	const struct xml_node *body = choose(tree, "body");

	*out = (struct said){ .tree = tree, .body = xml_text(body), .subject = xml_text(choose(tree, "subject")),
			      .lang = xml_attr_ns(body, "lang", XML_NS_XML), .thread = xml_text(xml_child(tree, "thread", NS_CLIENT)),
			      .at_ms = oldest_delay(tree), .is_html = xml_child(tree, "html", NS_XHTML_IM) != NULL };
	if (!out->lang.n)
		out->lang = xml_attr_ns(tree, "lang", XML_NS_XML); /* MSG-X07 */
}

unsigned message_wanted(const struct stanza_in *s)
{
	const struct xml_node *tree = s->node;

	if (!settings_bool(s->x->settings, SET_GATEWAY_RECEIPTS) || !s->e.sid.n)
		return 0;
	return (xml_child(tree, "request", NS_RECEIPTS) ? CPIM_DELIVERY : 0) |
	       (xml_child(tree, "markable", NS_MARKERS) ? CPIM_DELIVERY | CPIM_DISPLAY : 0);
}

bool message_has_text(const struct stanza_in *s)
{
	return choose(s->node, "body") || (s->e.type != TYPE_CHAT && xml_text(choose(s->node, "subject")).n);
}

/* ---- headers ---- */

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-.!*_+`'~", c));
}

static void put_word(struct buf *b, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (is_word(v.p[i]))
			buf_put_u8(b, v.p[i]);
		else
			buf_putf(b, "%%%02X", v.p[i]);
	}
}

/* A number for texts that must be the same after a restart; nothing is protected by it. */
static uint64_t hash(uint64_t h, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 0x100000001b3u;
	return (h ^ 0xff) * 0x100000001b3u;
}

/* MSG-X04, MSG-S04: a thread that the SIP user began keeps his Call-ID; one of XMPP becomes a Call-ID that holds
 * thread and user, so that no two users share one. */
static void put_call_id(struct word *w, struct bytes thread, struct buf *b)
{
	char fresh[33];

	if (note_of_call(w->c, thread)) {
		buf_put_bytes(b, thread);
		return;
	}
	if (thread.n) {
		put_word(b, thread);
		buf_put_u8(b, '@');
		put_word(b, w->c->xmpp);
		if (!buf_failed(b) && buf_len(b) <= CALL_ID_MAX_BYTES)
			return;
		buf_clear(b);
		buf_putf(b, "%016llx%016llx@", (unsigned long long)hash(1, thread), (unsigned long long)hash(2, thread));
		put_word(b, w->c->xmpp);
		if (!buf_failed(b) && buf_len(b) <= CALL_ID_MAX_BYTES)
			return;
		buf_clear(b);
	}
	random_hex(fresh, 32);
	buf_put_str(b, fresh);
}

static void append_address(struct sipmsg *m, enum siphdr h, const struct jid *j, const char *tag)
{
	struct buf b;

	buf_init(&b, HEADER_BYTES_MAX);
	buf_put_u8(&b, '<');
	/* What has no SIP form does not come here: message_build has made the Request-URI of it. */
	(void)address_of_jid(j, SIPURI_SIP, &b);
	buf_put_str(&b, tag ? ">;tag=" : ">");
	buf_put_str(&b, tag ? tag : "");
	sipmsg_append(m, h, buf_bytes(&b));
	buf_fini(&b);
}

/* One line without control characters (MSG-X05). */
static void append_line(struct sipmsg *m, enum siphdr h, struct bytes v)
{
	struct buf b;

	buf_init(&b, HEADER_BYTES_MAX);
	for (size_t i = 0; i < v.n; i++)
		buf_put_u8(&b, v.p[i] < 0x20 || v.p[i] == 0x7f ? ' ' : v.p[i]);
	sipmsg_append(m, h, buf_failed(&b) ? BYTES_NONE : buf_bytes(&b));
	buf_fini(&b);
}

static void append_identity(struct word *w, struct sipmsg *m, struct bytes thread, const struct jid *from, const struct jid *to)
{
	struct conversation *c = w->c;
	struct buf b;
	char tag[17], cseq[32];

	buf_init(&b, HEADER_BYTES_MAX);
	put_call_id(w, thread, &b);
	uint64_t h = hash(hash(hash(0xcbf29ce484222325u, buf_bytes(&b)), c->xmpp), c->sip);
	snprintf(tag, sizeof tag, "%016llx", (unsigned long long)h);
	sipmsg_append(m, SIPH_MAX_FORWARDS, BYTES("70")); /* ERR-16 */
	append_address(m, SIPH_FROM, from, tag);
	append_address(m, SIPH_TO, to, NULL);
	sipmsg_append(m, SIPH_CALL_ID, buf_bytes(&b));
	c->cseq = (c->cseq + 1) & 0x7fffffff;
	snprintf(cseq, sizeof cseq, "%u MESSAGE", c->cseq);
	sipmsg_append(m, SIPH_CSEQ, bytes_of(cseq));
	buf_fini(&b);
}

/* ---- content ---- */

/* MSG-X14: the text, and the same with its layout. */
static void put_alternative(struct content *out, struct arena *a, const struct said *said)
{
	char boundary[33], type[96];

	random_hex(boundary, 32);
	buf_putf(&out->body, "--%s\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n", boundary);
	buf_put_bytes(&out->body, said->body);
	buf_putf(&out->body, "\r\n--%s\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n", boundary);
	(void)xhtml_to_html(said->tree, &out->body); /* an empty part then */
	buf_putf(&out->body, "\r\n--%s--\r\n", boundary);
	snprintf(type, sizeof type, "multipart/alternative; boundary=%s", boundary);
	out->type = arena_dup(a, bytes_of(type));
}

static void put_text(struct content *out, struct xlate *x, const struct said *said)
{
	if (said->is_html && settings_bool(x->settings, SET_GATEWAY_HTML)) {
		put_alternative(out, &x->arena, said);
		return;
	}
	out->type = BYTES("text/plain; charset=UTF-8");
	buf_put_bytes(&out->body, said->body);
}

static struct bytes uri_of(struct xlate *x, struct bytes bare)
{
	struct jid j = jid_of_normal(bare);
	struct buf b;

	buf_init(&b, ADDRESS_URI_MAX_BYTES + 16);
	struct bytes uri = address_of_bare(&j, SIPURI_SIP, &b) == 0 ? arena_dup(&x->arena, buf_bytes(&b)) : BYTES_NONE;
	buf_fini(&b);
	return uri;
}

/* Wraps the content (RFC 3862); at_ms: since 1970. */
static void wrap(struct word *w, struct content *out, const struct cpim *like, uint64_t at_ms)
{
	char stamp[TEXT_TIME_BYTES];
	struct cpim c = *like;
	struct buf whole;

	text_time(at_ms, false, stamp);
	c.from = uri_of(w->c->x, w->c->xmpp);
	c.to = uri_of(w->c->x, w->c->sip);
	c.date_time = bytes_of(stamp);
	c.content_type = out->type;
	c.content = buf_bytes(&out->body);
	buf_init(&whole, SIPMSG_MAX_BYTES);
	cpim_write(&whole, &c);
	buf_fini(&out->body);
	out->body = whole;
	out->type = BYTES("message/cpim");
}

static void put_stanza(struct word *w, const struct said *said, struct content *out)
{
	struct xlate *x = w->c->x;

	put_text(out, x, said);
	if (w->is_cpim)
		wrap(w, out, &(struct cpim){ .message_id = w->s->e.sid, .disposition = w->wanted },
		     said->at_ms ? said->at_ms : loop_wall_ms(x->loop));
}

static void put_notice(struct word *w, struct content *out)
{
	char id[17];

	random_hex(id, 16);
	out->type = BYTES("message/imdn+xml");
	buf_put(&out->body, w->text, w->text_n);
	wrap(w, out, &(struct cpim){ .message_id = bytes_of(id), .content_disposition = BYTES("notification") },
	     loop_wall_ms(w->c->x->loop));
}

static void put_content(struct word *w, const struct said *said, struct content *out)
{
	switch (w->kind) {
	case WORD_STANZA:
		put_stanza(w, said, out);
		break;
	case WORD_STATE:
		out->type = BYTES("application/im-iscomposing+xml");
		composing_write(&out->body, w->is_active, 0);
		break;
	case WORD_NOTICE:
		put_notice(w, out);
		break;
	case WORD_TEXT:
		out->type = BYTES("text/plain; charset=UTF-8");
		buf_put(&out->body, w->text, w->text_n);
		break;
	}
}

/* ---- the whole ---- */

static bool is_language(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!is_word(v.p[i]))
			return false;
	return v.n > 0 && v.n <= 35;
}

static void append_said(struct sipmsg *m, const struct said *said)
{
	char date[DATE_BYTES];

	if (said->subject.n)
		append_line(m, SIPH_SUBJECT, said->subject);
	if (is_language(said->lang))
		sipmsg_append(m, SIPH_CONTENT_LANGUAGE, said->lang);
	if (!said->at_ms)
		return;
	date_write(said->at_ms, date); /* DLY-01 */
	sipmsg_append(m, SIPH_DATE, bytes_of(date));
}

static int append_content(struct word *w, struct sipmsg *m, const struct said *said)
{
	struct content content = { .type = BYTES_NONE };
	struct buf type;

	buf_init(&content.body, SIPMSG_MAX_BYTES);
	put_content(w, said, &content);
	buf_init(&type, 256);
	buf_put_bytes(&type, content.type);
	int rc = buf_failed(&content.body) ? ERR_LIMIT : 0;
	if (!rc)
		sipmsg_set_body(m, buf_cstr(&type), buf_bytes(&content.body));
	buf_fini(&type);
	buf_fini(&content.body);
	return rc;
}

/* The addresses at both ends: of the stanza, or as last seen. */
static void ends_of(const struct word *w, struct jid *from, struct jid *to)
{
	const struct conversation *c = w->c;

	if (w->s) {
		*from = w->s->from;
		*to = w->s->to;
		return;
	}
	*from = jid_of_normal(buf_len(&c->xmpp_full) ? buf_bytes(&c->xmpp_full) : c->xmpp);
	*to = jid_of_normal(buf_len(&c->sip_full) ? buf_bytes(&c->sip_full) : c->sip);
}

int message_build(struct word *w, struct sipmsg **out)
{
	struct said said = { .at_ms = 0 };
	struct jid from, to;
	struct buf uri;

	if (w->s) {
		const struct xml_node *tree = stanza_in_tree(w->s);
		if (!tree)
			return ERR_NOMEM;
		read_stanza(tree, &said);
	}
	ends_of(w, &from, &to);
	buf_init(&uri, ADDRESS_URI_MAX_BYTES + 16);
	int rc = address_of_jid(&from, SIPURI_SIP, &uri);
	buf_clear(&uri);
	if (!rc)
		rc = address_of_jid(&to, SIPURI_SIP, &uri);
	struct sipmsg *m = rc ? NULL : sipmsg_request_new("MESSAGE", buf_len(&w->target) ? buf_bytes(&w->target) : buf_bytes(&uri));
	buf_fini(&uri);
	if (!m)
		return rc ? rc : ERR_NOMEM;
	append_identity(w, m, w->s ? said.thread : buf_bytes(&w->c->call_id), &from, &to);
	append_said(m, &said);
	rc = append_content(w, m, &said);
	if (rc)
		sipmsg_free(m);
	else
		*out = m;
	return rc;
}
