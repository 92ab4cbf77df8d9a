#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "proto/jid.h"
#include "run/session.h"

/* What the engine wants, carried out: one function an action. Most are a message to gh-im. */

enum { TLS_TIMEOUT_MS = 15000 };

static struct buf *begin(struct conn *c, enum msg type)
{
	struct buf *b = chan_begin(c->door->im, type, 0);

	wire_put_u64(b, c->id);
	return b;
}

/* A message that gh-im does not get would put both sides apart: the stream ends instead. */
static void end(struct conn *c)
{
	int rc = chan_end(c->door->im);

	if (rc == 0)
		return;
	c->door->stats[STAT_BUS_FULL]++;
	if (!c->is_shut)
		conn_event(c, &(struct stream_input){ .event = E_KILL, .error = STREAM_RESOURCE_CONSTRAINT });
}

void conn_tell_closed(struct conn *c, bool is_over)
{
	uint8_t core = c->core;

	c->core = CORE_NOTHING;
	if (!c->door->im || core == CORE_NOTHING)
		return;
	struct buf *b = begin(c, core == CORE_LOGIN ? MSG_AUTH_ABORT : MSG_SESSION_CLOSED);
	if (core == CORE_AUTHED)
		wire_put_u8(b, is_over ? SESSION_OVER : SESSION_LOST);
	if (chan_end(c->door->im))
		c->door->stats[STAT_BUS_FULL]++; /* gh-im's own time limits find out */
}

static void start_tls(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	struct door *d = c->door;
	char ascii[254];
	struct tls_options o = { .side = TLS_SERVER };
	struct tls *t;

	(void)out;
	if (jid_domain_to_ascii(a->text, ascii) == 0)
		o.domain = ascii;
	int rc = d->tls ? tls_new(d->tls, &o, &t) : ERR_AGAIN;
	if (rc == 0)
		rc = link_start_tls(&c->link, t, TLS_TIMEOUT_MS);
	if (rc) {
		log_warn("c2s.tls.failed", LOG_ID("id", c->id), LOG_STR("reason", err_name(rc)));
		conn_event(c, &(struct stream_input){ .event = E_KILL, .error = STREAM_INTERNAL_SERVER_ERROR });
	}
}

static void put_binding(struct buf *b, const char *type, struct bytes data)
{
	wire_put_str(b, bytes_of(type));
	wire_put_bytes(b, data);
}

static void put_handed_bindings(const struct handed *h, struct buf *b)
{
	wire_put_u8(b, (uint8_t)((h->exporter_n > 0) + (h->end_point_n > 0) + (h->unique_n > 0)));
	if (h->exporter_n)
		put_binding(b, "tls-exporter", bytes_make(h->exporter, h->exporter_n));
	if (h->end_point_n)
		put_binding(b, "tls-server-end-point", bytes_make(h->end_point, h->end_point_n));
	if (h->unique_n)
		put_binding(b, "tls-unique", bytes_make(h->unique, h->unique_n));
}

static void put_bindings(struct conn *c, struct buf *b)
{
	uint8_t exporter[32], end_point[64], unique[64];
	size_t end_point_n = 0, unique_n = 0;
	struct tls *t = c->link.tls;
	bool has_exporter = t && tls_exporter(t, exporter) == 0;
	bool has_end_point = t && tls_server_end_point(t, end_point, &end_point_n) == 0;
	bool has_unique = t && tls_unique(t, unique, &unique_n) == 0;

	wire_put_u8(b, (uint8_t)(has_exporter + has_end_point + has_unique));
	if (has_exporter)
		put_binding(b, "tls-exporter", bytes_make(exporter, sizeof exporter));
	if (has_end_point)
		put_binding(b, "tls-server-end-point", bytes_make(end_point, end_point_n));
	if (has_unique)
		put_binding(b, "tls-unique", bytes_make(unique, unique_n));
}

/* What the client sent may be its password. */
static void wipe(const struct stream_out *out)
{
	struct bytes left = buf_bytes(out->scratch);

	secret_wipe((void *)(uintptr_t)left.p, left.n);
}

static void auth_start(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	char peer[PEER_TEXT_BYTES];
	const struct stream_agent agent = stream_agent(&c->stream);
	struct buf *b = begin(c, MSG_AUTH_START);

	c->core = CORE_LOGIN;
	peer_address_text(&c->peer, peer);
	wire_put_str(b, a->text);
	wire_put_u8(b, (uint8_t)(a->flags | (c->handed ? AUTH_OUTSIDE : 0)));
	wire_put_bytes(b, a->data);
	if (c->handed)
		put_handed_bindings(c->handed, b);
	else
		put_bindings(c, b);
	wire_put_str(b, stream_domain(&c->stream));
	wire_put_str(b, bytes_of(peer));
	wire_put_str(b, agent.id);
	wire_put_str(b, agent.name);
	wire_put_str(b, agent.wanted);
	wire_put_u64(b, agent.count);
	end(c);
	wipe(out);
}

static void auth_response(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	wire_put_bytes(begin(c, MSG_AUTH_RESPONSE), a->data);
	end(c);
	wipe(out);
}

static void auth_abort(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	(void)a;
	(void)out;
	(void)begin(c, MSG_AUTH_ABORT);
	c->core = CORE_NOTHING;
	end(c);
}

static void logged_in(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	char peer[PEER_TEXT_BYTES];

	(void)out;
	c->core = CORE_AUTHED;
	c->door->stats[STAT_AUTH_OK]++;
	door_proved(c->door, &c->peer);
	conn_count_known(c);
	peer_address_text(&c->peer, peer);
	log_info("c2s.login", LOG_ID("id", c->id), LOG_BYTES("user", a->text),
		 LOG_BYTES("mechanism", stream_mechanism(&c->stream)),
		 LOG_STR("tls", conn_tls_version(c)), LOG_STR("address", peer));
}

static void session_open(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	struct buf *b = begin(c, MSG_SESSION_OPEN);

	(void)out;
	wire_put_str(b, a->text);
	wire_put_u32(b, a->flags);
	wire_put_str(b, a->data);
	wire_put_u32(b, a->number);
	end(c);
}

static void session_resume(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	struct buf *b = begin(c, MSG_SESSION_RESUME);

	(void)out;
	wire_put_str(b, a->text);
	wire_put_u32(b, a->number);
	end(c);
}

static void sm_enable(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	struct buf *b = begin(c, MSG_SM_ENABLE);

	(void)out;
	wire_put_u8(b, (uint8_t)a->flags);
	wire_put_u32(b, a->number);
	end(c);
}

static void sm_request(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	(void)a;
	(void)out;
	(void)begin(c, MSG_SM_REQUEST);
	end(c);
}

static void sm_ack(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	(void)out;
	wire_put_u32(begin(c, MSG_SM_ACK), a->number);
	end(c);
	conn_answered(c);
}

static void csi(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	(void)out;
	wire_put_u8(begin(c, MSG_SESSION_CSI), (uint8_t)a->flags);
	end(c);
	if (a->flags)
		conn_release(c);
}

static void stanza(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	struct envelope e = out->envelope;

	(void)a;
	e.trace = c->door->next_trace++;
	c->door->stats[STAT_STANZAS_IN]++;
	envelope_encode(begin(c, MSG_STANZA), &e);
	end(c);
}

static void counted(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	const struct envelope e = { .kind = STANZA_KIND_COUNTED };

	(void)a;
	(void)out;
	c->door->stats[STAT_STANZAS_REFUSED]++;
	envelope_encode(begin(c, MSG_STANZA), &e);
	end(c);
}

static void session_ready(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	struct door *d = c->door;

	(void)out;
	d->stats[a->flags ? STAT_RESUMED : STAT_SESSIONS]++;
	log_info(a->flags ? "c2s.session.resumed" : "c2s.session.opened", LOG_ID("id", c->id),
		 LOG_BYTES("user", a->text));
	loop_timer_del(d->loop, &c->timer);
	if (d->config.ping_ms)
		(void)loop_timer_set(d->loop, &c->timer, d->config.ping_ms); /* no memory: never asked */
}

static void shut(struct conn *c, const struct stream_action *a, const struct stream_out *out)
{
	(void)out;
	c->is_shut = true;
	if (!(a->flags & STREAM_CLOSE_OVER))
		c->door->stats[STAT_ERRORS]++;
	log_debug("c2s.closing", LOG_ID("id", c->id), LOG_BYTES("reason", a->text));
	conn_tell_closed(c, a->flags & STREAM_CLOSE_OVER);
	link_shutdown(&c->link);
}

static void (*const functions[])(struct conn *, const struct stream_action *, const struct stream_out *) = {
	[ACT_START_TLS] = start_tls,
	[ACT_AUTH_START] = auth_start,
	[ACT_AUTH_RESPONSE] = auth_response,
	[ACT_AUTH_ABORT] = auth_abort,
	[ACT_LOGGED_IN] = logged_in,
	[ACT_SESSION_OPEN] = session_open,
	[ACT_SESSION_RESUME] = session_resume,
	[ACT_SM_ENABLE] = sm_enable,
	[ACT_SM_REQUEST] = sm_request,
	[ACT_SM_ACK] = sm_ack,
	[ACT_CSI] = csi,
	[ACT_STANZA] = stanza,
	[ACT_COUNTED] = counted,
	[ACT_SESSION_READY] = session_ready,
	[ACT_CLOSE] = shut,
};
_Static_assert(sizeof functions / sizeof functions[0] == STREAM_ACT_COUNT, "a function for each action");

void conn_perform(struct conn *c, const struct stream_out *out)
{
	for (unsigned i = 0; i < out->n_actions && !c->is_gone && !c->is_shut; i++)
		functions[out->actions[i].act](c, &out->actions[i], out);
}
