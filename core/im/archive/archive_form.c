#include "archive/archive_form.h"

#include "base/err.h"
#include "base/stamp.h"
#include "proto/xmpp.h"
#include "run/store_op.h"
#include "archive/archive.h"

/* The last millisecond that an id can tell. */
#define MS_MAX (STORE_ARCHIVE_ID_MAX >> STORE_ARCHIVE_TIME_SHIFT)

static int name_id(struct im *im, struct archive_form *f, struct bytes text, uint64_t *out)
{
	if (f->n_named == ARCHIVE_NAMED_MAX)
		return ERR_LIMIT;
	int rc = archive_id_read(im, text, out);
	if (!rc)
		f->named[f->n_named++] = *out;
	return rc;
}

/* ---- fields ---- */

typedef int field_fn(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value);

static int read_type(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	(void)im;
	(void)f;
	(void)field;
	return bytes_eq_str(value, NS_MAM) ? 0 : ERR_SYNTAX;
}

static int read_with(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	struct jid j;

	(void)field;
	if (jid_parse(value, &im->arena, &j))
		return ERR_SYNTAX;
	f->peer = jid_bare(&j);
	f->resource = jid_resource(&j);
	return 0;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The first id of a millisecond. */
static int read_time(struct bytes value, uint64_t later_ms, uint64_t *out)
{
	uint64_t ms;

	if (stamp_parse(value, &ms) || ms > MS_MAX - 1)
		return ERR_SYNTAX;
	*out = (ms + later_ms) << STORE_ARCHIVE_TIME_SHIFT;
	return 0;
}

static int read_start(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	uint64_t id;
	int rc = read_time(value, 0, &id);

	(void)im;
	(void)field;
	if (!rc && id)
		f->from = max_of(f->from, id - 1);
	return rc;
}

static int read_end(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	uint64_t id;
	int rc = read_time(value, 1, &id);

	(void)im;
	(void)field;
	if (!rc)
		f->to = min_of(f->to, id);
	return rc;
}

static int read_after_id(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	uint64_t id;
	int rc = name_id(im, f, value, &id);

	(void)field;
	if (!rc)
		f->from = max_of(f->from, id);
	return rc;
}

static int read_before_id(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	uint64_t id;
	int rc = name_id(im, f, value, &id);

	(void)field;
	if (!rc)
		f->to = min_of(f->to, id);
	return rc;
}

static int read_ids(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	int rc = 0;

	(void)value;
	f->has_ids = true;
	for (const struct xml_node *v = xml_first(field); !rc && v; v = xml_next(v)) {
		if (f->n_ids == ARCHIVE_IDS_MAX)
			return ERR_LIMIT;
		rc = archive_id_read(im, xml_text(v), &f->ids[f->n_ids]);
		f->n_ids += !rc;
	}
	return rc;
}

/* There are none of rooms in a person's archive, so that each answer is the same. */
static int read_groupchat(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	static const char *const words[] = { "true", "false", "1", "0" };

	(void)im;
	(void)f;
	(void)field;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (bytes_eq_str(value, words[i]))
			return 0;
	return ERR_SYNTAX;
}

static int read_text(struct im *im, struct archive_form *f, const struct xml_node *field, struct bytes value)
{
	(void)field;
	if (!im->config.has_archive_search)
		return ERR_UNSUPPORTED;
	if (value.n > STORE_ARCHIVE_TEXT_MAX)
		return ERR_LIMIT;
	f->text = value;
	return 0;
}

static const struct field {
	const char *name, *type;
	field_fn *fn;
} fields[] = {
	{ "FORM_TYPE", "hidden", read_type },
	{ "with", "jid-single", read_with },
	{ "start", "text-single", read_start },
	{ "end", "text-single", read_end },
	{ "before-id", "text-single", read_before_id },
	{ "after-id", "text-single", read_after_id },
	{ "ids", "list-multi", read_ids },
	{ "include-groupchat", "boolean", read_groupchat },
	{ "{" NS_FULLTEXT "}fulltext", "text-single", read_text },
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static int read_field(struct im *im, struct archive_form *f, const struct xml_node *field)
{
	struct bytes var = xml_attr(field, "var"), value = xml_text(xml_child(field, "value", NS_DATA));

	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!bytes_eq_str(var, fields[i].name))
			continue;
		return value.n ? fields[i].fn(im, f, field, value) : 0; /* left empty */
	}
	return ERR_UNSUPPORTED;
}

static int read_form(struct im *im, struct archive_form *f, const struct xml_node *x)
{
	bool has_type = false;
	int rc = 0;

	if (!x)
		return 0;
	if (!bytes_eq_str(xml_attr(x, "type"), "submit"))
		return ERR_SYNTAX;
	for (const struct xml_node *c = xml_first(x); !rc && c; c = xml_next(c)) {
		if (!xml_is(c, "field", NS_DATA))
			continue;
		has_type |= bytes_eq_str(xml_attr(c, "var"), fields[0].name);
		rc = read_field(im, f, c);
	}
	return rc ? rc : has_type ? 0 : ERR_SYNTAX;
}

/* ---- the page (XEP-0059) ---- */

static int read_set(struct im *im, struct archive_form *f, const struct xml_node *set)
{
	const struct xml_node *max = xml_child(set, "max", NS_RSM), *after = xml_child(set, "after", NS_RSM),
			      *before = xml_child(set, "before", NS_RSM);
	uint64_t n;
	int rc = 0;

	if (xml_child(set, "index", NS_RSM))
		return ERR_UNSUPPORTED;
	if (max && bytes_to_u64(xml_text(max), UINT32_MAX, &n))
		return ERR_SYNTAX;
	if (max)
		f->max = n < STORE_ARCHIVE_PAGE_MAX ? (uint32_t)n : STORE_ARCHIVE_PAGE_MAX;
	f->is_down = before != NULL;
	if (after && xml_text(after).n)
		rc = name_id(im, f, xml_text(after), &f->after);
	if (!rc && before && xml_text(before).n)
		rc = name_id(im, f, xml_text(before), &f->before);
	return rc;
}

int archive_form_read(struct im *im, const struct xml_node *query, struct archive_form *out)
{
	*out = (struct archive_form){
		.from = archive_oldest(im), .to = STORE_ARCHIVE_ID_MAX, .before = STORE_ARCHIVE_ID_MAX, .max = ARCHIVE_PAGE_USUAL,
		.is_flipped = xml_child(query, "flip-page", NS_MAM) != NULL, .queryid = xml_attr(query, "queryid"),
	};
	if (out->queryid.n > ARCHIVE_QUERYID_MAX)
		return ERR_LIMIT;
	if (xml_attr(query, "node").n)
		return ERR_NOT_FOUND; /* XEP-0442: there are none */
	int rc = read_form(im, out, xml_child(query, "x", NS_DATA));
	return rc ? rc : read_set(im, out, xml_child(query, "set", NS_RSM));
}

void archive_form_write(struct buf *b, bool has_search)
{
	buf_put_str(b, "<query xmlns='" NS_MAM "'><x xmlns='" NS_DATA "' type='form'>");
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (fields[i].fn == read_text && !has_search)
			continue;
		buf_putf(b, "<field type='%s' var='%s'>", fields[i].type, fields[i].name);
		if (fields[i].fn == read_type)
			buf_put_str(b, "<value>" NS_MAM "</value>");
		if (fields[i].fn == read_ids)
			buf_put_str(b, "<validate xmlns='" NS_VALIDATE "' datatype='xs:string'><open/></validate>");
		buf_put_str(b, "</field>");
	}
	buf_put_str(b, "</x></query>");
}
