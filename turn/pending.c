#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/wire.h"
#include "server_impl.h"

/* Requests that name what another worker holds (claim.h): asked for, waited for, answered. */

enum { ADDRESS_BYTES = 19 };

static void forget(struct pending *p)
{
	loop_timer_del(p->server->loop, &p->timer);
	list_del(&p->node);
	p->server->n_pendings--;
	free(p);
}

static struct request request_of(struct pending *p, struct stunmsg *m)
{
	memset(m, 0, offsetof(struct stunmsg, peers));
	m->class = STUN_REQUEST;
	m->method = p->method;
	memcpy(m->id, p->id, sizeof m->id);
	m->has = p->has;
	m->lifetime_s = p->lifetime_s;
	m->transport = 17;
	m->connection_id = p->connection_id;
	return (struct request){ .s = p->server, .path = &p->path, .m = m, .who = p->who, .is_sha256 = p->is_sha256,
		                 .is_authenticated = true, .a = allocation_of_path(&p->server->table, &p->path) };
}

static void fail(struct pending *p, unsigned code)
{
	struct stunmsg m;
	struct request r = request_of(p, &m);

	reply_error(&r, code);
	forget(p);
}

static void on_time(void *arg)
{
	fail(arg, 508);
}

void pendings_free(struct turn_server *s)
{
	LIST_EACH(n, &s->pendings)
		forget(LIST_OWNER(n, struct pending, node));
}

/* UDP repeats: one claim for each transaction. */
static bool is_waiting(const struct request *r)
{
	LIST_EACH(n, &r->s->pendings) {
		const struct pending *p = LIST_OWNER(n, struct pending, node);
		if (memcmp(p->id, r->m->id, sizeof p->id) == 0 && stunaddr_eq(&p->path.from, &r->path->from))
			return true;
	}
	return false;
}

static struct pending *pending_new(struct request *r)
{
	struct turn_server *s = r->s;
	struct pending *p = s->n_pendings < PENDING_MAX ? calloc(1, sizeof *p) : NULL;

	if (!p)
		return NULL;
	p->server = s;
	p->number = ++s->next_pending;
	p->path = *r->path;
	p->method = r->m->method;
	memcpy(p->id, r->m->id, sizeof p->id);
	p->who = r->who;
	p->is_sha256 = r->is_sha256;
	p->has = r->m->has;
	p->lifetime_s = r->m->lifetime_s;
	p->connection_id = r->m->connection_id;
	loop_timer_init(&p->timer, on_time, p);
	if (loop_timer_set(s->loop, &p->timer, PENDING_MS) < 0) {
		free(p);
		return NULL;
	}
	list_add_tail(&s->pendings, &p->node);
	s->n_pendings++;
	return p;
}

int pending_begin(struct request *r, unsigned worker, enum turn_claim_kind kind, struct bytes id)
{
	if (worker == r->s->worker || worker >= QUOTA_WORKERS_MAX)
		return ERR_NOT_FOUND;
	if (is_waiting(r))
		return 0;
	struct pending *p = pending_new(r);
	if (!p)
		return ERR_NOMEM;
	const struct turn_claim c = { .kind = (uint8_t)kind, .number = p->number, .id = id,
		                      .user = bytes_make(p->who.user, p->who.user_n) };
	int rc = r->s->io->claim(r->s->io_arg, worker, &c);
	if (rc < 0)
		forget(p);
	return rc;
}

/* ---- the owner's side ---- */

static void put_address(struct buf *b, const struct stunaddr *a)
{
	wire_put_u8(b, a->family);
	wire_put_u16(b, a->port);
	buf_put(b, a->ip, sizeof a->ip);
}

static void get_address(struct wire *w, struct stunaddr *a)
{
	a->family = wire_u8(w);
	a->port = wire_u16(w);
	struct bytes ip = wire_raw(w, sizeof a->ip);
	if (ip.n == sizeof a->ip)
		memcpy(a->ip, ip.p, ip.n);
}

static void put_relay(struct buf *b, const struct turn_relay *r)
{
	put_address(b, &r->at);
	put_address(b, &r->seen);
}

static void get_relay(struct wire *w, int fd, struct turn_relay *r)
{
	*r = (struct turn_relay){ .fd = fd };
	get_address(w, &r->at);
	get_address(w, &r->seen);
}

/* The socket leaves this worker. */
static int give(struct turn_server *s, struct turn_relay *r, struct buf *room)
{
	int fd = r->fd;

	if (fd < 0)
		return -1;
	put_relay(room, r);
	s->io->relay_release(s->io_arg, r);
	return fd;
}

static unsigned give_reservation(struct turn_server *s, const struct turn_claim *c, struct turn_claim_answer *out, struct buf *room)
{
	struct turn_relay relay;

	if (c->id.n != 8 || reservation_take(s, c->id.p, c->user, &relay) < 0)
		return 508;
	out->fd = give(s, &relay, room);
	return 0;
}

static unsigned give_connection(struct turn_server *s, const struct turn_claim *c, struct turn_claim_answer *out)
{
	struct wire w = wire_of(c->id);
	uint32_t id = wire_u32(&w);
	unsigned code;

	if (wire_end(&w) < 0)
		return 400;
	struct peer_connection *p = connection_offered(s, id, c->user, &code);
	if (!p)
		return code;
	out->fd = s->io->peer_release(s->io_arg, id);
	connection_forget(s, p);
	return out->fd < 0 ? 400 : 0;
}

static void put_allocation(struct turn_server *s, struct allocation *a, struct buf *b)
{
	uint64_t now = loop_now(s->loop);

	wire_put_u64(b, a->expires_ms > now ? a->expires_ms - now : 0);
	wire_put_u32(b, a->ticket_n);
	wire_put_u16(b, a->n_permissions);
	for (uint16_t i = 0; i < a->n_permissions; i++) {
		put_address(b, &a->permissions[i].peer);
		wire_put_u64(b, a->permissions[i].expires_ms > now ? a->permissions[i].expires_ms - now : 0);
	}
	wire_put_u16(b, a->n_channels);
	for (uint16_t i = 0; i < a->n_channels; i++) {
		put_address(b, &a->channels[i].peer);
		wire_put_u16(b, a->channels[i].number);
		wire_put_u64(b, a->channels[i].expires_ms > now ? a->channels[i].expires_ms - now : 0);
	}
}

static unsigned give_allocation(struct turn_server *s, const struct turn_claim *c, struct turn_claim_answer *out, struct buf *room)
{
	unsigned worker;
	uint64_t number;
	uint32_t n;

	if (ticket_read(s, c->id, &worker, &number, &n) < 0)
		return 400;
	struct allocation *a = allocation_of_number(&s->table, number);
	if (!a || a->is_tcp)
		return 437;
	if (!bytes_eq(quota_user_name(a->hold.user), c->user))
		return 441;
	if (n != a->ticket_n)
		return 400;
	put_allocation(s, a, room);
	out->fd = give(s, &a->relay[0], room);
	out->fd2 = give(s, &a->relay[1], room);
	if (out->fd < 0) {
		out->fd = out->fd2;
		out->fd2 = -1;
	}
	allocation_end(s, a);
	return buf_failed(room) ? 508 : 0;
}

void turn_server_claim(struct turn_server *s, const struct turn_claim *c, struct turn_claim_answer *out, struct buf *room)
{
	unsigned code = 400;

	*out = (struct turn_claim_answer){ .kind = c->kind, .number = c->number, .fd = -1, .fd2 = -1 };
	if (c->kind == CLAIM_RESERVATION)
		code = give_reservation(s, c, out, room);
	else if (c->kind == CLAIM_CONNECTION)
		code = give_connection(s, c, out);
	else if (c->kind == CLAIM_ALLOCATION)
		code = give_allocation(s, c, out, room);
	out->error = (uint16_t)code;
	out->state = buf_bytes(room);
}

/* ---- the asker's side ---- */

static struct pending *find(struct turn_server *s, uint64_t number)
{
	LIST_EACH(n, &s->pendings) {
		struct pending *p = LIST_OWNER(n, struct pending, node);
		if (p->number == number)
			return p;
	}
	return NULL;
}

static unsigned take_reservation(struct request *r, const struct turn_claim_answer *a)
{
	struct wire w = wire_of(a->state);
	struct turn_relay relay;

	get_relay(&w, a->fd, &relay);
	if (wire_end(&w) < 0) {
		r->s->io->relay_close(r->s->io_arg, &relay);
		return 508;
	}
	allocate_with(r, &relay);
	return 0;
}

static unsigned take_connection(struct request *r, const struct turn_claim_answer *a)
{
	if (r->s->io->peer_adopt(r->s->io_arg, r->m->connection_id, a->fd) < 0)
		return 400;
	connection_join(r, r->m->connection_id);
	return 0;
}

static void get_allocation(struct request *r, struct wire *w, struct allocation *a)
{
	uint64_t now = loop_now(r->s->loop);
	const struct turn_conf *c = r->s->conf;
	struct channel *channel;
	const char *rule;

	a->expires_ms = now + wire_u64(w);
	a->ticket_n = wire_u32(w);
	for (uint16_t n = wire_u16(w); n > 0 && !wire_failed(w); n--) {
		struct stunaddr peer = { 0 };
		get_address(w, &peer);
		uint64_t left = wire_u64(w);
		if (left && peer_rules_permit(&c->rules, &peer, &rule) && permission_put(a, &peer, now, c->permissions_max) == 0)
			a->permissions[a->n_permissions - 1].expires_ms = now + left;
	}
	for (uint16_t n = wire_u16(w); n > 0 && !wire_failed(w); n--) {
		struct stunaddr peer = { 0 };
		get_address(w, &peer);
		uint16_t number = wire_u16(w);
		uint64_t left = wire_u64(w);
		if (left && peer_rules_permit(&c->rules, &peer, &rule) && channel_put(a, number, &peer, now, c->channels_max, &channel) == 0)
			channel->expires_ms = now + left;
	}
}

static unsigned take_allocation(struct request *r, const struct turn_claim_answer *answer)
{
	struct turn_relay relay[2] = { { .fd = answer->fd }, { .fd = answer->fd2 } };
	struct wire w = wire_of(answer->state);
	struct allocation *a = r->a ? NULL : allocate_shell(r);
	bool is_whole;

	if (a) {
		get_allocation(r, &w, a);
		for (unsigned i = 0; i < 2; i++)
			if (relay[i].fd >= 0)
				get_relay(&w, relay[i].fd, &relay[i]);
	}
	is_whole = a && wire_end(&w) == 0;
	for (unsigned i = 0; i < 2; i++) {
		if (!is_whole || relay[i].fd < 0) {
			r->s->io->relay_close(r->s->io_arg, &relay[i]);
			continue;
		}
		a->relay[i] = relay[i];
		if (r->s->io->relay_adopt(r->s->io_arg, &a->relay[i], a) < 0)
			is_whole = false;
	}
	if (!is_whole) {
		if (a)
			allocation_end(r->s, a);
		return r->a ? 437 : 508;
	}
	a->has_ticket = true;
	a->ticket_n++;
	r->s->stats[TURN_STAT_MOVED]++;
	refresh_answer(r, a);
	return 0;
}

static void close_all(const struct turn_claim_answer *a)
{
	if (a->fd >= 0)
		close(a->fd);
	if (a->fd2 >= 0)
		close(a->fd2);
}

void turn_server_claimed(struct turn_server *s, const struct turn_claim_answer *a)
{
	struct pending *p = find(s, a->number);
	struct stunmsg m;

	if (!p || a->error || a->fd < 0) {
		close_all(a);
		if (p)
			fail(p, a->error ? a->error : 508);
		return;
	}
	struct request r = request_of(p, &m);
	unsigned code = a->kind == CLAIM_RESERVATION ? take_reservation(&r, a)
	                : a->kind == CLAIM_CONNECTION ? take_connection(&r, a)
	                                              : take_allocation(&r, a);
	if (code)
		reply_error(&r, code);
	forget(p);
}
