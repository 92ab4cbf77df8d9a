#include "room/room.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_MAX_BYTES = 4 << 20, ALIVE_ANSWER_MS = 60000, RETELL_MAX = 100000 };

void room_service_init(struct room_service *s, const struct room_ops *ops, void *arg, struct bytes domain)
{
	*s = (struct room_service){ .ops = ops, .arg = arg, .domain = domain };
	buf_init(&s->out, OUT_MAX_BYTES);
	buf_init(&s->head, OUT_MAX_BYTES);
	buf_init(&s->rest, OUT_MAX_BYTES);
	buf_init(&s->rest2, OUT_MAX_BYTES);
	buf_init(&s->payload, OUT_MAX_BYTES);
}

/* ---- rooms ---- */

struct room *room_find(const struct room_service *s, struct bytes jid)
{
	struct room *r = map_get(&s->rooms, jid);

	return r && !r->is_gone ? r : NULL;
}

struct room *room_new(struct room_service *s, struct bytes jid, struct bytes creator)
{
	struct room *r = calloc(1, sizeof *r + jid.n + creator.n);

	if (!r)
		return NULL;
	r->service = s;
	r->jid_n = (uint16_t)jid.n;
	r->creator_n = (uint16_t)creator.n;
	memcpy(r->jid, jid.p, jid.n);
	if (creator.n)
		memcpy(r->jid + jid.n, creator.p, creator.n);
	list_init(&r->occupants);
	list_init(&r->past);
	memcpy(r->config.v, s->rules.v, sizeof r->config.v);
	r->config.v[ROOM_PERSISTENT] = 0;
	r->is_locked = true;
	if (map_add(&s->rooms, room_jid(r), r)) {
		free(r);
		return NULL;
	}
	return r;
}

void room_service_rule(struct room_service *s, const struct room_rules *rules)
{
	bool is_other = rules->hides_details != s->rules.hides_details;
	unsigned budget = RETELL_MAX;
	size_t at = 0;

	s->rules = *rules;
	for (struct room *r; is_other && (r = map_next(&s->rooms, &at));)
		if (!r->is_gone)
			budget -= room_tell_details(r, budget);
}

static void free_room(struct room *r)
{
	room_free_people(r);
	room_past_clear(r);
	room_config_fini(&r->config);
	free(r->subject);
	free(r->subject_by);
	free(r->card);
	free(r);
}

void room_forget(struct room_service *s, struct bytes jid)
{
	struct room *r = room_find(s, jid);

	if (r && room_is(r, ROOM_PERSISTENT))
		s->n_persistent--;
	if (r) {
		map_del(&s->rooms, room_jid(r));
		free_room(r);
	}
}

static void bury(struct room_service *s, struct room *r)
{
	map_del(&s->rooms, room_jid(r));
	free_room(r);
}

void room_service_fini(struct room_service *s)
{
	size_t at = 0;

	for (struct room *r; (r = map_next(&s->rooms, &at));)
		free_room(r);
	map_fini(&s->rooms);
	map_fini(&s->clients);
	buf_fini(&s->out);
	buf_fini(&s->head);
	buf_fini(&s->rest);
	buf_fini(&s->rest2);
	buf_fini(&s->payload);
}

void room_service_close(struct room_service *s)
{
	size_t at = 0;

	for (struct room *r; (r = map_next(&s->rooms, &at));) {
		LIST_EACH (it, &r->occupants) {
			const struct room_notice n = { .occupant = LIST_OWNER(it, struct room_occupant, node), .is_leaving = true,
						       .is_for_self = true, .self = { 332 } };
			room_tell(r, &n);
		}
	}
}

/* ---- keeping ---- */

struct bytes room_jid_of(const struct room *r)
{
	return room_jid(r);
}

void room_save(struct room *r)
{
	if (room_is(r, ROOM_PERSISTENT) && !r->is_gone)
		r->service->ops->save_room(r->service->arg, r);
}

static void keep_all(struct room *r)
{
	struct room_service *s = r->service;
	size_t at = 0;

	s->ops->save_room(s->arg, r);
	for (const struct room_affiliate *a; (a = map_next(&r->affiliates, &at));)
		s->ops->save_affiliate(s->arg, r, bytes_make(a->jid, a->jid_n), a->affiliation, bytes_of(a->nick), bytes_of(a->reason));
	LIST_EACH (it, &r->past)
		s->ops->save_past(s->arg, r, LIST_OWNER(it, struct room_past, node));
}

void room_keep(struct room *r)
{
	struct room_service *s = r->service;

	if (room_is(r, ROOM_PERSISTENT)) {
		s->n_persistent++;
		keep_all(r);
	} else {
		s->n_persistent--;
		s->ops->drop_room(s->arg, room_jid(r));
	}
}

/* ---- the end of a room ---- */

void room_end(struct room *r)
{
	struct room_service *s = r->service;

	if (r->is_gone)
		return;
	r->is_gone = true;
	s->n_gone++;
	if (room_is(r, ROOM_PERSISTENT)) {
		s->n_persistent--;
		s->ops->drop_room(s->arg, room_jid(r));
	}
}

void room_check_empty(struct room *r)
{
	if (!r->n_occupants && !room_is(r, ROOM_PERSISTENT))
		room_end(r);
}

void room_destroy(struct room *r, struct bytes alternate, struct bytes password, struct bytes reason)
{
	struct buf inside;

	buf_init(&inside, OUT_MAX_BYTES);
	buf_put_str(&inside, "<destroy");
	if (alternate.n)
		xml_write_attr(&inside, "jid", alternate);
	buf_put_u8(&inside, '>');
	if (password.n) {
		buf_put_str(&inside, "<password>");
		text_xml_escape(password, &inside);
		buf_put_str(&inside, "</password>");
	}
	if (reason.n) {
		buf_put_str(&inside, "<reason>");
		text_xml_escape(reason, &inside);
		buf_put_str(&inside, "</reason>");
	}
	buf_put_str(&inside, "</destroy>");
	while (!list_is_empty(&r->occupants)) { /* 10.9: each hears it of themselves */
		struct room_notice n = { .occupant = LIST_OWNER(r->occupants.next, struct room_occupant, node), .is_for_self = true,
					 .inside = buf_bytes(&inside) };
		n.occupant->affiliation = ROOM_NONE;
		room_expel(r, &n);
	}
	buf_fini(&inside);
	room_end(r);
}

static void sweep(struct room_service *s)
{
	size_t at = 0;

	for (struct room *r; s->n_gone && (r = map_next(&s->rooms, &at));) {
		if (r->is_gone) {
			bury(s, r);
			s->n_gone--;
			at = 0; /* the table may have shrunk */
		}
	}
}

/* ---- people who are gone (18.3: ghosts) ---- */

static bool says(const struct room_in *in, const char *condition)
{
	const struct xml_node *error = xml_child(in->node, "error", NULL);

	return xml_child(error, condition, NS_STANZA_ERRORS) != NULL;
}

static bool is_gone(const struct room_in *in)
{
	static const char *const conditions[] = { "gone", "item-not-found", "recipient-unavailable", "redirect", "jid-malformed",
						  "service-unavailable", "internal-server-error" };

	for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
		if (says(in, conditions[i]))
			return true;
	return false;
}

static bool is_of_domain(struct bytes full, struct bytes domain)
{
	struct jid j = jid_of_normal(full);

	return bytes_eq(jid_domain(&j), domain);
}

static struct room_seat *ghost_in(const struct room *r, struct bytes domain)
{
	size_t at = 0;

	for (struct room_seat *s; (s = map_next(&r->seats, &at));)
		if (is_of_domain(seat_full(s), domain))
			return s;
	return NULL;
}

static void remove_ghosts(struct room_service *s, struct bytes domain)
{
	size_t at = 0;

	for (struct room *r; (r = map_next(&s->rooms, &at));) {
		for (struct room_seat *seat; (seat = ghost_in(r, domain));) {
			struct room_notice n = { .codes = { 333 } };
			room_remove(r, seat, &n);
		}
	}
}

/* What came back: its domain is dead, or this client. Words of errors to iq are the client's own (XEP-0410 3.3). */
static void on_bounce(struct room_service *s, struct room *r, const struct room_in *in)
{
	struct jid from = jid_of_normal(in->from);

	if (!in->is_local && (says(in, "remote-server-not-found") || says(in, "remote-server-timeout"))) {
		remove_ghosts(s, jid_domain(&from));
		return;
	}
	struct room_seat *seat = r && in->kind != STANZA_IQ && is_gone(in) ? room_seat_of(r, in->from) : NULL;
	struct room_notice n = { .codes = { 333 } };
	if (seat)
		room_remove(r, seat, &n);
}

void room_service_gone(struct room_service *s, struct bytes full)
{
	struct room_client *c;

	while ((c = map_get(&s->clients, full))) { /* it goes with its last seat */
		struct room_seat *seat = LIST_OWNER(c->seats.next, struct room_seat, client_node);
		struct room_notice n = { .codes = { 0 } };
		room_remove(seat->room, seat, &n);
	}
	sweep(s);
}

/* ---- what comes in ---- */

static void heard(struct room *r, const struct room_in *in)
{
	struct room_seat *seat = r ? room_seat_of(r, in->from) : NULL;

	if (seat && !in->is_local) {
		seat->heard_ms = in->now_ms;
		seat->asked_ms = 0;
	}
}

static void to_room(struct room_service *s, struct room *r, const struct room_in *in, bool has_nick)
{
	if (in->kind == STANZA_PRESENCE)
		room_on_presence(s, r, in);
	else if (!r)
		room_refuse(s, in, STANZA_ITEM_NOT_FOUND, "There is no such room");
	else if (in->kind == STANZA_MESSAGE)
		room_on_message(r, in);
	else
		room_on_iq(r, in, has_nick);
}

void room_service_input(struct room_service *s, const struct room_in *in)
{
	struct jid to = jid_of_normal(in->to);
	struct room *r = to.local_n ? room_find(s, jid_bare(&to)) : NULL;

	s->now_ms = in->now_ms;
	s->wall_ms = in->wall_ms;
	if (!s->is_ready) {
		room_refuse(s, in, STANZA_RECIPIENT_UNAVAILABLE, "The rooms are being read, try again");
		return;
	}
	heard(r, in);
	if (in->type == TYPE_ERROR) {
		on_bounce(s, r, in);
		if (r && in->kind == STANZA_IQ)
			room_on_iq(r, in, to.resource_n > 0);
	} else if (to.local_n) {
		to_room(s, r, in, to.resource_n > 0);
	} else if (in->kind == STANZA_IQ) {
		room_on_service_iq(s, in);
	} else if (in->kind == STANZA_MESSAGE) {
		room_refuse(s, in, STANZA_SERVICE_UNAVAILABLE, NULL);
	}
	sweep(s);
}

/* ---- time ---- */

static void ask(struct room *r, struct room_seat *seat, uint64_t now_ms)
{
	const struct room_letter l = { .s = r->service, .kind = STANZA_IQ, .type = TYPE_GET, .from = room_jid(r),
				       .rest = BYTES(" type='get' id='alive'><ping xmlns='" NS_PING "'/></iq>") };

	seat->asked_ms = now_ms;
	room_letter_send(&l, seat_full(seat));
}

/* The next one of another domain that was asked and did not answer; those that are silent are asked. */
static struct room_seat *next_silent(struct room *r, uint64_t now_ms)
{
	uint64_t silence = r->service->rules.silence_s * 1000ull;
	size_t at = 0;

	for (struct room_seat *s; silence && (s = map_next(&r->seats, &at));) {
		if (!s->heard_ms)
			continue;
		if (s->asked_ms && s->asked_ms + (silence < ALIVE_ANSWER_MS ? silence : ALIVE_ANSWER_MS) <= now_ms)
			return s;
		if (!s->asked_ms && s->heard_ms + silence <= now_ms)
			ask(r, s, now_ms);
	}
	return NULL;
}

void room_service_tick(struct room_service *s, uint64_t now_ms, uint64_t wall_ms)
{
	size_t at = 0;

	s->now_ms = now_ms;
	s->wall_ms = wall_ms;
	for (struct room *r; (r = map_next(&s->rooms, &at));) {
		for (struct room_seat *seat; (seat = next_silent(r, now_ms));) {
			struct room_notice n = { .codes = { 333 } };
			room_remove(r, seat, &n);
		}
	}
	sweep(s);
}

/* ---- for operators ---- */

bool room_service_next(const struct room_service *s, size_t *at, struct room_facts *out)
{
	const struct room *r = map_next(&s->rooms, at);

	if (!r)
		return false;
	*out = (struct room_facts){
		.jid = room_jid(r),
		.name = bytes_of(room_field_value(r, ROOM_NAME)),
		.creator = room_creator(r),
		.occupants = r->n_occupants,
		.affiliates = (unsigned)r->affiliates.count,
		.is_persistent = room_is(r, ROOM_PERSISTENT),
		.is_public = room_is(r, ROOM_PUBLIC),
		.is_members_only = room_is(r, ROOM_MEMBERS_ONLY),
		.is_moderated = room_is(r, ROOM_MODERATED),
		.has_password = room_is(r, ROOM_HAS_PASSWORD),
	};
	return true;
}

int room_service_destroy(struct room_service *s, struct bytes jid, struct bytes reason)
{
	struct room *r = room_find(s, jid);

	if (!r)
		return ERR_NOT_FOUND;
	room_destroy(r, BYTES_NONE, BYTES_NONE, reason);
	sweep(s);
	return 0;
}

int room_service_kick(struct room_service *s, struct bytes jid, struct bytes nick, struct arena *a)
{
	struct room *r = room_find(s, jid);
	struct room_notice n = { .occupant = r ? room_by_nick(r, nick, a) : NULL, .codes = { 307 } };

	if (!n.occupant)
		return ERR_NOT_FOUND;
	room_expel(r, &n);
	sweep(s);
	return 0;
}
