#include "remote.h"

#include "base/err.h"
#include "base/log.h"
#include "run/alarm.h"
#include "syslog.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BACKOFF_MIN_MS = 1000,
	BACKOFF_MAX_MS = 60000,
	CONNECT_MS = 10000,
	QUEUE_MAX = 256 << 10,
	QUEUE_HIGH = 64 << 10, /* beyond it messages wait in the spool */
	STANDS_MS = 2000,      /* so long a connection stands after a message was acknowledged */
	DATAGRAMS_A_TURN = 64,
};

static const char *const states[] = { "waiting", "resolving", "connecting", "connected" };
_Static_assert(sizeof states / sizeof states[0] == REMOTE_STATE_COUNT, "one name a state");

const char *remote_state_name(const struct remote *r)
{
	return states[r->state];
}

const char *remote_transport_name(enum remote_transport t)
{
	static const char *const names[] = { "tls", "tcp", "udp" };

	return names[t];
}

/* ---- ends ---- */

static void forget_connection(struct remote *r)
{
	dns_cancel(r->query);
	r->query = NULL;
	link_close(&r->link);
	if (r->udp >= 0)
		(void)close(r->udp);
	r->udp = -1;
	r->n_marks = 0;
	r->state = REMOTE_IDLE;
	spool_rewind(&r->spool);
}

static void try_address(struct remote *r);

/* Whatever failed: the next address, or later from the beginning. */
static void fail(struct remote *r, const char *step, int rc, const char *words)
{
	bool was_ready = r->state == REMOTE_READY, has_next = !was_ready && r->addr_at + 1 < r->addrs.n;

	forget_connection(r);
	(void)snprintf(r->why, sizeof r->why, "%s: %s%s%.80s", step, err_text(rc), words && *words ? ": " : "", words ? words : "");
	if (has_next) {
		r->addr_at++;
		try_address(r);
		return;
	}
	if (was_ready || r->backoff_ms == BACKOFF_MIN_MS)
		log_warn("log.remote.failed", LOG_STR("server", r->key), LOG_STR("step", step), LOG_STR("reason", err_name(rc)),
			 LOG_STR("what", words ? words : ""), LOG_INT("waiting", spool_waiting(&r->spool)));
	alarm_raise(ALARM_SYSLOG_UNREACHABLE, r->key, ALARM_USUAL, r->why);
	(void)loop_timer_set(r->world->loop, &r->timer, r->backoff_ms); /* remote_new made room */
	r->backoff_ms = r->backoff_ms * 2 < BACKOFF_MAX_MS ? r->backoff_ms * 2 : BACKOFF_MAX_MS;
}

/* ---- sending ---- */

/* Bytes of this connection that the kernel has taken from us, and that the server's has acknowledged. */
static bool tcp_bytes(const struct remote *r, uint64_t *taken, uint64_t *acked)
{
	struct tcp_info i = { 0 };
	socklen_t n = sizeof i;

	if (getsockopt(r->link.watch.fd, IPPROTO_TCP, TCP_INFO, &i, &n) < 0 || n < offsetof(struct tcp_info, tcpi_bytes_retrans) + 8)
		return false;
	*taken = i.tcpi_bytes_sent - i.tcpi_bytes_retrans + i.tcpi_notsent_bytes;
	*acked = i.tcpi_bytes_acked;
	return true;
}

static void put_mark(struct remote *r)
{
	uint64_t taken, acked;

	if (r->n_marks == REMOTE_MARKS || link_queued(&r->link) || r->spool.next.number == r->spool.confirmed.number ||
	    !tcp_bytes(r, &taken, &acked))
		return;
	struct remote_mark *last = r->n_marks ? &r->marks[(r->mark_at + r->n_marks - 1) % REMOTE_MARKS] : NULL;
	if (last && last->place.number == r->spool.next.number)
		return;
	r->marks[(r->mark_at + r->n_marks++) % REMOTE_MARKS] =
		(struct remote_mark){ r->spool.next, taken, loop_now(r->world->loop) };
}

static void confirm_marks(struct remote *r)
{
	uint64_t taken, acked;

	if (!tcp_bytes(r, &taken, &acked))
		return;
	while (r->n_marks) {
		const struct remote_mark *m = &r->marks[r->mark_at];
		if (acked < m->bytes || loop_now(r->world->loop) - m->at_ms < STANDS_MS)
			break;
		spool_confirm(&r->spool, &m->place);
		r->mark_at = (r->mark_at + 1) % REMOTE_MARKS;
		r->n_marks--;
	}
}

static void feed_stream(struct remote *r)
{
	struct bytes message;

	while (link_queued(&r->link) < QUEUE_HIGH && spool_next(&r->spool, &message)) {
		buf_putf(link_out(&r->link), "%zu ", message.n); /* RFC 6587 3.4.1, RFC 5425 4.3 */
		buf_put_bytes(link_out(&r->link), message);
		r->sent++;
	}
	link_kick(&r->link);
}

static void feed_datagrams(struct remote *r)
{
	struct bytes message;

	for (int i = 0; i < DATAGRAMS_A_TURN && spool_next(&r->spool, &message); i++) {
		if (message.n > SYSLOG_DATAGRAM_MAX)
			message.n = SYSLOG_DATAGRAM_MAX;
		if (send(r->udp, message.p, message.n, 0) < 0 && errno != EAGAIN && errno != EMSGSIZE) {
			fail(r, "send", errno == ECONNREFUSED ? ERR_CONN_REFUSED : ERR_CONN_UNREACHABLE, "");
			return;
		}
		r->sent++;
		spool_confirm(&r->spool, &r->spool.next);
	}
}

static void feed(void *arg)
{
	struct remote *r = arg;

	spool_flush(&r->spool);
	if (r->state != REMOTE_READY)
		return;
	if (r->udp >= 0)
		feed_datagrams(r);
	else
		feed_stream(r);
}

static void ready(struct remote *r)
{
	r->state = REMOTE_READY;
	r->backoff_ms = BACKOFF_MIN_MS;
	r->connected_ms = loop_now(r->world->loop);
	r->why[0] = '\0';
	log_info("log.remote.connected", LOG_STR("server", r->key), LOG_INT("waiting", spool_waiting(&r->spool)));
	if (r->udp < 0) /* a datagram's way is known only when something was sent */
		alarm_clear(ALARM_SYSLOG_UNREACHABLE, r->key);
	loop_defer_last(r->world->loop, &r->feed);
}

/* ---- the connection ---- */

static void on_connected(void *arg)
{
	struct remote *r = arg;
	struct tls_options o = { .side = TLS_CLIENT, .server_name = r->conf.name[0] ? r->conf.name : r->conf.host,
				 .domain = r->conf.certificate[0] ? r->conf.certificate : NULL };
	struct tls *t = NULL;

	if (r->conf.transport == REMOTE_TCP) {
		ready(r);
		return;
	}
	int rc = r->world->store ? tls_new(r->world->store, &o, &t) : ERR_BAD_STATE;
	if (rc == 0)
		rc = link_start_tls(&r->link, t, CONNECT_MS);
	if (rc < 0)
		fail(r, "tls", rc, "");
}

/* RFC 5425 5.2: the certificate is of an authority that we trust, or known by its pin, and names the server. */
static void on_secured(void *arg)
{
	struct remote *r = arg;
	const char *name = r->conf.name[0] ? r->conf.name : r->conf.host;
	struct tls_demand d = { .domain_ascii = name, .domain = bytes_of(name), .srv_service = "_syslog-tls", .allow_wildcard = true,
				.authority = bytes_of(r->conf.authority) };
	struct tls_verdict v;

	if (r->conf.has_pin)
		d.pin = bytes_make(r->conf.pin, sizeof r->conf.pin);
	tls_verify(r->link.tls, &d, &v);
	if (v.rc < 0)
		fail(r, "certificate", v.rc, v.hint);
	else
		ready(r);
}

static void on_data(void *arg, struct bytes in)
{
	(void)arg, (void)in; /* syslog servers say nothing */
}

static void on_drained(void *arg)
{
	feed(arg);
}

static void on_closed(void *arg, int why)
{
	struct remote *r = arg;

	fail(r, r->state == REMOTE_READY ? "connection" : "connect", why ? why : ERR_CLOSED, r->link.words);
}

static const struct link_owner owner = { .connected = on_connected, .secured = on_secured, .data = on_data,
					 .drained = on_drained, .closed = on_closed };

static void try_address(struct remote *r)
{
	struct sockaddr_storage to;
	socklen_t n = dns_addr_sockaddr(&r->addrs.addrs[r->addr_at], r->conf.port, &to);

	r->state = REMOTE_CONNECTING;
	if (r->conf.transport != REMOTE_UDP) {
		int rc = link_connect(&r->link, r->world->loop, (struct sockaddr *)&to, n, NULL, 0, CONNECT_MS, &owner, r, QUEUE_MAX);
		if (rc < 0)
			fail(r, "connect", rc, "");
		return;
	}
	r->udp = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->udp < 0 || connect(r->udp, (struct sockaddr *)&to, n) < 0)
		fail(r, "connect", ERR_CONN_UNREACHABLE, "");
	else
		ready(r);
}

static void on_addrs(void *arg, const struct dns_addr_answer *a)
{
	struct remote *r = arg;

	r->query = NULL;
	r->addrs = *a;
	r->addr_at = 0;
	if (a->rc || a->n == 0)
		fail(r, "dns", a->rc ? a->rc : ERR_DNS_NODATA, "");
	else
		try_address(r);
}

static void begin(void *arg)
{
	struct remote *r = arg;

	r->addrs.n = 0;
	r->state = REMOTE_RESOLVING;
	r->query = dns_addr(r->world->dns, r->conf.host, on_addrs, r);
	if (!r->query)
		fail(r, "dns", ERR_NOMEM, "");
}

/* ---- life ---- */

struct remote *remote_new(const struct remote_world *w, const char *key, const struct remote_conf *c)
{
	struct remote *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->world = w;
	r->conf = *c;
	r->udp = -1;
	r->backoff_ms = BACKOFF_MIN_MS;
	(void)snprintf(r->key, sizeof r->key, "%s", key);
	loop_timer_init(&r->timer, begin, r);
	loop_defer_init(&r->feed, feed, r);
	if (spool_open(&r->spool, w->dir_fd, r->key, c->spool_bytes))
		log_error("log.spool.unwritten", LOG_STR("server", r->key));
	if (loop_timer_set(w->loop, &r->timer, 0) < 0) {
		spool_close(&r->spool);
		free(r);
		return NULL;
	}
	return r;
}

void remote_free(struct remote *r, bool is_gone)
{
	if (r->link.state != LINK_CLOSED && r->udp < 0)
		confirm_marks(r);
	forget_connection(r);
	loop_timer_del(r->world->loop, &r->timer);
	loop_defer_cancel(&r->feed);
	spool_close(&r->spool);
	if (is_gone) {
		spool_remove(r->world->dir_fd, r->key);
		alarm_clear(ALARM_SYSLOG_UNREACHABLE, r->key);
		alarm_clear(ALARM_SYSLOG_SPOOL_FULL, r->key);
	}
	free(r);
}

void remote_renew(struct remote *r)
{
	if (r->conf.transport != REMOTE_TLS)
		return;
	forget_connection(r);
	r->backoff_ms = BACKOFF_MIN_MS;
	(void)loop_timer_set(r->world->loop, &r->timer, 0); /* remote_new made room */
}

void remote_set(struct remote *r, const struct remote_conf *c)
{
	struct remote_conf same = *c;

	/* what does not touch the connection */
	same.level = r->conf.level;
	same.facility = r->conf.facility;
	same.spool_bytes = r->conf.spool_bytes;
	bool is_same = memcmp(&same, &r->conf, sizeof same) == 0;
	r->conf = *c;
	spool_set_limit(&r->spool, c->spool_bytes);
	if (is_same)
		return;
	forget_connection(r);
	r->backoff_ms = BACKOFF_MIN_MS;
	(void)loop_timer_set(r->world->loop, &r->timer, 0); /* remote_new made room */
}

void remote_line(struct remote *r, const struct line *l)
{
	const struct syslog_origin o = { r->world->host, r->conf.facility };
	struct buf b;

	if (l->level > r->conf.level)
		return;
	buf_init(&b, 2 * SYSLOG_MESSAGE_MAX);
	syslog_put(&b, l, &o);
	if (!buf_failed(&b))
		spool_put(&r->spool, buf_bytes(&b));
	buf_fini(&b);
	loop_defer_last(r->world->loop, &r->feed);
}

void remote_tick(struct remote *r)
{
	if (r->state == REMOTE_READY && r->udp < 0) {
		put_mark(r);
		confirm_marks(r);
	}
	if (r->state == REMOTE_READY && r->udp >= 0) {
		if (spool_waiting(&r->spool) == 0 && loop_now(r->world->loop) - r->connected_ms >= STANDS_MS)
			alarm_clear(ALARM_SYSLOG_UNREACHABLE, r->key);
		loop_defer_last(r->world->loop, &r->feed);
	}
	spool_sync(&r->spool);
	if (r->spool.lost != r->lost_said) {
		log_error("log.remote.lost", LOG_STR("server", r->key), LOG_INT("messages", r->spool.lost - r->lost_said));
		alarm_raise(ALARM_SYSLOG_SPOOL_FULL, r->key, ALARM_USUAL, NULL);
	} else if (r->state == REMOTE_READY) {
		alarm_clear(ALARM_SYSLOG_SPOOL_FULL, r->key);
	}
	r->lost_said = r->spool.lost;
}
