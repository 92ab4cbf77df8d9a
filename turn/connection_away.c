#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wire.h"
#include "server_impl.h"

/* RFC 6062 5.4 where the client's second connection reaches another worker than its first: the peer's connection
 * moves there, and each of the two workers tells the other when it ends. Without the other worker it ends too. */

static unsigned owner_of(const struct peer_connection *c)
{
	return c->id >> 24;
}

static void tell(struct peer_connection *c, bool is_over)
{
	struct turn_server *s = c->server;
	const struct turn_connection_news n = { .id = c->id, .to_peer = c->to_peer, .to_client = c->to_client, .is_over = is_over };

	c->to_peer = c->to_client = 0;
	s->io->tell_connection(s->io_arg, c->allocation ? c->holder : owner_of(c), &n);
}

void connection_part(struct peer_connection *c)
{
	if (c->state == CONNECTION_AWAY || c->state == CONNECTION_GUEST)
		tell(c, true);
}

/* ---- the owner ---- */

void connection_leave(struct peer_connection *c, unsigned to, struct buf *b)
{
	wire_put_u32(b, c->id);
	pending_put_address(b, &c->peer);
	loop_timer_del(c->server->loop, &c->timer);
	c->state = CONNECTION_AWAY;
	c->holder = (uint8_t)to;
}

/* ---- the holder ---- */

static void set_timer(struct peer_connection *c)
{
	if (loop_timer_set(c->server->loop, &c->timer, NEWS_MS) < 0)
		log_error("turn.timer.failed", LOG_STR("why", "out of memory: what a connection has passed is counted at its end only"));
}

static void on_time(void *arg)
{
	struct peer_connection *c = arg;

	if (c->to_peer || c->to_client)
		tell(c, false);
	set_timer(c);
}

unsigned connection_arrive(struct turn_server *s, struct bytes state, struct bytes user, int fd)
{
	struct wire w = wire_of(state);
	uint32_t id = wire_u32(&w);
	struct peer_connection *c = NULL;
	struct stunaddr peer = { 0 };

	pending_get_address(&w, &peer);
	if (wire_end(&w) == 0 && id >> 24 != s->worker && connections_have_room(s))
		c = connection_add(s, id, &peer, user);
	if (!c) {
		(void)close(fd); /* nothing was done with it */
		connection_return(s, state);
		return 508;
	}
	c->state = CONNECTION_GUEST;
	loop_timer_init(&c->timer, on_time, c);
	set_timer(c);
	if (s->io->peer_adopt(s->io_arg, id, fd) == 0)
		return 0;
	connection_part(c);
	connection_forget(s, c);
	return 508;
}

void connection_return(struct turn_server *s, struct bytes state)
{
	struct wire w = wire_of(state);
	const struct turn_connection_news n = { .id = wire_u32(&w), .is_over = true };

	if (!wire_failed(&w))
		s->io->tell_connection(s->io_arg, n.id >> 24, &n);
}

/* ---- both ---- */

static void close_here(struct turn_server *s, struct peer_connection *c)
{
	if (c->state == CONNECTION_GUEST)
		s->io->peer_close(s->io_arg, c->id);
	connection_forget(s, c);
}

void turn_server_connection_news(struct turn_server *s, unsigned worker, const struct turn_connection_news *n)
{
	struct peer_connection *c = connection_of(s, n->id);

	if (!c || (c->state == CONNECTION_AWAY ? c->holder : c->state == CONNECTION_GUEST ? owner_of(c) : s->worker) != worker)
		return;
	if (c->allocation) {
		c->allocation->to_peer_bytes += n->to_peer;
		c->allocation->to_client_bytes += n->to_client;
	}
	if (n->is_over)
		close_here(s, c);
}

void connections_worker_gone(struct turn_server *s, unsigned worker)
{
	struct peer_connection *c;
	size_t at = 0;

	while ((c = map_next(&s->connections, &at))) {
		if (c->state == CONNECTION_AWAY ? c->holder != worker : c->state != CONNECTION_GUEST || owner_of(c) != worker)
			continue;
		close_here(s, c);
		at = 0;
	}
}
