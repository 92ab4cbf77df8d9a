#include "worker.h"

#include <assert.h>
#include <unistd.h>

#include "base/err.h"
#include "base/secret.h"

/* The other workers: the key of the box's nonces, who has how many allocations, and what moves. */

/* ---- the key: the oldest one lives on as long as any worker does ---- */

static void send_key(struct worker *w, struct chan *c)
{
	struct buf *b = chan_begin(c, MSG_TURN_KEY, 0);

	wire_put_u64(b, w->key_born_ms);
	wire_put_bytes(b, bytes_make(w->key.key[0], NONCE_KEY_BYTES));
	wire_put_bytes(b, bytes_make(w->key.key[1], NONCE_KEY_BYTES));
	(void)chan_end(c); /* its end is said by down */
}

static bool is_older(const struct worker *w, uint64_t born_ms, struct bytes key)
{
	if (born_ms != w->key_born_ms)
		return born_ms < w->key_born_ms;
	return memcmp(key.p, w->key.key[0], NONCE_KEY_BYTES) < 0; /* both know the same order */
}

static int on_key(void *program, struct chan *from, const struct frame *f)
{
	struct worker *w = program;
	struct wire in = wire_of(f->body);
	uint64_t born_ms = wire_u64(&in);
	struct bytes now = wire_bytes(&in), before = wire_bytes(&in);

	(void)from;
	if (wire_end(&in) || now.n != NONCE_KEY_BYTES || before.n != NONCE_KEY_BYTES)
		return ERR_PROTOCOL;
	if (!is_older(w, born_ms, now))
		return 0;
	/* nonces of ours stay good as those of the key before */
	memcpy(w->key.key[1], w->key.key[0], NONCE_KEY_BYTES);
	memcpy(w->key.key[0], now.p, NONCE_KEY_BYTES);
	w->key_born_ms = born_ms;
	turn_server_set_key(w->server, &w->key);
	return 0;
}

/* ---- usage ---- */

static void put_usage(struct chan *c, struct bytes user, uint32_t allocations)
{
	struct buf *b = chan_begin(c, MSG_TURN_USAGE, 0);

	wire_put_bytes(b, user);
	wire_put_u32(b, allocations);
	(void)chan_end(c); /* as above */
}

void claims_tell_usage(struct worker *w, struct bytes user, uint32_t allocations)
{
	for (struct chan *c = bus_next(proc_bus(w->proc), PROG_TURN, NULL); c; c = bus_next(proc_bus(w->proc), PROG_TURN, c))
		put_usage(c, user, allocations);
}

static int on_usage(void *program, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);
	struct bytes user = wire_bytes(&in);
	uint32_t allocations = wire_u32(&in);

	if (wire_end(&in) || user.n > STUNMSG_USERNAME_MAX)
		return ERR_PROTOCOL;
	turn_server_heard(((struct worker *)program)->server, chan_instance(from), user, allocations);
	return 0;
}

/* ---- claims ---- */

int claims_ask(struct worker *w, unsigned other, const struct turn_claim *c)
{
	struct turn_claim_answer a;

	if (other == w->number) {
		buf_clear(&w->claim_room);
		turn_server_claim(w->server, c, &a, &w->claim_room);
		turn_server_claimed(w->server, &a);
		return 0;
	}
	log_debug("turn.claim.asked", LOG_INT("worker", other), LOG_INT("kind", c->kind), LOG_INT("number", c->number));
	struct chan *to = other < QUOTA_WORKERS_MAX ? bus_chan(proc_bus(w->proc), PROG_TURN, other) : NULL;
	if (!to)
		return ERR_NOT_FOUND;
	struct buf *b = chan_begin(to, MSG_TURN_CLAIM, 0);
	wire_put_u8(b, c->kind);
	wire_put_u64(b, c->number);
	wire_put_bytes(b, c->id);
	wire_put_bytes(b, c->user);
	return chan_end(to);
}

static void put_refusal(struct chan *to, const struct turn_claim_answer *a)
{
	struct buf *b = chan_begin(to, MSG_TURN_REFUSED, 0);

	wire_put_u8(b, a->kind);
	wire_put_u64(b, a->number);
	wire_put_u16(b, a->error);
	(void)chan_end(to); /* the asker has a time limit */
}

/* A message brings one descriptor: the second goes before. */
static void put_grant(struct chan *to, const struct turn_claim_answer *a)
{
	if (a->fd2 >= 0) {
		wire_put_u64(chan_begin(to, MSG_TURN_GRANT_PAIR, 0), a->number);
		(void)chan_end_fd(to, a->fd2, true); /* as above */
	}
	struct buf *b = chan_begin(to, MSG_TURN_GRANT, 0);
	wire_put_u8(b, a->kind);
	wire_put_u64(b, a->number);
	wire_put_u8(b, a->fd2 >= 0);
	wire_put_bytes(b, a->state);
	(void)chan_end_fd(to, a->fd, true); /* as above */
}

static int on_claim(void *program, struct chan *from, const struct frame *f)
{
	struct worker *w = program;
	struct wire in = wire_of(f->body);
	struct turn_claim c = { .kind = wire_u8(&in) };
	struct turn_claim_answer a;

	c.number = wire_u64(&in);
	c.id = wire_bytes(&in);
	c.user = wire_bytes(&in);
	if (wire_end(&in))
		return ERR_PROTOCOL;
	buf_clear(&w->claim_room);
	turn_server_claim(w->server, &c, &a, &w->claim_room);
	log_debug("turn.claim.answered", LOG_INT("worker", chan_instance(from)), LOG_INT("kind", c.kind), LOG_INT("number", c.number),
	          LOG_INT("error", a.error));
	if (a.error)
		put_refusal(from, &a);
	else
		put_grant(from, &a);
	return 0;
}

static int on_refused(void *program, struct chan *from, const struct frame *f)
{
	struct wire in = wire_of(f->body);
	struct turn_claim_answer a = { .kind = wire_u8(&in), .fd = -1, .fd2 = -1 };

	(void)from;
	a.number = wire_u64(&in);
	a.error = wire_u16(&in);
	if (wire_end(&in) || a.error == 0)
		return ERR_PROTOCOL;
	turn_server_claimed(((struct worker *)program)->server, &a);
	return 0;
}

static void drop_pair(struct worker *w)
{
	if (w->pair_fd >= 0)
		(void)close(w->pair_fd); /* a socket that nobody claims */
	w->pair_fd = -1;
}

static int on_grant_pair(void *program, struct chan *from, const struct frame *f)
{
	struct worker *w = program;
	struct wire in = wire_of(f->body);
	uint64_t number = wire_u64(&in);

	(void)from;
	drop_pair(w);
	w->pair_number = number;
	w->pair_fd = f->fd;
	return wire_end(&in) ? ERR_PROTOCOL : 0;
}

static int on_grant(void *program, struct chan *from, const struct frame *f)
{
	struct worker *w = program;
	struct wire in = wire_of(f->body);
	struct turn_claim_answer a = { .kind = wire_u8(&in), .fd = f->fd, .fd2 = -1 };

	(void)from;
	a.number = wire_u64(&in);
	bool has_pair = wire_u8(&in);
	a.state = wire_bytes(&in);
	if (wire_end(&in) || (has_pair && (w->pair_fd < 0 || w->pair_number != a.number))) {
		if (f->fd >= 0)
			(void)close(f->fd); /* as above */
		return ERR_PROTOCOL;
	}
	if (has_pair) {
		a.fd2 = w->pair_fd;
		w->pair_fd = -1;
	}
	turn_server_claimed(w->server, &a);
	return 0;
}

/* ---- they come and go ---- */

/* What it missed: the key and who has how many here. */
void claims_up(struct worker *w, struct chan *c)
{
	struct bytes user;
	uint32_t allocations;
	size_t at = 0;

	if (chan_prog(c) != PROG_TURN)
		return;
	send_key(w, c);
	while (turn_server_next_user(w->server, &at, &user, &allocations))
		put_usage(c, user, allocations);
}

void claims_down(struct worker *w, struct chan *c)
{
	if (chan_prog(c) == PROG_TURN)
		turn_server_worker_gone(w->server, chan_instance(c));
}

void claims_fini(struct worker *w)
{
	drop_pair(w);
	buf_fini(&w->claim_room);
	secret_wipe(&w->key, sizeof w->key);
}

const struct bus_handler claims_handlers[] = {
	{ MSG_TURN_KEY, on_key },         { MSG_TURN_USAGE, on_usage },           { MSG_TURN_CLAIM, on_claim },
	{ MSG_TURN_REFUSED, on_refused }, { MSG_TURN_GRANT_PAIR, on_grant_pair }, { MSG_TURN_GRANT, on_grant },
};
const size_t n_claims_handlers = sizeof claims_handlers / sizeof claims_handlers[0];
static_assert(sizeof claims_handlers / sizeof claims_handlers[0] == CLAIMS_HANDLERS, "main.c has room for them");
