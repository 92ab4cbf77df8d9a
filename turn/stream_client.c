#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "stream_impl.h"

/* One connection, from accept to its end. */

struct turn_path stream_path(const struct stream_client *c)
{
	return (struct turn_path){ .transport = c->transport, .door = c->door->number, .conn = c->number, .from = c->from };
}

/* ---- end ---- */

static void vanish(struct stream_client *c)
{
	struct streams *s = c->of;

	if (c->state == STREAM_CONNECTED) {
		int fd = c->first.fd;
		loop_watch_del(&c->first);
		(void)close(fd); /* nothing was written to it */
	} else {
		link_close(&c->link);
	}
	c->state = STREAM_GONE;
	loop_timer_del(s->worker->loop, &c->timer);
	loop_defer_cancel(&c->end_of_turn);
	stream_uncount(c);
	stream_forget(c);
	address_leave(&s->addresses, c->address);
	buf_fini(&c->in);
	s->n_clients--;
	s->counts[STREAM_STAT_CLOSED]++;
	list_del(&c->node);
	list_add_tail(&s->gone, &c->node);
	loop_defer_call(s->worker->loop, &s->sweep);
}

void stream_lose(struct stream_client *c)
{
	struct turn_path path = stream_path(c);
	unsigned before = c->state;

	if (before == STREAM_GONE)
		return;
	vanish(c);
	if (before == STREAM_TAPPED)
		c->tap->closed(c->tap_arg);
	else if (before == STREAM_NEW || before == STREAM_OPEN)
		turn_server_client_gone(c->of->worker->server, &path);
}

void stream_refuse(struct stream_client *c, const char *what, const char *why)
{
	struct turn_path path = stream_path(c);

	if (c->state == STREAM_GONE)
		return;
	worker_io.refused(c->of->worker, &path, BYTES_NONE, what, why);
	stream_lose(c);
}

void stream_finish(struct stream_client *c)
{
	if (c->state == STREAM_CONNECTED || c->state == STREAM_HANDSHAKE) {
		vanish(c);
		return;
	}
	stream_forget(c);
	loop_timer_del(c->of->worker->loop, &c->timer);
	loop_defer_cancel(&c->end_of_turn);
	buf_fini(&c->in);
	c->state = STREAM_ENDING;
	link_shutdown(&c->link); /* its end comes as closed() */
}

/* ---- time ---- */

static void on_idle(struct stream_client *c)
{
	struct worker *w = c->of->worker;
	struct turn_path path = stream_path(c);
	uint64_t silent_ms = loop_now(w->loop) - c->heard_ms;
	uint64_t next_ms = STREAM_IDLE_MS;

	if (!turn_server_has(w->server, &path)) {
		if (silent_ms >= STREAM_IDLE_MS) {
			log_debug("turn.stream.idle", LOG_INT("connection", c->number));
			c->of->counts[STREAM_STAT_TIMEOUT]++;
			stream_lose(c);
			return;
		}
		next_ms -= silent_ms;
	}
	if (loop_timer_set(w->loop, &c->timer, next_ms))
		stream_lose(c); /* without a timer it might stay for ever */
}

static void on_time(void *arg)
{
	struct stream_client *c = arg;

	if (c->state == STREAM_OPEN) {
		on_idle(c);
		return;
	}
	c->of->counts[STREAM_STAT_TIMEOUT]++;
	stream_refuse(c, "connection", c->state == STREAM_NEW ? "no whole message in time" : "not a byte in time");
}

/* ---- begin ---- */

static int start_tls(struct stream_client *c)
{
	struct worker *w = c->of->worker;
	const struct tls_options o = {
		.side = TLS_SERVER,
		.domain = w->tls_domain[0] ? w->tls_domain : NULL,
		.alpn = worker_alpn,
	};
	struct tls *t;

	loop_timer_del(w->loop, &c->timer);
	c->state = STREAM_HANDSHAKE;
	c->transport = TURN_TLS;
	int rc = w->tls ? tls_new(w->tls, &o, &t) : ERR_AGAIN;
	return rc ? rc : link_start_tls(&c->link, t, STREAM_HANDSHAKE_MS);
}

static void on_secured(void *arg)
{
	struct stream_client *c = arg;

	c->of->counts[STREAM_STAT_TLS]++;
	c->state = STREAM_NEW;
	if (loop_timer_set(c->of->worker->loop, &c->timer, STREAM_FIRST_MS))
		stream_lose(c); /* as in on_idle */
}

static void on_data(void *arg, struct bytes in)
{
	struct stream_client *c = arg;

	if (c->state == STREAM_TAPPED)
		stream_tap_take(c, in);
	else if (c->state == STREAM_NEW || c->state == STREAM_OPEN)
		stream_take(c, in);
}

static void on_drained(void *arg)
{
	struct stream_client *c = arg;

	stream_uncount(c);
	if (c->state == STREAM_TAPPED)
		stream_tap_drained(c);
}

static void on_closed(void *arg, int why)
{
	struct stream_client *c = arg;

	if (c->state == STREAM_HANDSHAKE) {
		c->of->counts[why == ERR_TIMEOUT ? STREAM_STAT_TIMEOUT : STREAM_STAT_TLS_FAILED]++;
		stream_refuse(c, "TLS handshake", c->link.words[0] ? c->link.words : err_text(why));
	} else if (why == ERR_FULL) {
		stream_refuse(c, "connection", "does not read its answers");
	} else {
		stream_lose(c);
	}
}

static void on_ended(void *arg)
{
	struct stream_client *c = arg;

	if (c->state == STREAM_TAPPED)
		stream_tap_ended(c);
	else
		stream_lose(c);
}

static const struct link_owner owner = {
	.secured = on_secured, .data = on_data, .drained = on_drained, .ended = on_ended, .closed = on_closed,
};

/* What the kernel does not get rid of is either under way or shown to us: datagrams are dropped by their age here,
 * not hidden there. Only a wish: without it the queue is longer. */
static void set_options(int fd)
{
	const int unsent = STREAM_UNSENT_BYTES, stuck_ms = STREAM_STUCK_MS;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stuck_ms, sizeof stuck_ms);
}

/* RFC 7983 3: TLS begins with 20 to 63, STUN with 0 to 3, ChannelData with 64 to 79. Of TLS a client sends 22 first. */
static void begin(struct stream_client *c, bool is_tls)
{
	struct loop *l = c->of->worker->loop;
	int fd = c->first.fd;

	if (!is_tls && c->door->kind->transport == TURN_TLS) {
		c->of->counts[STREAM_STAT_MALFORMED]++;
		stream_refuse(c, "connection", "TLS is spoken here");
		return;
	}
	loop_watch_del(&c->first);
	set_options(fd);
	c->state = STREAM_NEW; /* from here on it is a link */
	int rc = link_accept(&c->link, l, fd, &owner, c, STREAM_QUEUE_BYTES + STREAM_ANSWERS_BYTES);
	if (!rc && is_tls)
		rc = start_tls(c);
	if (rc)
		stream_refuse(c, "connection", err_text(rc));
}

static void on_first(void *arg, unsigned events)
{
	struct stream_client *c = arg;
	struct streams *s = c->of;
	uint8_t byte;

	(void)events;
	if (s->n_begun == STREAM_BEGIN_MAX)
		return; /* its byte is there in the next turn too */
	s->n_begun++;
	loop_defer_call(s->worker->loop, &s->end_of_turn);
	ssize_t n = recv(c->first.fd, &byte, 1, MSG_PEEK);
	if (n == 1)
		begin(c, byte == 22);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		stream_lose(c);
}

static int watch(struct stream_client *c, int fd)
{
	struct loop *l = c->of->worker->loop;
	bool is_tls = c->transport == TURN_TLS;

	loop_timer_init(&c->timer, on_time, c);
	int rc = loop_timer_set(l, &c->timer, is_tls ? STREAM_HANDSHAKE_MS : STREAM_FIRST_MS);
	if (!rc)
		rc = loop_watch_add(l, &c->first, fd, LOOP_READ, on_first, c);
	if (!rc)
		rc = stream_number(c);
	if (rc) {
		loop_timer_del(l, &c->timer);
		loop_watch_del(&c->first);
	}
	return rc;
}

int stream_accept(struct door *d, int fd, const union endpoint *from)
{
	struct streams *s = d->worker->streams;
	struct stream_client *c = NULL;
	struct address_count *address = NULL;
	int rc = s->n_clients < s->max ? address_enter(&s->addresses, &from->any, s->max_address, &address) : ERR_FULL;

	if (!rc && !(c = calloc(1, sizeof *c)))
		rc = ERR_NOMEM;
	if (rc)
		goto fail;
	c->of = s;
	c->door = d;
	c->address = address;
	c->transport = d->kind->transport;
	endpoint_addr(from, &c->from);
	buf_init(&c->in, TURN_PACKET_MAX + CHANNELDATA_HEADER);
	rc = watch(c, fd);
	if (rc)
		goto fail;
	list_add_tail(&s->all, &c->node);
	s->n_clients++;
	return 0;
fail:
	address_leave(&s->addresses, address);
	free(c);
	(void)close(fd); /* as in vanish */
	return rc;
}
