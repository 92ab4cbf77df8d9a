#include "room/room.h"

#include "base/err.h"
#include "proto/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, SECRET, BOOL, LIST, NUMBER, BITS };

/* XEP-0045 16.5.3. A list's values are its words in their order. */
static const struct field {
	const char *var, *label;
	uint8_t kind;
	uint16_t max; /* TEXT: bytes */
	const char *words[5];
} fields[ROOM_FIELD_COUNT] = {
	[ROOM_NAME] = { "muc#roomconfig_roomname", "Name", TEXT, 256, { NULL } },
	[ROOM_DESC] = { "muc#roomconfig_roomdesc", "Description", TEXT, 2048, { NULL } },
	[ROOM_LANG] = { "muc#roomconfig_lang", "Language", TEXT, 35, { NULL } }, /* RFC 5646 4.4.1 */
	[ROOM_SECRET] = { "muc#roomconfig_roomsecret", "Password", SECRET, 256, { NULL } },
	[ROOM_PERSISTENT] = { "muc#roomconfig_persistentroom", "Stays when everybody has left", BOOL, 0, { NULL } },
	[ROOM_PUBLIC] = { "muc#roomconfig_publicroom", "Found by a search", BOOL, 0, { NULL } },
	[ROOM_MEMBERS_ONLY] = { "muc#roomconfig_membersonly", "For members only", BOOL, 0, { NULL } },
	[ROOM_MODERATED] = { "muc#roomconfig_moderatedroom", "Newcomers have no voice", BOOL, 0, { NULL } },
	[ROOM_HAS_PASSWORD] = { "muc#roomconfig_passwordprotectedroom", "A password is needed to enter", BOOL, 0, { NULL } },
	[ROOM_WHOIS] = { "muc#roomconfig_whois", "Who sees people's addresses", LIST, 0, { "moderators", "anyone" } },
	[ROOM_MAX_USERS] = { "muc#roomconfig_maxusers", "Most occupants", NUMBER, 0, { NULL } },
	[ROOM_SUBJECT] = { "muc#roomconfig_changesubject", "Participants may change the subject", BOOL, 0, { NULL } },
	[ROOM_INVITES] = { "muc#roomconfig_allowinvites", "Others than moderators may invite", BOOL, 0, { NULL } },
	[ROOM_PM] = { "muc#roomconfig_allowpm", "Who may send private messages", LIST, 0, { "anyone", "participants", "moderators", "none" } },
	[ROOM_HISTORY] = { "muc#maxhistoryfetch", "Messages shown to newcomers", NUMBER, 0, { NULL } },
	[ROOM_BROADCAST] = { "muc#roomconfig_presencebroadcast", "Whose presence is shown", BITS, 0, { "visitor", "participant", "moderator" } },
	[ROOM_OPEN] = { "muc#roomconfig_selfregister", "Who registers is a member", BOOL, 0, { NULL } },
};

static struct bytes text_of(const struct room_config *c, enum room_field f)
{
	return bytes_of(c->text[f]);
}

bool room_is(const struct room *r, enum room_field f)
{
	return r->config.v[f] != 0;
}

const char *room_field_value(const struct room *r, enum room_field f)
{
	return r->config.text[f] ? r->config.text[f] : "";
}

void room_config_fini(struct room_config *c)
{
	for (unsigned i = 0; i < ROOM_TEXTS; i++)
		free(c->text[i]);
	*c = (struct room_config){ 0 };
}

static uint32_t number_max(const struct room *r, enum room_field f)
{
	const struct room_rules *rules = &r->service->rules;

	return f == ROOM_HISTORY ? rules->history_max : rules->occupants_max;
}

static bool is_offered(const struct room *r, enum room_field f)
{
	const struct room_rules *rules = &r->service->rules;

	return rules->owner_may[f] && (f != ROOM_PERSISTENT || rules->has_persistent);
}

/* ---- writing ---- */

static void put_options(struct buf *b, const struct field *f)
{
	for (unsigned i = 0; f->words[i]; i++)
		buf_putf(b, "<option label='%s'><value>%s</value></option>", f->words[i], f->words[i]);
}

static void put_field(struct buf *b, const struct room *r, enum room_field id)
{
	static const char *const types[] = { "text-single", "text-private", "boolean", "list-single", "text-single", "list-multi" };
	const struct field *f = &fields[id];
	uint32_t v = r->config.v[id];

	buf_putf(b, "<field var='%s' type='%s'", f->var, types[f->kind]);
	xml_write_attr(b, "label", bytes_of(f->label));
	buf_put_u8(b, '>');
	if (f->kind == TEXT || f->kind == SECRET)
		form_put_value(b, text_of(&r->config, id));
	else if (f->kind == LIST)
		form_put_value(b, bytes_of(f->words[v]));
	else if (f->kind != BITS)
		buf_putf(b, "<value>%u</value>", v);
	for (unsigned i = 0; f->kind == BITS && f->words[i]; i++)
		if (v & 1u << i)
			form_put_value(b, bytes_of(f->words[i]));
	put_options(b, f);
	buf_put_str(b, "</field>");
}

void room_config_write_form(struct buf *b, const struct room *r)
{
	form_begin(b, "form", NS_MUC_CONFIG);
	buf_put_str(b, "<title>Room</title>");
	for (unsigned i = 0; i < ROOM_FIELD_COUNT; i++)
		if (is_offered(r, (enum room_field)i))
			put_field(b, r, (enum room_field)i);
	form_end(b);
}

/* ---- reading ---- */

static int read_bool(struct bytes v, uint32_t *out)
{
	bool yes;

	if (form_bool(v, &yes))
		return ERR_RANGE;
	*out = yes;
	return 0;
}

static int read_word(const struct field *f, struct bytes v, uint32_t *out)
{
	for (unsigned i = 0; f->words[i]; i++) {
		if (bytes_eq_str(v, f->words[i])) {
			*out = i;
			return 0;
		}
	}
	return ERR_RANGE;
}

static int read_bits(const struct field *f, const struct xml_node *field, uint32_t *out)
{
	uint32_t bits = 0, at;

	for (const struct xml_node *v = xml_first(field); v; v = xml_next(v)) {
		if (!xml_is(v, "value", NS_DATA))
			continue;
		if (read_word(f, xml_text(v), &at))
			return ERR_RANGE;
		bits |= 1u << at;
	}
	*out = bits;
	return 0;
}

/* "" and "none" are the most there may be (16.5.3: no limit of the owner's). */
static int read_number(const struct room *r, enum room_field id, struct bytes v, uint32_t *out)
{
	uint64_t n = number_max(r, id);

	if (v.n && !bytes_eq_str(v, "none") && bytes_to_u64(v, n, &n))
		return ERR_RANGE;
	if (id == ROOM_MAX_USERS && !n)
		return ERR_RANGE;
	*out = (uint32_t)n;
	return 0;
}

static int read_field(const struct room *r, enum room_field id, const struct xml_node *field, struct room_config *out)
{
	const struct field *f = &fields[id];
	struct bytes v = form_field_value(field);

	switch (f->kind) {
	case TEXT:
	case SECRET:
		if (v.n > f->max)
			return ERR_RANGE;
		free(out->text[id]);
		out->text[id] = v.n ? room_dup(v) : NULL;
		return v.n && !out->text[id] ? ERR_NOMEM : 0;
	case BOOL:
		return read_bool(v, &out->v[id]);
	case LIST:
		return read_word(f, v, &out->v[id]);
	case NUMBER:
		return read_number(r, id, v, &out->v[id]);
	default:
		return read_bits(f, field, &out->v[id]);
	}
}

static int copy(const struct room_config *c, struct room_config *out)
{
	*out = *c;
	for (unsigned i = 0; i < ROOM_TEXTS; i++)
		out->text[i] = NULL;
	for (unsigned i = 0; i < ROOM_TEXTS; i++)
		if (c->text[i] && !(out->text[i] = strdup(c->text[i])))
			return ERR_NOMEM;
	return 0;
}

/* A room without its secret, or a secret that opens nothing, would surprise its owner. */
static int check(struct room *r, const struct room_config *c)
{
	const struct room_service *s = r->service;

	if (c->v[ROOM_HAS_PASSWORD] && !c->text[ROOM_SECRET])
		return ERR_RANGE;
	return c->v[ROOM_PERSISTENT] && !room_is(r, ROOM_PERSISTENT) && s->n_persistent >= s->rules.persistent_max ? ERR_RANGE : 0;
}

static uint32_t difference(const struct room_config *a, const struct room_config *b)
{
	uint32_t changed = 0;

	for (unsigned i = 0; i < ROOM_TEXTS; i++)
		changed |= bytes_eq(bytes_of(a->text[i]), bytes_of(b->text[i])) ? 0 : 1u << i;
	for (unsigned i = ROOM_TEXTS; i < ROOM_FIELD_COUNT; i++)
		changed |= a->v[i] == b->v[i] ? 0 : 1u << i;
	return changed;
}

int room_config_take(struct room *r, const struct xml_node *form, uint32_t *changed)
{
	struct room_config next;
	int rc = copy(&r->config, &next);

	for (unsigned i = 0; !rc && i < ROOM_FIELD_COUNT; i++) {
		const struct xml_node *field = is_offered(r, (enum room_field)i) ? form_field(form, fields[i].var) : NULL;
		if (field)
			rc = read_field(r, (enum room_field)i, field, &next);
	}
	if (!rc)
		rc = check(r, &next);
	if (rc) {
		room_config_fini(&next);
		return rc;
	}
	*changed = difference(&r->config, &next);
	room_config_fini(&r->config);
	r->config = next;
	return 0;
}

uint32_t room_max_users(const struct room *r)
{
	uint32_t most = r->service->rules.occupants_max;

	return r->config.v[ROOM_MAX_USERS] < most ? r->config.v[ROOM_MAX_USERS] : most;
}

/* ---- keeping ---- */

enum { ENCODED_VERSION = 1 };

void room_encode(struct buf *b, const struct room *r)
{
	wire_put_u8(b, ENCODED_VERSION);
	wire_put_str(b, room_creator(r));
	wire_put_u8(b, ROOM_TEXTS);
	for (unsigned i = 0; i < ROOM_TEXTS; i++)
		wire_put_str(b, text_of(&r->config, (enum room_field)i));
	wire_put_u8(b, ROOM_FIELD_COUNT - ROOM_TEXTS);
	for (unsigned i = ROOM_TEXTS; i < ROOM_FIELD_COUNT; i++)
		wire_put_u32(b, r->config.v[i]);
	wire_put_str(b, bytes_of(r->subject));
	wire_put_str(b, bytes_of(r->subject_by));
	wire_put_u64(b, r->subject_ms);
	wire_put_bytes(b, bytes_of(r->card));
}

static char *optional(struct bytes v)
{
	return v.n ? room_dup(v) : NULL;
}

/* What a later version has more is left alone; what it has not keeps the default. */
static int decode_config(struct wire *w, struct room *r)
{
	unsigned n = wire_u8(w);

	for (unsigned i = 0; i < n && !wire_failed(w); i++) {
		struct bytes v = wire_str(w);
		if (i < ROOM_TEXTS)
			r->config.text[i] = optional(v);
	}
	n = wire_u8(w);
	for (unsigned i = 0; i < n && !wire_failed(w); i++) {
		uint32_t v = wire_u32(w);
		const struct field *f = &fields[ROOM_TEXTS + i];
		if (i >= ROOM_FIELD_COUNT - ROOM_TEXTS)
			continue;
		if (f->kind == LIST && v > (ROOM_TEXTS + i == ROOM_WHOIS ? 1 : 3))
			return ERR_SYNTAX;
		r->config.v[ROOM_TEXTS + i] = v;
	}
	return wire_failed(w) ? ERR_SYNTAX : 0;
}

int room_restore(struct room_service *s, struct bytes jid, struct bytes encoded, struct room **out)
{
	struct wire w = wire_of(encoded);

	if (room_find(s, jid))
		return ERR_EXISTS;
	if (wire_u8(&w) != ENCODED_VERSION)
		return ERR_SYNTAX;
	struct room *r = room_new(s, jid, wire_str(&w));
	if (!r)
		return ERR_NOMEM;
	int rc = decode_config(&w, r);
	r->subject = optional(wire_str(&w));
	r->subject_by = optional(wire_str(&w));
	r->subject_ms = wire_u64(&w);
	r->card = optional(wire_bytes(&w));
	if (rc || wire_end(&w)) {
		r->config.v[ROOM_PERSISTENT] = 0; /* not counted yet */
		room_forget(s, jid);
		return ERR_SYNTAX;
	}
	r->is_locked = false;
	r->config.v[ROOM_PERSISTENT] = 1;
	s->n_persistent++;
	*out = r;
	return 0;
}
