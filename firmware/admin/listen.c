#include "conn.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Listeners and accepting: in bounded batches, not beyond the limits, and not in a circle when the process has no
 * descriptor left. */

enum { ACCEPT_BATCH = 32, ACCEPT_PAUSE_MS = 500 };

static bool may_accept(const struct admin *a)
{
	return a->is_ready && !a->is_stopping && !a->is_accept_paused;
}

void admin_accept_update(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_LISTENERS_MAX; i++)
		if (a->listeners[i].fd >= 0 && loop_watch_set(&a->listeners[i].watch, may_accept(a) ? LOOP_READ : 0))
			log_error("web.listen.failed", LOG_STR("address", a->listeners[i].addr));
}

static void on_pause_over(void *arg)
{
	struct admin *a = arg;

	a->is_accept_paused = false;
	admin_accept_update(a);
}

/* No descriptor or memory left: newcomers stay with the kernel for a while. */
static void pause_accept(struct admin *a, int why)
{
	a->stats[STAT_ACCEPT_PAUSED]++;
	loop_timer_init(&a->accept_timer, on_pause_over, a);
	if (loop_timer_set(a->loop, &a->accept_timer, ACCEPT_PAUSE_MS))
		return; /* no memory even for the timer: go round once more */
	log_warn("web.accept.paused", LOG_INT("errno", why), LOG_INT("connections", a->n_conns));
	a->is_accept_paused = true;
	admin_accept_update(a);
}

/* False: stop this batch. */
static bool accept_one(struct listener *ls)
{
	struct admin *a = ls->admin;
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof from;
	int fd = accept4(ls->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accept(a, errno);
		return errno == EINTR || errno == ECONNABORTED;
	}
	if (a->n_conns >= a->config.conns_max) {
		a->stats[STAT_REFUSED_FULL]++;
		(void)close(fd); /* nothing was written to it */
		return true;
	}
	int rc = conn_open(a, fd, (struct sockaddr *)&from, ls->is_redirect);
	a->stats[rc == ERR_LIMIT ? STAT_REFUSED_ADDRESS : rc ? STAT_REFUSED_FULL : STAT_ACCEPTED]++;
	return true;
}

static void on_acceptable(void *arg, unsigned events)
{
	struct listener *ls = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH && may_accept(ls->admin); i++)
		if (!accept_one(ls))
			break;
}

static void listener_close(struct listener *ls)
{
	if (ls->fd < 0)
		return;
	loop_watch_del(&ls->watch);
	(void)close(ls->fd); /* a listening socket has nothing to lose */
	ls->fd = -1;
}

static struct listener *find(struct admin *a, const char *name, const char *addr, uint16_t port)
{
	for (size_t i = 0; i < ADMIN_LISTENERS_MAX; i++) {
		struct listener *ls = &a->listeners[i];
		if (ls->fd >= 0 && ls->port == port && strcmp(ls->name, name) == 0 && strcmp(ls->addr, addr) == 0)
			return ls;
	}
	return NULL;
}

static struct listener *free_place(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_LISTENERS_MAX; i++)
		if (a->listeners[i].fd < 0)
			return &a->listeners[i];
	return NULL;
}

void admin_listener(struct admin *a, const char *name, const char *addr, uint16_t port, int fd)
{
	struct listener *ls = find(a, name, addr, port);

	if (ls)
		listener_close(ls);
	if (fd < 0)
		return;
	ls = free_place(a);
	if (!ls) {
		log_error("web.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", "too many"));
		(void)close(fd); /* as above */
		return;
	}
	*ls = (struct listener){ .admin = a, .port = port, .fd = fd, .is_redirect = strcmp(name, "web-redirect") == 0 };
	(void)snprintf(ls->name, sizeof ls->name, "%s", name); /* cut names only fail to match */
	(void)snprintf(ls->addr, sizeof ls->addr, "%s", addr);
	if (loop_watch_add(a->loop, &ls->watch, fd, may_accept(a) ? LOOP_READ : 0, on_acceptable, ls)) {
		log_error("web.listen.failed", LOG_STR("address", addr), LOG_INT("port", port));
		(void)close(fd); /* as above */
		ls->fd = -1;
		return;
	}
	log_info("web.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}

uint16_t admin_https_port(const struct admin *a)
{
	for (size_t i = 0; i < ADMIN_LISTENERS_MAX; i++)
		if (a->listeners[i].fd >= 0 && !a->listeners[i].is_redirect)
			return a->listeners[i].port;
	return 0;
}

void admin_listeners_fini(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_LISTENERS_MAX; i++)
		listener_close(&a->listeners[i]);
	loop_timer_del(a->loop, &a->accept_timer);
}
