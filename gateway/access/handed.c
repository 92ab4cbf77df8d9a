#include "conn.h"

#include <unistd.h>

#include "base/err.h"

/* Clients whose TLS ended at gh-proxy, here or on an edge: gh-proxy or gh-link hands over one end of a pair of sockets and says
 * who is at the other. */

/* An edge that is taken over can say any address, so those limits do not bind it: it gets no more than three quarters of the
 * places for strangers, and others can still log in. */
static bool has_room(const struct door *d, const struct handed *h)
{
	uint32_t most = h->edge[0] ? d->config.unauthed_max - d->config.unauthed_max / 4 : UINT32_MAX;

	return d->n_conns < d->config.conns_max && d->n_unauthed < d->config.unauthed_max && d->n_unauthed_edges < most;
}

int door_client_stream(void *door, struct chan *from, const struct frame *f)
{
	struct sockaddr_storage address;
	struct handed h = { .tls = "" };
	struct door *d = door;
	int rc = handed_decode(f->body, &address, &h);

	(void)from;
	bool is_banned = !rc && door_is_banned(d, (struct sockaddr *)&address);
	if (rc || d->is_stopping || !d->is_ready || is_banned || !has_room(d, &h)) {
		if (!rc && !is_banned)
			d->stats[STAT_REFUSED_UNAUTH]++;
		if (f->fd >= 0)
			(void)close(f->fd); /* its other end sees that */
		return rc;
	}
	int opened = conn_open_handed(d, f->fd, (struct sockaddr *)&address, &h);
	d->stats[opened == ERR_LIMIT ? STAT_REFUSED_ADDRESS : STAT_ACCEPTED]++;
	return 0;
}
