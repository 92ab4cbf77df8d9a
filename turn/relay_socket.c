#include "relay_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "base/map.h"
#include "base/random.h"
#include "relay_icmp.h"

enum {
	EVENTS_A_TURN = 256,
	READ_A_SOCKET = 16, /* messages; level-triggered: the rest comes in the next turn */
	LISTEN_BACKLOG = 16,
	POOLS = 4,          /* UDP and TCP, IPv4 and IPv6 */
};

const char *const relay_stat_names[] = { "turn.ports-used" };
_Static_assert(sizeof relay_stat_names / sizeof relay_stat_names[0] == RELAY_STAT_COUNT, "one name a counter");

struct place { /* of a descriptor */
	struct turn_relay *r;
	void *owner;
};

struct relays {
	struct loop *loop;
	struct batch *batch;
	const struct relays_hooks *hooks;
	void *arg;
	struct relays_conf conf;
	int epoll;
	struct loop_watch watch;
	struct place *places; /* by descriptor */
	size_t n_places;
	struct map by_port; /* struct turn_relay of UDP, that have an owner */
	uint64_t stats[RELAY_STAT_COUNT];
	uint64_t ports[POOLS][65536 / 64];
};

/* ---- the ports that are ours ---- */

static uint64_t *word_of(struct relays *s, const struct turn_relay *r)
{
	return &s->ports[(r->is_tcp ? 2 : 0) + (r->at.family == 6)][r->at.port / 64];
}

static bool is_held(struct relays *s, const struct turn_relay *r)
{
	return *word_of(s, r) >> r->at.port % 64 & 1;
}

static void hold(struct relays *s, const struct turn_relay *r)
{
	if (is_held(s, r))
		return;
	*word_of(s, r) |= UINT64_C(1) << r->at.port % 64;
	s->stats[RELAY_PORTS_USED]++;
}

static void let_go(struct relays *s, const struct turn_relay *r)
{
	if (!is_held(s, r))
		return;
	*word_of(s, r) &= ~(UINT64_C(1) << r->at.port % 64);
	s->stats[RELAY_PORTS_USED]--;
}

uint64_t *relays_stats(struct relays *s)
{
	return s->stats;
}

uint32_t relays_used(const struct relays *s)
{
	return (uint32_t)s->stats[RELAY_PORTS_USED];
}

uint32_t relays_held(const struct relays *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < POOLS; i++)
		for (size_t k = 0; k < 65536 / 64; k++)
			n += (uint32_t)__builtin_popcountll(s->ports[i][k]);
	return n;
}

/* ---- reading ---- */

static struct place *place_of(struct relays *s, int fd)
{
	return fd >= 0 && (size_t)fd < s->n_places && s->places[fd].r ? &s->places[fd] : NULL;
}

/* The engine may close any socket while it looks at a packet: this one is asked for each time. */
static bool on_datagram(void *arg, int fd, const struct stunaddr *from, struct turn_packet *p)
{
	struct relays *s = arg;
	struct place *at = place_of(s, fd);

	if (!at)
		return false;
	s->hooks->peer(s->arg, at->owner, at->r, from, p);
	return place_of(s, fd) != NULL;
}

static void read_errors(struct relays *s, int fd)
{
	struct relay_icmp e;

	for (int i = 0; i < READ_A_SOCKET && relay_icmp_next(fd, &e); i++) {
		struct place *at = place_of(s, fd);
		if (at && e.peer.family)
			s->hooks->icmp(s->arg, at->owner, &e.peer, e.type, e.code, e.data);
	}
}

static void on_event(struct relays *s, int fd, uint32_t events)
{
	struct place *at = place_of(s, fd);
	uint32_t drops;

	if (!at)
		return;
	if (at->r->is_tcp) {
		s->hooks->acceptable(s->arg, at->owner, at->r);
		return;
	}
	if (events & EPOLLERR)
		read_errors(s, fd);
	if (!(events & EPOLLIN) || !(at = place_of(s, fd)))
		return;
	drops = at->r->drops;
	(void)batch_receive(s->batch, fd, READ_A_SOCKET, &drops, on_datagram, s); /* level-triggered: the rest comes */
	if ((at = place_of(s, fd)))
		at->r->drops = drops;
}

static void on_ready(void *arg, unsigned events)
{
	struct epoll_event ready[EVENTS_A_TURN];
	struct relays *s = arg;

	(void)events;
	int n = epoll_wait(s->epoll, ready, EVENTS_A_TURN, 0);
	for (int i = 0; i < n; i++)
		on_event(s, ready[i].data.fd, ready[i].events);
}

/* ---- places ---- */

static int room_for(struct relays *s, int fd)
{
	size_t n = s->n_places ? s->n_places : 256;

	while (n <= (size_t)fd)
		n *= 2;
	if (n == s->n_places)
		return 0;
	struct place *more = reallocarray(s->places, n, sizeof *more);
	if (!more)
		return ERR_NOMEM;
	memset(more + s->n_places, 0, (n - s->n_places) * sizeof *more);
	s->places = more;
	s->n_places = n;
	return 0;
}

static uint64_t port_key(uint8_t family, uint16_t port)
{
	return (uint64_t)family << 16 | port;
}

static bool is_listed(const struct relays *s, const struct turn_relay *r)
{
	return map_get_u64(&s->by_port, port_key(r->at.family, r->at.port)) == r;
}

/* One of an address that the settings had before may have the port still: the kernel finds the newcomer. */
static int list(struct relays *s, struct turn_relay *r)
{
	int rc = r->is_tcp || is_listed(s, r) ? 0 : map_add_u64(&s->by_port, port_key(r->at.family, r->at.port), r);

	return rc == ERR_EXISTS ? 0 : rc;
}

int relays_adopt(struct relays *s, struct turn_relay *r, void *owner)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = r->fd };

	if (room_for(s, r->fd))
		return ERR_NOMEM;
	if (!owner) { /* reserved: what comes waits in the kernel, or is lost there */
		hold(s, r);
		return 0;
	}
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, r->fd, &e) && errno != EEXIST)
		return ERR_SYS;
	if (list(s, r)) {
		(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, r->fd, NULL); /* it was there */
		return ERR_NOMEM;
	}
	s->places[r->fd] = (struct place){ r, owner };
	hold(s, r);
	return 0;
}

void *relays_owner(const struct relays *s, uint8_t family, uint16_t port)
{
	const struct turn_relay *r = map_get_u64(&s->by_port, port_key(family, port));

	return r ? s->places[r->fd].owner : NULL;
}

/* True: there was one. */
static bool forget(struct relays *s, struct turn_relay *r)
{
	if (r->fd < 0)
		return false;
	batch_flush(s->batch); /* what waits for it goes out while the number is still its own */
	if (place_of(s, r->fd)) {
		s->places[r->fd] = (struct place){ 0 };
		(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, r->fd, NULL); /* it was there */
		if (is_listed(s, r))
			(void)map_del_u64(&s->by_port, port_key(r->at.family, r->at.port)); /* is r */
	}
	let_go(s, r);
	return true;
}

void relays_close(struct relays *s, struct turn_relay *r)
{
	if (!forget(s, r))
		return;
	(void)close(r->fd); /* datagrams that it holds are nobody's */
	r->fd = -1;
}

void relays_release(struct relays *s, struct turn_relay *r)
{
	if (forget(s, r))
		r->fd = -1;
}

/* ---- opening ---- */

/* ICMP errors are wanted, and the path's MTU is the peers' affair unless they say otherwise (RFC 8656 15). */
static void prepare_datagrams(struct relays *s, int fd, uint8_t family)
{
	const int on = 1, v4 = IP_PMTUDISC_DONT, v6 = IPV6_PMTUDISC_DONT;

	batch_prepare(fd, s->conf.kernel_bytes);
	/* without these the allocation works, it only reports less */
	if (family == 4) {
		(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
		(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
	} else {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
	}
}

/* The listening socket and those that connect from its address share the port (RFC 6062 5.2): but it is
 * bound without sharing first, so that another worker's port is not taken. */
static int share_and_listen(int fd)
{
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) || listen(fd, LISTEN_BACKLOG))
		return ERR_SYS;
	return 0;
}

/* ERR_EXISTS: this port is taken. */
static int open_port(struct relays *s, struct turn_relay *r)
{
	int type = (r->is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	const int on = 1;
	union endpoint at;
	socklen_t n = endpoint_of(&r->at, &at);
	int rc = 0;

	int fd = socket(at.any.sa_family, type, 0);
	if (fd < 0)
		return errno == ENOMEM || errno == ENOBUFS ? ERR_NOMEM : ERR_SYS;
	if (r->at.family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on))
		rc = ERR_SYS;
	if (!rc && bind(fd, &at.any, n))
		rc = errno == EADDRINUSE || errno == EACCES ? ERR_EXISTS : ERR_SYS;
	if (!rc && r->is_tcp)
		rc = share_and_listen(fd);
	if (rc) {
		(void)close(fd); /* nothing was done with it */
		return rc;
	}
	if (!r->is_tcp)
		prepare_datagrams(s, fd, r->at.family);
	r->fd = fd;
	hold(s, r);
	return 0;
}

/* A port of the range, even when that is wanted; the pair's other one is in the range then. */
static bool draw_port(const struct relays_conf *c, enum turn_port_want want, uint16_t *port)
{
	uint32_t first = c->port_min, last = c->port_max;

	if (want == TURN_PORT_ANY) {
		if (last < first)
			return false;
		*port = (uint16_t)(first + random_below(last - first + 1));
		return true;
	}
	first += first & 1;
	if (want == TURN_PORT_EVEN_PAIR && last)
		last--;
	last -= last & 1;
	if (last < first)
		return false;
	*port = (uint16_t)(first + 2 * random_below((last - first) / 2 + 1));
	return true;
}

static struct turn_relay unopened(const struct relays_conf *c, unsigned family, bool is_tcp, uint16_t port)
{
	struct turn_relay r = { .fd = -1, .is_tcp = is_tcp, .at = c->at[family == 6], .seen = c->seen[family == 6] };

	if (!r.seen.family)
		r.seen = r.at;
	r.at.port = r.seen.port = port;
	return r;
}

/* One draw: both sockets or none. */
static int try_port(struct relays *s, struct turn_relay *a, struct turn_relay *b)
{
	if (is_held(s, a) || (b && is_held(s, b)))
		return ERR_EXISTS;
	int rc = open_port(s, a);
	if (!rc && b && (rc = open_port(s, b)))
		relays_close(s, a);
	return rc;
}

int relays_open(struct relays *s, uint8_t family, bool is_tcp, enum turn_port_want want, struct turn_relay *r,
                struct turn_relay *pair, void *owner)
{
	struct turn_relay a, b;
	uint16_t port;
	int rc = ERR_EXISTS;

	if ((family != 4 && family != 6) || !s->conf.at[family == 6].family)
		return ERR_NOT_FOUND;
	for (int i = 0; i < RELAY_TRIES_MAX && rc == ERR_EXISTS; i++) {
		if (!draw_port(&s->conf, want, &port))
			return ERR_FULL;
		a = unopened(&s->conf, family, is_tcp, port);
		b = unopened(&s->conf, family, is_tcp, (uint16_t)(port + 1));
		rc = try_port(s, &a, want == TURN_PORT_EVEN_PAIR ? &b : NULL);
	}
	if (rc)
		return rc == ERR_EXISTS ? ERR_FULL : rc;
	*r = a;
	rc = relays_adopt(s, r, owner);
	if (rc) {
		relays_close(s, r);
		if (want == TURN_PORT_EVEN_PAIR)
			relays_close(s, &b);
	} else if (want == TURN_PORT_EVEN_PAIR) {
		*pair = b;
	}
	return rc;
}

/* ---- life ---- */

struct relays *relays_new(struct loop *l, struct batch *b, const struct relays_hooks *h, void *arg)
{
	struct relays *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	*s = (struct relays){ .loop = l, .batch = b, .hooks = h, .arg = arg };
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll >= 0 && loop_watch_add(l, &s->watch, s->epoll, LOOP_READ, on_ready, s) == 0)
		return s;
	if (s->epoll >= 0)
		(void)close(s->epoll); /* empty */
	free(s);
	return NULL;
}

void relays_free(struct relays *s)
{
	if (!s)
		return;
	loop_watch_del(&s->watch);
	(void)close(s->epoll); /* empty by contract */
	map_fini(&s->by_port);
	free(s->places);
	free(s);
}

void relays_set(struct relays *s, const struct relays_conf *c)
{
	s->conf = *c;
}
