#include "iq/search_form.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/xmpp.h"

/* In the order in which clients show them. The first four are those of XEP-0055 itself, as elements too. */
static const struct field {
	const char *name, *label;
	enum directory_field field;
	bool is_old, is_local;
} fields[] = {
	{ "nick", "User name", DIRECTORY_USER, true, true },
	{ "first", "First name", DIRECTORY_FIRST, true, false },
	{ "last", "Last name", DIRECTORY_LAST, true, false },
	{ "email", "Mail address", DIRECTORY_MAIL, true, false },
	{ "x-name", "Name", DIRECTORY_NAME, false, false },
	{ "x-title", "Title", DIRECTORY_TITLE, false, false },
	{ "x-department", "Department", DIRECTORY_DEPARTMENT, false, false },
	{ "x-organisation", "Organisation", DIRECTORY_ORGANISATION, false, false },
	{ "x-phone", "Telephone", DIRECTORY_PHONE, false, false },
	{ "x-mobile", "Mobile telephone", DIRECTORY_MOBILE, false, false },
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

#define INSTRUCTIONS "Fill in one or more fields. What begins with your words is found; * stands for anything."
#define MORE "More people fit than are shown here: say more of whom you look for."

static bool is_there(const struct field *f, bool is_local)
{
	return f->is_local || !is_local;
}

void search_form_write(struct buf *b, bool is_local)
{
	buf_put_str(b, "<query xmlns='" NS_SEARCH "'><instructions>" INSTRUCTIONS "</instructions>");
	for (int i = 0; i < N_FIELDS; i++)
		if (fields[i].is_old && is_there(&fields[i], is_local))
			buf_putf(b, "<%s/>", fields[i].name);
	buf_put_str(b, "<x xmlns='" NS_DATA "' type='form'><title>Search for people</title><instructions>" INSTRUCTIONS "</instructions>"
		       "<field type='hidden' var='FORM_TYPE'><value>" NS_SEARCH "</value></field>");
	for (int i = 0; i < N_FIELDS; i++)
		if (is_there(&fields[i], is_local))
			buf_putf(b, "<field type='text-single' label='%s' var='%s'/>", fields[i].label, fields[i].name);
	buf_put_str(b, "</x></query>");
}

/* ---- reading ---- */

static struct bytes trimmed(struct bytes v)
{
	while (v.n && v.p[0] <= ' ')
		v = bytes_skip(v, 1);
	while (v.n && v.p[v.n - 1] <= ' ')
		v.n--;
	return v;
}

static bool has_letters(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != '*')
			return true;
	return false;
}

/* What is empty, or stars alone, is no condition. */
static int take_word(struct bytes v, struct arena *a, struct bytes *out)
{
	v = trimmed(v);
	if (!has_letters(v))
		return 0;
	if (v.n >= DIRECTORY_WORD_MAX)
		return ERR_LIMIT;
	bool has_star = bytes_find(v, '*') < v.n;
	uint8_t *p = arena_alloc(a, v.n + 1);
	if (!p)
		return ERR_NOMEM;
	memcpy(p, v.p, v.n);
	p[v.n] = '*';
	*out = bytes_make(p, v.n + !has_star);
	return 0;
}

/* A field that we do not have finds nobody, so it is refused; one of another form is no search. */
static int read_field(const struct xml_node *n, bool is_local, struct arena *a, struct search_form *out)
{
	struct bytes var = xml_attr(n, "var"), value = xml_text(xml_child(n, "value", NS_DATA));

	if (bytes_eq_str(var, "FORM_TYPE"))
		return bytes_eq_str(value, NS_SEARCH) ? 0 : ERR_SYNTAX;
	for (int i = 0; i < N_FIELDS; i++)
		if (bytes_eq_str(var, fields[i].name) && is_there(&fields[i], is_local))
			return take_word(value, a, &out->words[fields[i].field]);
	return trimmed(value).n ? ERR_SYNTAX : 0;
}

static int read_x(const struct xml_node *x, bool is_local, struct arena *a, struct search_form *out)
{
	int rc = bytes_eq_str(xml_attr(x, "type"), "submit") ? 0 : ERR_SYNTAX;

	for (const struct xml_node *n = xml_first(x); n && !rc; n = xml_next(n))
		if (xml_is(n, "field", NS_DATA))
			rc = read_field(n, is_local, a, out);
	return rc;
}

static int read_old(const struct xml_node *query, bool is_local, struct arena *a, struct search_form *out)
{
	int rc = 0;

	for (int i = 0; i < N_FIELDS && !rc; i++)
		if (fields[i].is_old && is_there(&fields[i], is_local))
			rc = take_word(xml_text(xml_child(query, fields[i].name, NS_SEARCH)), a, &out->words[fields[i].field]);
	return rc;
}

int search_form_read(const struct xml_node *query, bool is_local, struct arena *a, struct search_form *out)
{
	const struct xml_node *x = xml_child(query, "x", NS_DATA);
	struct search_form f = { .has_form = x != NULL };
	bool is_empty = true;

	int rc = x ? read_x(x, is_local, a, &f) : read_old(query, is_local, a, &f);
	if (rc)
		return rc;
	for (int i = 0; i < DIRECTORY_FIELD_COUNT; i++)
		is_empty &= !f.words[i].n;
	*out = f;
	return is_empty ? ERR_RANGE : 0;
}

/* ---- answers ---- */

void search_result_begin(struct buf *b, const struct search_form *f, bool is_local, bool is_more)
{
	buf_put_str(b, "<query xmlns='" NS_SEARCH "'>");
	if (!f->has_form)
		return;
	buf_put_str(b, "<x xmlns='" NS_DATA "' type='result'>");
	if (is_more)
		buf_put_str(b, "<instructions>" MORE "</instructions>");
	buf_put_str(b, "<field type='hidden' var='FORM_TYPE'><value>" NS_SEARCH "</value></field>"
		       "<reported><field type='jid-single' label='Address' var='jid'/>");
	for (int i = 0; i < N_FIELDS; i++)
		if (is_there(&fields[i], is_local))
			buf_putf(b, "<field type='text-single' label='%s' var='%s'/>", fields[i].label, fields[i].name);
	buf_put_str(b, "</reported>");
}

static void put_value(struct buf *b, const char *var, struct bytes value)
{
	buf_putf(b, "<field var='%s'><value>", var);
	text_xml_escape(value, b);
	buf_put_str(b, "</value></field>");
}

static void add_to_form(struct buf *b, bool is_local, const struct look_person *p)
{
	buf_put_str(b, "<item>");
	put_value(b, "jid", p->jid);
	for (int i = 0; i < N_FIELDS; i++)
		if (is_there(&fields[i], is_local))
			put_value(b, fields[i].name, p->fields[fields[i].field]);
	buf_put_str(b, "</item>");
}

void search_result_add(struct buf *b, const struct search_form *f, bool is_local, const struct look_person *p)
{
	if (f->has_form) {
		add_to_form(b, is_local, p);
		return;
	}
	buf_put_str(b, "<item");
	xml_write_attr(b, "jid", p->jid);
	buf_put_u8(b, '>');
	for (int i = 0; i < N_FIELDS; i++) {
		if (!fields[i].is_old || !is_there(&fields[i], is_local))
			continue;
		buf_putf(b, "<%s>", fields[i].name);
		text_xml_escape(p->fields[fields[i].field], b);
		buf_putf(b, "</%s>", fields[i].name);
	}
	buf_put_str(b, "</item>");
}

void search_result_end(struct buf *b, const struct search_form *f)
{
	if (f->has_form)
		buf_put_str(b, "</x>");
	buf_put_str(b, "</query>");
}

/* ---- patterns ---- */

static uint8_t low(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Back to the last star only, one place on: what stood before it has its first fit, which is as good as any. */
bool search_fits(struct bytes pattern, struct bytes text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, from = 0;

	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.n && low(pattern.p[p]) == low(text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}
