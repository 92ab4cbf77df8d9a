/* Stanzas into rooms: a line each. Its first byte says from whom (0 to 5), or that time passes (T), that a client is gone (G and the
 * digit), that the room is written down and read again (R). Whatever comes, what the machine says is XML, its counts are right, no
 * room that has people is without an owner's list it began with, and nothing stays at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room/room.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 200, STEP_MS = 50000 };

static const char *const people[] = { "crone1@our.example/pc", "hag66@our.example/pda", "hag66@our.example/pc", "wiccarocks@far.example/lap",
				      "b@far.example/x", "far.example" };

struct world {
	struct room_service s;
	struct arena arena, out;
	uint64_t now_ms;
};

static const struct xml_limits limits = { .header_bytes = 4096, .stanza_bytes = 1 << 22, .depth = 64, .attrs = 200, .nodes = 20000 };

static void on_send(void *arg, const struct envelope *e)
{
	struct world *w = arg;
	struct xml_node *n;

	if (!e->to.n || !e->from.n || xml_parse(e->stanza, NS_CLIENT, &limits, &w->out, &n))
		abort();
	if (!bytes_eq(xml_attr(n, "to"), e->to) || !bytes_eq(xml_attr(n, "from"), e->from))
		abort();
	arena_reset(&w->out);
}

static bool is_admin(void *arg, struct bytes bare)
{
	(void)arg;
	(void)bare;
	return false;
}

static void save_room(void *arg, const struct room *r)
{
	(void)arg;
	if (!room_is(r, ROOM_PERSISTENT))
		abort();
}

static void save_affiliate(void *arg, const struct room *r, struct bytes jid, uint8_t affiliation, struct bytes nick, struct bytes reason)
{
	(void)nick;
	(void)reason;
	save_room(arg, r);
	if (!jid.n || affiliation >= ROOM_AFFILIATION_COUNT)
		abort();
}

static void save_past(void *arg, const struct room *r, const struct room_past *p)
{
	save_room(arg, r);
	if (past_rest(p).n < sizeof "</message>")
		abort();
}

static void drop_room(void *arg, struct bytes jid)
{
	(void)arg;
	if (!jid.n)
		abort();
}

static void name(void *arg, char out[static ROOM_ID_MAX + 1])
{
	(void)arg;
	(void)snprintf(out, ROOM_ID_MAX + 1, "archived");
}

static void keep(void *arg, const struct room *r, const struct envelope *e, struct bytes id)
{
	struct world *w = arg;
	struct xml_node *n;

	save_room(arg, r);
	if (!id.n || xml_parse(e->stanza, NS_CLIENT, &limits, &w->out, &n))
		abort(); /* it will be shown */
	arena_reset(&w->out);
}

static bool unsay(void *arg, const struct room *r, struct bytes id, struct bytes rest)
{
	(void)arg;
	(void)r;
	(void)rest;
	return bytes_eq_str(id, "archived");
}

static void query(void *arg, const struct room_in *in)
{
	(void)arg;
	(void)in;
}

static const struct room_ops ops = { on_send, is_admin, save_room, save_affiliate, save_past, drop_room, name, keep, unsay, query };

static void check_room(const struct room *r)
{
	unsigned seats = 0, occupants = 0;

	LIST_EACH (it, &r->occupants) {
		const struct room_occupant *o = LIST_OWNER(it, struct room_occupant, node);
		unsigned n = 0;
		LIST_EACH (is, &o->seats)
			n += LIST_OWNER(is, struct room_seat, node)->occupant == o;
		if (!n || n != o->n_seats || o->role == ROLE_OUTSIDE || o->role >= ROOM_ROLE_COUNT || o->affiliation == ROOM_OUTCAST)
			abort();
		seats += n;
		occupants++;
	}
	if (seats != r->n_seats || seats != r->seats.count || occupants != r->n_occupants || occupants != r->nicks.count)
		abort();
	if (!r->n_owners || r->is_gone || (!occupants && !room_is(r, ROOM_PERSISTENT)) || r->n_past > r->service->rules.history_max)
		abort();
}

static void check(const struct world *w)
{
	unsigned persistent = 0, seats = 0, held = 0;
	size_t at = 0;

	for (const struct room *r; (r = map_next(&w->s.rooms, &at));) {
		check_room(r);
		persistent += room_is(r, ROOM_PERSISTENT);
		seats += r->n_seats;
	}
	at = 0;
	for (const struct room_client *c; (c = map_next(&w->s.clients, &at));)
		held += c->n_seats;
	if (persistent != w->s.n_persistent || persistent > w->s.rules.persistent_max || seats != held || w->s.rooms.count > w->s.rules.rooms_max || w->s.n_gone)
		abort();
}

static void give(struct world *w, const char *from, struct bytes xml)
{
	struct room_in in = { .from = bytes_of(from), .arena = &w->arena, .now_ms = w->now_ms, .wall_ms = 1700000000000 + w->now_ms, .may_create = true };
	struct stanza st;
	struct jid to, by = jid_of_normal(in.from);

	if (xml_parse(xml, NS_CLIENT, &xml_limits_default, &w->arena, &in.node) || stanza_of_node(in.node, NS_CLIENT, &st) ||
	    jid_parse(st.to, &w->arena, &to) || !bytes_eq_str(jid_domain(&to), "conf.example"))
		return;
	in.kind = (uint8_t)st.kind;
	in.type = (uint8_t)st.type;
	in.facts = st.facts;
	in.sid = st.id;
	in.to = to.full;
	in.is_local = bytes_eq_str(jid_domain(&by), "our.example");
	room_service_input(&w->s, &in);
}

/* What is written down reads as itself. */
static void rewrite(struct world *w)
{
	struct buf a, b;
	struct room *r, *copy;
	size_t at = 0;

	if (!(r = map_next(&w->s.rooms, &at)))
		return;
	buf_init(&a, 4 << 20);
	buf_init(&b, 4 << 20);
	room_encode(&a, r);
	if (room_restore(&w->s, BYTES("copy@conf.example"), buf_bytes(&a), &copy) == 0) {
		room_encode(&b, copy);
		copy->config.v[ROOM_PERSISTENT] = 1;
		if (room_is(r, ROOM_PERSISTENT) && !bytes_eq(buf_bytes(&a), buf_bytes(&b)))
			abort();
		room_forget(&w->s, BYTES("copy@conf.example"));
	}
	buf_fini(&a);
	buf_fini(&b);
}

static void step(struct world *w, struct bytes line)
{
	if (!line.n)
		return;
	uint8_t who = line.p[line.p[0] == 'G' && line.n > 1 ? 1 : 0];
	if (line.p[0] == 'T') {
		w->now_ms += STEP_MS;
		room_service_tick(&w->s, w->now_ms, w->now_ms);
	} else if (line.p[0] == 'R')
		rewrite(w);
	else if (line.p[0] == 'G')
		room_service_gone(&w->s, bytes_of(people[who % 6]));
	else
		give(w, people[who % 6], bytes_skip(line, 1));
	w->now_ms += 100;
	arena_reset(&w->arena);
	check(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct bytes in = bytes_make(data, size);

	room_service_init(&w.s, &ops, &w, BYTES("conf.example"));
	arena_init(&w.arena, 16 << 20);
	arena_init(&w.out, 64 << 20);
	w.now_ms = 1000000;
	w.s.is_ready = true;
	w.s.secret = BYTES("secret");
	w.s.rules = (struct room_rules){ .rooms_max = 4, .persistent_max = 1, .rooms_user = 3, .rooms_client = 3, .occupants_max = 4, .affiliates_max = 6, .has_archive = true, .has_search = true,
		.nick_max = 32, .subject_max = 64, .message_max = 1000, .rate = 5, .history_max = 5, .silence_s = 100, .invite_role = 2, .has_persistent = true };
	for (unsigned i = 0; i < ROOM_FIELD_COUNT; i++)
		w.s.rules.owner_may[i] = true;
	w.s.rules.v[ROOM_WHOIS] = w.s.rules.v[ROOM_PUBLIC] = w.s.rules.v[ROOM_SUBJECT] = w.s.rules.v[ROOM_INVITES] = 1;
	w.s.rules.v[ROOM_MAX_USERS] = 4;
	w.s.rules.v[ROOM_HISTORY] = 5;
	w.s.rules.v[ROOM_BROADCAST] = 7;
	for (unsigned i = 0; in.n && i < LINES_MAX; i++) {
		size_t n = bytes_find(in, '\n');
		step(&w, bytes_make(in.p, n));
		in = bytes_skip(in, n + 1);
	}
	for (unsigned i = 0; i < 6; i++)
		room_service_gone(&w.s, bytes_of(people[i]));
	check(&w);
	if (w.s.clients.count || w.s.rooms.count != w.s.n_persistent)
		abort();
	room_service_fini(&w.s);
	arena_fini(&w.arena);
	arena_fini(&w.out);
	return 0;
}
