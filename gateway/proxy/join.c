#include "conn.h"

#include "base/err.h"
#include "net/handed.h"

#include <string.h>
#include <sys/socket.h>

static const char transport_bosh[] = "bosh";

/* To gh-access or gh-line, or on an edge to gh-link, which takes it to a core: the instances take turns. */
static struct chan *next_of(struct proxy *p, enum prog to)
{
	struct chan *best = NULL, *first = NULL;

	for (struct chan *c = NULL; (c = bus_next(p->bus, to, c));) {
		if (!first || chan_instance(c) < chan_instance(first))
			first = c;
		if (chan_instance(c) >= p->next_access && (!best || chan_instance(c) < chan_instance(best)))
			best = c;
	}
	best = best ? best : first;
	p->next_access = best ? chan_instance(best) + 1 : 0;
	return best;
}

static int tell(const struct conn *c, struct chan *to, enum msg what, const char *transport, int fd)
{
	uint8_t exporter[32], end_point[64], unique[64];
	struct tls *t = c->client.tls;
	size_t end_point_n = 0, unique_n = 0;
	/* Who logs in binds it to TLS, where the stream is inside one: requests of BOSH may come by any connection. */
	bool is_stream = what == MSG_CLIENT_STREAM && strcmp(transport, transport_bosh) != 0;
	bool has_exporter = is_stream && tls_exporter(t, exporter) == 0;
	bool has_end_point = is_stream && tls_server_end_point(t, end_point, &end_point_n) == 0;
	bool has_unique = is_stream && tls_unique(t, unique, &unique_n) == 0;
	struct buf *b = chan_begin(to, what, 0);

	wire_put_bytes(b, bytes_make(c->peer.bytes, c->peer.family == 4 ? 4 : 16));
	wire_put_u16(b, c->peer.port);
	wire_put_str(b, bytes_of(tls_version_name(t)));
	wire_put_bytes(b, bytes_make(exporter, has_exporter ? sizeof exporter : 0));
	wire_put_bytes(b, bytes_make(end_point, has_end_point ? end_point_n : 0));
	wire_put_bytes(b, bytes_make(unique, has_unique ? unique_n : 0));
	wire_put_str(b, bytes_of(tls_sni(t)));
	wire_put_str(b, bytes_of(transport));
	wire_put_str(b, BYTES("")); /* this box */
	return chan_end_fd(to, fd, true);
}

/* ---- what gh-access says ---- */

static void on_data(void *arg, struct bytes in)
{
	struct exchange *x = arg;

	if (x->is_gone)
		return;
	x->said_ms = loop_now(x->proxy->loop);
	x->is_end_of_element = in.n && in.p[in.n - 1] == '>';
	if (x->conn->hello)
		hello_heard(x->conn);
	if (x->websocket)
		websocket_from_inside(x, in);
	else
		(void)link_send(&x->conn->client, in); /* full: the link says closed */
	if (!x->is_gone && x->way->queued(x) > CONN_HIGH_WATER)
		link_pause(&x->access, true);
}

static void on_drained(void *arg)
{
	struct exchange *x = arg;

	x->way->pause(x, false);
}

static void on_closed(void *arg, int why)
{
	struct exchange *x = arg;

	if (x->is_gone)
		return;
	if (x->websocket)
		websocket_close(x, why ? WS_SERVER_ERROR : WS_GOING_AWAY, "");
	else if (x->conn->kind == CONN_SIP)
		hello_sent_away(x->conn);
	else
		link_shutdown(&x->conn->client);
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };

/* One end of a pair to a program inside, in such a message; the other is *own. */
static int join(struct exchange *x, enum prog inside, enum msg what, const char *transport, struct link *own, const struct link_owner *o, void *arg,
                uint32_t queue_max)
{
	bool is_away = x->proxy->is_draining && (what == MSG_CLIENT_STREAM || what == MSG_SIP_STREAM);
	struct chan *to = is_away ? NULL : next_of(x->proxy, x->proxy->config.is_edge ? PROG_LINK : inside);
	int fds[2];

	if (!to)
		return ERR_AGAIN;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return ERR_SYS;
	int rc = link_accept(own, x->proxy->loop, fds[0], o, arg, queue_max);
	int told = tell(x->conn, to, what, transport, fds[1]); /* closes its end in any case */
	if (!rc && told)
		link_close(own);
	return rc ? rc : told;
}

int join_files(struct exchange *x, struct link *pair, const struct link_owner *o, uint32_t queue_max)
{
	return join(x, PROG_FILES, MSG_FILE_STREAM, "https", pair, o, x, queue_max);
}

int join_publish(struct exchange *x, struct link *pair, const struct link_owner *o, void *arg, uint32_t queue_max)
{
	return join(x, PROG_PUBLISH, MSG_WEB_STREAM, "https", pair, o, arg, queue_max);
}

int join_bosh(struct exchange *x, struct link *pair, const struct link_owner *o, void *arg)
{
	return join(x, PROG_ACCESS, MSG_CLIENT_STREAM, transport_bosh, pair, o, arg, CONN_QUEUE_MAX);
}

static int join_stream(struct exchange *x, enum prog inside, enum msg what, const char *transport)
{
	int rc = join(x, inside, what, transport, &x->access, &owner, x, CONN_QUEUE_MAX);

	if (rc)
		return rc;
	x->is_joined = true;
	address_leave(&x->proxy->addresses, x->conn->address);
	x->conn->address = NULL;
	return 0;
}

int join_access(struct exchange *x)
{
	bool is_http = x->conn->kind == CONN_HTTP || x->conn->kind == CONN_HTTP2;

	return join_stream(x, PROG_ACCESS, MSG_CLIENT_STREAM, is_http ? "websocket" : x->conn->is_starttls ? "starttls" : "tls");
}

int join_line(struct exchange *x)
{
	return join_stream(x, PROG_LINE, MSG_SIP_STREAM, x->websocket ? HANDED_SIP_WEBSOCKET : "sip");
}
