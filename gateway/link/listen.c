#include "trunk.h"

#include "base/err.h"

/* Edge: which newcomers are taken. */

void joint_accept_update(struct joint *j)
{
	if (acceptor_want(&j->acceptor, j->is_ready && !j->is_stopping && j->n_trunks < LINK_TRUNKS_MAX) < 0)
		log_error("link.listen.failed", LOG_STR("reason", "nomem"));
}

static void on_paused(void *arg, int why, const uint32_t *not_shown)
{
	struct joint *j = arg;

	if (not_shown)
		log_warn("link.accept.paused", LOG_INT("errno", why), LOG_INT("connections", j->n_trunks), LOG_INT("not-shown", *not_shown));
}

static void on_accepted(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from)
{
	struct joint *j = arg;
	int rc = trunk_accept(j, fd, from);

	(void)l;
	j->stats[rc == ERR_LIMIT ? STAT_REFUSED_ADDRESS : rc ? STAT_REFUSED_FULL : STAT_ACCEPTED]++;
	joint_accept_update(j);
}

const struct acceptor_hooks joint_acceptor_hooks = { on_accepted, on_paused };

void joint_listener(struct joint *j, const char *name, const char *addr, uint16_t port, int fd)
{
	int rc = acceptor_change(&j->acceptor, name, addr, port, fd);

	if (rc < 0)
		log_error("link.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
	else if (fd >= 0)
		log_info("link.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}
