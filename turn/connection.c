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

void connection_forget(struct turn_server *s, struct peer_connection *c)
{
	loop_timer_del(s->loop, &c->timer);
	(void)map_del_u64(&s->connections, c->id); /* is c */
	free(c);
}

static void answer_connect(struct turn_server *s, struct peer_connection *c, unsigned code)
{
	struct allocation *a = allocation_of_number(&s->table, c->allocation);
	struct stunmsg m = { .class = STUN_REQUEST, .method = STUN_CONNECT };
	struct stunmsg_writer w;

	if (!a || !c->has_request)
		return;
	memcpy(m.id, c->request, sizeof m.id);
	struct request r = { .s = s, .path = &a->client, .m = &m, .a = a, .is_authenticated = true, .is_sha256 = a->is_sha256 };
	memcpy(r.who.key, a->key, a->key_n);
	r.who.key_n = a->key_n;
	c->has_request = false;
	if (code) {
		reply_error(&r, code);
		return;
	}
	reply_begin(&r, &w, STUN_SUCCESS);
	stunmsg_put_u32(&w, STUN_CONNECTION_ID, c->id);
	reply_send(&r, &w);
}

static void on_time(void *arg)
{
	struct peer_connection *c = arg;
	struct turn_server *s = c->server;

	answer_connect(s, c, 447);
	s->io->peer_close(s->io_arg, c->id);
	connection_forget(s, c);
}

static struct peer_connection *connection_new(struct turn_server *s, const struct allocation *a, const struct stunaddr *peer)
{
	struct peer_connection *c = s->connections.count < CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return NULL;
	do
		c->id = (uint32_t)s->worker << 24 | (uint32_t)(random_u64() & 0xffffff);
	while (c->id == 0 || connection_of(s, c->id));
	c->server = s;
	c->allocation = a->number;
	c->peer = *peer;
	loop_timer_init(&c->timer, on_time, c);
	if (map_add_u64(&s->connections, c->id, c) < 0) {
		free(c);
		return NULL;
	}
	if (loop_timer_set(s->loop, &c->timer, CONNECTION_MS) < 0) {
		connection_forget(s, c);
		return NULL;
	}
	s->stats[TURN_STAT_CONNECTIONS]++;
	return c;
}

static bool has_connection(struct turn_server *s, const struct allocation *a, const struct stunaddr *peer)
{
	const struct peer_connection *c;
	size_t at = 0;

	while ((c = map_next(&s->connections, &at)))
		if (c->allocation == a->number && stunaddr_eq(&c->peer, peer))
			return true;
	return false;
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
	if (!peer_is_permitted(r, &peer))
		return 403;
	struct turn_relay *relay = relay_for(r->a, &peer);
	if (!relay)
		return 443;
	if (has_connection(s, r->a, &peer))
		return 446;
	if (!peer_is_in_time(r, &peer) || !(c = connection_new(s, r->a, &peer)))
		return 508;
	memcpy(c->request, r->m->id, sizeof c->request);
	c->has_request = c->is_connecting = true;
	if (s->io->peer_connect(s->io_arg, relay, &peer, c->id) < 0) {
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

	if (!c || !c->is_connecting)
		return;
	c->is_connecting = false;
	answer_connect(s, c, rc < 0 ? 447 : 0);
	if (rc < 0 || loop_timer_set(s->loop, &c->timer, CONNECTION_MS) < 0) {
		if (rc == 0)
			s->io->peer_close(s->io_arg, id);
		connection_forget(s, c);
	}
}

/* RFC 6062 5.3: a peer connects; without permission it is closed. */
int turn_server_incoming(struct turn_server *s, void *owner, const struct stunaddr *peer, uint32_t *id)
{
	uint8_t transaction[16] = { 0x21, 0x12, 0xa4, 0x42 };
	struct allocation *a = owner;
	struct peer_connection *c;
	struct stunmsg_writer w;

	if (!permission_holds(a, peer, loop_now(s->loop))) {
		s->stats[TURN_STAT_NO_PERMISSION]++;
		return ERR_DENIED;
	}
	if (a->is_orphan || !(c = connection_new(s, a, peer)))
		return ERR_DENIED;
	*id = c->id;
	random_bytes(transaction + 4, 12);
	stunmsg_begin(&w, s->reply + TURN_HEADROOM, REPLY_MAX, STUN_INDICATION, STUN_CONNECTION_ATTEMPT, transaction);
	stunmsg_put_u32(&w, STUN_CONNECTION_ID, c->id);
	stunmsg_put_address(&w, STUN_XOR_PEER_ADDRESS, peer);
	s->io->to_client(s->io_arg, &a->client, stunmsg_end(&w));
	return 0;
}

void turn_server_peer_gone(struct turn_server *s, uint32_t id)
{
	struct peer_connection *c = connection_of(s, id);

	if (!c)
		return;
	answer_connect(s, c, 447);
	connection_forget(s, c);
}

/* Is the connection there for this user to take? NULL: code says why not. */
struct peer_connection *connection_offered(struct turn_server *s, uint32_t id, struct bytes user, unsigned *code)
{
	struct peer_connection *c = connection_of(s, id);
	struct allocation *a = c ? allocation_of_number(&s->table, c->allocation) : NULL;

	*code = 400;
	if (!a || c->is_connecting || c->is_bound)
		return NULL;
	*code = 441;
	if (!bytes_eq(quota_user_name(a->hold.user), user))
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
	bind_answer(r, id);
	if (r->s->io->join(r->s->io_arg, r->path, id) < 0)
		r->s->io->client_close(r->s->io_arg, r->path);
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
	c->is_bound = true;
	loop_timer_del(s->loop, &c->timer);
	connection_join(r, id);
}

void connections_end(struct turn_server *s, const struct allocation *a)
{
	struct peer_connection *c;
	size_t at = 0;

	while ((c = map_next(&s->connections, &at))) {
		if (c->allocation != a->number)
			continue;
		s->io->peer_close(s->io_arg, c->id);
		connection_forget(s, c);
		at = 0;
	}
}
