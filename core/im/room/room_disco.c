/* What a service and its rooms say of themselves (6; XEP-0030, XEP-0059). */
#include "room/room.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"

#include <stdlib.h>

enum { PAGE_MAX = 100 };

static void put_features(struct buf *b, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_putf(b, "<feature var='%s'/>", v[i]);
}

/* ---- of a room (6.4, 6.5) ---- */

static void put_info_form(struct buf *b, const struct room *r)
{
	const struct { const char *var, *value; } texts[] = {
		{ "muc#roominfo_description", room_field_value(r, ROOM_DESC) },
		{ "muc#roominfo_lang", room_field_value(r, ROOM_LANG) },
		{ "muc#roominfo_subject", r->subject ? r->subject : "" },
	};

	buf_put_str(b, "<x xmlns='" NS_DATA "' type='result'><field var='FORM_TYPE' type='hidden'><value>" NS_MUC_ROOMINFO "</value></field>");
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		if (!*texts[i].value)
			continue;
		buf_putf(b, "<field var='%s'><value>", texts[i].var);
		text_xml_escape(bytes_of(texts[i].value), b);
		buf_put_str(b, "</value></field>");
	}
	buf_putf(b, "<field var='muc#roominfo_occupants'><value>%u</value></field>"
	            "<field var='muc#maxhistoryfetch'><value>%u</value></field>"
	            "<field var='muc#roominfo_changesubject' type='boolean'><value>%u</value></field></x>",
	         r->n_occupants, room_history_of(r), r->config.v[ROOM_SUBJECT]);
}

static void put_room_features(struct buf *b, const struct room *r)
{
	static const char *const always[] = { NS_MUC, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_MUC_STABLE_ID, NS_MUC_SELF_PING, NS_STANZA_ID,
					      NS_OCCUPANT_ID, NS_MODERATE, NS_HATS, NS_PING, NS_VCARD, NS_MUC_REQUEST, NS_REGISTER };

	put_features(b, always, sizeof always / sizeof always[0]);
	const char *const kinds[] = {
		room_is(r, ROOM_PERSISTENT) ? "muc_persistent" : "muc_temporary",
		room_is(r, ROOM_PUBLIC) ? "muc_public" : "muc_hidden",
		room_is(r, ROOM_MEMBERS_ONLY) ? "muc_membersonly" : "muc_open",
		room_is(r, ROOM_MODERATED) ? "muc_moderated" : "muc_unmoderated",
		room_is(r, ROOM_HAS_PASSWORD) ? "muc_passwordprotected" : "muc_unsecured",
		room_is(r, ROOM_WHOIS) ? "muc_nonanonymous" : "muc_semianonymous",
	};
	put_features(b, kinds, sizeof kinds / sizeof kinds[0]);
	static const char *const archive[] = { NS_MAM, NS_MAM_EXTENDED, NS_FULLTEXT }; /* XEP-0313 7 */
	if (room_has_archive(r))
		put_features(b, archive, r->service->rules.has_search ? 3 : 2);
}

/* A room that is not public says nothing to who is neither in it nor on its lists. */
static bool may_look(const struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);
	enum room_affiliation a = room_affiliation_of(r, jid_bare(&from));

	if (r->is_locked && a != ROOM_OWNER)
		return false;
	return a != ROOM_OUTCAST;
}

/* 6.6: one's own registered nickname. */
static void own_nick(struct room *r, const struct room_in *in)
{
	struct buf *b = &r->service->payload;
	struct jid from = jid_of_normal(in->from);
	const struct room_affiliate *a = map_get(&r->affiliates, jid_bare(&from));

	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_INFO "' node='x-roomuser-item'>");
	if (a && a->nick) {
		buf_put_str(b, "<identity category='conference' type='text'");
		xml_write_attr(b, "name", bytes_of(a->nick));
		buf_put_str(b, "/>");
	}
	buf_put_str(b, "</query>");
	room_result(r->service, in, buf_bytes(b));
}

void room_disco_info(struct room *r, const struct room_in *in)
{
	struct buf *b = &r->service->payload;
	struct bytes node = xml_attr(xml_first(in->node), "node");

	if (bytes_eq_str(node, "x-roomuser-item")) {
		own_nick(r, in);
		return;
	}
	if (node.n || !may_look(r, in)) {
		room_refuse(r->service, in, node.n ? STANZA_ITEM_NOT_FOUND : STANZA_FORBIDDEN, NULL);
		return;
	}
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_INFO "'><identity category='conference' type='text'");
	xml_write_attr(b, "name", bytes_of(room_field_value(r, ROOM_NAME)));
	buf_put_str(b, "/>");
	put_room_features(b, r);
	put_info_form(b, r);
	buf_put_str(b, "</query>");
	room_result(r->service, in, buf_bytes(b));
}

/* 6.5: who is in it, for those who may know. */
void room_disco_items(struct room *r, const struct room_in *in)
{
	struct buf *b = &r->service->payload, jid;
	bool shows = room_seat_of(r, in->from) != NULL;

	if (!may_look(r, in)) {
		room_refuse(r->service, in, STANZA_FORBIDDEN, NULL);
		return;
	}
	buf_clear(b);
	buf_init(&jid, JID_MAX_BYTES + 1);
	buf_put_str(b, "<query xmlns='" NS_DISCO_ITEMS "'>");
	for (struct list *it = r->occupants.next; shows && it != &r->occupants; it = it->next) {
		buf_clear(&jid);
		room_occupant_jid(&jid, r, LIST_OWNER(it, struct room_occupant, node));
		buf_put_str(b, "<item");
		xml_write_attr(b, "jid", buf_bytes(&jid));
		buf_put_str(b, "/>");
	}
	buf_put_str(b, "</query>");
	buf_fini(&jid);
	room_result(r->service, in, buf_bytes(b));
}

/* ---- of the service ---- */

static void service_info(struct room_service *s, const struct room_in *in)
{
	static const char *const features[] = { NS_MUC, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_RSM, NS_PING, NS_MUC_UNIQUE, NS_OCCUPANT_ID };
	struct buf *b = &s->payload;

	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_INFO "'><identity category='conference' type='text' name='Rooms'/>");
	put_features(b, features, sizeof features / sizeof features[0]);
	buf_put_str(b, "</query>");
	room_result(s, in, buf_bytes(b));
}

static int by_jid(const void *a, const void *b)
{
	return bytes_cmp(room_jid(*(struct room *const *)a), room_jid(*(struct room *const *)b));
}

/* Rooms that this asker may find, in the order of their addresses (A-07.05, C-MUC-05). */
static size_t found(const struct room_service *s, const struct room_in *in, const struct room **out)
{
	struct jid from = jid_of_normal(in->from);
	size_t n = 0, at = 0;

	for (const struct room *r; (r = map_next(&s->rooms, &at));) {
		enum room_affiliation a = room_affiliation_of(r, jid_bare(&from));
		bool is_mine = a == ROOM_MEMBER || a == ROOM_ADMIN || a == ROOM_OWNER;
		if (!r->is_gone && !r->is_locked && (is_mine || (room_is(r, ROOM_PUBLIC) && a != ROOM_OUTCAST)))
			out[n++] = r;
	}
	qsort(out, n, sizeof *out, by_jid);
	return n;
}

static void put_room_item(struct buf *b, const struct room *r)
{
	struct jid j = jid_of_normal(room_jid(r));
	const char *name = room_field_value(r, ROOM_NAME);

	buf_put_str(b, "<item");
	xml_write_attr(b, "jid", room_jid(r));
	xml_write_attr(b, "name", *name ? bytes_of(name) : jid_local(&j));
	buf_put_str(b, "/>");
}

/* The page that is asked for (XEP-0059): from `first` on, `n` of them. */
static void page_of(const struct xml_node *set, const struct room *const *v, size_t total, size_t *first, size_t *n)
{
	struct bytes after = xml_text(xml_child(set, "after", NS_RSM)), before = xml_text(xml_child(set, "before", NS_RSM));
	uint64_t max = PAGE_MAX, index = 0;
	size_t end = total;

	if (!set) { /* who knows no pages gets all, as far as a stanza takes them */
		*first = 0;
		*n = total;
		return;
	}
	(void)bytes_to_u64(xml_text(xml_child(set, "max", NS_RSM)), PAGE_MAX, &max); /* more than the most is the most */
	(void)bytes_to_u64(xml_text(xml_child(set, "index", NS_RSM)), UINT32_MAX, &index);
	*first = index < total ? (size_t)index : total;
	while (after.n && *first < total && bytes_cmp(room_jid(v[*first]), after) <= 0)
		++*first;
	if (xml_child(set, "before", NS_RSM)) {
		while (before.n && end && bytes_cmp(room_jid(v[end - 1]), before) >= 0)
			end--;
		*first = end > max ? end - (size_t)max : 0;
	}
	*n = end - *first < max ? end - *first : (size_t)max;
}

static void put_set(struct buf *b, const struct room *const *v, size_t total, size_t first, size_t n)
{
	buf_put_str(b, "<set xmlns='" NS_RSM "'>");
	if (n) {
		buf_putf(b, "<first index='%zu'>", first);
		text_xml_escape(room_jid(v[first]), b);
		buf_put_str(b, "</first><last>");
		text_xml_escape(room_jid(v[first + n - 1]), b);
		buf_put_str(b, "</last>");
	}
	buf_putf(b, "<count>%zu</count></set>", total);
}

static void service_items(struct room_service *s, const struct room_in *in)
{
	const struct xml_node *set = xml_child(xml_first(in->node), "set", NS_RSM);
	const struct room **v = calloc(s->rooms.count + 1, sizeof *v);
	struct buf *b = &s->payload;
	size_t first, n;

	if (!v) {
		room_refuse(s, in, STANZA_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	size_t total = found(s, in, v);
	page_of(set, v, total, &first, &n);
	buf_clear(b);
	buf_put_str(b, "<query xmlns='" NS_DISCO_ITEMS "'>");
	for (size_t i = first; i < first + n; i++)
		put_room_item(b, v[i]);
	if (set)
		put_set(b, v, total, first, n);
	buf_put_str(b, "</query>");
	free(v);
	if (buf_failed(b))
		room_refuse(s, in, STANZA_RESOURCE_CONSTRAINT, "Ask for pages (XEP-0059)");
	else
		room_result(s, in, buf_bytes(b));
}

/* 10.1.4: a name that nobody has. */
static void unique_name(struct room_service *s, const struct room_in *in)
{
	struct buf *b = &s->payload;
	char name[33];

	random_hex(name, 32);
	buf_clear(b);
	buf_putf(b, "<unique xmlns='" NS_MUC_UNIQUE "'>%s</unique>", name);
	room_result(s, in, buf_bytes(b));
}

static void pong(struct room_service *s, const struct room_in *in)
{
	room_result(s, in, BYTES_NONE);
}

void room_on_service_iq(struct room_service *s, const struct room_in *in)
{
	static const struct {
		const char *name, *ns;
		void (*fn)(struct room_service *s, const struct room_in *in);
	} rows[] = {
		{ "query", NS_DISCO_INFO, service_info },
		{ "query", NS_DISCO_ITEMS, service_items },
		{ "unique", NS_MUC_UNIQUE, unique_name },
		{ "ping", NS_PING, pong },
	};

	for (size_t i = 0; in->type == TYPE_GET && i < sizeof rows / sizeof rows[0]; i++) {
		if (xml_is(xml_first(in->node), rows[i].name, rows[i].ns)) {
			rows[i].fn(s, in);
			return;
		}
	}
	if (in->type == TYPE_GET || in->type == TYPE_SET)
		room_refuse(s, in, STANZA_SERVICE_UNAVAILABLE, NULL);
}
