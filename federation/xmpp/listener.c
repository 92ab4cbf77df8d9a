#include "listener.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "conn.h"
#include "net/handed.h"

static void on_accepted(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from)
{
	(void)from; /* conn_accept asks the socket */
	conn_accept(arg, fd, strcmp(l->name, "s2s-tls") == 0);
}

static void on_paused(void *arg, int why, const uint32_t *not_shown)
{
	struct s2s *s = arg;

	if (not_shown)
		log_warn("s2s.accept.paused", LOG_INT("errno", why), LOG_INT("streams", s->conns.count), LOG_INT("not-shown", *not_shown));
}

void listener_change(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	struct s2s *s = program;
	int rc = acceptor_change(&s->acceptor, name, addr, port, fd);

	if (rc < 0)
		log_error("s2s.listener", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
	else if (fd >= 0)
		log_info("s2s.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}

int listener_on_front(void *program, struct chan *from, const struct frame *f)
{
	struct s2s *s = program;

	(void)from;
	if (f->body.n || !handed_is_tcp(f->fd)) {
		(void)close(f->fd); /* it is nobody's */
		return ERR_SYNTAX;
	}
	s->counts[STAT_IN_FRONT]++;
	conn_accept(s, f->fd, true);
	return 0;
}

void listener_init_all(struct s2s *s)
{
	static const struct acceptor_hooks hooks = { on_accepted, on_paused };

	acceptor_init(&s->acceptor, s->loop, true, &hooks, s);
}

void listener_close_all(struct s2s *s)
{
	acceptor_fini(&s->acceptor);
}
