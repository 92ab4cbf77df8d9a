#include "sip_wire.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { QUEUE_MAX = 64 << 20, DATAGRAMS_AT_ONCE = 64, UDP_BUFFER = 8 << 20, CONNECT_MS = 5000 };

static const char *const names[] = { "UDP", "TCP", "TLS" };

const char *sipwire_name(enum sipwire_kind k)
{
	return names[k];
}

int sipwire_parse(const char *text, enum sipwire_kind *kind, struct sockaddr_in *out)
{
	char how[8], host[64];
	unsigned port;

	if (sscanf(text, "%7[^:]:%63[^:]:%u", how, host, &port) != 3 || port > 65535)
		return ERR_SYNTAX;
	*out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (inet_pton(AF_INET, host, &out->sin_addr) != 1)
		return ERR_SYNTAX;
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcasecmp(how, names[i]) == 0) {
			*kind = (enum sipwire_kind)i;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

/* ---- datagrams ---- */
static void on_datagram(void *arg, unsigned events)
{
	static uint8_t scratch[65536];
	struct sipwire *w = arg;

	(void)events; /* only reading is watched */
	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		struct sockaddr_in from;
		socklen_t n = sizeof from;
		ssize_t got = recvfrom(w->watch.fd, scratch, sizeof scratch, MSG_DONTWAIT, (struct sockaddr *)&from, &n);
		if (got <= 0)
			return;
		w->plan->message(w->plan->arg, w, bytes_make(scratch, (size_t)got), &from);
	}
}

/* ---- streams ---- */
/* Bytes of the message at the front, 0: not all of it is here. */
static size_t message_length(struct bytes in)
{
	const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
	const char *p = (const char *)in.p;
	size_t body = 0;

	if (!end)
		return 0;
	for (; p && p < end; p = memmem(p, (size_t)(end - p), "\r\n", 2)) {
		p += 2;
		if (end - p > 15 && strncasecmp(p, "Content-Length:", 15) == 0)
			body = strtoul(p + 15, NULL, 10);
		else if (end - p > 2 && strncasecmp(p, "l:", 2) == 0)
			body = strtoul(p + 2, NULL, 10);
	}
	size_t all = (size_t)(end + 4 - (const char *)in.p) + body;
	return all <= in.n ? all : 0;
}

static void on_data(void *arg, struct bytes in)
{
	struct sipwire *w = arg;
	size_t used = 0, n;

	if (buf_len(&w->in) > 0) {
		buf_put_bytes(&w->in, in);
		in = buf_bytes(&w->in);
	}
	while (used < in.n) {
		if (in.p[used] == '\r' || in.p[used] == '\n') { /* keep-alive */
			used++;
			continue;
		}
		struct bytes rest = bytes_make(in.p + used, in.n - used);
		if (!(n = message_length(rest)))
			break;
		w->plan->message(w->plan->arg, w, bytes_make(rest.p, n), NULL);
		used += n;
	}
	if (buf_len(&w->in) > 0)
		buf_consume(&w->in, used);
	else if (used < in.n)
		buf_put(&w->in, in.p + used, in.n - used);
}

static void now_ready(struct sipwire *w)
{
	w->is_ready = true;
	if (w->plan->ready)
		w->plan->ready(w->plan->arg, w);
}

static int start_tls(struct sipwire *w, enum tls_side side)
{
	struct tls_options o = { .side = side, .domain = w->plan->domain, .wants_peer_certificate = side == TLS_SERVER,
				 .server_name = side == TLS_CLIENT ? w->plan->server_name : NULL };
	struct tls *t;
	int rc = tls_new(w->plan->tls, &o, &t);

	return rc ? rc : link_start_tls(&w->link, t, CONNECT_MS);
}

static void on_connected(void *arg)
{
	struct sipwire *w = arg;

	if (w->kind != SIPWIRE_TLS)
		now_ready(w);
	else if (start_tls(w, TLS_CLIENT))
		link_shutdown(&w->link);
}

static void on_secured(void *arg)
{
	now_ready(arg);
}

static void on_closed(void *arg, int why)
{
	struct sipwire *w = arg;

	w->is_ready = false;
	buf_fini(&w->in);
	w->plan->gone(w->plan->arg, w, why);
}

static const struct link_owner link_owner = {
	.connected = on_connected, .secured = on_secured, .data = on_data, .closed = on_closed,
};

int sipwire_connect(struct sipwire *w, struct sipwire_plan *p, enum sipwire_kind k, const struct sockaddr_in *to,
                    const struct sockaddr_in *from)
{
	*w = (struct sipwire){ .plan = p, .kind = k };
	buf_init(&w->in, QUEUE_MAX);
	return link_connect(&w->link, p->loop, (const struct sockaddr *)to, sizeof *to, (const struct sockaddr *)from,
			    sizeof *from, CONNECT_MS, &link_owner, w, QUEUE_MAX);
}

static void on_accept(void *arg, unsigned events)
{
	struct sipwire *l = arg;
	int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events; /* only reading is watched */
	if (fd < 0)
		return;
	struct sipwire *w = calloc(1, sizeof *w); /* lives as long as the run */
	if (!w) {
		close(fd);
		return;
	}
	w->plan = l->plan;
	w->kind = l->kind;
	buf_init(&w->in, QUEUE_MAX);
	if (link_accept(&w->link, l->plan->loop, fd, &link_owner, w, QUEUE_MAX))
		return;
	if (w->kind != SIPWIRE_TLS)
		now_ready(w);
	else if (start_tls(w, TLS_SERVER))
		link_shutdown(&w->link);
}

int sipwire_listen(struct sipwire *w, struct sipwire_plan *p, enum sipwire_kind k, const struct sockaddr_in *at)
{
	bool is_udp = k == SIPWIRE_UDP;
	int on = 1, size = UDP_BUFFER;
	int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*w = (struct sipwire){ .plan = p, .kind = k, .is_ready = is_udp };
	if (fd < 0)
		return ERR_SYS;
	/* Best effort: the kernel caps it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if ((!is_udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) ||
	    bind(fd, (const struct sockaddr *)at, sizeof *at) < 0 || (!is_udp && listen(fd, 64) < 0)) {
		close(fd);
		return ERR_SYS;
	}
	return loop_watch_add(p->loop, &w->watch, fd, LOOP_READ, is_udp ? on_datagram : on_accept, w);
}

void sipwire_send(struct sipwire *w, const struct sockaddr_in *to, struct bytes message)
{
	if (w->kind == SIPWIRE_UDP)
		/* A full socket loses it, as the network would: it is sent again. */
		(void)!sendto(w->watch.fd, message.p, message.n, 0, (const struct sockaddr *)to, sizeof *to);
	else if (w->is_ready)
		link_send(&w->link, message);
}
