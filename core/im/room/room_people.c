#include "room/room.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/hmac.h"

#include <stdlib.h>
#include <string.h>

static const char *const affiliation_names[] = { "none", "member", "admin", "owner", "outcast" };
static const char *const role_names[] = { "none", "visitor", "participant", "moderator" };
_Static_assert(sizeof affiliation_names / sizeof affiliation_names[0] == ROOM_AFFILIATION_COUNT, "affiliations");
_Static_assert(sizeof role_names / sizeof role_names[0] == ROOM_ROLE_COUNT, "roles");

const char *room_affiliation_name(enum room_affiliation a)
{
	return affiliation_names[a];
}

const char *room_role_name(enum room_role r)
{
	return role_names[r];
}

int room_affiliation_of_name(struct bytes name, enum room_affiliation *out)
{
	for (unsigned i = 0; i < ROOM_AFFILIATION_COUNT; i++) {
		if (bytes_eq_str(name, affiliation_names[i])) {
			*out = (enum room_affiliation)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

int room_role_of_name(struct bytes name, enum room_role *out)
{
	for (unsigned i = 0; i < ROOM_ROLE_COUNT; i++) {
		if (bytes_eq_str(name, role_names[i])) {
			*out = (enum room_role)i;
			return 0;
		}
	}
	return ERR_UNKNOWN;
}

char *room_dup(struct bytes v)
{
	char *copy = malloc(v.n + 1);

	if (!copy)
		return NULL;
	if (v.n)
		memcpy(copy, v.p, v.n);
	copy[v.n] = '\0';
	return copy;
}

/* ---- affiliations ---- */

enum room_affiliation room_affiliation_of(const struct room *r, struct bytes bare)
{
	const struct room_affiliate *a = map_get(&r->affiliates, bare);
	struct jid j = jid_of_normal(bare);

	if (r->service->ops->is_admin(r->service->arg, bare))
		return ROOM_OWNER;
	if (a)
		return (enum room_affiliation)a->affiliation;
	/* 9.1: a ban of a domain is one of all its people, but for those who are listed. */
	a = map_get(&r->affiliates, jid_domain(&j));
	return a && a->affiliation == ROOM_OUTCAST ? ROOM_OUTCAST : ROOM_NONE;
}

static void free_affiliate(struct room_affiliate *a)
{
	free(a->nick);
	free(a->reason);
	free(a);
}

static void forget_affiliate(struct room *r, struct room_affiliate *a)
{
	if (a->affiliation == ROOM_OWNER)
		r->n_owners--;
	map_del(&r->affiliates, bytes_make(a->jid, a->jid_n));
	free_affiliate(a);
}

static struct room_affiliate *make_affiliate(struct bytes jid, enum room_affiliation what, struct bytes nick, struct bytes reason)
{
	struct room_affiliate *a = calloc(1, sizeof *a + jid.n);

	if (!a)
		return NULL;
	a->affiliation = (uint8_t)what;
	a->jid_n = (uint16_t)jid.n;
	memcpy(a->jid, jid.p, jid.n);
	a->nick = nick.n ? room_dup(nick) : NULL;
	a->reason = reason.n ? room_dup(reason) : NULL;
	return a;
}

static int set_affiliate(struct room *r, struct bytes jid, enum room_affiliation what, struct bytes nick, struct bytes reason)
{
	struct room_affiliate *old = map_get(&r->affiliates, jid), *a = NULL;

	if (what != ROOM_NONE) {
		if (!old && r->affiliates.count >= r->service->rules.affiliates_max)
			return ERR_FULL;
		a = make_affiliate(jid, what, nick, reason);
		if (!a)
			return ERR_NOMEM;
	}
	if (old)
		forget_affiliate(r, old);
	if (!a)
		return 0;
	if (map_add(&r->affiliates, bytes_make(a->jid, a->jid_n), a)) {
		free_affiliate(a);
		return ERR_NOMEM;
	}
	if (what == ROOM_OWNER)
		r->n_owners++;
	return 0;
}

int room_affiliate(struct room *r, struct bytes jid, enum room_affiliation what, struct bytes nick, struct bytes reason)
{
	struct room_service *s = r->service;
	const struct room_affiliate *old = map_get(&r->affiliates, jid);
	char *kept = old && old->nick && !nick.n ? strdup(old->nick) : NULL;

	if (kept)
		nick = bytes_of(kept);
	int rc = set_affiliate(r, jid, what, nick, reason);
	if (!rc && room_is(r, ROOM_PERSISTENT))
		s->ops->save_affiliate(s->arg, r, jid, (uint8_t)what, nick, reason);
	free(kept);
	return rc;
}

void room_restore_affiliate(struct room *r, struct bytes jid, uint8_t affiliation, struct bytes nick, struct bytes reason)
{
	if (affiliation < ROOM_AFFILIATION_COUNT)
		(void)set_affiliate(r, jid, (enum room_affiliation)affiliation, nick, reason); /* over a limit that was lowered: left out */
}

enum room_role room_first_role(const struct room *r, enum room_affiliation a)
{
	if (a == ROOM_OWNER || a == ROOM_ADMIN)
		return ROLE_MODERATOR;
	return a == ROOM_MEMBER || !room_is(r, ROOM_MODERATED) ? ROLE_PARTICIPANT : ROLE_VISITOR; /* 5.1.2 */
}

/* ---- occupants and seats ---- */

struct room_occupant *room_by_nick(const struct room *r, struct bytes nick, struct arena *a)
{
	struct bytes key;

	return jid_nickname_key(nick, a, &key) ? NULL : map_get(&r->nicks, key);
}

struct room_occupant *room_by_bare(const struct room *r, struct bytes bare)
{
	LIST_EACH (it, &r->occupants) {
		struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		if (bytes_eq(o->bare, bare))
			return o;
	}
	return NULL;
}

struct room_seat *room_seat_of(const struct room *r, struct bytes full)
{
	return map_get(&r->seats, full);
}

void room_occupant_jid(struct buf *b, const struct room *r, const struct room_occupant *o)
{
	buf_put_bytes(b, room_jid(r));
	buf_put_u8(b, '/');
	buf_put_bytes(b, o->nick);
}

/* The same for the same person in the same room, of no use elsewhere (XEP-0421 3). */
static void make_id(const struct room *r, struct room_occupant *o)
{
	const struct bytes parts[] = { BYTES("occupant"), room_jid(r), o->bare };
	uint8_t digest[HMAC_BYTES_MAX];

	if (hmac_make(HMAC_SHA256, r->service->secret, parts, 3, digest))
		text_hex(bytes_make(digest, 20), o->id);
}

static int take_names(struct room_occupant *o, struct bytes nick, struct bytes key, struct bytes bare)
{
	uint8_t *p = malloc(nick.n + key.n + bare.n);

	if (!p)
		return ERR_NOMEM;
	memcpy(p, nick.p, nick.n);
	memcpy(p + nick.n, key.p, key.n);
	memcpy(p + nick.n + key.n, bare.p, bare.n);
	o->names = p;
	o->nick = bytes_make(p, nick.n);
	o->key = bytes_make(p + nick.n, key.n);
	o->bare = bytes_make(p + nick.n + key.n, bare.n);
	return 0;
}

static void free_occupant(struct room_occupant *o)
{
	free(o->names);
	free(o->presence);
	free(o);
}

static struct room_occupant *add_occupant(struct room *r, struct bytes nick, struct bytes key, struct bytes bare)
{
	struct room_occupant *o = calloc(1, sizeof *o);
	const struct room_rules *rules = &r->service->rules;

	if (!o || take_names(o, nick, key, bare) || map_add(&r->nicks, o->key, o)) {
		if (o)
			free_occupant(o);
		return NULL;
	}
	list_init(&o->seats);
	o->affiliation = (uint8_t)room_affiliation_of(r, bare);
	o->role = (uint8_t)room_first_role(r, (enum room_affiliation)o->affiliation);
	rate_init(&o->rate, rules->rate, rules->rate * 3, r->service->now_ms);
	make_id(r, o);
	list_add_tail(&r->occupants, &o->node);
	r->n_occupants++;
	return o;
}

static void drop_occupant(struct room *r, struct room_occupant *o)
{
	map_del(&r->nicks, o->key);
	list_del(&o->node);
	r->n_occupants--;
	free_occupant(o);
}

static struct room_client *client_of(struct room_service *s, struct bytes full)
{
	struct room_client *c = map_get(&s->clients, full);

	if (c)
		return c;
	c = calloc(1, sizeof *c + full.n);
	if (!c)
		return NULL;
	list_init(&c->seats);
	c->full_n = (uint16_t)full.n;
	memcpy(c->full, full.p, full.n);
	if (map_add(&s->clients, bytes_make(c->full, c->full_n), c)) {
		free(c);
		return NULL;
	}
	return c;
}

static void leave_client(struct room_service *s, struct room_client *c)
{
	if (c->n_seats)
		return;
	map_del(&s->clients, bytes_make(c->full, c->full_n));
	free(c);
}

static struct room_seat *add_seat(struct room *r, struct bytes full)
{
	struct room_client *c = client_of(r->service, full);
	struct room_seat *s = c ? calloc(1, sizeof *s) : NULL;

	if (!c)
		return NULL;
	if (s) {
		s->client = c;
		s->room = r;
	}
	if (!s || map_add(&r->seats, seat_full(s), s)) {
		free(s);
		leave_client(r->service, c);
		return NULL;
	}
	list_add_tail(&c->seats, &s->client_node);
	c->n_seats++;
	return s;
}

static void free_seat(struct room_seat *s)
{
	list_del(&s->client_node);
	s->client->n_seats--;
	leave_client(s->room->service, s->client);
	free(s);
}

int room_sit(struct room *r, struct bytes nick, const struct room_in *in, struct room_seat **out)
{
	struct jid from = jid_of_normal(in->from);
	struct bytes key;
	const struct room_client *c = map_get(&r->service->clients, in->from);
	int rc = jid_nickname_key(nick, in->arena, &key);

	if (rc)
		return rc;
	if (c && c->n_seats >= r->service->rules.rooms_client)
		return ERR_FULL;
	struct room_occupant *o = map_get(&r->nicks, key);
	if (!o)
		o = add_occupant(r, nick, key, jid_bare(&from));
	struct room_seat *s = o ? add_seat(r, in->from) : NULL;
	if (!s) {
		if (o && !o->n_seats)
			drop_occupant(r, o);
		return ERR_NOMEM;
	}
	s->occupant = o;
	s->number = ++r->service->numbers;
	s->heard_ms = in->is_local ? 0 : in->now_ms;
	list_add_tail(&o->seats, &s->node);
	o->n_seats++;
	r->n_seats++;
	*out = s;
	return 0;
}

void room_stand_up(struct room *r, struct room_seat *s)
{
	struct room_occupant *o = s->occupant;

	map_del(&r->seats, seat_full(s));
	list_del(&s->node);
	free_seat(s);
	r->n_seats--;
	if (--o->n_seats == 0)
		drop_occupant(r, o);
}

int room_rename(struct room *r, struct room_occupant *o, struct bytes nick, struct arena *a)
{
	struct bytes key;
	struct room_occupant old = *o;
	int rc = jid_nickname_key(nick, a, &key);

	if (rc || (rc = take_names(o, nick, key, old.bare)))
		return rc;
	map_del(&r->nicks, old.key);
	free(old.names);
	return map_add(&r->nicks, o->key, o); /* there was room for it a moment ago */
}

void room_free_people(struct room *r)
{
	size_t at = 0;

	LIST_EACH (it, &r->occupants) {
		struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		LIST_EACH (is, &o->seats)
			free_seat(LIST_OWNER(is, struct room_seat, node));
		free_occupant(o);
	}
	for (struct room_affiliate *a; (a = map_next(&r->affiliates, &at));)
		free_affiliate(a);
	map_fini(&r->affiliates);
	map_fini(&r->nicks);
	map_fini(&r->seats);
}
