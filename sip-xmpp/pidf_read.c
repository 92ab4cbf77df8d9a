#include "pidf.h"

#include "base/err.h"
#include "base/stamp.h"
#include "xmldoc.h"

static const struct xml_limits limits = {
	.header_bytes = 4096, .stanza_bytes = PIDF_MAX_BYTES, .depth = 16, .attrs = 32, .nodes = 2000, .has_comments = true
};

/* What stands above the tuples: of the person, of the whole document. */
struct shared {
	const struct pidf_how *how;
	struct pres said; /* show; notes of the person, else of the document */
	struct bytes activity; /* one without a show (PRE-S11) */
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim(struct bytes v)
{
	while (v.n && is_space(v.p[0]))
		v = bytes_skip(v, 1);
	while (v.n && is_space(v.p[v.n - 1]))
		v.n--;
	return v;
}

/* ---- notes and activities ---- */

/* By name alone: notes of RFC 3863, 4479 and 4480 are of three namespaces. */
static void take_notes(const struct xml_node *of, struct pres *to)
{
	for (const struct xml_node *c = xml_first(of); c; c = xml_next(c))
		if (strcmp(c->name, "note") == 0)
			pres_add_note(to, xml_attr_ns(c, "lang", XML_NS_XML), trim(xml_text(c)));
}

/* Of several, the one that leaves least time for others. */
static bool is_stronger(enum pres_show a, enum pres_show b)
{
	static const uint8_t strength[] = { 0, 0, 1, 2, 3 };

	return strength[a] > strength[b];
}

static void take_activities(const struct xml_node *of, struct pres *to, struct bytes *plain)
{
	for (const struct xml_node *c = xml_first(of); c; c = xml_next(c)) {
		struct bytes name = bytes_of(c->name), text = trim(xml_text(c));
		enum pres_show show;
		if (bytes_eq_str(name, "note"))
			continue;
		if (bytes_eq_str(name, "activity") && text.n) /* COMPAT: OCS and other drafts of RFC 4480: <activity>busy</activity> */
			name = text;
		if (rpid_show(name, &show)) {
			if (is_stronger(show, to->show))
				to->show = show;
		} else if (!plain->n) {
			*plain = bytes_eq_str(name, "other") && text.n ? text : name;
		}
	}
}

/* Activities may stand in a person (RFC 4480), in a tuple, and, from old servers, in its status. The
 * namespace is not looked at. COMPAT: Cisco phones, eyeBeam use urn:ietf:params:xml:ns:pidf:status:rpid. */
static void take_activities_in(const struct xml_node *of, struct pres *to, struct bytes *plain)
{
	for (const struct xml_node *c = xml_first(of); c; c = xml_next(c))
		if (strcmp(c->name, "activities") == 0)
			take_activities(c, to, plain);
}

static void read_shared(const struct xml_node *root, struct shared *s)
{
	for (const struct xml_node *c = xml_first(root); c; c = xml_next(c)) {
		if (!xml_is(c, "person", NULL))
			continue;
		take_activities_in(c, &s->said, &s->activity);
		take_notes(c, &s->said);
		take_notes(xml_child(c, "activities", NULL), &s->said);
	}
	if (!s->said.n_notes)
		take_notes(root, &s->said);
}

/* ---- a tuple ---- */

static void borrow_notes(struct pres *p, const struct pres *from)
{
	for (unsigned i = 0; i < from->n_notes; i++)
		pres_add_note(p, from->notes[i].lang, from->notes[i].text);
}

/* PRE-S07 before PRE-S08 to S12 before PRE-S18. */
static void settle_show(struct pres *p, enum pres_show said, const struct shared *s)
{
	if (said)
		p->show = said;
	else if (!p->show)
		p->show = s->said.show;
	for (unsigned i = 0; !p->show && s->how->guesses && i < p->n_notes; i++)
		p->show = rpid_show_of_note(p->notes[i].text);
}

static bool read_basic(const struct xml_node *status, bool *is_open)
{
	struct bytes basic = trim(xml_text(xml_child(status, "basic", NULL)));

	*is_open = bytes_eq_nocase(basic, BYTES("open"));
	return *is_open || bytes_eq_nocase(basic, BYTES("closed"));
}

static const struct xml_node *show_of(const struct xml_node *tuple, const struct xml_node *status)
{
	const struct xml_node *show = xml_child(status, "show", NULL);

	return show ? show : xml_child(tuple, "show", NULL);
}

static void read_tuple(const struct xml_node *n, const struct shared *s, struct pidf_tuple *out)
{
	const struct xml_node *status = xml_child(n, "status", NULL);
	enum pres_show said = pres_show_of(trim(xml_text(show_of(n, status))));
	struct bytes activity = BYTES_NONE;
	struct pres *p = &out->pres;

	out->is_known = read_basic(status, &p->is_open);
	take_activities_in(status, p, &activity);
	take_activities_in(n, p, &activity);
	take_notes(n, p);
	if (!p->n_notes) /* PRE-S06 */
		borrow_notes(p, &s->said);
	if (!activity.n && !p->show)
		activity = s->activity;
	settle_show(p, said, s);
	if (!out->is_known) /* PRE-S16 */
		out->is_known = p->is_open = p->show || activity.n;
	if (!p->n_notes && p->is_open)
		pres_add_note(p, BYTES_NONE, activity);
	if (p->is_open)
		p->priority = (int16_t)pres_priority_of_pidf(trim(xml_attr(xml_child(n, "contact", NULL), "priority")));
	else
		p->show = PRES_NO_SHOW;
	(void)stamp_parse(trim(xml_text(xml_child(n, "timestamp", NULL))), &p->at_ms); /* none: not said */
}

static struct pidf_tuple *same_resource(struct pidf *d, struct bytes resource)
{
	for (size_t i = 0; i < d->n; i++)
		if (bytes_eq(d->tuples[i].pres.resource, resource))
			return &d->tuples[i];
	return NULL;
}

/* Two tuples of one resource (an address with several devices behind one id): who is there at all is there. */
static void add_tuple(struct pidf *d, const struct xml_node *n, const struct shared *s, struct arena *a)
{
	struct pidf_tuple t = { .pres.priority = PRES_NO_PRIORITY, .pres.lang = s->how->lang };

	if (pres_tuple_resource(trim(xml_attr(n, "id")), a, &t.pres.resource))
		return;
	read_tuple(n, s, &t);
	struct pidf_tuple *old = same_resource(d, t.pres.resource);
	if (!old && d->n < PIDF_TUPLES_MAX)
		d->tuples[d->n++] = t;
	else if (old && !old->pres.is_open && t.pres.is_open)
		*old = t;
}

int pidf_read(struct bytes in, const struct pidf_how *how, struct arena *a, struct pidf *out)
{
	struct shared s = { .how = how, .said.priority = PRES_NO_PRIORITY };
	struct xml_node *root;
	int rc = xmldoc_parse(in, &limits, a, &root);

	if (rc)
		return rc;
	if (!xml_is(root, "presence", NS_PIDF))
		return ERR_SYNTAX;
	read_shared(root, &s);
	out->entity = trim(xml_attr(root, "entity"));
	out->n = 0;
	for (const struct xml_node *c = xml_first(root); c; c = xml_next(c))
		if (xml_is(c, "tuple", NS_PIDF))
			add_tuple(out, c, &s, a);
	return 0;
}
