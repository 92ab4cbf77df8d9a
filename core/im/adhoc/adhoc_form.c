#include "adhoc/adhoc_form.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/form.h"
#include "proto/jid.h"
#include "proto/xmpp.h"

/* ---- writing ---- */

static const char *const most[] = { "25", "50", "100", "200", "none", NULL };

static void put_options(struct buf *b, const char *const *options)
{
	for (; *options; options++)
		buf_putf(b, "<option label='%s'><value>%s</value></option>", *options, *options);
}

static bool may_be_empty(enum adhoc_kind kind)
{
	return kind == ADHOC_MAX || kind == ADHOC_WHOM;
}

/* One value a line. */
static void put_lines(struct buf *b, struct bytes text)
{
	while (text.n) {
		size_t n = bytes_find(text, '\n');
		form_put_value(b, bytes_make(text.p, n));
		text = bytes_skip(text, n + 1);
	}
}

void adhoc_form_write(struct buf *b, const char *form_type, const char *title, const struct adhoc_field *fields, struct bytes filled)
{
	static const char *const types[] = { "jid-single", "jid-multi", "text-private", "text-multi", "list-single", "text-single", "list-single", "jid-multi" };

	form_begin(b, "form", form_type);
	buf_putf(b, "<title>%s</title>", title);
	for (const struct adhoc_field *f = fields; f->var; f++) {
		buf_putf(b, "<field var='%s' type='%s' label='%s'>", f->var, types[f->kind], f->label);
		if (!may_be_empty(f->kind))
			buf_put_str(b, "<required/>");
		if (f->kind == ADHOC_TEXT)
			put_lines(b, filled);
		if (f->kind == ADHOC_MAX)
			put_options(b, most);
		if (f->kind == ADHOC_CHOICE)
			put_options(b, f->options);
		buf_put_str(b, "</field>");
	}
	form_end(b);
}

/* ---- reading ---- */

struct reader {
	struct arena *arena;
	const char *why;
};

static int refuse(struct reader *r, const char *why)
{
	r->why = why;
	return ERR_SYNTAX;
}

static int take(struct reader *r, enum adhoc_kind kind, struct bytes in, struct bytes *out)
{
	struct jid j;

	if (in.n > ADHOC_VALUE_BYTES)
		return refuse(r, "A value is too long");
	if (kind == ADHOC_JID || kind == ADHOC_JIDS || kind == ADHOC_WHOM) {
		int rc = jid_parse(in, r->arena, &j);
		if (rc == ERR_NOMEM)
			return rc;
		if (rc || (kind != ADHOC_WHOM && !j.local_n))
			return refuse(r, kind == ADHOC_WHOM ? "Not an address" : "Not the address of a person");
		*out = j.full;
		return 0;
	}
	*out = in.n ? arena_dup(r->arena, in) : BYTES_NONE;
	return in.n && !out->p ? ERR_NOMEM : 0;
}

static unsigned count(const struct xml_node *field)
{
	unsigned n = 0;

	for (const struct xml_node *v = xml_first(field); v; v = xml_next(v))
		n += xml_is(v, "value", NS_DATA);
	return n;
}

/* Lines become one text; spaces and line ends alone are none. */
static int read_text(struct reader *r, const struct xml_node *field, struct adhoc_values *out)
{
	struct buf b;
	bool is_first = true;
	int rc = 0;

	buf_init(&b, ADHOC_TEXT_BYTES);
	for (const struct xml_node *v = xml_first(field); v; v = xml_next(v)) {
		if (!xml_is(v, "value", NS_DATA))
			continue;
		if (!is_first)
			buf_put_u8(&b, '\n');
		buf_put_bytes(&b, xml_text(v));
		is_first = false;
	}
	struct bytes text = buf_bytes(&b);
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == ' '))
		text.n--;
	if (buf_failed(&b))
		rc = refuse(r, "The text is too long");
	else if (!text.n)
		rc = refuse(r, "There is no text");
	else if (!(out->v = arena_alloc(r->arena, sizeof *out->v)) || !(*out->v = arena_dup(r->arena, text)).p)
		rc = ERR_NOMEM;
	else
		out->n = 1;
	buf_fini(&b);
	return rc;
}

static int read_values(struct reader *r, enum adhoc_kind kind, const struct xml_node *field, struct adhoc_values *out)
{
	unsigned n = count(field);
	int rc = 0;

	if (n > ADHOC_VALUES_MAX || (n > 1 && kind != ADHOC_JIDS && kind != ADHOC_WHOM))
		return refuse(r, "Too many values");
	if (!n)
		return may_be_empty(kind) ? 0 : refuse(r, "A field is empty");
	if (!(out->v = arena_alloc(r->arena, n * sizeof *out->v)))
		return ERR_NOMEM;
	for (const struct xml_node *v = xml_first(field); !rc && v; v = xml_next(v)) {
		if (!xml_is(v, "value", NS_DATA))
			continue;
		rc = take(r, kind, xml_text(v), &out->v[out->n]);
		out->n += !rc;
	}
	if (!rc && kind != ADHOC_MAX && !out->v[0].n)
		rc = refuse(r, "A field is empty");
	return rc;
}

/* Of a choice. */
static int check_choice(struct reader *r, const struct adhoc_field *f, const struct adhoc_values *out)
{
	for (const char *const *o = f->options; *o; o++)
		if (bytes_eq_str(out->v[0], *o))
			return 0;
	return refuse(r, "Not one of the options");
}

static bool is_twice(const struct xml_node *form, const struct xml_node *field)
{
	for (const struct xml_node *n = xml_first(form); n; n = xml_next(n))
		if (n != field && xml_is(n, "field", NS_DATA) && bytes_eq(xml_attr(n, "var"), xml_attr(field, "var")))
			return true;
	return false;
}

static int read_field(struct reader *r, const struct xml_node *form, const struct adhoc_field *f, struct adhoc_values *out)
{
	const struct xml_node *field = form_field(form, f->var);

	*out = (struct adhoc_values){ 0 };
	if (!field)
		return may_be_empty(f->kind) ? 0 : refuse(r, "A field is missing");
	if (is_twice(form, field))
		return refuse(r, "A field is there twice");
	int rc = f->kind == ADHOC_TEXT ? read_text(r, field, out) : read_values(r, f->kind, field, out);
	return rc || f->kind != ADHOC_CHOICE ? rc : check_choice(r, f, out);
}

int adhoc_form_read(const struct xml_node *form, const char *form_type, const struct adhoc_field *fields, struct arena *a,
                    struct adhoc_values out[static ADHOC_FIELDS_MAX], const char **why)
{
	struct reader r = { a, "" };
	struct bytes type = form_value(form, "FORM_TYPE");
	int rc = bytes_eq_str(xml_attr(form, "type"), "submit") && (!type.p || bytes_eq_str(type, form_type)) ?
			 0 : refuse(&r, "This is another form");

	for (unsigned i = 0; !rc && i < ADHOC_FIELDS_MAX && fields[i].var; i++)
		rc = read_field(&r, form, &fields[i], &out[i]);
	*why = r.why;
	return rc;
}
