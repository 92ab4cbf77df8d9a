#include "letter.h"

#include "base/err.h"
#include "base/stamp.h"
#include "charset.h"
#include "composing.h"
#include "cpim.h"
#include "date.h"
#include "mime.h"
#include "xhtml.h"

enum { TEXT_MAX_BYTES = 4 * SIPMSG_MAX_BYTES };

struct reader {
	struct letter *l;
	struct arena *a;
	const char *why;
	unsigned depth;
};

static unsigned refuse(struct reader *r, unsigned status, const char *why)
{
	r->why = why;
	return status;
}

static unsigned keep(struct reader *r, struct buf *b, struct bytes *out)
{
	if (buf_failed(b))
		return refuse(r, 413, "text-too-long");
	*out = arena_dup(r->a, buf_bytes(b));
	return out->p || !buf_len(b) ? 0 : refuse(r, 500, "memory");
}

/* MSG-S13 */
static unsigned read_text(struct reader *r, const struct mime_type *t, struct bytes in, struct bytes *out)
{
	struct buf b;

	buf_init(&b, TEXT_MAX_BYTES);
	int rc = charset_to_utf8(mime_param(t, "charset"), in, &b);
	unsigned status = rc == ERR_UNSUPPORTED ? refuse(r, 415, "charset") : rc == ERR_LIMIT ? refuse(r, 413, "text-too-long") :
			  rc ? refuse(r, 400, "not-in-its-charset") : keep(r, &b, out);
	buf_fini(&b);
	return status;
}

static unsigned read_plain(struct reader *r, const struct mime_type *t, struct bytes in)
{
	unsigned status = read_text(r, t, in, &r->l->body);

	r->l->has_text |= !status;
	return status;
}

/* Beside a plain part that one is the text (MSG-S09, S11). */
static unsigned read_html(struct reader *r, const struct mime_type *t, struct bytes in)
{
	struct bytes html, text;
	struct buf xhtml, plain;
	unsigned status = read_text(r, t, in, &html);

	if (status)
		return status;
	buf_init(&xhtml, 8 * TEXT_MAX_BYTES);
	buf_init(&plain, TEXT_MAX_BYTES);
	xhtml_of_html(html, &xhtml, &plain);
	status = keep(r, &xhtml, &r->l->xhtml);
	if (!status)
		status = keep(r, &plain, &text);
	if (!status && !r->l->has_text) {
		r->l->body = text;
		r->l->has_text = true;
	}
	buf_fini(&xhtml);
	buf_fini(&plain);
	return status;
}

static unsigned read_composing(struct reader *r, const struct mime_type *t, struct bytes in)
{
	(void)t;
	if (composing_read(in, r->a, &r->l->is_active, &r->l->refresh_s))
		return refuse(r, 400, "not-iscomposing"); /* CMP-10 */
	r->l->is_state = true;
	return 0;
}

static unsigned read_imdn(struct reader *r, const struct mime_type *t, struct bytes in)
{
	(void)t;
	if (imdn_read(in, r->a, &r->l->notice))
		return refuse(r, 400, "not-imdn");
	r->l->is_notice = true;
	return 0;
}

static unsigned read_any(struct reader *r, struct bytes type, struct bytes encoding, struct bytes in);

/* Headers that Require names and we know (RFC 3862 4.6). */
static bool is_required_known(struct bytes require)
{
	static const char *const known[] = { "From", "To", "cc", "DateTime", "Subject", "NS", "imdn.Message-ID",
					     "imdn.Disposition-Notification" };

	while (require.n) {
		struct mime_type name = mime_type_of(bytes_make(require.p, bytes_find(require, ',')));
		bool is_known = false;
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			is_known |= bytes_eq_str(name.type, known[i]);
		if (!is_known)
			return false;
		require = bytes_skip(require, bytes_find(require, ',') + 1);
	}
	return true;
}

/* MSG-S10 */
static unsigned read_cpim(struct reader *r, const struct mime_type *t, struct bytes in)
{
	struct letter *l = r->l;
	struct cpim c;
	struct buf b;

	(void)t;
	if (l->is_cpim || cpim_read(in, &c))
		return refuse(r, 400, "not-cpim");
	if (!is_required_known(c.require))
		return refuse(r, 415, "cpim-require");
	l->is_cpim = true;
	l->cpim_from = c.from;
	l->cpim_to = c.to;
	l->message_id = c.message_id;
	l->disposition = c.disposition;
	l->date = c.date_time;
	uint64_t at_ms;
	if (c.date_time.n && stamp_parse(c.date_time, &at_ms) == 0)
		l->at_ms = at_ms; /* DLY-04 */
	buf_init(&b, SIPMSG_MAX_BYTES);
	cpim_put_text(&b, c.subject);
	unsigned status = c.subject.n ? read_text(r, &(struct mime_type){ 0 }, buf_bytes(&b), &l->subject) : 0;
	buf_fini(&b);
	l->subject_lang = c.subject_lang;
	return status ? status : read_any(r, c.content_type, c.content_encoding, c.content);
}

static bool is_plain_encoding(struct bytes e)
{
	return !e.n || bytes_eq_nocase(e, BYTES("7bit")) || bytes_eq_nocase(e, BYTES("8bit")) ||
	       bytes_eq_nocase(e, BYTES("binary")) || bytes_eq_nocase(e, BYTES("identity"));
}

/* Whatever is understood counts; attachments are let go when there is a text (MSG-S11). */
static unsigned read_multipart(struct reader *r, const struct mime_type *t, struct bytes in)
{
	struct mime_parts parts;
	struct mime_block part;
	unsigned status = 0, good = 0;

	if (mime_split(in, mime_param(t, "boundary"), &parts))
		return refuse(r, 400, "not-multipart");
	for (size_t i = 0; i < parts.n; i++) {
		unsigned one = mime_part_read(parts.parts[i], &part) ? 400 :
			read_any(r, mime_block_get(&part, "Content-Type"), mime_block_get(&part, "Content-Transfer-Encoding"), part.rest);
		if (one)
			status = status ? status : one;
		else
			good++;
	}
	return good ? 0 : status ? status : refuse(r, 415, "empty-multipart");
}

static const struct {
	const char *type;
	unsigned (*fn)(struct reader *r, const struct mime_type *t, struct bytes in);
} types[] = {
	{ "text/plain", read_plain },
	{ "text/html", read_html },
	{ "message/cpim", read_cpim },
	{ "application/im-iscomposing+xml", read_composing },
	{ "message/imdn+xml", read_imdn },
	{ "multipart/alternative", read_multipart },
	{ "multipart/mixed", read_multipart },
	{ "multipart/related", read_multipart },
};

static unsigned read_any(struct reader *r, struct bytes type, struct bytes encoding, struct bytes in)
{
	struct mime_type t = mime_type_of(type);

	if (r->depth == LETTER_DEPTH_MAX)
		return refuse(r, 400, "nested-too-deep");
	if (!is_plain_encoding(encoding))
		return refuse(r, 415, "encoding");
	if (!t.type.n)
		return read_plain(r, &t, in); /* RFC 2045 5.2 */
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!mime_is(&t, types[i].type))
			continue;
		r->depth++;
		unsigned status = types[i].fn(r, &t, in);
		r->depth--;
		return status;
	}
	return refuse(r, 415, "content-type"); /* MSG-S12 */
}

unsigned letter_read(const struct sipmsg *m, struct arena *a, struct letter *out, const char **why)
{
	struct reader r = { .l = out, .a = a, .why = "" };
	uint64_t at_ms;

	*out = (struct letter){ .lang = sipmsg_value(m, SIPH_CONTENT_LANGUAGE, 0) };
	if (date_parse(sipmsg_value(m, SIPH_DATE, 0), &at_ms) == 0)
		out->at_ms = at_ms;
	unsigned status = read_any(&r, sipmsg_value(m, SIPH_CONTENT_TYPE, 0), sipmsg_value(m, SIPH_CONTENT_ENCODING, 0), sipmsg_body(m));
	/* MSG-S05; what CPIM says is nearer to the writer */
	if (!status && !out->subject.n)
		status = read_text(&r, &(struct mime_type){ 0 }, sipmsg_value(m, SIPH_SUBJECT, 0), &out->subject);
	*why = r.why;
	return status;
}
