#include "msrp_impl.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/random.h"

/* ---- ending ---- */

void msrp_conn_free(struct msrp_conn *c)
{
	link_close(&c->link);
	loop_timer_del(c->door->loop, &c->timer);
	address_leave(&c->door->addresses, c->address);
	msrp_reader_fini(&c->reader);
	list_del(&c->node);
	c->door->n_conns--;
	free(c);
}

static void lose_sessions(struct msrp_conn *c, int why)
{
	while (!list_is_empty(&c->sessions))
		msrp_session_lost(LIST_OWNER(c->sessions.next, struct msrp_session, node), why);
}

static void shut(struct msrp_conn *c, int why)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	lose_sessions(c, why);
	link_shutdown(&c->link);
}

void msrp_conn_left(struct msrp_conn *c)
{
	if (list_is_empty(&c->sessions))
		shut(c, ERR_CLOSED);
}

static void log_refused(struct msrp_conn *c, const char *reason)
{
	char text[PEER_TEXT_BYTES];
	uint32_t held;

	c->door->counts.refused++;
	if (!log_limit_pass(&c->door->limit_log, 20, loop_now(c->door->loop), &held))
		return;
	peer_address_text(&c->peer, text);
	log_info("msrp.refused", LOG_ID("connection", c->id), LOG_STR("address", text), LOG_STR("reason", reason), LOG_INT("held", held));
}

/* ---- time ---- */

static void on_timer(void *arg)
{
	struct msrp_conn *c = arg;

	log_refused(c, list_is_empty(&c->sessions) ? "no-session" : "half-frame");
	shut(c, ERR_TIMEOUT);
}

void msrp_conn_arm(struct msrp_conn *c)
{
	bool is_inside = msrp_reader_is_inside(&c->reader), has_session = !list_is_empty(&c->sessions);
	uint64_t now = loop_now(c->door->loop);

	if (!is_inside)
		c->half_ms = 0;
	else if (!c->half_ms)
		c->half_ms = now;
	if (has_session && c->address) {
		address_leave(&c->door->addresses, c->address);
		c->address = NULL;
	}
	if (!has_session)
		return; /* the time that it was given at first runs on */
	loop_timer_del(c->door->loop, &c->timer);
	if (c->half_ms)
		(void)loop_timer_set(c->door->loop, &c->timer, c->half_ms + MSRP_HALF_MS - now); /* the next bytes set it */
}

/* ---- frames ---- */

static void respond(struct msrp_conn *c, const struct msrp_frame *f, unsigned status)
{
	bool is_silent = f->status || f->method == MSRP_REPORT || bytes_eq_nocase(f->failure_report, BYTES("no"));
	struct buf b;

	if (is_silent)
		return;
	buf_init(&b, 2 * MSRP_HEAD_MAX_BYTES);
	if (msrp_respond(f, status, NULL, &b) == 0)
		(void)link_send(&c->link, buf_bytes(&b)); /* a full queue ends the link by itself */
	buf_fini(&b);
}

/* SES-10: who guesses may try some more, but not for ever. A wrong name is answered whatever Failure-Report
 * says: there is no session in which it could hold. */
static void refuse_unknown(struct msrp_conn *c, const struct msrp_frame *f)
{
	struct msrp_frame plain = *f;

	c->door->counts.unknown_session++;
	plain.failure_report = BYTES_NONE;
	respond(c, &plain, 481);
	if (++c->guesses < MSRP_GUESSES_MAX)
		return;
	log_refused(c, "guesses-sessions");
	shut(c, ERR_DENIED);
}

static bool is_from_them(const struct msrp_session *s, const struct msrp_frame *f)
{
	struct msrp_uri theirs, named;

	if (!s->path)
		return true; /* their answer, which names it, is still under way */
	return msrp_uri_parse(msrp_path_last(bytes_of(s->path)), &theirs) == 0 &&
	       msrp_uri_parse(msrp_path_last(f->from_path), &named) == 0 && msrp_uri_equal(&theirs, &named);
}

/* The session that a frame on this connection is for: it names one of ours, and comes from its other end. */
static struct msrp_session *session_for(struct msrp_conn *c, const struct msrp_frame *f)
{
	struct bytes rest, to = msrp_path_first(f->to_path, &rest);
	struct msrp_session *s = rest.n ? NULL : msrp_session_of(c->door, to);

	if (!s || !is_from_them(s, f) || c->is_tls != !!(s->flags & MSRP_OPEN_TLS))
		return NULL;
	return s;
}

static void pass(struct msrp_conn *c, struct msrp_session *s, struct bytes frame)
{
	struct chan *chan = bus_chan(c->door->bus, PROG_XLATE, 0);
	struct buf *b = chan_begin(chan, MSG_MSRP_FRAME, 0);

	wire_put_u64(b, s->key);
	wire_put_bytes(b, frame);
	if (chan_end(chan))
		shut(c, ERR_FULL);
	else
		c->door->counts.frames_in++;
}

static void take(struct msrp_conn *c, const struct msrp_frame *f)
{
	struct msrp_session *s = session_for(c, f);

	if (!s) {
		refuse_unknown(c, f);
		return;
	}
	if (s->conn && s->conn != c) {
		respond(c, f, 506); /* RFC 4975 7.3: bound elsewhere */
		return;
	}
	if (!s->conn && !f->status)
		msrp_session_bind(s, c);
	if (f->fault)
		respond(c, f, f->fault);
	else if (s->conn)
		pass(c, s, msrp_reader_raw(&c->reader));
}

static void on_data(void *arg, struct bytes in)
{
	struct msrp_conn *c = arg;
	struct msrp_frame f;
	int rc = ERR_AGAIN;

	while (in.n && rc == ERR_AGAIN && !c->is_closing) {
		size_t n = in.n < MSRP_FEED_MAX_BYTES ? in.n : MSRP_FEED_MAX_BYTES;
		rc = msrp_reader_feed(&c->reader, bytes_make(in.p, n));
		in = bytes_skip(in, n);
		while (!rc && !c->is_closing && !(rc = msrp_reader_next(&c->reader, &f)))
			take(c, &f);
	}
	if (c->is_closing)
		return;
	if (rc && rc != ERR_AGAIN) {
		log_refused(c, err_name(rc));
		shut(c, rc);
	} else {
		msrp_conn_arm(c);
	}
}

void msrp_conn_send(struct msrp_conn *c, struct bytes frame)
{
	(void)link_send(&c->link, frame); /* a full queue ends the link by itself */
}

/* ---- the link ---- */

static void on_closed(void *arg, int why)
{
	struct msrp_conn *c = arg;

	c->is_closing = true;
	lose_sessions(c, why ? why : ERR_CLOSED);
	msrp_conn_free(c);
}

/* Ours is ready: the session that it was made for. */
static void ready(struct msrp_conn *c)
{
	LIST_EACH (it, &c->sessions)
		msrp_session_bind(LIST_OWNER(it, struct msrp_session, node), c);
	loop_timer_del(c->door->loop, &c->timer);
	msrp_conn_arm(c);
}

static struct msrp_session *made_for(struct msrp_conn *c)
{
	return list_is_empty(&c->sessions) ? NULL : LIST_OWNER(c->sessions.next, struct msrp_session, node);
}

static bool host_of(struct msrp_conn *c, char host[static 256])
{
	struct msrp_session *s = made_for(c);
	struct bytes rest;
	struct msrp_uri u;

	if (!s || msrp_uri_parse(msrp_path_first(bytes_of(s->path), &rest), &u) || u.host.n > 255)
		return false;
	memcpy(host, u.host.p, u.host.n);
	host[u.host.n] = 0;
	return true;
}

static int start_tls(struct msrp_conn *c)
{
	struct tls_options o = { .side = c->is_ours ? TLS_CLIENT : TLS_SERVER, .domain = c->door->domain[0] ? c->door->domain : NULL };
	char host[256];
	struct tls *t;

	if (!c->door->store)
		return ERR_TLS;
	if (c->is_ours) {
		if (!host_of(c, host))
			return ERR_TLS;
		o.server_name = host;
	}
	int rc = tls_new(c->door->store, &o, &t);
	return rc ? rc : link_start_tls(&c->link, t, MSRP_FIRST_MS);
}

static void on_connected(void *arg)
{
	struct msrp_conn *c = arg;

	if (!c->is_tls)
		ready(c);
	else if (start_tls(c))
		shut(c, ERR_TLS);
}

/* RFC 4975 14.4: the certificate is that of the host in their URI. */
static void on_secured(void *arg)
{
	struct msrp_conn *c = arg;
	struct tls_verdict v = { .rc = 0 };
	char host[256] = "";

	if (!c->is_ours)
		return; /* the session's name, which came with SIP, is the proof */
	if (host_of(c, host))
		tls_verify(c->link.tls, &(struct tls_demand){ .domain_ascii = host }, &v);
	else
		v.rc = ERR_CERT_NAME;
	if (!v.rc) {
		ready(c);
		return;
	}
	log_warn("msrp.certificate", LOG_ID("connection", c->id), LOG_STR("host", host), LOG_STR("reason", err_name(v.rc)),
		 LOG_STR("subject", v.subject), LOG_STR("issuer", v.issuer),
		 LOG_STR("advice", "their certificate must name the host of their MSRP address: trust anchor NAME adds an authority"));
	shut(c, v.rc);
}

/* Who connects to us has shown no certificate that counted; whom we connected to has. */
void msrp_door_prove_again(struct msrp_door *d)
{
	LIST_EACH (it, &d->conns) {
		struct msrp_conn *c = LIST_OWNER(it, struct msrp_conn, node);
		if (!c->is_ours || c->is_closing || !c->link.tls || !tls_is_revoked(c->link.tls))
			continue;
		log_warn("msrp.revoked", LOG_ID("connection", c->id),
			 LOG_STR("advice", "its authority has revoked the certificate of their MSRP address: tell the partner"));
		shut(c, ERR_CERT_REVOKED);
	}
}

static const struct link_owner owner = { .connected = on_connected, .secured = on_secured, .data = on_data, .closed = on_closed };

static struct msrp_conn *conn_new(struct msrp_door *d, bool is_tls)
{
	struct msrp_conn *c = d->n_conns < MSRP_CONNS_MAX ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return NULL;
	c->door = d;
	c->is_tls = is_tls;
	c->id = random_u64();
	list_init(&c->sessions);
	msrp_reader_init(&c->reader, MSRP_BODY_MAX_BYTES);
	loop_timer_init(&c->timer, on_timer, c);
	list_add_tail(&d->conns, &c->node);
	d->n_conns++;
	return c;
}

void msrp_conn_accept(struct msrp_door *d, int fd, bool is_tls)
{
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof from;
	struct msrp_conn *c = conn_new(d, is_tls);

	if (!c) {
		d->counts.refused++;
		(void)close(fd); /* nothing was said yet */
		return;
	}
	(void)getpeername(fd, (struct sockaddr *)&from, &n); /* one that has gone already is nobody's */
	peer_address_of((struct sockaddr *)&from, &c->peer);
	d->counts.accepted++;
	if (address_enter(&d->addresses, (struct sockaddr *)&from, MSRP_PER_ADDRESS_MAX, &c->address)) {
		log_refused(c, "too-many-of-this-address");
		(void)close(fd); /* as above */
		msrp_conn_free(c);
		return;
	}
	int rc = link_accept(&c->link, d->loop, fd, &owner, c, MSRP_QUEUE_MAX_BYTES);
	if (!rc && is_tls)
		rc = start_tls(c);
	if (!rc)
		rc = loop_timer_set(d->loop, &c->timer, MSRP_FIRST_MS);
	if (rc) {
		msrp_conn_free(c);
		return;
	}
	if (d->is_paused)
		link_pause(&c->link, true);
}

int msrp_conn_connect(struct msrp_session *s, const struct dns_addr *to, uint16_t port)
{
	struct msrp_conn *c = conn_new(s->door, s->flags & MSRP_OPEN_TLS);
	struct sockaddr_storage addr;
	socklen_t n = dns_addr_sockaddr(to, port, &addr);

	if (!c)
		return ERR_FULL;
	c->is_ours = true;
	peer_address_of((struct sockaddr *)&addr, &c->peer);
	int rc = link_connect(&c->link, s->door->loop, (struct sockaddr *)&addr, n, NULL, 0, MSRP_CONNECT_MS, &owner, c, MSRP_QUEUE_MAX_BYTES);
	if (rc) {
		msrp_conn_free(c);
		return rc;
	}
	s->conn = c;
	list_add_tail(&c->sessions, &s->node);
	return 0;
}
