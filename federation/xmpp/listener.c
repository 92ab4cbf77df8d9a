#include "listener.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "conn.h"

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

/* gh-proxy may hand over what partners may be, and nothing else. */
static bool is_tcp(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t n_domain = sizeof domain, n_protocol = sizeof protocol;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_domain) < 0 || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n_protocol) < 0)
		return false;
	return (domain == AF_INET || domain == AF_INET6) && protocol == IPPROTO_TCP;
}

int listener_on_front(void *program, struct chan *from, const struct frame *f)
{
	struct s2s *s = program;

	(void)from;
	if (f->body.n || !is_tcp(f->fd)) {
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
