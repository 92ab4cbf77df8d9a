#include "conn.h"

#include "base/err.h"
#include "base/log.h"

#include <string.h>
#include <unistd.h>

/* Which newcomers the front takes. */

void proxy_accept_update(struct proxy *p)
{
	if (acceptor_want(&p->acceptor, p->is_ready && !p->is_stopping && p->n_conns < p->config.conns_max) < 0)
		log_error("proxy.listen.failed", LOG_STR("reason", "nomem"));
}

static void on_paused(void *arg, int why, const uint32_t *not_shown)
{
	struct proxy *p = arg;

	p->stats[STAT_ACCEPT_PAUSED]++;
	if (not_shown)
		log_warn("proxy.accept.paused", LOG_INT("errno", why), LOG_INT("connections", p->n_conns), LOG_INT("not-shown", *not_shown));
}

static void on_accepted(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from)
{
	struct proxy *p = arg;
	if (proxy_is_banned(p, from)) {
		(void)close(fd); /* nothing was written to it */
		return;
	}
	int rc = conn_open(p, fd, from, strcmp(l->name, "starttls") == 0);

	p->stats[rc == ERR_LIMIT ? STAT_REFUSED_ADDRESS : rc ? STAT_REFUSED_FULL : STAT_ACCEPTED]++;
	proxy_accept_update(p);
}

const struct acceptor_hooks proxy_acceptor_hooks = { on_accepted, on_paused };

void proxy_listener(struct proxy *p, const char *name, const char *addr, uint16_t port, int fd)
{
	int rc = acceptor_change(&p->acceptor, name, addr, port, fd);

	if (rc < 0)
		log_error("proxy.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
	else if (fd >= 0)
		log_info("proxy.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}
