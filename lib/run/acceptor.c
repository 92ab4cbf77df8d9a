#include "run/acceptor.h"

#include "base/err.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 64, PAUSE_MS = 500, PAUSE_LINES = 5 /* a minute */ };

static bool may_accept(const struct acceptor *a)
{
	return a->is_wanted && !a->is_paused;
}

static int watch_all(struct acceptor *a)
{
	int rc = 0;

	for (size_t i = 0; i < ACCEPTOR_LISTENERS_MAX; i++)
		if (a->listeners[i].fd >= 0 && loop_watch_set(&a->listeners[i].watch, may_accept(a) ? LOOP_READ : 0) < 0)
			rc = ERR_NOMEM;
	return rc;
}

static void on_pause_over(void *arg)
{
	struct acceptor *a = arg;

	a->is_paused = false;
	(void)watch_all(a); /* what has no memory is tried again at the next change */
}

/* No descriptor or memory left (EMFILE and its kin): newcomers stay with the kernel. */
static void rest(struct acceptor *a, int why)
{
	uint32_t not_shown;

	if (loop_timer_set(a->loop, &a->pause, PAUSE_MS) < 0)
		return; /* no memory even for the timer: go round once more */
	a->is_paused = true;
	(void)watch_all(a); /* fewer events never fail */
	bool is_shown = log_limit_pass(&a->pause_log, PAUSE_LINES, loop_now(a->loop), &not_shown);
	a->hooks->paused(a->arg, why, is_shown ? &not_shown : NULL);
}

/* False: this batch is over. */
static bool accept_one(struct acceptor_listener *l)
{
	struct acceptor *a = l->acceptor;
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof from;
	int fd = accept4(l->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest(a, errno);
		return errno == EINTR || errno == ECONNABORTED;
	}
	a->hooks->accepted(a->arg, l, fd, (struct sockaddr *)&from);
	return true;
}

static void on_acceptable(void *arg, unsigned events)
{
	struct acceptor_listener *l = arg;

	(void)events;
	/* The hook may have closed this very listener. */
	for (int i = 0; i < BATCH && l->fd >= 0 && may_accept(l->acceptor); i++)
		if (!accept_one(l))
			break;
}

static void close_one(struct acceptor_listener *l)
{
	if (l->fd < 0)
		return;
	loop_watch_del(&l->watch);
	(void)close(l->fd); /* a listening socket has nothing to lose */
	l->fd = -1;
}

static struct acceptor_listener *find(struct acceptor *a, const char *name, const char *addr, uint16_t port)
{
	for (size_t i = 0; i < ACCEPTOR_LISTENERS_MAX; i++) {
		struct acceptor_listener *l = &a->listeners[i];
		if (l->fd >= 0 && l->port == port && strcmp(l->name, name) == 0 && strcmp(l->addr, addr) == 0)
			return l;
	}
	return NULL;
}

static struct acceptor_listener *free_place(struct acceptor *a)
{
	for (size_t i = 0; i < ACCEPTOR_LISTENERS_MAX; i++)
		if (a->listeners[i].fd < 0)
			return &a->listeners[i];
	return NULL;
}

void acceptor_init(struct acceptor *a, struct loop *loop, bool is_wanted, const struct acceptor_hooks *hooks, void *arg)
{
	*a = (struct acceptor){ .loop = loop, .hooks = hooks, .arg = arg, .is_wanted = is_wanted };
	loop_timer_init(&a->pause, on_pause_over, a);
	for (size_t i = 0; i < ACCEPTOR_LISTENERS_MAX; i++)
		a->listeners[i] = (struct acceptor_listener){ .acceptor = a, .fd = -1 };
}

void acceptor_fini(struct acceptor *a)
{
	for (size_t i = 0; i < ACCEPTOR_LISTENERS_MAX; i++)
		close_one(&a->listeners[i]);
	loop_timer_del(a->loop, &a->pause);
}

int acceptor_want(struct acceptor *a, bool is_wanted)
{
	bool is_same = a->is_wanted == is_wanted;

	a->is_wanted = is_wanted;
	return is_same ? 0 : watch_all(a);
}

int acceptor_change(struct acceptor *a, const char *name, const char *addr, uint16_t port, int fd)
{
	struct acceptor_listener *l = find(a, name, addr, port);

	if (l)
		close_one(l);
	if (fd < 0)
		return 0;
	l = free_place(a);
	if (!l) {
		(void)close(fd); /* as above */
		return ERR_FULL;
	}
	(void)snprintf(l->name, sizeof l->name, "%s", name); /* cut names only fail to match */
	(void)snprintf(l->addr, sizeof l->addr, "%s", addr);
	l->port = port;
	if (loop_watch_add(a->loop, &l->watch, fd, may_accept(a) ? LOOP_READ : 0, on_acceptable, l) < 0) {
		(void)close(fd); /* as above */
		return ERR_NOMEM;
	}
	l->fd = fd;
	return 0;
}
