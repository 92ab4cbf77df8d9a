#include "cpim.h"

#include "base/err.h"

/* ---- reading ---- */

/* "Name <uri>", "<uri>", or the URI as it stands. */
static void split_address(struct bytes v, struct bytes *name, struct bytes *uri)
{
	size_t open = bytes_find(v, '<');

	*name = BYTES_NONE;
	*uri = v;
	if (open == v.n)
		return;
	*uri = bytes_skip(v, open + 1);
	uri->n = bytes_find(*uri, '>');
	*name = bytes_make(v.p, open);
	while (name->n && name->p[name->n - 1] == ' ')
		name->n--;
	if (name->n >= 2 && name->p[0] == '"' && name->p[name->n - 1] == '"')
		*name = bytes_make(name->p + 1, name->n - 2);
}

/* "Subject:;lang=fr Objet": parameters stand between colon and value (RFC 3862 3.5). */
static struct bytes skip_params(struct bytes v, struct bytes *lang)
{
	*lang = BYTES_NONE;
	while (v.n && v.p[0] == ';') {
		size_t n = bytes_find(v, ' ');
		struct bytes param = bytes_make(v.p + 1, n - 1);
		if (bytes_starts(param, BYTES("lang=")))
			*lang = bytes_skip(param, 5);
		v = bytes_skip(v, n + 1);
	}
	return v;
}

static unsigned disposition_of(struct bytes list)
{
	static const struct {
		const char *name;
		unsigned bit;
	} rows[] = {
		{ "positive-delivery", CPIM_DELIVERY },
		{ "negative-delivery", CPIM_NEGATIVE_DELIVERY },
		{ "display", CPIM_DISPLAY },
		{ "processing", CPIM_PROCESSING },
	};
	unsigned bits = 0;

	while (list.n) {
		size_t n = bytes_find(list, ',');
		struct mime_type word = mime_type_of(bytes_make(list.p, n)); /* words may have parameters */
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			if (mime_is(&word, rows[i].name))
				bits |= rows[i].bit;
		list = bytes_skip(list, n + 1);
	}
	return bits;
}

/* NS: prefix <urn> names the prefix of a header family (RFC 3862 3.4). The prefix of IMDN, with its dot. */
static struct bytes imdn_prefix(const struct mime_block *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct bytes name, uri;
		if (!bytes_eq_str(b->headers[i].name, "NS"))
			continue;
		split_address(b->headers[i].value, &name, &uri);
		if (bytes_eq_str(uri, CPIM_NS_IMDN))
			return name;
	}
	return BYTES_NONE;
}

static void read_imdn(struct cpim *c, struct bytes prefix, const struct mime_header *h)
{
	struct bytes name = h->name;

	if (!prefix.n || !bytes_starts(name, prefix) || name.n <= prefix.n || name.p[prefix.n] != '.')
		return;
	name = bytes_skip(name, prefix.n + 1);
	if (bytes_eq_nocase(name, BYTES("Message-ID")))
		c->message_id = h->value;
	else if (bytes_eq_nocase(name, BYTES("Disposition-Notification")))
		c->disposition = disposition_of(h->value);
}

/* Header names are case-sensitive (RFC 3862 2.3). COMPAT: DateTime is also seen as Datetime. */
static void read_header(struct cpim *c, struct bytes imdn, const struct mime_header *h)
{
	struct bytes none;

	if (bytes_eq_str(h->name, "From") && !c->from.n)
		split_address(h->value, &c->from_name, &c->from);
	else if (bytes_eq_str(h->name, "To") && !c->to.n)
		split_address(h->value, &none, &c->to);
	else if (bytes_eq_nocase(h->name, BYTES("DateTime")))
		c->date_time = h->value;
	else if (bytes_eq_str(h->name, "Subject") && !c->subject.n)
		c->subject = skip_params(h->value, &c->subject_lang);
	else if (bytes_eq_str(h->name, "Require"))
		c->require = h->value;
	else
		read_imdn(c, imdn, h);
}

int cpim_read(struct bytes in, struct cpim *out)
{
	struct mime_block b, part;
	int rc = mime_block_read(in, &b);

	if (rc)
		return rc;
	*out = (struct cpim){ 0 };
	struct bytes imdn = imdn_prefix(&b);
	for (size_t i = 0; i < b.n; i++)
		read_header(out, imdn, &b.headers[i]);
	rc = mime_block_read(b.rest, &part);
	if (rc)
		return rc;
	out->content_type = mime_block_get(&part, "Content-Type");
	out->content_encoding = mime_block_get(&part, "Content-Transfer-Encoding");
	if (!out->content_encoding.n)
		out->content_encoding = mime_block_get(&part, "Content-Encoding");
	out->content_disposition = mime_block_get(&part, "Content-Disposition");
	out->content = part.rest;
	return 0;
}

static int hex_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \uXXXX in what follows the backslash: the character, or -1. */
static int32_t escaped_char(struct bytes v)
{
	int32_t c = 0;

	if (v.n < 5 || v.p[0] != 'u')
		return -1;
	for (size_t i = 1; i < 5; i++) {
		int d = hex_of(v.p[i]);
		if (d < 0)
			return -1;
		c = c << 4 | d;
	}
	return c >= 0xd800 && c < 0xe000 ? 0xfffd : c;
}

static void put_utf8(struct buf *out, int32_t c)
{
	if (c < 0x80) {
		buf_put_u8(out, (uint8_t)c);
	} else if (c < 0x800) {
		buf_put_u8(out, (uint8_t)(0xc0 | c >> 6));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	} else {
		buf_put_u8(out, (uint8_t)(0xe0 | c >> 12));
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
	}
}

void cpim_put_text(struct buf *out, struct bytes value)
{
	static const char from[] = "btnr\"'\\", to[] = "\b\t\n\r\"'\\";

	for (size_t i = 0; i < value.n; i++) {
		struct bytes after = bytes_skip(value, i + 1);
		const char *at = after.n && after.p[0] ? strchr(from, after.p[0]) : NULL;
		if (value.p[i] != '\\' || !after.n) {
			buf_put_u8(out, value.p[i]);
		} else if (escaped_char(after) >= 0) {
			put_utf8(out, escaped_char(after));
			i += 5;
		} else if (at) {
			buf_put_u8(out, (uint8_t)to[at - from]);
			i++;
		} else {
			buf_put_u8(out, '\\');
		}
	}
}

/* ---- writing ---- */

/* RFC 3862 2.3: control characters and backslashes are escaped. */
static void put_escaped(struct buf *out, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (c == '\\')
			buf_put_str(out, "\\\\");
		else if (c < 0x20 || c == 0x7f)
			buf_putf(out, "\\u%04x", c);
		else
			buf_put_u8(out, c);
	}
}

static void put_line(struct buf *out, const char *name, struct bytes value)
{
	if (!value.n)
		return;
	buf_put_str(out, name);
	buf_put_str(out, ": ");
	put_escaped(out, value);
	buf_put_str(out, "\r\n");
}

static void put_address(struct buf *out, const char *name, struct bytes uri)
{
	if (!uri.n)
		return;
	buf_putf(out, "%s: <", name);
	buf_put_bytes(out, uri);
	buf_put_str(out, ">\r\n");
}

static void put_subject(struct buf *out, const struct cpim *c)
{
	if (!c->subject.n)
		return;
	buf_put_str(out, "Subject:");
	if (c->subject_lang.n) {
		buf_put_str(out, ";lang=");
		buf_put_bytes(out, c->subject_lang);
	}
	buf_put_u8(out, ' ');
	put_escaped(out, c->subject);
	buf_put_str(out, "\r\n");
}

/* RFC 5438 6.3: a message that asks has an id; a notification asks nothing (RCP-13). */
static void put_imdn(struct buf *out, const struct cpim *c)
{
	static const char *const names[] = { "positive-delivery", "negative-delivery", "display", "processing" };

	if (!c->message_id.n)
		return;
	buf_put_str(out, "NS: imdn <" CPIM_NS_IMDN ">\r\n");
	put_line(out, "imdn.Message-ID", c->message_id);
	if (!c->disposition)
		return;
	buf_put_str(out, "imdn.Disposition-Notification: ");
	for (unsigned i = 0, n = 0; i < sizeof names / sizeof names[0]; i++)
		if (c->disposition & 1u << i)
			buf_putf(out, "%s%s", n++ ? ", " : "", names[i]);
	buf_put_str(out, "\r\n");
}

void cpim_write(struct buf *out, const struct cpim *c)
{
	put_address(out, "From", c->from);
	put_address(out, "To", c->to);
	put_line(out, "DateTime", c->date_time);
	put_subject(out, c);
	put_imdn(out, c);
	buf_put_str(out, "\r\nContent-Type: ");
	buf_put_bytes(out, c->content_type);
	buf_put_str(out, "\r\n");
	if (c->content_disposition.n) {
		buf_put_str(out, "Content-Disposition: ");
		buf_put_bytes(out, c->content_disposition);
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out, "\r\n");
	buf_put_bytes(out, c->content);
}
