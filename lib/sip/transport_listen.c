/* Sockets from gh-super, and accepting: in bounded batches, and not in a circle when the process has no
 * descriptor left (trap 5). */
#include "sip/transport_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"

enum { ACCEPTS_A_TURN = 64, ACCEPT_PAUSE_MS = 500 };

unsigned siplisten_id(const struct sipsocket *s)
{
	return (unsigned)(s - s->t->sockets) + 1 + s->generation * SIPLISTENERS_MAX;
}

struct sipsocket *siplisten_find(struct siptransports *t, unsigned listener)
{
	struct sipsocket *s = &t->sockets[(listener - 1) % SIPLISTENERS_MAX];

	return listener && s->fd >= 0 && siplisten_id(s) == listener ? s : NULL;
}

static bool is_loopback(const union sip_sockaddr *a)
{
	if (a->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
	return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
}

/* A socket of the loopback reaches nobody else. */
struct sipsocket *siplisten_udp_for(struct siptransports *t, const union sip_sockaddr *to)
{
	for (unsigned i = 0; i < SIPLISTENERS_MAX; i++) {
		struct sipsocket *s = &t->sockets[i];
		if (s->fd >= 0 && s->how == SIPT_UDP && s->local.any.sa_family == to->any.sa_family &&
		    (!is_loopback(&s->local) || is_loopback(to)))
			return s;
	}
	return NULL;
}

/* ---- accepting ---- */

static unsigned wanted(const struct sipsocket *s)
{
	if (s->how == SIPT_UDP)
		return sipudp_events(s);
	return s->t->is_paused || s->t->is_accept_paused ? 0 : LOOP_READ;
}

void siplisten_update(struct siptransports *t)
{
	for (unsigned i = 0; i < SIPLISTENERS_MAX; i++) {
		struct sipsocket *s = &t->sockets[i];
		if (s->fd >= 0 && loop_watch_set(&s->watch, wanted(s)))
			log_error("sip.listener", LOG_INT("listener", siplisten_id(s)), LOG_STR("reason", "nomem"));
	}
}

static void on_pause_over(void *arg)
{
	struct siptransports *t = arg;

	t->is_accept_paused = false;
	siplisten_update(t);
}

/* No descriptor or memory left (EMFILE and its kin): newcomers stay with the kernel for a while. */
static void pause_accept(struct siptransports *t, int why)
{
	uint32_t held;

	if (loop_timer_set(t->loop, &t->accept_pause, ACCEPT_PAUSE_MS))
		return; /* no memory even for the timer: go round once more */
	t->is_accept_paused = true;
	t->counts.accept_pauses++;
	siplisten_update(t);
	if (log_limit_pass(&t->refusals, 5, loop_now(t->loop), &held))
		log_warn("sip.accept.paused", LOG_INT("errno", why), LOG_INT("connections", t->flows.count), LOG_INT("held", held));
}

static void accept_some(struct sipsocket *s)
{
	for (int i = 0; i < ACCEPTS_A_TURN && s->fd >= 0 && !s->t->is_paused; i++) {
		union sip_sockaddr from = { 0 };
		socklen_t n = sizeof from;
		int fd = accept4(s->fd, &from.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			sipconn_accept(s, fd, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accept(s->t, errno);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void on_event(void *arg, unsigned events)
{
	struct sipsocket *s = arg;

	if (s->how == SIPT_UDP)
		sipudp_event(s, events);
	else
		accept_some(s);
}

/* ---- life ---- */

static int open_socket(struct sipsocket *s)
{
	socklen_t n = sizeof s->local;

	if (getsockname(s->fd, &s->local.any, &n) || fcntl(s->fd, F_SETFL, O_NONBLOCK))
		return ERR_SYS;
	sipudp_init(s);
	return loop_watch_add(s->t->loop, &s->watch, s->fd, wanted(s), on_event, s);
}

int siptransports_listen(struct siptransports *t, enum siptransport how, bool is_mutual, int fd, unsigned *listener)
{
	for (unsigned i = 0; i < SIPLISTENERS_MAX; i++) {
		struct sipsocket *s = &t->sockets[i];
		if (s->fd >= 0)
			continue;
		*s = (struct sipsocket){ .t = t, .fd = fd, .how = how, .is_mutual = is_mutual, .generation = s->generation + 1 };
		int rc = open_socket(s);
		if (!rc) {
			*listener = siplisten_id(s);
			return 0;
		}
		s->fd = -1;
		close(fd);
		return rc;
	}
	close(fd);
	return ERR_FULL;
}

static void close_socket(struct sipsocket *s)
{
	loop_watch_del(&s->watch);
	sipudp_fini(s);
	close(s->fd);
	s->fd = -1;
}

void siptransports_unlisten(struct siptransports *t, unsigned listener)
{
	struct sipsocket *s = siplisten_find(t, listener);

	if (s)
		close_socket(s);
}

void siplisten_init(struct siptransports *t)
{
	loop_timer_init(&t->accept_pause, on_pause_over, t);
	for (unsigned i = 0; i < SIPLISTENERS_MAX; i++)
		t->sockets[i] = (struct sipsocket){ .t = t, .fd = -1 };
}

void siplisten_fini(struct siptransports *t)
{
	loop_timer_del(t->loop, &t->accept_pause);
	for (unsigned i = 0; i < SIPLISTENERS_MAX; i++)
		if (t->sockets[i].fd >= 0)
			close_socket(&t->sockets[i]);
}
