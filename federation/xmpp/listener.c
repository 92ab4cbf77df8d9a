#include "listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

enum { ACCEPTS_A_TURN = 64, ACCEPT_PAUSE_MS = 500 };

static void watch_listeners(struct s2s *s, unsigned events)
{
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++)
		if (s->listeners[i].fd >= 0 && loop_watch_set(&s->listeners[i].watch, events) < 0)
			log_error("s2s.listener", LOG_STR("address", s->listeners[i].addr), LOG_STR("reason", "nomem"));
}

static void on_pause_over(void *arg)
{
	watch_listeners(arg, LOOP_READ);
}

/* No descriptor or memory left (EMFILE and its kin): newcomers stay with the kernel for a while. */
static void pause_accept(struct s2s *s, int why)
{
	uint32_t held;

	if (loop_timer_set(s->loop, &s->accept_pause, ACCEPT_PAUSE_MS) < 0)
		return; /* no memory even for the timer: go round once more */
	watch_listeners(s, 0);
	if (log_limit_pass(&s->limit_log, 5, loop_now(s->loop), &held))
		log_warn("s2s.accept.paused", LOG_INT("errno", why), LOG_INT("streams", s->conns.count), LOG_INT("held", held));
}

static void on_listener(void *arg, unsigned events)
{
	struct s2s_listener *l = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				pause_accept(l->s2s, errno);
			return;
		}
		conn_accept(l->s2s, fd, l->is_tls);
	}
}

static struct s2s_listener *find_listener(struct s2s *s, bool is_tls, const char *addr, uint16_t port)
{
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++) {
		struct s2s_listener *l = &s->listeners[i];
		if (l->fd >= 0 && l->is_tls == is_tls && l->port == port && strcmp(l->addr, addr) == 0)
			return l;
	}
	return NULL;
}

static void listener_close(struct s2s_listener *l)
{
	if (l->fd < 0)
		return;
	loop_watch_del(&l->watch);
	(void)close(l->fd); /* a listener has nothing to lose */
	l->fd = -1;
}

void listener_change(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	struct s2s *s = program;
	bool is_tls = strcmp(name, "s2s-tls") == 0;
	struct s2s_listener *l = find_listener(s, is_tls, addr, port);

	if (l)
		listener_close(l);
	if (fd < 0)
		return;
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++) {
		l = &s->listeners[i];
		if (l->fd >= 0)
			continue;
		(void)snprintf(l->addr, sizeof l->addr, "%s", addr); /* it is an address */
		l->port = port;
		l->is_tls = is_tls;
		if (loop_watch_add(s->loop, &l->watch, fd, LOOP_READ, on_listener, l) < 0)
			break;
		l->fd = fd;
		log_info("s2s.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
		return;
	}
	log_error("s2s.listener", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", "full"));
	(void)close(fd); /* as above */
}

void listener_init_all(struct s2s *s)
{
	loop_timer_init(&s->accept_pause, on_pause_over, s);
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++)
		s->listeners[i] = (struct s2s_listener){ .s2s = s, .fd = -1 };
}

void listener_close_all(struct s2s *s)
{
	loop_timer_del(s->loop, &s->accept_pause);
	for (unsigned i = 0; i < S2S_LISTENERS_MAX; i++)
		listener_close(&s->listeners[i]);
}
