#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "net/client_hello.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A newcomer's ClientHello is looked at and left in the socket: who is for another program of this box (ALPN, RFC 7301) goes there
 * whole, before TLS, by his own descriptor. All that is not clear goes on here as if nobody had looked. */

enum { TRIES_MAX = 16 /* pieces in which it may come */, HANDSHAKE = 22, RECORD_HEAD = 5 };

/* What goes elsewhere, in the order of `offers`. */
static const struct elsewhere {
	enum prog prog;
	enum msg msg;
	enum proxy_stat stat;
} elsewhere[] = {
	{ PROG_S2S, MSG_PARTNER_CONNECTION, STAT_FEDERATION },
	{ PROG_TURN, MSG_RELAY_CONNECTION, STAT_TURN },
};
static const char *const offers[] = { "xmpp-server" /* XEP-0368 4 */, "stun.turn" /* RFC 7443 */, NULL };

struct peek {
	struct loop_watch watch;
	size_t seen; /* bytes at the last look */
	unsigned tries;
};

/* Its descriptor without the watch. */
static int take(struct conn *c)
{
	int fd = c->peek->watch.fd;

	loop_watch_del(&c->peek->watch);
	free(c->peek);
	c->peek = NULL;
	c->kind = CONN_NEW;
	return fd;
}

void peek_close(struct conn *c)
{
	if (c->peek)
		(void)close(take(c)); /* nothing was written to it */
}

/* How many bytes make it readable. */
static int wake_at(int fd, size_t n)
{
	int low = (int)n;

	return setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low) < 0 ? ERR_SYS : 0;
}

/* From here on it is none of ours. */
static void give(struct conn *c, const struct elsewhere *e, struct chan *to)
{
	int fd = take(c);

	(void)chan_begin(to, e->msg, 0);
	bool is_given = chan_end_fd(to, fd, true) == 0; /* closes it in any case */
	c->proxy->stats[is_given ? e->stat : STAT_REFUSED_FULL]++;
	conn_drop(c, is_given ? "handed over" : "whom it is for does not keep up");
}

/* The instances of a program in turn. NULL: there is none. */
static struct chan *next_instance(struct proxy *p, enum prog prog)
{
	unsigned n = 0;

	for (struct chan *c = bus_next(p->bus, prog, NULL); c; c = bus_next(p->bus, prog, c))
		n++;
	if (!n)
		return NULL;
	struct chan *c = bus_next(p->bus, prog, NULL);
	for (unsigned i = p->n_handed++ % n; i; i--)
		c = bus_next(p->bus, prog, c);
	return c;
}

static bool is_on(const struct proxy *p, const struct elsewhere *e)
{
	return e->prog == PROG_S2S ? p->config.has_federation : p->config.has_turn;
}

static void decide(struct conn *c, int found)
{
	const struct elsewhere *e = found >= 0 && is_on(c->proxy, &elsewhere[found]) ? &elsewhere[found] : NULL;
	struct chan *to = e ? next_instance(c->proxy, e->prog) : NULL;

	if (wake_at(c->peek->watch.fd, 1) < 0)
		conn_drop(c, "socket");
	else if (to)
		give(c, e, to);
	else
		conn_begin(c, take(c));
}

/* Where the first record ends (RFC 8446 5.1); before its head is there, where that does. 0: it is none of a handshake. */
static size_t record_end(struct bytes said)
{
	if (said.p[0] != HANDSHAKE)
		return 0;
	return said.n < RECORD_HEAD ? RECORD_HEAD : RECORD_HEAD + (size_t)(said.p[3] << 8 | said.p[4]);
}

static void on_readable(void *arg, unsigned events)
{
	struct conn *c = arg;
	struct proxy *p = c->proxy;
	struct peek *k = c->peek;
	ssize_t n = recv(k->watch.fd, p->peeked, sizeof p->peeked, MSG_PEEK);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_drop(c, "closed-by-peer");
		return;
	}
	struct bytes said = bytes_make(p->peeked, (size_t)n);
	size_t end = record_end(said);
	/* As much as before: nothing more comes. OpenSSL reads what is whole: of one that drips, once. */
	bool is_more = said.n > k->seen && ++k->tries <= TRIES_MAX;
	int found = !is_more ? ERR_LIMIT : said.n < end ? ERR_AGAIN : client_hello_offers(p->hellos, said, offers);
	size_t wanted = said.n < end ? end : said.n + 1;
	k->seen = said.n;
	if (found == ERR_AGAIN && wanted <= sizeof p->peeked && wake_at(k->watch.fd, wanted) == 0)
		return;
	decide(c, found);
}

int peek_open(struct conn *c, int fd)
{
	struct peek *k = calloc(1, sizeof *k);
	int rc = k ? loop_watch_add(c->proxy->loop, &k->watch, fd, LOOP_READ, on_readable, c) : ERR_NOMEM;

	if (rc) {
		free(k);
		(void)close(fd); /* nothing was written to it */
		return rc;
	}
	c->peek = k;
	c->kind = CONN_PEEK;
	return 0;
}
