#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "server_impl.h"

/* TCP allocations (RFC 6062): Connect, ConnectionBind, ConnectionAttempt. An id begins with the worker's
 * number, so that a data connection that reaches another worker finds the peer's. */

struct peer_connection *connection_of(struct turn_server *s, uint32_t id)
{
	return map_get_u64(&s->connections, id);
}

static void unchain(struct peer_connection *c)
{
	struct peer_connection **at = &c->allocation->connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->allocation->n_connections--;
}

void connection_forget(struct turn_server *s, struct peer_connection *c)
{
	if (c->allocation)
		unchain(c);
	loop_timer_del(s->loop, &c->timer);
	(void)map_del_u64(&s->connections, c->id); /* is c */
	free(c);
}

/* From this side, whatever state it is in. */
static void end(struct turn_server *s, struct peer_connection *c)
{
	connection_part(c);
	if (c->state != CONNECTION_AWAY)
		s->io->peer_close(s->io_arg, c->id);
	connection_forget(s, c);
}

static void answer_connect(struct peer_connection *c, unsigned code)
{
	struct allocation *a = c->allocation;
	struct stunmsg m = { .class = STUN_REQUEST, .method = STUN_CONNECT };
	struct request r = { .s = c->server, .path = &a->client, .m = &m, .a = a, .is_authenticated = true, .is_sha256 = a->is_sha256 };
	struct stunmsg_writer w;

	memcpy(m.id, c->request, sizeof m.id);
	memcpy(r.who.key, a->key, a->key_n);
	r.who.key_n = a->key_n;
	if (code) {
		reply_error(&r, code);
		return;
	}
	reply_begin(&r, &w, STUN_SUCCESS);
	stunmsg_put_u32(&w, STUN_CONNECTION_ID, c->id);
	reply_send(&r, &w);
}

/* The same with an answer, where one is awaited. That may find that the client has gone, and all that is its. */
static void fail(struct peer_connection *c, unsigned code)
{
	struct turn_server *s = c->server;
	uint32_t id = c->id;

	if (c->state == CONNECTION_CONNECTING)
		answer_connect(c, code);
	c = connection_of(s, id);
	if (c)
		end(s, c);
}

/* RFC 6062 5.2, 5.3: neither the peer nor the client has thirty seconds more. */
static void on_time(void *arg)
{
	fail(arg, 447);
}

bool connections_have_room(const struct turn_server *s)
{
	return s->connections.count < s->conf->peer_connections;
}

struct peer_connection *connection_add(struct turn_server *s, uint32_t id, const struct stunaddr *peer, struct bytes user)
{
	struct peer_connection *c = calloc(1, sizeof *c + user.n);

	if (!c)
		return NULL;
	c->server = s;
	c->id = id;
	c->peer = *peer;
	c->is_own = peer_is_own(s, peer);
	c->user_n = (uint16_t)user.n;
	if (user.n)
		memcpy(c->user, user.p, user.n);
	if (map_add_u64(&s->connections, id, c) < 0) {
		free(c);
		return NULL;
	}
	s->stats[TURN_STAT_CONNECTIONS]++;
	return c;
}

static struct peer_connection *connection_new(struct turn_server *s, struct allocation *a, const struct stunaddr *peer,
                                              enum connection_state state)
{
	struct peer_connection *c;
	uint32_t id;

	if (!connections_have_room(s) || a->n_connections >= s->conf->peer_connections_allocation)
		return NULL;
	do
		id = (uint32_t)s->worker << 24 | (uint32_t)(random_u64() & 0xffffff);
	while (id == 0 || connection_of(s, id));
	c = connection_add(s, id, peer, BYTES_NONE);
	if (!c)
		return NULL;
	c->state = (uint8_t)state;
	c->allocation = a;
	c->next = a->connections;
	a->connections = c;
	a->n_connections++;
	loop_timer_init(&c->timer, on_time, c);
	if (loop_timer_set(s->loop, &c->timer, CONNECTION_MS) < 0) {
		connection_forget(s, c);
		return NULL;
	}
	return c;
}

static bool has_connection(const struct allocation *a, const struct stunaddr *peer)
{
	for (const struct peer_connection *c = a->connections; c; c = c->next)
		if (stunaddr_eq(&c->peer, peer))
			return true;
	return false;
}

static const char full[] = "as many connections to peers as there may be: turn tcp-connections-max, tcp-connections-allocation";

/* A relayed address of this box is connected to where it is, as not every NAT leads back. */
static int begin_connect(struct turn_server *s, struct turn_relay *relay, const struct peer_connection *c)
{
	struct stunaddr at = c->is_own ? own_relays_local(&s->conf->own_relays, &c->peer) : c->peer;

	return s->io->peer_connect(s->io_arg, relay, &at, c->id);
}

/* RFC 6062 5.2 */
static unsigned connect_peer(struct request *r)
{
	struct turn_server *s = r->s;
	struct stunaddr peer;
	struct peer_connection *c;

	if (!r->a->is_tcp || r->m->n_peers != 1)
		return 400;
	peer = r->m->peers[0];
	if (!peer_is_permitted(r, &peer) || !peer_port_is_permitted(r, &peer))
		return 403;
	struct turn_relay *relay = relay_for(r->a, &peer);
	if (!relay)
		return 443;
	if (has_connection(r->a, &peer))
		return 446;
	if (!peer_is_in_time(r, &peer))
		return 508;
	c = connection_new(s, r->a, &peer, CONNECTION_CONNECTING);
	if (!c) {
		s->stats[TURN_STAT_FULL]++;
		note_refused(r, "connect", full);
		return 508;
	}
	memcpy(c->request, r->m->id, sizeof c->request);
	if (begin_connect(s, relay, c) < 0) {
		connection_forget(s, c);
		return 447;
	}
	return 0;
}

void request_connect(struct request *r)
{
	if (!is_of_owner(r))
		return;
	unsigned code = connect_peer(r);
	if (code)
		reply_error(r, code);
}

void turn_server_connected(struct turn_server *s, uint32_t id, int rc)
{
	struct peer_connection *c = connection_of(s, id);

	if (!c || c->state != CONNECTION_CONNECTING)
		return;
	if (rc < 0 || loop_timer_set(s->loop, &c->timer, CONNECTION_MS) < 0) {
		fail(c, 447);
		return;
	}
	c->state = CONNECTION_OFFERED;
	answer_connect(c, 0);
}

/* RFC 6062 5.3: a peer connects; without permission it is closed. */
int turn_server_incoming(struct turn_server *s, void *owner, const struct stunaddr *from, uint32_t *id)
{
	uint8_t transaction[16] = { 0x21, 0x12, 0xa4, 0x42 };
	struct allocation *a = owner;
	struct stunaddr peer = *from;
	struct peer_connection *c;
	struct stunmsg_writer w;

	if (!source_is_permitted(s, a, &peer)) {
		s->stats[TURN_STAT_NO_PERMISSION]++;
		return ERR_DENIED;
	}
	c = connection_new(s, a, &peer, CONNECTION_OFFERED);
	if (!c) {
		s->stats[TURN_STAT_FULL]++;
		s->io->refused(s->io_arg, &a->client, quota_user_name(a->hold.user), "peer's connection", full);
		return ERR_DENIED;
	}
	*id = c->id;
	random_bytes(transaction + 4, 12);
	stunmsg_begin(&w, s->reply + TURN_HEADROOM, REPLY_MAX, STUN_INDICATION, STUN_CONNECTION_ATTEMPT, transaction);
	stunmsg_put_u32(&w, STUN_CONNECTION_ID, c->id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, &peer);
	s->io->to_client(s->io_arg, &a->client, stunmsg_end(&w));
	return connection_of(s, *id) ? 0 : ERR_DENIED; /* else the client has gone, and the allocation with it */
}

void turn_server_peer_gone(struct turn_server *s, uint32_t id)
{
	struct peer_connection *c = connection_of(s, id);

	if (!c)
		return;
	connection_part(c);
	connection_forget(s, c);
}

/* Is the connection there for this user to take? NULL: code says why not. */
struct peer_connection *connection_offered(struct turn_server *s, uint32_t id, struct bytes user, unsigned *code)
{
	struct peer_connection *c = connection_of(s, id);

	*code = 400;
	if (!c || c->state != CONNECTION_OFFERED)
		return NULL;
	*code = 441;
	if (!bytes_eq(quota_user_name(c->allocation->hold.user), user))
		return NULL;
	return c;
}

static void bind_answer(struct request *r, uint32_t id)
{
	struct stunmsg_writer w;

	reply_begin(r, &w, STUN_SUCCESS);
	stunmsg_put_u32(&w, STUN_CONNECTION_ID, id);
	reply_send(r, &w);
}

/* The answer goes out before the first byte of the peer. */
void connection_join(struct request *r, uint32_t id)
{
	struct peer_connection *c;

	bind_answer(r, id);
	if (r->s->io->join(r->s->io_arg, r->path, id) == 0)
		return;
	r->s->io->client_close(r->s->io_arg, r->path);
	c = connection_of(r->s, id);
	if (c)
		end(r->s, c);
}

/* RFC 6062 5.4 */
void request_connection_bind(struct request *r)
{
	struct turn_server *s = r->s;
	uint32_t id = r->m->connection_id;
	unsigned code = 400;

	if (!(r->m->has & STUN_HAS_CONNECTION_ID) || r->a || (r->path->transport != TURN_TCP && r->path->transport != TURN_TLS)) {
		reply_error(r, 400);
		return;
	}
	if (id >> 24 != s->worker) {
		uint8_t wire[4] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };
		pending_begin(r, id >> 24, CLAIM_CONNECTION, bytes_make(wire, sizeof wire));
		return;
	}
	struct peer_connection *c = connection_offered(s, id, bytes_make(r->who.user, r->who.user_n), &code);
	if (!c) {
		reply_error(r, code);
		return;
	}
	c->state = CONNECTION_BOUND;
	loop_timer_del(s->loop, &c->timer);
	connection_join(r, id);
}

void connections_end(struct turn_server *s, struct allocation *a)
{
	while (a->connections)
		end(s, a->connections);
}

void connections_revoke(struct turn_server *s, enum peer_verdict (*judge)(void *arg, const struct stunaddr *peer), void *arg)
{
	struct peer_connection *c;
	size_t at = 0;

	while ((c = map_next(&s->connections, &at))) {
		if (judge(arg, &c->peer) == (c->is_own ? PEER_OWN_RELAY : PEER_PERMITTED))
			continue;
		fail(c, 403);
		at = 0;
	}
}

/* ---- what passes ---- */

enum { SLICE = 16 << 10 }; /* the quota takes no more than a packet's worth at once (quota.h) */

static void count(struct turn_server *s, struct peer_connection *c, bool is_to_peer, uint32_t n)
{
	struct allocation *a = c->allocation;

	*(is_to_peer ? a ? &a->to_peer_bytes : &c->to_peer : a ? &a->to_client_bytes : &c->to_client) += n;
	s->stats[is_to_peer ? TURN_STAT_TO_PEER_BYTES : TURN_STAT_TO_CLIENT_BYTES] += n;
	c->owed += n;
}

bool turn_server_tcp_bytes(struct turn_server *s, uint32_t id, bool is_to_peer, uint32_t n)
{
	struct peer_connection *c = connection_of(s, id);

	if (!c)
		return true; /* it is ending */
	/* Whose allocation is at another worker: its address is counted there only (quota.h). */
	struct quota_hold hold = { .user = c->allocation ? NULL : quota_find(s->quota, bytes_make(c->user, c->user_n)) };
	if (c->allocation)
		hold = c->allocation->hold;
	count(s, c, is_to_peer, n);
	while (c->owed) {
		uint32_t slice = c->owed < SLICE ? c->owed : SLICE;
		if (!quota_pass_bytes(s->quota, &hold, slice, loop_now(s->loop)))
			return false;
		c->owed -= slice;
	}
	return true;
}
