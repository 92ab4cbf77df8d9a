#include "conn.h"

#include "base/err.h"
#include "base/log.h"

#include <string.h>
#include <unistd.h>

/* Which newcomers the web administration takes. */

static bool is_redirect(const struct acceptor_listener *l)
{
	return strcmp(l->name, "web-redirect") == 0;
}

void admin_accept_update(struct admin *a)
{
	if (acceptor_want(&a->acceptor, a->is_ready && !a->is_stopping) < 0)
		log_error("web.listen.failed", LOG_STR("reason", "nomem"));
}

static void on_paused(void *arg, int why, const uint32_t *not_shown)
{
	struct admin *a = arg;

	a->stats[STAT_ACCEPT_PAUSED]++;
	if (not_shown)
		log_warn("web.accept.paused", LOG_INT("errno", why), LOG_INT("connections", a->n_conns), LOG_INT("not-shown", *not_shown));
}

static void on_accepted(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from)
{
	struct admin *a = arg;

	if (a->n_conns >= a->config.conns_max) {
		a->stats[STAT_REFUSED_FULL]++;
		(void)close(fd); /* nothing was written to it */
		return;
	}
	int rc = conn_open(a, fd, from, is_redirect(l));
	a->stats[rc == ERR_LIMIT ? STAT_REFUSED_ADDRESS : rc ? STAT_REFUSED_FULL : STAT_ACCEPTED]++;
}

const struct acceptor_hooks admin_acceptor_hooks = { on_accepted, on_paused };

void admin_listener(struct admin *a, const char *name, const char *addr, uint16_t port, int fd)
{
	int rc = acceptor_change(&a->acceptor, name, addr, port, fd);

	if (rc < 0)
		log_error("web.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
	else if (fd >= 0)
		log_info("web.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}

uint16_t admin_https_port(const struct admin *a)
{
	for (size_t i = 0; i < ACCEPTOR_LISTENERS_MAX; i++)
		if (a->acceptor.listeners[i].fd >= 0 && !is_redirect(&a->acceptor.listeners[i]))
			return a->acceptor.listeners[i].port;
	return 0;
}
