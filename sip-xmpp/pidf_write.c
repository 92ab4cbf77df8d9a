#include "pidf.h"

#include "base/text.h"
#include "proto/composed.h"

#include <assert.h>

static bool is_unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

/* ADR-18, ADR-22: the resource as a GRUU's parameter. */
static void put_contact(struct buf *b, const struct pidf_of *d, const struct pres *p)
{
	char priority[8];

	buf_put_str(b, "<contact");
	if (pres_priority_to_pidf(p->priority, priority))
		buf_putf(b, " priority='%s'", priority);
	buf_put_str(b, ">");
	text_xml_escape(d->contact, b);
	if (p->resource.n)
		buf_put_str(b, ";gr=");
	for (size_t i = 0; i < p->resource.n; i++) {
		if (is_unreserved(p->resource.p[i]))
			buf_put_u8(b, p->resource.p[i]);
		else
			buf_putf(b, "%%%02X", p->resource.p[i]);
	}
	buf_put_str(b, "</contact>");
}

static void put_notes(struct buf *b, const struct pres *p)
{
	for (unsigned i = 0; i < p->n_notes; i++) {
		struct bytes lang = p->notes[i].lang.n ? p->notes[i].lang : p->lang; /* PRE-X05 */
		buf_put_str(b, "<note");
		if (lang.n)
			xml_write_attr(b, "xml:lang", lang);
		buf_put_str(b, ">");
		text_xml_escape(p->notes[i].text, b);
		buf_put_str(b, "</note>");
	}
}

/* In the schema's order: status, contact, notes, time stamp. */
static void put_tuple(struct buf *b, const struct pidf_of *d, const struct pres *p)
{
	char stamp[TEXT_TIME_BYTES];

	buf_put_str(b, "<tuple id='");
	pres_tuple_id(b, p->resource);
	buf_putf(b, "'><status><basic>%s</basic>", p->is_open ? "open" : "closed");
	if (p->is_open && p->show)
		buf_putf(b, "<show xmlns='jabber:client'>%s</show>", pres_show_name(p->show));
	buf_put_str(b, "</status>");
	if (p->is_open)
		put_contact(b, d, p);
	put_notes(b, p);
	if (p->at_ms) {
		text_time(p->at_ms, false, stamp);
		buf_putf(b, "<timestamp>%s</timestamp>", stamp);
	}
	buf_put_str(b, "</tuple>");
}

/* Who speaks for the person: one presence is composed of the available resources. When they became so is not known here. */
static const struct pres *foremost(const struct pidf_of *d)
{
	static const uint8_t shown[] = { [PRES_NO_SHOW] = SHOWN_AVAILABLE, [PRES_CHAT] = SHOWN_CHAT, [PRES_AWAY] = SHOWN_AWAY,
					 [PRES_XA] = SHOWN_XA, [PRES_DND] = SHOWN_DND };
	struct composed_input in[PIDF_TUPLES_MAX];
	const struct pres *of[PIDF_TUPLES_MAX];
	size_t n = 0;

	static_assert(sizeof shown == PRES_SHOW_COUNT, "each show");
	for (size_t i = 0; i < d->n && n < PIDF_TUPLES_MAX; i++) {
		const struct pres *p = &d->resources[i];
		if (!p->is_open)
			continue;
		of[n] = p;
		in[n++] = (struct composed_input){ .shown = shown[p->show], .priority = p->priority == PRES_NO_PRIORITY ? 0 : p->priority, .at_ms = p->at_ms };
	}
	struct composed c = composed_of(in, n);
	return c.by == COMPOSED_NOBODY ? NULL : of[c.which];
}

static void put_person(struct buf *b, enum pres_show show)
{
	const char *activity = rpid_of_show(show);

	buf_put_str(b, "<dm:person xmlns:dm='" NS_PIDF_PERSON "' xmlns:rpid='" NS_RPID "' id='person'><rpid:activities");
	if (*activity)
		buf_putf(b, "><rpid:%s/></rpid:activities>", activity);
	else
		buf_put_str(b, "/>");
	buf_put_str(b, "</dm:person>");
}

void pidf_write(struct buf *b, const struct pidf_of *d)
{
	const struct pres *person = foremost(d);

	buf_put_str(b, "<?xml version='1.0' encoding='UTF-8'?>\r\n<presence xmlns='" NS_PIDF "'");
	xml_write_attr(b, "entity", d->entity);
	buf_put_str(b, ">");
	for (size_t i = 0; i < d->n; i++)
		put_tuple(b, d, &d->resources[i]);
	if (person)
		put_person(b, person->show);
	buf_put_str(b, "</presence>\r\n");
}
