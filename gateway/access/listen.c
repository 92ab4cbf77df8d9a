#include "conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

/* Listeners and accepting: in bounded batches, not beyond the limits, and not in a circle when the
 * process has no descriptor left. */

enum { ACCEPT_BATCH = 64, ACCEPT_PAUSE_MS = 500 };

static bool may_accept(const struct door *d)
{
	return d->is_ready && !d->is_stopping && !d->is_accept_paused && d->n_conns < d->config.conns_max;
}

void door_accept_update(struct door *d)
{
	unsigned events = may_accept(d) ? LOOP_READ : 0;

	for (size_t i = 0; i < DOOR_LISTENERS_MAX; i++)
		if (d->listeners[i].fd >= 0 && loop_watch_set(&d->listeners[i].watch, events))
			log_error("c2s.listen.failed", LOG_STR("address", d->listeners[i].addr));
}

static void on_pause_over(void *arg)
{
	struct door *d = arg;

	d->is_accept_paused = false;
	door_accept_update(d);
}

/* No descriptor or memory left (EMFILE and its kin): the queue stays with the kernel for a while. */
static void pause_accept(struct door *d, int why)
{
	d->stats[STAT_ACCEPT_PAUSED]++;
	loop_timer_init(&d->accept_timer, on_pause_over, d);
	if (loop_timer_set(d->loop, &d->accept_timer, ACCEPT_PAUSE_MS))
		return; /* no memory even for the timer: go round once more */
	log_warn("c2s.accept.paused", LOG_INT("errno", why), LOG_INT("connections", d->n_conns));
	d->is_accept_paused = true;
	door_accept_update(d);
}

/* False: stop this batch. */
static bool accept_one(struct listener *ls)
{
	struct door *d = ls->door;
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof from;

	int fd = accept4(ls->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accept(d, errno);
		return errno == EINTR || errno == ECONNABORTED;
	}
	if (d->n_unauthed >= d->config.unauthed_max) {
		d->stats[STAT_REFUSED_UNAUTH]++;
		(void)close(fd); /* nothing was written to it */
		return true;
	}
	int rc = conn_open(d, fd, (struct sockaddr *)&from, ls->is_direct_tls);
	if (rc == ERR_LIMIT)
		d->stats[STAT_REFUSED_ADDRESS]++;
	else if (rc == 0)
		d->stats[STAT_ACCEPTED]++;
	return true;
}

static void on_acceptable(void *arg, unsigned events)
{
	struct listener *ls = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH && may_accept(ls->door); i++)
		if (!accept_one(ls))
			break;
	if (!may_accept(ls->door))
		door_accept_update(ls->door);
}

static void listener_close(struct listener *ls)
{
	if (ls->fd < 0)
		return;
	loop_watch_del(&ls->watch);
	(void)close(ls->fd); /* a listening socket has nothing to lose */
	ls->fd = -1;
}

static struct listener *listener_find(struct door *d, const char *name, const char *addr, uint16_t port)
{
	for (size_t i = 0; i < DOOR_LISTENERS_MAX; i++) {
		struct listener *ls = &d->listeners[i];
		if (ls->fd >= 0 && ls->port == port && strcmp(ls->name, name) == 0 && strcmp(ls->addr, addr) == 0)
			return ls;
	}
	return NULL;
}

static struct listener *listener_free_place(struct door *d)
{
	for (size_t i = 0; i < DOOR_LISTENERS_MAX; i++)
		if (d->listeners[i].fd < 0)
			return &d->listeners[i];
	return NULL;
}

void door_listener(struct door *d, const char *name, const char *addr, uint16_t port, int fd)
{
	struct listener *ls = listener_find(d, name, addr, port);

	if (ls)
		listener_close(ls);
	if (fd < 0)
		return;
	ls = listener_free_place(d);
	if (!ls) {
		log_error("c2s.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", "too many"));
		(void)close(fd); /* as above */
		return;
	}
	*ls = (struct listener){ .door = d, .port = port, .fd = fd, .is_direct_tls = strcmp(name, "c2s-tls") == 0 };
	(void)snprintf(ls->name, sizeof ls->name, "%s", name); /* cut names only fail to match */
	(void)snprintf(ls->addr, sizeof ls->addr, "%s", addr);
	if (loop_watch_add(d->loop, &ls->watch, fd, may_accept(d) ? LOOP_READ : 0, on_acceptable, ls)) {
		log_error("c2s.listen.failed", LOG_STR("address", addr), LOG_INT("port", port));
		(void)close(fd); /* as above */
		ls->fd = -1;
		return;
	}
	log_info("c2s.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}

void door_listeners_fini(struct door *d)
{
	for (size_t i = 0; i < DOOR_LISTENERS_MAX; i++)
		listener_close(&d->listeners[i]);
	loop_timer_del(d->loop, &d->accept_timer);
}
