#include "pres.h"

#include "base/err.h"
#include "base/stamp.h"
#include "base/wire.h"
#include "base/text.h"
#include "proto/jid.h"
#include "proto/xmpp.h"

static const char *const show_names[] = { "", "chat", "away", "xa", "dnd" };
_Static_assert(sizeof show_names / sizeof show_names[0] == PRES_SHOW_COUNT, "a name for each");

const char *pres_show_name(enum pres_show s)
{
	return show_names[s];
}

enum pres_show pres_show_of(struct bytes text)
{
	for (unsigned i = 1; i < PRES_SHOW_COUNT; i++)
		if (bytes_eq_str(text, show_names[i]))
			return i;
	return PRES_NO_SHOW;
}

struct bytes pres_cut(struct bytes text, size_t max)
{
	if (text.n <= max)
		return text;
	while (max && (text.p[max] & 0xC0) == 0x80)
		max--;
	return bytes_make(text.p, max);
}

void pres_add_note(struct pres *p, struct bytes lang, struct bytes text)
{
	if (!text.n || p->n_notes == PRES_NOTES_MAX)
		return;
	if (lang.n > PRES_LANG_MAX_BYTES)
		lang = BYTES_NONE;
	for (unsigned i = 0; i < p->n_notes; i++)
		if (bytes_eq_nocase(p->notes[i].lang, lang))
			return;
	p->notes[p->n_notes++] = (struct pres_note){ lang, pres_cut(text, PRES_TEXT_MAX_BYTES) };
}

bool pres_equal(const struct pres *a, const struct pres *b)
{
	if (!bytes_eq(a->resource, b->resource) || a->is_open != b->is_open || a->show != b->show ||
	    a->priority != b->priority || a->n_notes != b->n_notes || !bytes_eq(a->lang, b->lang))
		return false;
	for (unsigned i = 0; i < a->n_notes; i++)
		if (!bytes_eq(a->notes[i].lang, b->notes[i].lang) || !bytes_eq(a->notes[i].text, b->notes[i].text))
			return false;
	return true;
}

void pres_encode(struct buf *b, const struct pres *p)
{
	wire_put_str(b, p->resource);
	wire_put_u8(b, p->is_open);
	wire_put_u8(b, p->show);
	wire_put_u16(b, (uint16_t)p->priority);
	wire_put_u64(b, p->at_ms);
	wire_put_str(b, p->lang);
	wire_put_u8(b, p->n_notes);
	for (unsigned i = 0; i < p->n_notes; i++) {
		wire_put_str(b, p->notes[i].lang);
		wire_put_str(b, p->notes[i].text);
	}
}

int pres_decode(struct bytes in, struct pres *out)
{
	struct wire w = wire_of(in);
	struct pres p = { .resource = wire_str(&w) };

	p.is_open = wire_u8(&w);
	p.show = wire_u8(&w);
	p.priority = (int16_t)wire_u16(&w);
	p.at_ms = wire_u64(&w);
	p.lang = wire_str(&w);
	p.n_notes = wire_u8(&w);
	if (p.show >= PRES_SHOW_COUNT || p.n_notes > PRES_NOTES_MAX)
		return ERR_SYNTAX;
	for (unsigned i = 0; i < p.n_notes; i++) {
		p.notes[i].lang = wire_str(&w);
		p.notes[i].text = wire_str(&w);
	}
	int rc = wire_end(&w);
	if (!rc)
		*out = p;
	return rc;
}

/* ---- XMPP ---- */

static int priority_of_stanza(struct bytes text)
{
	bool is_negative = text.n && text.p[0] == '-';
	uint64_t v;

	if (bytes_to_u64(bytes_skip(text, is_negative), 128, &v))
		return 0; /* RFC 6121 4.7.2.3: as if it were not there */
	return is_negative ? -(int)v : v == 128 ? 0 : (int)v;
}

void pres_of_stanza(const struct xml_node *presence, struct bytes resource, bool is_open, struct pres *out)
{
	struct bytes lang = xml_attr_ns(presence, "lang", XML_NS_XML);

	*out = (struct pres){ .resource = resource, .is_open = is_open, .priority = PRES_NO_PRIORITY };
	if (lang.n <= PRES_LANG_MAX_BYTES)
		out->lang = lang;
	if (is_open) { /* PRE-X12: who has gone has neither */
		out->show = pres_show_of(xml_text(xml_child(presence, "show", NULL)));
		out->priority = (int16_t)priority_of_stanza(xml_text(xml_child(presence, "priority", NULL)));
	}
	for (const struct xml_node *c = xml_first(presence); c; c = xml_next(c)) {
		if (xml_is(c, "status", NULL))
			pres_add_note(out, xml_attr_ns(c, "lang", XML_NS_XML), xml_text(c));
		if (xml_is(c, "delay", NS_DELAY) && !out->at_ms)
			(void)stamp_parse(xml_attr(c, "stamp"), &out->at_ms); /* DLY-05: what is no stamp is ignored */
	}
}

void pres_write_children(struct buf *b, const struct pres *p)
{
	if (p->is_open && p->show)
		buf_putf(b, "<show>%s</show>", pres_show_name(p->show));
	for (unsigned i = 0; i < p->n_notes; i++) {
		buf_put_str(b, "<status");
		if (p->notes[i].lang.n)
			xml_write_attr(b, "xml:lang", p->notes[i].lang);
		buf_put_str(b, ">");
		text_xml_escape(p->notes[i].text, b);
		buf_put_str(b, "</status>");
	}
	if (p->is_open && p->priority != PRES_NO_PRIORITY && p->priority)
		buf_putf(b, "<priority>%d</priority>", p->priority);
}

/* ---- priority and tuple id ---- */

bool pres_priority_to_pidf(int priority, char out[static 8])
{
	if (priority < 0 || priority > 127)
		return false;
	int milli = priority * 1000 / 127; /* rounded down: all 128 stay apart and come back the same */
	memcpy(out, priority == 0 ? "0" : "1", 2);
	if (priority > 0 && priority < 127) {
		const char digits[] = { '0', '.', (char)('0' + milli / 100), (char)('0' + milli / 10 % 10),
			                (char)('0' + milli % 10), 0 };
		memcpy(out, digits, sizeof digits);
	}
	return true;
}

int pres_priority_of_pidf(struct bytes text)
{
	unsigned milli = 0, digits = 0;

	if (!text.n || (text.p[0] != '0' && text.p[0] != '1') || (text.n > 1 && text.p[1] != '.'))
		return PRES_NO_PRIORITY;
	for (size_t i = 2; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return PRES_NO_PRIORITY;
		if (digits++ < 3)
			milli = milli * 10 + (text.p[i] - '0');
	}
	for (; digits < 3; digits++)
		milli *= 10;
	if (text.p[0] == '1')
		return milli ? PRES_NO_PRIORITY : 127;
	unsigned p = (milli * 127 + 999) / 1000;
	return p > 126 ? 126 : (int)p;
}

static bool is_id_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

void pres_tuple_id(struct buf *b, struct bytes resource)
{
	buf_put_str(b, "ID-");
	for (size_t i = 0; i < resource.n; i++) {
		if (is_id_char(resource.p[i]))
			buf_put_u8(b, resource.p[i]);
		else
			buf_putf(b, "_%02x", resource.p[i]);
	}
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes pres_tuple_id; what it could not have made stays as it is. */
static struct bytes unescape(struct bytes in, struct arena *a)
{
	uint8_t *out = arena_alloc(a, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < in.n; i++) {
		int high = in.n - i > 2 ? hex_digit(in.p[i + 1]) : -1;
		int low = in.n - i > 2 ? hex_digit(in.p[i + 2]) : -1;
		bool is_escape = in.p[i] == '_' && high >= 0 && low >= 0;
		out[n++] = is_escape ? (uint8_t)(high << 4 | low) : in.p[i];
		i += is_escape ? 2 : 0;
	}
	return bytes_make(out, out ? n : 0);
}

int pres_tuple_resource(struct bytes id, struct arena *a, struct bytes *out)
{
	struct bytes resource = id;

	if (bytes_starts(id, BYTES("ID-"))) {
		resource = unescape(bytes_skip(id, 3), a);
		if (!text_is_utf8(resource))
			resource = id;
		if (!resource.n) { /* of a bare address */
			*out = BYTES_NONE;
			return 0;
		}
	}
	return resource.n ? jid_parse_resource(resource, a, out) : ERR_SYNTAX;
}
