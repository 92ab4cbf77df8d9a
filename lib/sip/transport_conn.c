/* One connection: a link, the messages in it, and what became of what was sent. */
#include "sip/transport_impl.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

enum {
	TOKENS_MAX = 16384,
	ANSWER_MS = 32000, /* Timer F: who has waited so long waits no more */
	PONG_ROOM = 64, /* of the queue, beyond what messages may fill */
	DEAF_MS = 20000, /* no acknowledgement of the peer's kernel: below Timer F, so that the next request goes another way */
	PROBE_IDLE_S = 60, PROBE_EVERY_S = 10,
};

struct sent {
	uint64_t token;
	uint64_t end; /* it has left when so many bytes have */
	uint64_t at_ms;
};

/* ---- what was sent ---- */

/* Forgets what has left and was sent before, from the oldest. Which of it was answered is not known here. */
static void forget_sent(struct sipconn *c, uint64_t before_ms)
{
	struct bytes b = buf_bytes(&c->tokens);
	size_t n = 0;
	struct sent s;

	for (; n + sizeof s <= b.n; n += sizeof s) {
		memcpy(&s, b.p + n, sizeof s);
		if (s.end > c->link.bytes_out || s.at_ms >= before_ms)
			break;
	}
	buf_consume(&c->tokens, n);
	buf_release_if_empty(&c->tokens);
}

void sipconn_forget_answered(struct sipconn *c)
{
	uint64_t now = loop_now(c->t->loop);

	forget_sent(c, now > ANSWER_MS ? now - ANSWER_MS : 0);
}

/* Makes room for one more. */
static int reserve_token(struct sipconn *c)
{
	size_t before = buf_len(&c->tokens);

	if (before + sizeof(struct sent) > TOKENS_MAX * sizeof(struct sent))
		forget_sent(c, UINT64_MAX);
	before = buf_len(&c->tokens);
	if (before + sizeof(struct sent) > TOKENS_MAX * sizeof(struct sent))
		return ERR_FULL;
	if (buf_reserve(&c->tokens, sizeof(struct sent)))
		return 0;
	buf_truncate(&c->tokens, before); /* clears the failure */
	return ERR_NOMEM;
}

static void fail_sent(struct sipconn *c, int rc)
{
	struct sent s;

	for (struct bytes b = buf_bytes(&c->tokens); b.n >= sizeof s; b = bytes_skip(b, sizeof s)) {
		memcpy(&s, b.p, sizeof s);
		siptransports_fail(c->t, s.token, rc, c->words);
	}
}

/* ---- life ---- */

static void release(struct sipconn *c)
{
	loop_timer_del(c->t->loop, &c->timer);
	loop_defer_cancel(&c->sweep);
	siptable_del(c);
	address_leave(&c->t->addresses, c->count);
	sipstream_fini(&c->in);
	buf_fini(&c->waiting);
	buf_fini(&c->tokens);
	free(c->to);
	free(c);
}

void sipconn_free(struct sipconn *c)
{
	link_close(&c->link);
	release(c);
}

/* The link is closed. The owner hears of it when nobody can find the connection any more. */
static void finish(struct sipconn *c, int why)
{
	struct siptransports *t = c->t;
	uint64_t flow = c->source.flow;

	if (c->why)
		why = c->why;
	log_debug("sip.conn.closed", LOG_ID("id", flow), LOG_STR("reason", why ? err_name(why) : "eof"), LOG_STR("words", c->words));
	c->state = SIPCONN_ENDING;
	siptable_del_places(c);
	fail_sent(c, why ? why : ERR_CLOSED);
	if (t->owner->closed)
		t->owner->closed(t->arg, flow, why);
	release(c);
}

static void on_closed(void *arg, int why)
{
	struct sipconn *c = arg;

	if (!c->words[0])
		c->words = c->link.words;
	if (!c->to && c->state == SIPCONN_OPENING)
		siptransports_refuse(c->t, &c->source.addr, c->source.transport, why ? why : ERR_CLOSED, c->words);
	finish(c, why);
}

static void on_sweep(void *arg)
{
	finish(arg, ERR_CLOSED);
}

void sipconn_cut(struct sipconn *c, int why, const char *words)
{
	if (!c->why) {
		c->why = why;
		c->words = words;
	}
	c->state = SIPCONN_ENDING;
	siptable_del_places(c);
	link_close(&c->link);
	loop_defer_call(c->t->loop, &c->sweep);
}

void sipconn_wind_down(struct sipconn *c, int why)
{
	if (c->state == SIPCONN_ENDING)
		return;
	c->state = SIPCONN_ENDING;
	c->why = why;
	siptable_del_places(c);
	loop_timer_del(c->t->loop, &c->timer);
	link_shutdown(&c->link);
}

static struct sipconn *conn_new(struct siptransports *t, const struct sip_source *source)
{
	struct sipconn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->t = t;
	c->source = *source;
	c->queue_max = t->config.queue_max;
	c->words = "";
	list_init(&c->keys);
	sipstream_init(&c->in);
	buf_init(&c->waiting, c->queue_max);
	buf_init(&c->tokens, TOKENS_MAX * sizeof(struct sent));
	loop_defer_init(&c->sweep, on_sweep, c);
	siptime_init(c);
	if (siptable_add(c)) {
		release(c);
		return NULL;
	}
	return c;
}

/* ---- becoming ready ---- */

/* A peer that lost its power, or whose firewall forgot the connection, says nothing: without this every
 * request would go to it until the kernel gives up after a quarter of an hour. */
static void notice_death(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, DEAF_MS },
		{ IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, PROBE_EVERY_S },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	};

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) /* without it only later */
		(void)setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof options[i].value);
}

static void ready(struct sipconn *c)
{
	char addr[SIP_ADDR_TEXT_BYTES];

	sip_sockaddr_text(&c->source.addr, addr);
	log_debug("sip.conn.open", LOG_ID("id", c->source.flow), LOG_STR("transport", siptransport_name(c->source.transport)),
	          LOG_STR("address", addr), LOG_INT("port", sip_sockaddr_port(&c->source.addr)), LOG_STR("side", c->to ? "out" : "in"));
	notice_death(c->link.watch.fd);
	c->state = SIPCONN_READY;
	c->opened_ms = loop_now(c->t->loop);
	if (buf_len(&c->waiting))
		(void)link_send(&c->link, buf_bytes(&c->waiting)); /* a link without memory ends, and says so */
	buf_fini(&c->waiting);
	if (c->t->is_paused)
		link_pause(&c->link, true);
	siptime_touch(c);
}

/* RFC 5922 7: the name that was asked for. */
static int prove_name(struct tls *tls, const char *name, const char **words)
{
	static const struct tls_sip_demand sip;
	struct tls_demand d = { .domain_ascii = name, .sip = &sip };
	struct tls_verdict v;

	tls_verify(tls, &d, &v);
	*words = v.hint;
	return v.rc;
}

static int judge(struct sipconn *c, const char **words)
{
	const struct siptransport_owner *o = c->t->owner;

	if (c->to)
		return o->prove ? o->prove(c->t->arg, c->link.tls, c->to, words) : prove_name(c->link.tls, c->to->name, words);
	if (!c->source.is_mutual)
		return 0;
	if (!tls_has_peer_certificate(c->link.tls))
		return ERR_CERT_NONE;
	return o->admit ? o->admit(c->t->arg, c->link.tls, &c->source, words) : prove_name(c->link.tls, NULL, words);
}

static void on_secured(void *arg)
{
	struct sipconn *c = arg;
	const char *words = "";
	int rc = judge(c, &words);

	if (!rc) {
		ready(c);
		return;
	}
	if (!c->to)
		siptransports_refuse(c->t, &c->source.addr, SIPT_TLS, rc, words);
	sipconn_cut(c, rc, words);
}

/* RFC 6066 3: an address is not a name to send; NULL then. */
static const char *sni_of(const struct sip_place *to)
{
	union sip_sockaddr a;

	return to->name[0] && sip_sockaddr_of(bytes_of(to->name), 0, &a) ? to->name : NULL;
}

static int start_tls(struct sipconn *c)
{
	struct siptransports *t = c->t;
	const char *fallback = t->default_domain[0] ? t->default_domain : NULL;
	struct tls_options server = { .side = TLS_SERVER, .domain = fallback, .wants_peer_certificate = true };
	struct tls_options client = { .side = TLS_CLIENT };
	struct tls *tls = NULL;

	if (!t->store)
		return ERR_TLS;
	if (c->to) {
		client.domain = c->to->local[0] ? c->to->local : fallback;
		client.server_name = sni_of(c->to);
	}
	int rc = tls_new(t->store, c->to ? &client : &server, &tls);
	return rc ? rc : link_start_tls(&c->link, tls, t->config.handshake_ms);
}

static void on_connected(void *arg)
{
	struct sipconn *c = arg;

	if (c->source.transport != SIPT_TLS) {
		ready(c);
		return;
	}
	int rc = start_tls(c);
	if (rc)
		sipconn_cut(c, rc, "");
}

/* ---- what comes ---- */

static void pong(struct sipconn *c)
{
	/* A peer that pings and does not read gets no more of them. */
	if (link_queued(&c->link) + 2 > c->queue_max)
		return;
	(void)link_send(&c->link, BYTES("\r\n")); /* a link without memory ends, and says so */
	c->put += 2;
}

/* True: there is more. */
static bool take_one(struct sipconn *c)
{
	struct sipmsg *m = NULL;
	bool is_ping = false;
	int rc = sipstream_next(&c->in, &m, &is_ping);

	if (m || is_ping) {
		c->has_spoken = true;
		c->was_inside = false; /* the next one has its own time */
	}
	if (m) {
		c->t->counts.stream_in++;
		siptransports_deliver(c->t, m, &c->source);
	}
	if (is_ping && c->state == SIPCONN_READY)
		pong(c);
	if (rc) {
		c->t->counts.refused++;
		sipconn_wind_down(c, rc);
	}
	return !rc && (m || is_ping);
}

void sipconn_drain(struct sipconn *c)
{
	while (c->state == SIPCONN_READY && !c->t->is_paused && take_one(c))
		;
	if (c->state != SIPCONN_READY)
		return;
	bool is_inside = sipstream_is_inside(&c->in);
	if (is_inside && !c->was_inside)
		c->begun_ms = loop_now(c->t->loop);
	c->was_inside = is_inside;
	siptime_touch(c);
}

static void on_data(void *arg, struct bytes in)
{
	struct sipconn *c = arg;

	int rc = sipstream_feed(&c->in, in);
	if (!rc) {
		sipconn_drain(c);
		return;
	}
	siptransports_refuse(c->t, &c->source.addr, c->source.transport, rc, "message too large");
	sipconn_wind_down(c, rc);
}

void sipconn_pause(struct sipconn *c, bool is_paused)
{
	if (c->state == SIPCONN_READY)
		link_pause(&c->link, is_paused);
}

/* ---- opening ---- */

static const struct link_owner owner = {
	.connected = on_connected,
	.secured = on_secured,
	.data = on_data,
	.closed = on_closed,
};

static int admit(struct siptransports *t, const union sip_sockaddr *from, struct address_count **count)
{
	/* Strangers do not take the places of our own connections to others. */
	if (t->flows.count >= t->config.connections_max - t->config.connections_max / 8)
		return ERR_FULL;
	return address_enter(&t->addresses, &from->any, t->config.per_address_max, count);
}

/* Takes over fd. has_tls: it begins with our handshake. */
static int take(struct siptransports *t, const struct sip_source *source, int fd, bool has_tls, uint64_t *flow)
{
	struct address_count *count = NULL;
	int rc = admit(t, &source->addr, &count);
	struct sipconn *c = rc ? NULL : conn_new(t, source);

	if (!c) {
		address_leave(&t->addresses, count);
		close(fd);
		return rc ? rc : ERR_NOMEM;
	}
	c->count = count;
	*flow = c->source.flow;
	rc = link_accept(&c->link, t->loop, fd, &owner, c, c->queue_max + PONG_ROOM);
	if (!rc && has_tls)
		rc = start_tls(c);
	if (rc)
		sipconn_free(c);
	else if (!has_tls)
		ready(c);
	return rc;
}

void sipconn_accept(struct sipsocket *s, int fd, const union sip_sockaddr *from)
{
	const struct sip_source source = { .transport = s->how, .listener = siplisten_id(s), .addr = *from, .is_mutual = s->is_mutual };
	uint64_t flow;

	if (s->t->owner->welcome && !s->t->owner->welcome(s->t->arg, from)) {
		s->t->counts.refused++;
		(void)close(fd); /* nothing was written to it */
		return;
	}
	int rc = take(s->t, &source, fd, s->how == SIPT_TLS, &flow);

	if (rc)
		siptransports_refuse(s->t, from, s->how, rc, "");
}

int sipconn_adopt(struct siptransports *t, enum siptransport how, int fd, const union sip_sockaddr *from, uint64_t *flow)
{
	const struct sip_source source = { .transport = how, .addr = *from };
	int rc = take(t, &source, fd, false, flow);

	if (rc)
		siptransports_refuse(t, from, how, rc, "");
	return rc;
}

int sipconn_dial(struct siptransports *t, const struct sip_place *to, struct sipconn **out)
{
	struct sip_source source = { .transport = to->transport, .addr = to->addr };
	int rc = ERR_NOMEM;

	if (t->flows.count >= t->config.connections_max)
		return ERR_LIMIT;
	if (to->transport == SIPT_TLS && !t->store)
		return ERR_TLS;
	struct sipconn *c = conn_new(t, &source);
	if (!c)
		return ERR_NOMEM;
	c->to = malloc(sizeof *c->to);
	if (!c->to)
		goto fail;
	*c->to = *to;
	rc = siptable_add_place(c, to);
	if (!rc)
		rc = link_connect(&c->link, t->loop, &to->addr.any, sip_sockaddr_len(&to->addr), NULL, 0, t->config.handshake_ms,
		                  &owner, c, c->queue_max + PONG_ROOM);
	if (rc)
		goto fail;
	*out = c;
	return 0;
fail:
	sipconn_free(c);
	return rc;
}

/* ---- sending ---- */

static int put(struct sipconn *c, struct bytes message)
{
	if (c->state == SIPCONN_READY)
		return link_send(&c->link, message);
	buf_put_bytes(&c->waiting, message);
	if (!buf_failed(&c->waiting))
		return 0;
	buf_truncate(&c->waiting, c->put); /* nothing has left: all of it waits here */
	return ERR_NOMEM;
}

int sipconn_send(struct sipconn *c, uint64_t token, struct bytes message)
{
	struct sent s = { token, c->put + message.n, loop_now(c->t->loop) };

	if (link_queued(&c->link) + buf_len(&c->waiting) + message.n > c->queue_max)
		return ERR_FULL;
	int rc = token ? reserve_token(c) : 0;
	if (!rc)
		rc = put(c, message);
	if (rc)
		return rc;
	c->put += message.n;
	if (token)
		buf_put(&c->tokens, &s, sizeof s); /* it has its room */
	c->t->counts.stream_out++;
	siptime_touch(c);
	return 0;
}
