#include "room/rooms_impl.h"

#include "base/err.h"
#include "domain.h"
#include "delivery/parcel.h"
#include "delivery/remote.h"
#include "push/push.h"
#include "session.h"

#include <stdlib.h>

enum { TICK_MS = 10000, INBOX_MAX = 10000 };

/* An answer that waits for the machine. */
struct letter {
	struct list node;
	uint32_t n;
	uint8_t body[]; /* an encoded envelope */
};

struct rooms_service *rooms_find(const struct im *im, struct bytes domain)
{
	return im->rooms && im->rooms->services.count ? map_get(&im->rooms->services, domain) : NULL;
}

bool rooms_host(const struct im *im, struct bytes domain)
{
	return rooms_find(im, domain) != NULL;
}

bool rooms_host_of(const struct im *im, struct bytes jid)
{
	struct jid j = jid_of_normal(jid);

	return jid.n && rooms_host(im, jid_domain(&j));
}

/* ---- outward ---- */

/* A message to another domain is kept until it is taken; presence of today is worth nothing tomorrow. */
static void to_remote(struct im *im, const struct envelope *e)
{
	struct item it = { .e = *e };

	if (e->kind != STANZA_MESSAGE || e->type == TYPE_ERROR) {
		remote_post(im, e);
		return;
	}
	it.e.trace = im_next_id(im);
	buf_clear(&im->out2);
	envelope_encode(&im->out2, &it.e);
	it.body = buf_bytes(&im->out2);
	if (buf_failed(&im->out2))
		return;
	remote_send(im, &it);
	if (it.parcel)
		parcel_point_drop(im, it.parcel);
}

/* To somebody here who need not be there: an invitation, a request for a vCard. */
static void to_person(struct im *im, const struct envelope *e)
{
	struct item it = { .e = *e };

	buf_clear(&im->out2);
	envelope_encode(&im->out2, &it.e);
	it.body = arena_dup(&im->arena, buf_bytes(&im->out2));
	if (!buf_failed(&im->out2) && it.body.n && !envelope_decode(it.body, &it.e))
		item_route(im, &it);
}

static void to_client(struct im *im, struct session *s, const struct envelope *e)
{
	struct user *u = s->user;

	session_send_as(im, s, e);
	if (u->push && e->kind == STANZA_MESSAGE)
		push_message(im, u, e);
}

void rooms_send_now(struct im *im, const struct envelope *e)
{
	struct jid to = jid_of_normal(e->to);
	struct session *s;

	im_stats[STAT_ROOM_OUT]++;
	if (!domain_of(im, jid_domain(&to)))
		to_remote(im, e);
	else if ((s = session_by_full(im, e->to)))
		to_client(im, s, e);
	else if (e->kind != STANZA_PRESENCE && e->type != TYPE_ERROR && e->type != TYPE_RESULT)
		to_person(im, e);
}

void rooms_send(void *arg, const struct envelope *e)
{
	struct rooms_service *s = arg;
	struct rooms *r = s->im->rooms;

	if (e->type == TYPE_ERROR)
		im_stats[STAT_ROOM_REFUSED]++;
	if (e->kind == STANZA_IQ && e->type == TYPE_RESULT && r->hold && rooms_hold_answer(r->hold, e))
		return;
	rooms_send_now(s->im, e);
}

static bool is_admin(void *arg, struct bytes bare)
{
	const struct rooms_service *s = arg;

	return names_has(&s->im->rooms->admins, bare);
}

static const struct room_ops ops = {
	.send = rooms_send,
	.is_admin = is_admin,
	.save_room = rooms_save_room,
	.save_affiliate = rooms_save_affiliate,
	.save_past = rooms_save_past,
	.drop_room = rooms_drop_room,
	.name = rooms_name,
	.said = rooms_said,
	.unsay = rooms_unsay,
	.query = rooms_query,
};

/* ---- inward ---- */

static void count(struct im *im)
{
	size_t at = 0, n = 0;

	for (const struct rooms_service *s; (s = map_next(&im->rooms->services, &at));)
		n += s->machine.rooms.count;
	im_stats[STAT_ROOMS] = n;
}

static void close_hold(struct im *im)
{
	struct rooms_hold *h = im->rooms->hold;

	im->rooms->hold = NULL;
	if (h)
		rooms_hold_close(im, h);
	count(im);
}

static bool may_create(const struct im *im, struct bytes from, bool is_local)
{
	const struct rooms *r = im->rooms;
	struct jid j = jid_of_normal(from);

	return r->who_creates == ROOMS_CREATES_EVERYONE || (r->who_creates == ROOMS_CREATES_LOCAL && is_local) || names_has(&r->admins, jid_bare(&j));
}

static void give(struct im *im, const struct envelope *e)
{
	struct jid from = jid_of_normal(e->from), to = jid_of_normal(e->to);
	struct rooms_service *s = rooms_find(im, jid_domain(&to));
	struct room_in in = { .kind = e->kind, .type = e->type, .facts = e->facts, .from = e->from, .to = e->to, .sid = e->sid,
			      .arena = &im->arena, .now_ms = loop_now(im->loop), .wall_ms = loop_wall_ms(im->loop) };

	if (!s || !e->from.n || xml_pool_parse(im->parsers, e->stanza, NS_CLIENT, &xml_limits_default, &im->arena, &in.node))
		return;
	in.is_local = domain_of(im, jid_domain(&from)) != NULL;
	in.may_create = may_create(im, e->from, in.is_local);
	s->machine.secret = bytes_make(im->secret.p, im->secret.n);
	im->rooms->is_busy = true;
	room_service_input(&s->machine, &in);
	close_hold(im);
	im->rooms->is_busy = false;
}

static void read_inbox(struct im *im)
{
	struct rooms *r = im->rooms;
	struct envelope e;

	while (!list_is_empty(&r->inbox)) {
		struct letter *l = LIST_OWNER(r->inbox.next, struct letter, node);
		list_del(&l->node);
		r->n_inbox--;
		if (!envelope_decode(bytes_make(l->body, l->n), &e))
			give(im, &e);
		free(l);
	}
}

void rooms_input(struct im *im, const struct item *it)
{
	im_stats[STAT_ROOM_IN]++;
	give(im, &it->e);
	read_inbox(im);
}

void rooms_answer(struct im *im, const struct envelope *e)
{
	struct rooms *r = im->rooms;

	if (!r->is_busy) {
		give(im, e);
		read_inbox(im);
		return;
	}
	buf_clear(&im->out2);
	envelope_encode(&im->out2, e);
	struct bytes body = buf_bytes(&im->out2);
	struct letter *l = buf_failed(&im->out2) || r->n_inbox >= INBOX_MAX ? NULL : malloc(sizeof *l + body.n);
	if (!l)
		return; /* an error that nobody hears */
	l->n = (uint32_t)body.n;
	memcpy(l->body, body.p, body.n);
	list_add_tail(&r->inbox, &l->node);
	r->n_inbox++;
}

void rooms_gone(struct im *im, struct bytes full)
{
	size_t at = 0;

	for (struct rooms_service *s; (s = map_next(&im->rooms->services, &at));) {
		s->machine.now_ms = loop_now(im->loop);
		s->machine.wall_ms = loop_wall_ms(im->loop);
		im->rooms->is_busy = true;
		room_service_gone(&s->machine, full);
		close_hold(im);
		im->rooms->is_busy = false;
	}
	read_inbox(im);
}

void rooms_put_items(const struct im *im, struct buf *b, struct bytes domain)
{
	size_t at = 0;

	for (const struct rooms_service *s; (s = map_next(&im->rooms->services, &at));) {
		if (!bytes_eq(bytes_make(s->name + s->name_n, s->of_n), domain))
			continue;
		buf_put_str(b, "<item");
		xml_write_attr(b, "jid", bytes_make(s->name, s->name_n));
		buf_put_str(b, " name='Rooms'/>");
	}
}

/* ---- time ---- */

static void on_tick(void *arg)
{
	struct im *im = arg;
	size_t at = 0;

	for (struct rooms_service *s; (s = map_next(&im->rooms->services, &at));) {
		im->rooms->is_busy = true;
		room_service_tick(&s->machine, loop_now(im->loop), loop_wall_ms(im->loop));
		close_hold(im);
		im->rooms->is_busy = false;
	}
	read_inbox(im);
	arena_reset(&im->arena);
	(void)loop_timer_set(im->loop, &im->rooms->timer, TICK_MS); /* without it ghosts stay until they are written to */
}

/* ---- which services there are ---- */

static void drop_service(struct im *im, struct rooms_service *s)
{
	map_del(&im->rooms->services, bytes_make(s->name, s->name_n));
	room_service_fini(&s->machine);
	free(s);
}

static struct rooms_service *add_service(struct im *im, struct bytes name, struct bytes of)
{
	struct rooms_service *s = calloc(1, sizeof *s + name.n + of.n);

	if (!s)
		return NULL;
	s->im = im;
	s->name_n = (uint16_t)name.n;
	s->of_n = (uint16_t)of.n;
	memcpy(s->name, name.p, name.n);
	memcpy(s->name + name.n, of.p, of.n);
	room_service_init(&s->machine, &ops, s, bytes_make(s->name, s->name_n));
	if (map_add(&im->rooms->services, bytes_make(s->name, s->name_n), s)) {
		room_service_fini(&s->machine);
		free(s);
		return NULL;
	}
	return s;
}

static void drop_unwanted(struct im *im)
{
	size_t at = 0;

	for (struct rooms_service *s; (s = map_next(&im->rooms->services, &at));) {
		if (!s->is_wanted) {
			room_service_close(&s->machine);
			drop_service(im, s);
			at = 0; /* the table may have shrunk */
		}
	}
}

static void read_admins(struct rooms *r, const struct settings *s)
{
	names_read_people(&r->admins, settings_text(s, SET_IM_ROOM_ADMINS));
}

static void rule(struct im *im, struct rooms_service *s, const struct room_rules *rules)
{
	im->rooms->is_busy = true;
	room_service_rule(&s->machine, rules);
	im->rooms->is_busy = false;
}

void rooms_apply(struct im *im, const struct settings *s)
{
	struct rooms *r = im->rooms;
	struct room_rules rules;
	struct bytes key;
	bool is_new = false;
	size_t at = 0;

	rooms_read_rules(s, &rules);
	read_admins(r, s);
	r->who_creates = (uint8_t)settings_enum(s, SET_IM_ROOM_CREATE);
	for (struct rooms_service *old; (old = map_next(&r->services, &at));)
		old->is_wanted = false;
	for (at = 0; settings_next_key(s, SET_IM_ROOMS_SERVICE, &at, &key);) {
		struct bytes name = settings_text_at(s, SET_IM_ROOMS_SERVICE, key);
		struct rooms_service *service = name.n ? map_get(&r->services, name) : NULL;
		if (name.n && !service) {
			service = add_service(im, name, key);
			is_new = true;
		}
		if (service) {
			service->is_wanted = true;
			rule(im, service, &rules);
		}
	}
	read_inbox(im);
	arena_reset(&im->arena);
	drop_unwanted(im);
	if (is_new)
		rooms_load(im);
	if (r->services.count && !loop_timer_is_set(&r->timer))
		(void)loop_timer_set(im->loop, &r->timer, TICK_MS); /* as in on_tick */
	count(im);
}

int rooms_init(struct im *im)
{
	struct rooms *r = calloc(1, sizeof *r);

	if (!r)
		return ERR_NOMEM;
	list_init(&r->inbox);
	buf_init(&r->last, JID_MAX_BYTES + 1);
	buf_init(&r->body, 4 << 20);
	loop_timer_init(&r->timer, on_tick, im);
	im->rooms = r;
	return 0;
}

void rooms_fini(struct im *im)
{
	struct rooms *r = im->rooms;

	if (!r)
		return;
	loop_timer_del(im->loop, &r->timer);
	for (size_t at = 0; r->services.count; at = 0)
		drop_service(im, map_next(&r->services, &at));
	map_fini(&r->services);
	LIST_EACH (it, &r->inbox)
		free(LIST_OWNER(it, struct letter, node));
	names_clear(&r->admins);
	buf_fini(&r->last);
	buf_fini(&r->body);
	free(r);
	im->rooms = NULL;
}
