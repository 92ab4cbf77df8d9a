#include "conn.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

/* Which newcomers this door takes. */

void door_accept_update(struct door *d)
{
	if (acceptor_want(&d->acceptor, d->is_ready && !d->is_stopping && d->n_conns < d->config.conns_max) < 0)
		log_error("c2s.listen.failed", LOG_STR("reason", "nomem"));
}

static void on_paused(void *arg, int why, const uint32_t *not_shown)
{
	struct door *d = arg;

	d->stats[STAT_ACCEPT_PAUSED]++;
	if (not_shown)
		log_warn("c2s.accept.paused", LOG_INT("errno", why), LOG_INT("connections", d->n_conns), LOG_INT("not-shown", *not_shown));
}

static void on_accepted(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from)
{
	struct door *d = arg;

	if (door_is_banned(d, from)) {
		(void)close(fd); /* as below */
		return;
	}
	if (d->n_unauthed >= d->config.unauthed_max) {
		d->stats[STAT_REFUSED_UNAUTH]++;
		(void)close(fd); /* nothing was written to it */
		return;
	}
	int rc = conn_open(d, fd, from, strcmp(l->name, "c2s-tls") == 0);
	if (rc == ERR_LIMIT)
		d->stats[STAT_REFUSED_ADDRESS]++;
	else if (rc == 0)
		d->stats[STAT_ACCEPTED]++;
	door_accept_update(d);
}

const struct acceptor_hooks door_acceptor_hooks = { on_accepted, on_paused };

void door_listener(struct door *d, const char *name, const char *addr, uint16_t port, int fd)
{
	int rc = acceptor_change(&d->acceptor, name, addr, port, fd);

	if (rc < 0)
		log_error("c2s.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
	else if (fd >= 0)
		log_info("c2s.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}
