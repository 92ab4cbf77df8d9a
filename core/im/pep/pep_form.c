#include "pep/pep_form.h"

#include "proto/form.h"
#include "proto/xmpp.h"

enum { GROUPS_BYTES_MAX = PEP_GROUPS_MAX * (PEP_TEXT_MAX + 2) };

struct reader {
	struct arena *arena;
	struct pep_config *config;
	const struct xml_node *field;
};

/* ---- fields ---- */

static enum pep_form_error read_name(struct reader *r, const char *const *names, unsigned n, uint8_t *out)
{
	unsigned i = pep_name_of(names, n, form_field_value(r->field));

	if (i == n)
		return PEP_FORM_REFUSED;
	*out = (uint8_t)i;
	return PEP_FORM_OK;
}

static enum pep_form_error read_bool(struct reader *r, bool *out)
{
	return form_bool(form_field_value(r->field), out) ? PEP_FORM_BAD : PEP_FORM_OK;
}

static enum pep_form_error read_text(struct reader *r, struct bytes *out)
{
	struct bytes v = form_field_value(r->field);

	if (v.n > PEP_TEXT_MAX)
		return PEP_FORM_REFUSED;
	*out = v;
	return PEP_FORM_OK;
}

static enum pep_form_error read_access(struct reader *r)
{
	return read_name(r, pep_access_names, PEP_ACCESS_COUNT, &r->config->access);
}

static enum pep_form_error read_last(struct reader *r)
{
	return read_name(r, pep_last_names, PEP_LAST_COUNT, &r->config->last);
}

static enum pep_form_error read_max(struct reader *r)
{
	struct bytes v = form_field_value(r->field);
	uint64_t n;

	if (bytes_eq_str(v, "max"))
		n = PEP_ITEMS_MAX;
	else if (bytes_to_u64(v, PEP_ITEMS_MAX, &n) || !n)
		return PEP_FORM_BAD;
	r->config->max_items = (uint32_t)n;
	return PEP_FORM_OK;
}

static enum pep_form_error read_groups(struct reader *r)
{
	struct buf b;
	unsigned n = 0;

	buf_init(&b, GROUPS_BYTES_MAX);
	for (const struct xml_node *v = xml_first(r->field); v; v = xml_next(v)) {
		struct bytes name = xml_text(v);
		if (!xml_is(v, "value", NS_DATA) || !name.n)
			continue;
		if (name.n > PEP_TEXT_MAX || ++n > PEP_GROUPS_MAX) {
			buf_fini(&b);
			return PEP_FORM_REFUSED;
		}
		wire_put_str(&b, name);
	}
	r->config->groups = arena_dup(r->arena, buf_bytes(&b));
	buf_fini(&b);
	return PEP_FORM_OK;
}

static enum pep_form_error read_persist(struct reader *r)
{
	return read_bool(r, &r->config->is_persistent);
}

static enum pep_form_error read_payloads(struct reader *r)
{
	return read_bool(r, &r->config->has_payloads);
}

static enum pep_form_error read_delete(struct reader *r)
{
	return read_bool(r, &r->config->tells_delete);
}

static enum pep_form_error read_retract(struct reader *r)
{
	return read_bool(r, &r->config->tells_retract);
}

static enum pep_form_error read_config(struct reader *r)
{
	return read_bool(r, &r->config->tells_config);
}

static enum pep_form_error read_title(struct reader *r)
{
	return read_text(r, &r->config->title);
}

static enum pep_form_error read_type(struct reader *r)
{
	return read_text(r, &r->config->type);
}

/* What we do not let anybody choose may only be asked for as it is. */
static enum pep_form_error must_be_true(struct reader *r)
{
	bool v;
	enum pep_form_error e = read_bool(r, &v);

	return e ? e : v ? PEP_FORM_OK : PEP_FORM_REFUSED;
}

static enum pep_form_error must_be_false(struct reader *r)
{
	bool v;
	enum pep_form_error e = read_bool(r, &v);

	return e ? e : v ? PEP_FORM_REFUSED : PEP_FORM_OK;
}

static enum pep_form_error must_be_publishers(struct reader *r)
{
	return bytes_eq_str(form_field_value(r->field), "publishers") ? PEP_FORM_OK : PEP_FORM_REFUSED;
}

static enum pep_form_error must_be_headline(struct reader *r)
{
	return bytes_eq_str(form_field_value(r->field), "headline") ? PEP_FORM_OK : PEP_FORM_REFUSED;
}

static enum pep_form_error pass(struct reader *r)
{
	(void)r;
	return PEP_FORM_OK;
}

static const struct field_row {
	const char *name;
	enum pep_form_error (*fn)(struct reader *r);
} rows[] = {
	{ "FORM_TYPE", pass },
	{ "pubsub#access_model", read_access },
	{ "pubsub#send_last_published_item", read_last },
	{ "pubsub#max_items", read_max },
	{ "pubsub#roster_groups_allowed", read_groups },
	{ "pubsub#persist_items", read_persist },
	{ "pubsub#deliver_payloads", read_payloads },
	{ "pubsub#notify_delete", read_delete },
	{ "pubsub#notify_retract", read_retract },
	{ "pubsub#notify_config", read_config },
	{ "pubsub#title", read_title },
	{ "pubsub#type", read_type },
	{ "pubsub#deliver_notifications", must_be_true },
	{ "pubsub#subscribe", must_be_true },
	{ "pubsub#presence_based_delivery", must_be_false },
	{ "pubsub#purge_offline", must_be_false },
	{ "pubsub#notify_sub", must_be_false },
	{ "pubsub#publish_model", must_be_publishers },
	{ "pubsub#notification_type", must_be_headline },
	{ "pubsub#max_payload_size", pass }, /* the box's own limit holds */
};

static enum pep_form_error read_field(struct reader *r)
{
	struct bytes var = xml_attr(r->field, "var");

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (bytes_eq_str(var, rows[i].name))
			return rows[i].fn(r);
	return PEP_FORM_UNKNOWN;
}

/* ---- forms ---- */

bool pep_form_is(const struct xml_node *x, const char *form_type)
{
	const struct xml_node *f = form_field(x, "FORM_TYPE");

	return !f || bytes_eq_str(form_field_value(f), form_type);
}

static enum pep_form_error read_all(const struct xml_node *x, struct arena *a, struct pep_config *c, bool takes_unknown)
{
	for (const struct xml_node *f = xml_first(x); f; f = xml_next(f)) {
		struct reader r = { a, c, f };
		enum pep_form_error e = xml_is(f, "field", NS_DATA) ? read_field(&r) : PEP_FORM_OK;
		if (e && !(e == PEP_FORM_UNKNOWN && takes_unknown))
			return e;
	}
	return PEP_FORM_OK;
}

enum pep_form_error pep_form_read(const struct xml_node *x, struct arena *a, struct pep_config *c)
{
	struct pep_config now = *c;
	enum pep_form_error e = read_all(x, a, &now, true);

	if (!e)
		*c = now;
	return e;
}

enum pep_form_error pep_form_matches(const struct xml_node *x, struct arena *a, const struct pep_config *c)
{
	struct pep_config w = *c;
	enum pep_form_error e = read_all(x, a, &w, false);

	if (e)
		return e;
	bool is_same = w.access == c->access && w.last == c->last && w.max_items == c->max_items &&
		       w.is_persistent == c->is_persistent && w.has_payloads == c->has_payloads &&
		       w.tells_delete == c->tells_delete && w.tells_retract == c->tells_retract &&
		       w.tells_config == c->tells_config && bytes_eq(w.title, c->title) && bytes_eq(w.type, c->type) &&
		       bytes_eq(w.groups, c->groups);
	return is_same ? PEP_FORM_OK : PEP_FORM_DIFFERENT;
}

/* ---- writing ---- */

static void put_bool(struct buf *b, const char *name, bool v)
{
	form_put(b, name, "boolean", v ? BYTES("1") : BYTES("0"));
}

static void put_choice(struct buf *b, const char *name, const char *const *names, unsigned n, unsigned which)
{
	buf_putf(b, "<field var='%s' type='list-single'><value>%s</value>", name, names[which]);
	for (unsigned i = 0; i < n; i++)
		buf_putf(b, "<option><value>%s</value></option>", names[i]);
	buf_put_str(b, "</field>");
}

static void put_max(struct buf *b, uint32_t n)
{
	if (n == PEP_ITEMS_MAX)
		buf_put_str(b, "<field var='pubsub#max_items' type='text-single'><value>max</value></field>");
	else
		buf_putf(b, "<field var='pubsub#max_items' type='text-single'><value>%u</value></field>", n);
}

static void put_groups(struct buf *b, struct bytes groups)
{
	struct wire w = wire_of(groups);

	buf_put_str(b, "<field var='pubsub#roster_groups_allowed' type='list-multi'>");
	while (wire_left(&w) && !wire_failed(&w)) {
		form_put_value(b, wire_str(&w));
	}
	buf_put_str(b, "</field>");
}

void pep_form_write(struct buf *b, const struct pep_config *c, const char *type)
{
	form_begin(b, type, NS_PUBSUB_CONFIG);
	form_put(b, "pubsub#title", "text-single", c->title);
	form_put(b, "pubsub#type", "text-single", c->type);
	put_choice(b, "pubsub#access_model", pep_access_names, PEP_ACCESS_COUNT, c->access);
	put_groups(b, c->groups);
	put_bool(b, "pubsub#persist_items", c->is_persistent);
	put_max(b, c->max_items);
	put_choice(b, "pubsub#send_last_published_item", pep_last_names, PEP_LAST_COUNT, c->last);
	put_bool(b, "pubsub#deliver_payloads", c->has_payloads);
	put_bool(b, "pubsub#notify_delete", c->tells_delete);
	put_bool(b, "pubsub#notify_retract", c->tells_retract);
	put_bool(b, "pubsub#notify_config", c->tells_config);
	form_put(b, "pubsub#publish_model", "list-single", BYTES("publishers"));
	form_end(b);
}

void pep_form_write_meta(struct buf *b, const struct pep_config *c, struct bytes owner)
{
	form_begin(b, "result", NS_PUBSUB_META);
	form_put(b, "pubsub#type", "text-single", c->type);
	form_put(b, "pubsub#title", "text-single", c->title);
	form_put(b, "pubsub#owner", "jid-multi", owner);
	form_put(b, "pubsub#access_model", "list-single", bytes_of(pep_access_names[c->access]));
	form_end(b);
}
