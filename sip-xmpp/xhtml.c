#include "xhtml.h"

#include "charset.h"

enum { NAME_MAX_BYTES = 16 };

enum kind { INLINE, BLOCK, VOID, DROPPED };

/* XEP-0071 6, without images and styles. Elements of old HTML take today's name. What is not here goes, its
 * text stays; of DROPPED the text goes as well. */
static const struct element {
	const char *name, *out;
	enum kind kind;
} elements[] = {
	{ "a", "a", INLINE },
	{ "b", "strong", INLINE },
	{ "blockquote", "blockquote", BLOCK },
	{ "br", "br", VOID },
	{ "cite", "cite", INLINE },
	{ "code", "code", INLINE },
	{ "div", "div", BLOCK },
	{ "em", "em", INLINE },
	{ "h1", "h1", BLOCK },
	{ "h2", "h2", BLOCK },
	{ "h3", "h3", BLOCK },
	{ "head", "", DROPPED },
	{ "i", "em", INLINE },
	{ "iframe", "", DROPPED },
	{ "li", "li", BLOCK },
	{ "object", "", DROPPED },
	{ "ol", "ol", BLOCK },
	{ "p", "p", BLOCK },
	{ "pre", "pre", BLOCK },
	{ "script", "", DROPPED },
	{ "span", "span", INLINE },
	{ "strong", "strong", INLINE },
	{ "style", "", DROPPED },
	{ "template", "", DROPPED },
	{ "title", "", DROPPED },
	{ "ul", "ul", BLOCK },
};

static const char *const link_schemes[] = { "http:", "https:", "mailto:", "xmpp:", "sip:", "tel:" };

struct writer {
	struct buf *xhtml, *plain;
	const struct element *open[XHTML_DEPTH_MAX];
	size_t n_open;
	bool has_space; /* white space waits for a word (plain text) */
};

static const struct element *element_of(struct bytes name)
{
	for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
		if (bytes_eq_nocase(name, bytes_of(elements[i].name)))
			return &elements[i];
	return NULL;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static bool is_name(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == ':';
}

static bool is_link(struct bytes href)
{
	for (size_t i = 0; i < sizeof link_schemes / sizeof link_schemes[0]; i++) {
		struct bytes scheme = bytes_of(link_schemes[i]);
		if (href.n > scheme.n && bytes_eq_nocase(bytes_make(href.p, scheme.n), scheme))
			return true;
	}
	return false;
}

/* ---- plain text ---- */

static bool is_line_begun(const struct buf *plain)
{
	struct bytes v = buf_bytes(plain);

	return v.n && v.p[v.n - 1] != '\n';
}

static void plain_break(struct writer *w)
{
	w->has_space = false;
	if (is_line_begun(w->plain))
		buf_put_u8(w->plain, '\n');
}

static void plain_text(struct writer *w, struct bytes text, bool is_pre)
{
	for (size_t i = 0; i < text.n; i++) {
		if (!is_pre && is_space(text.p[i])) {
			w->has_space = is_line_begun(w->plain);
			continue;
		}
		if (w->has_space)
			buf_put_u8(w->plain, ' ');
		w->has_space = false;
		buf_put_u8(w->plain, text.p[i]);
	}
}

/* ---- entities ---- */

static const struct {
	const char *name;
	struct bytes text;
} entities[] = {
	{ "amp", { (const uint8_t *)"&", 1 } },	  { "lt", { (const uint8_t *)"<", 1 } },
	{ "gt", { (const uint8_t *)">", 1 } },	  { "quot", { (const uint8_t *)"\"", 1 } },
	{ "apos", { (const uint8_t *)"'", 1 } },  { "nbsp", { (const uint8_t *)"\xc2\xa0", 2 } },
};

static uint32_t digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - (uint32_t)'0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - (uint32_t)'a' + 10 : 16;
}

static bool put_number(struct buf *out, struct bytes digits)
{
	bool is_hex = digits.n && (digits.p[0] | 0x20) == 'x';
	uint32_t c = 0;

	digits = bytes_skip(digits, is_hex);
	if (!digits.n || digits.n > 7)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		uint32_t v = digit_of(digits.p[i]);
		if (v >= (is_hex ? 16u : 10u))
			return false;
		c = c * (is_hex ? 16 : 10) + v;
	}
	uint8_t be[4] = { (uint8_t)(c >= 0x10000 ? 0xd8 | (c - 0x10000) >> 18 : c >> 8),
			  (uint8_t)(c >= 0x10000 ? (c - 0x10000) >> 10 : c),
			  (uint8_t)(0xdc | ((c - 0x10000) >> 8 & 3)), (uint8_t)(c - 0x10000) };
	return c && c < 0x110000 && charset_to_utf8(BYTES("utf-16be"), bytes_make(be, c >= 0x10000 ? 4 : 2), out) == 0;
}

/* Appends what "&...;" at the start of v means; how many bytes of v that took, 0: it is no entity. */
static size_t put_entity(struct buf *out, struct bytes v)
{
	size_t n = bytes_find(bytes_make(v.p, v.n < 12 ? v.n : 12), ';');

	if (n < 2 || n >= v.n || v.p[n] != ';')
		return 0;
	struct bytes name = bytes_make(v.p + 1, n - 1);
	if (name.p[0] == '#')
		return put_number(out, bytes_skip(name, 1)) ? n + 1 : 0;
	for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
		if (!bytes_eq_str(name, entities[i].name))
			continue;
		buf_put_bytes(out, entities[i].text);
		return n + 1;
	}
	return 0;
}

static void decode(struct bytes in, struct buf *out)
{
	while (in.n) {
		size_t n = in.p[0] == '&' ? put_entity(out, in) : 0;
		if (!n) {
			buf_put_u8(out, in.p[0]);
			n = 1;
		}
		in = bytes_skip(in, n);
	}
}

/* ---- elements ---- */

static bool is_inside(const struct writer *w, const char *name)
{
	for (size_t i = 0; i < w->n_open; i++)
		if (strcmp(w->open[i]->out, name) == 0)
			return true;
	return false;
}

static void put_text(struct writer *w, struct bytes raw)
{
	struct buf text;

	buf_init(&text, raw.n ? raw.n * 2 + 16 : 16);
	decode(raw, &text);
	charset_put_xml(w->xhtml, buf_bytes(&text));
	plain_text(w, buf_bytes(&text), is_inside(w, "pre"));
	buf_fini(&text);
}

static void close_top(struct writer *w)
{
	const struct element *e = w->open[--w->n_open];

	buf_putf(w->xhtml, "</%s>", e->out);
	if (e->kind == BLOCK)
		plain_break(w);
}

static void close_element(struct writer *w, const struct element *e)
{
	size_t at = w->n_open;

	while (at && w->open[at - 1] != e)
		at--;
	while (at && w->n_open >= at)
		close_top(w);
}

static void open_element(struct writer *w, const struct element *e, struct bytes href)
{
	if (e->kind == VOID) {
		buf_putf(w->xhtml, "<%s/>", e->out);
		w->has_space = false;
		buf_put_u8(w->plain, '\n');
		return;
	}
	if (w->n_open == XHTML_DEPTH_MAX)
		return; /* its end tag closes nothing then, or one of its kind further out */
	if (e->kind == BLOCK)
		plain_break(w);
	w->open[w->n_open++] = e;
	buf_putf(w->xhtml, "<%s", e->out);
	if (strcmp(e->out, "a") == 0 && is_link(href))
		xml_write_attr(w->xhtml, "href", href);
	buf_put_u8(w->xhtml, '>');
}

/* ---- tags as people write them ---- */

struct tag {
	struct bytes name;
	struct bytes href; /* raw */
	bool is_end;
	size_t n; /* bytes in all */
};

static struct bytes skip_space(struct bytes v)
{
	while (v.n && is_space(v.p[0]))
		v = bytes_skip(v, 1);
	return v;
}

static struct bytes take_name(struct bytes *v)
{
	size_t n = 0;

	while (n < v->n && is_name(v->p[n]))
		n++;
	struct bytes name = bytes_make(v->p, n);
	*v = bytes_skip(*v, n);
	return name;
}

static struct bytes take_value(struct bytes *v)
{
	uint8_t quote = v->n ? v->p[0] : 0;
	size_t n = 0;

	if (quote == '"' || quote == '\'') {
		struct bytes rest = bytes_skip(*v, 1);
		n = bytes_find(rest, quote);
		*v = bytes_skip(rest, n + 1);
		return bytes_make(rest.p, n);
	}
	while (n < v->n && !is_space(v->p[n]) && v->p[n] != '>')
		n++;
	struct bytes value = bytes_make(v->p, n);
	*v = bytes_skip(*v, n);
	return value;
}

/* v begins behind '<'. False: this is no tag. */
static bool read_tag(struct bytes v, struct tag *t)
{
	size_t all = v.n;

	*t = (struct tag){ .is_end = v.n && v.p[0] == '/' };
	v = bytes_skip(v, t->is_end);
	t->name = take_name(&v);
	if (!t->name.n)
		return false;
	for (v = skip_space(v); v.n && v.p[0] != '>'; v = skip_space(v)) {
		struct bytes name = take_name(&v), value = BYTES_NONE;
		if (!name.n) {
			v = bytes_skip(v, 1);
			continue;
		}
		v = skip_space(v);
		if (v.n && v.p[0] == '=') {
			v = skip_space(bytes_skip(v, 1));
			value = take_value(&v);
		}
		if (bytes_eq_nocase(name, BYTES("href")) && !t->href.n)
			t->href = value;
	}
	t->n = all - bytes_skip(v, 1).n;
	return true;
}

/* Where `what` begins, without case; v.n: nowhere. */
static size_t find(struct bytes v, const char *what)
{
	struct bytes w = bytes_of(what);

	for (size_t i = 0; i + w.n <= v.n; i++)
		if (bytes_eq_nocase(bytes_make(v.p + i, w.n), w))
			return i;
	return v.n;
}

/* Comments, declarations, instructions: bytes behind '<' that go. 0: it is none. */
static size_t markup_length(struct bytes v)
{
	if (bytes_starts(v, BYTES("!--")))
		return find(v, "-->") + 3;
	return v.n && (v.p[0] == '!' || v.p[0] == '?') ? bytes_find(v, '>') + 1 : 0;
}

static size_t dropped_length(struct bytes v, const struct element *e)
{
	char end[NAME_MAX_BYTES + 3] = "</";

	memcpy(end + 2, e->name, strlen(e->name) + 1);
	size_t n = find(v, end);
	return n + bytes_find(bytes_skip(v, n), '>') + 1;
}

/* One tag or piece of markup behind '<'; bytes taken, 0: the '<' is text. */
static size_t read_markup(struct writer *w, struct bytes v)
{
	struct tag t;
	size_t n = markup_length(v);

	if (n || !read_tag(v, &t))
		return n;
	const struct element *e = element_of(t.name);
	if (!e)
		return t.n;
	if (e->kind == DROPPED)
		return t.is_end ? t.n : t.n + dropped_length(bytes_skip(v, t.n), e);
	if (t.is_end) {
		close_element(w, e);
		return t.n;
	}
	struct buf href;
	buf_init(&href, t.href.n ? t.href.n * 2 + 16 : 16);
	decode(t.href, &href);
	open_element(w, e, buf_bytes(&href));
	buf_fini(&href);
	return t.n;
}

void xhtml_of_html(struct bytes html, struct buf *xhtml, struct buf *plain)
{
	struct writer w = { .xhtml = xhtml, .plain = plain };

	while (html.n) {
		size_t n = bytes_find(html, '<');
		put_text(&w, bytes_make(html.p, n));
		html = bytes_skip(html, n);
		if (!html.n)
			break;
		n = read_markup(&w, bytes_skip(html, 1));
		if (!n)
			put_text(&w, bytes_make(html.p, 1));
		html = bytes_skip(html, n + 1);
	}
	while (w.n_open)
		close_top(&w);
	struct bytes text = buf_bytes(plain);
	while (text.n && is_space(text.p[text.n - 1]))
		text.n--;
	buf_truncate(plain, text.n);
}

/* ---- back ---- */

static void put_tree(struct buf *html, const struct xml_node *parent, unsigned depth)
{
	for (const struct xml_node *n = parent->child; n; n = n->next) {
		if (!n->name) {
			charset_put_xml(html, n->text);
			continue;
		}
		const struct element *e = element_of(bytes_of(n->name));
		if (depth >= XHTML_DEPTH_MAX || (e && e->kind == DROPPED))
			continue;
		bool is_known = e && strcmp(n->ns, NS_XHTML) == 0;
		struct bytes href = xml_attr(n, "href");
		if (is_known) {
			buf_putf(html, "<%s", e->out);
			if (strcmp(e->out, "a") == 0 && is_link(href))
				xml_write_attr(html, "href", href);
			buf_put_u8(html, '>');
		}
		put_tree(html, n, depth + 1);
		if (is_known && e->kind != VOID)
			buf_putf(html, "</%s>", e->out);
	}
}

bool xhtml_to_html(const struct xml_node *message, struct buf *html)
{
	const struct xml_node *body = xml_child(xml_child(message, "html", NS_XHTML_IM), "body", NS_XHTML);

	if (!body)
		return false;
	buf_put_str(html, "<html><body>");
	put_tree(html, body, 0);
	buf_put_str(html, "</body></html>");
	return true;
}
