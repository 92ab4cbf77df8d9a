#include "conn.h"

#include "base/err.h"

#include <sys/socket.h>

/* To gh-access: the instances take turns. */

static struct chan *next_access(struct proxy *p)
{
	struct chan *best = NULL, *first = NULL;

	for (struct chan *c = NULL; (c = bus_next(p->bus, PROG_ACCESS, c));) {
		if (!first || chan_instance(c) < chan_instance(first))
			first = c;
		if (chan_instance(c) >= p->next_access && (!best || chan_instance(c) < chan_instance(best)))
			best = c;
	}
	best = best ? best : first;
	p->next_access = best ? chan_instance(best) + 1 : 0;
	return best;
}

static int tell(struct conn *c, struct chan *to, int fd)
{
	uint8_t exporter[32], end_point[64];
	struct tls *t = c->client.tls;
	size_t end_point_n = 0;
	bool has_exporter = tls_exporter(t, exporter) == 0;
	bool has_end_point = tls_server_end_point(t, end_point, &end_point_n) == 0;
	struct buf *b = chan_begin(to, MSG_CLIENT_STREAM, 0);

	wire_put_bytes(b, bytes_make(c->peer.bytes, c->peer.family == 4 ? 4 : 16));
	wire_put_u16(b, c->peer.port);
	wire_put_str(b, bytes_of(tls_version_name(t)));
	wire_put_bytes(b, bytes_make(exporter, has_exporter ? sizeof exporter : 0));
	wire_put_bytes(b, bytes_make(end_point, has_end_point ? end_point_n : 0));
	return chan_end_fd(to, fd, true);
}

/* ---- what gh-access says ---- */

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;

	if (c->is_gone)
		return;
	if (c->kind == CONN_WEBSOCKET)
		websocket_from_access(c, in);
	else
		(void)link_send(&c->client, in); /* full: the link says closed */
	if (!c->is_gone && link_queued(&c->client) > CONN_HIGH_WATER)
		link_pause(&c->access, true);
}

static void on_drained(void *arg)
{
	struct conn *c = arg;

	link_pause(&c->client, false);
}

static void on_closed(void *arg, int why)
{
	struct conn *c = arg;

	if (c->is_gone)
		return;
	if (c->kind == CONN_WEBSOCKET)
		websocket_close(c, why ? WS_SERVER_ERROR : WS_GOING_AWAY, "");
	else
		link_shutdown(&c->client);
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };

int join_access(struct conn *c)
{
	struct chan *to = next_access(c->proxy);
	int fds[2];

	if (!to)
		return ERR_AGAIN;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return ERR_SYS;
	int rc = link_accept(&c->access, c->proxy->loop, fds[0], &owner, c, CONN_QUEUE_MAX);
	int told = tell(c, to, fds[1]); /* closes its end in any case */
	if (rc || told) {
		if (!rc)
			link_close(&c->access);
		return rc ? rc : told;
	}
	c->is_joined = true;
	address_leave(&c->proxy->addresses, c->address);
	c->address = NULL;
	return 0;
}
