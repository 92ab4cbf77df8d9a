#include "conn.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

/* Clients whose TLS ended at gh-proxy: it hands over one end of a pair of sockets and says who is at the other. */

static int address_of(struct bytes address, uint16_t port, struct sockaddr_storage *out)
{
	*out = (struct sockaddr_storage){ .ss_family = address.n == 4 ? AF_INET : AF_INET6 };
	if (address.n == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;
		memcpy(&in->sin_addr, address.p, 4);
		in->sin_port = htons(port);
		return 0;
	}
	if (address.n != 16)
		return ERR_SYNTAX;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	memcpy(&in6->sin6_addr, address.p, 16);
	in6->sin6_port = htons(port);
	return 0;
}

static int take(struct bytes from, uint8_t *to, size_t room, uint8_t *n)
{
	if (from.n > room)
		return ERR_SYNTAX;
	if (from.n)
		memcpy(to, from.p, from.n);
	*n = (uint8_t)from.n;
	return 0;
}

static int decode(struct bytes body, struct sockaddr_storage *from, struct handed *h)
{
	struct wire w = wire_of(body);
	struct bytes address = wire_bytes(&w);
	uint16_t port = wire_u16(&w);
	struct bytes tls = wire_str(&w), exporter = wire_bytes(&w), end_point = wire_bytes(&w);

	if (wire_end(&w) || tls.n >= sizeof h->tls)
		return ERR_SYNTAX;
	memcpy(h->tls, tls.p, tls.n);
	if (take(exporter, h->exporter, sizeof h->exporter, &h->exporter_n) || take(end_point, h->end_point, sizeof h->end_point, &h->end_point_n))
		return ERR_SYNTAX;
	return address_of(address, port, from);
}

int door_client_stream(void *door, struct chan *from, const struct frame *f)
{
	struct sockaddr_storage address;
	struct handed h = { .tls = "" };
	struct door *d = door;
	int rc = decode(f->body, &address, &h);

	(void)from;
	if (rc || d->is_stopping || !d->is_ready || d->n_conns >= d->config.conns_max || d->n_unauthed >= d->config.unauthed_max) {
		if (!rc)
			d->stats[STAT_REFUSED_UNAUTH]++;
		if (f->fd >= 0)
			(void)close(f->fd); /* gh-proxy sees the end */
		return rc;
	}
	int opened = conn_open_handed(d, f->fd, (struct sockaddr *)&address, &h);
	d->stats[opened == ERR_LIMIT ? STAT_REFUSED_ADDRESS : STAT_ACCEPTED]++;
	return 0;
}
