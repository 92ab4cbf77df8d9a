#include "tcp_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "tcp_relay_impl.h"

const char *const tcp_stat_names[TCP_STAT_COUNT] = {
	"turn.tcp.connected", "turn.tcp.failed", "turn.tcp.accepted", "turn.tcp.refused", "turn.tcp.joined", "turn.tcp.slowed",
	"turn.tcp.closed",
};

static struct tcp_peer *find(const struct tcp_relay *t, uint32_t id)
{
	return map_get_u64(&t->peers, id);
}

static struct tcp_peer *peer_new(struct tcp_relay *t, uint32_t id, int fd, enum tcp_state state)
{
	struct tcp_peer *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->of = t;
	p->id = id;
	p->fd = fd;
	p->state = (uint8_t)state;
	if (map_add_u64(&t->peers, id, p) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

void tcp_peer_forget(struct tcp_peer *p)
{
	struct tcp_relay *t = p->of;

	(void)map_del_u64(&t->peers, p->id); /* is p */
	p->state = TCP_GONE;
	t->counts[TCP_STAT_CLOSED]++;
	list_add_tail(&t->gone, &p->node);
	loop_defer_call(t->worker->loop, &t->sweep);
}

/* ---- connecting ---- */

static void on_writable(void *arg, unsigned events)
{
	struct tcp_peer *p = arg;
	struct tcp_relay *t = p->of;
	int e = 0;
	socklen_t n = sizeof e;

	(void)events;
	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &e, &n))
		e = errno;
	loop_watch_del(&p->watch);
	p->state = TCP_WAITING;
	t->counts[e ? TCP_STAT_FAILED : TCP_STAT_CONNECTED]++;
	turn_server_connected(t->worker->server, p->id, e ? ERR_CONN_REFUSED : 0); /* closes one that failed */
}

/* From the relayed address and port, which the listening socket has too (RFC 6062 5.2). */
static int begin_connect(int fd, const struct turn_relay *r, const struct stunaddr *peer)
{
	const int on = 1;
	union endpoint from, to;
	socklen_t from_n = endpoint_of(&r->at, &from), to_n = endpoint_of(peer, &to);

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) ||
	    bind(fd, &from.any, from_n))
		return ERR_SYS;
	return connect(fd, &to.any, to_n) && errno != EINPROGRESS ? ERR_CONN_REFUSED : 0;
}

static int watch(struct tcp_relay *t, int fd, uint32_t id)
{
	struct tcp_peer *p = peer_new(t, id, fd, TCP_CONNECTING);

	if (!p)
		return ERR_NOMEM;
	int rc = loop_watch_add(t->worker->loop, &p->watch, fd, LOOP_WRITE, on_writable, p);
	if (rc)
		tcp_peer_forget(p);
	return rc;
}

int tcp_relay_connect(struct tcp_relay *t, const struct turn_relay *r, const struct stunaddr *peer, uint32_t id)
{
	int fd = socket(peer->family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ERR_SYS;
	int rc = begin_connect(fd, r, peer);
	if (!rc)
		rc = watch(t, fd, id);
	if (rc) {
		t->counts[TCP_STAT_FAILED]++;
		(void)close(fd); /* nothing was done with it */
	}
	return rc;
}

/* ---- accepting ---- */

/* Without a descriptor it would wait at the door, and knock each turn. */
static void refuse_one(struct tcp_relay *t, int door)
{
	if (t->spare < 0)
		return;
	(void)close(t->spare); /* its number is what is wanted */
	int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd); /* nothing was done with it */
	t->spare = fcntl(door, F_DUPFD_CLOEXEC, 0);
	t->counts[TCP_STAT_REFUSED]++;
}

/* One a turn: the engine may end the allocation meanwhile, and others have theirs. */
void tcp_relay_accept(struct tcp_relay *t, void *owner, const struct turn_relay *r)
{
	union endpoint from = { 0 };
	socklen_t n = sizeof from;
	struct stunaddr peer;
	uint32_t id;
	int door = r->fd, fd = accept4(door, &from.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			refuse_one(t, door);
		return;
	}
	endpoint_addr(&from, &peer);
	if (turn_server_incoming(t->worker->server, owner, &peer, &id) < 0) {
		t->counts[TCP_STAT_REFUSED]++;
		(void)close(fd); /* nothing was done with it */
		return;
	}
	t->counts[TCP_STAT_ACCEPTED]++;
	if (tcp_relay_adopt(t, id, fd) < 0)
		turn_server_peer_gone(t->worker->server, id);
}

/* ---- moving and ending ---- */

int tcp_relay_adopt(struct tcp_relay *t, uint32_t id, int fd)
{
	if (peer_new(t, id, fd, TCP_WAITING))
		return 0;
	(void)close(fd); /* as above */
	return ERR_NOMEM;
}

int tcp_relay_release(struct tcp_relay *t, uint32_t id)
{
	struct tcp_peer *p = find(t, id);

	if (!p || p->state != TCP_WAITING)
		return -1;
	tcp_peer_forget(p);
	return p->fd;
}

int tcp_relay_join(struct tcp_relay *t, const struct turn_path *client, uint32_t id)
{
	struct tcp_peer *p = find(t, id);

	if (!p || p->state != TCP_WAITING)
		return ERR_NOT_FOUND;
	int rc = tcp_pair_begin(p, client);
	if (!rc)
		t->counts[TCP_STAT_JOINED]++;
	return rc;
}

static bool is_pair(const struct tcp_peer *p)
{
	return p->state != TCP_CONNECTING && p->state != TCP_WAITING;
}

static void close_unjoined(struct tcp_peer *p)
{
	if (p->state == TCP_CONNECTING)
		loop_watch_del(&p->watch);
	tcp_peer_forget(p);
	(void)close(p->fd); /* nothing was written to it */
}

void tcp_relay_close(struct tcp_relay *t, uint32_t id)
{
	struct tcp_peer *p = find(t, id);

	if (!p)
		return;
	if (is_pair(p)) {
		tcp_pair_finish(p);
		return;
	}
	close_unjoined(p);
}

/* ---- life ---- */

static void sweep(void *arg)
{
	struct tcp_relay *t = arg;

	LIST_EACH (it, &t->gone) {
		list_del(it);
		free(LIST_OWNER(it, struct tcp_peer, node));
	}
}

struct tcp_relay *tcp_relay_new(struct worker *w)
{
	struct tcp_relay *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->worker = w;
	map_init(&t->peers);
	list_init(&t->gone);
	loop_defer_init(&t->sweep, sweep, t);
	t->spare = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->spare >= 0)
		return t;
	free(t);
	return NULL;
}

void tcp_relay_free(struct tcp_relay *t)
{
	struct tcp_peer *p;
	size_t at = 0;

	if (!t)
		return;
	while ((p = map_next(&t->peers, &at))) {
		if (is_pair(p))
			tcp_pair_end(p);
		else
			close_unjoined(p);
		at = 0;
	}
	loop_defer_cancel(&t->sweep);
	sweep(t);
	map_fini(&t->peers);
	if (t->spare >= 0)
		(void)close(t->spare); /* nothing was done with it */
	free(t);
}

uint32_t tcp_relay_count(const struct tcp_relay *t)
{
	return (uint32_t)t->peers.count;
}

uint64_t *tcp_relay_stats(struct tcp_relay *t)
{
	return t->counts;
}
