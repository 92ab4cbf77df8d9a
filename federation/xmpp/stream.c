/* What both machines share: reading elements into events, stanzas, endings, timers, pairs. */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "proto/jid.h"

/* Waiting for the peer's end tag after ours; asking about our stanzas once more. */
enum { CLOSE_WAIT_MS = 5000, ACK_OWED_MS = 1000, UNPROVEN_STANZA_BYTES = 16384 };

#define STREAM_MEMBER(id, name) name,
static const char *const state_names[] = { STREAM_STATE_TABLE(STREAM_MEMBER) };
#undef STREAM_MEMBER

#define PING_PREFIX "gh-ping-"

const char *stream_state_name(uint8_t state)
{
	return state < STREAM_STATE_COUNT ? state_names[state] : "?";
}

/* ---- elements to events ---- */

static const struct element_row {
	const char *name, *ns;
	enum stream_event_kind kind;
} element_rows[] = {
	{ "features", NS_STREAM, SE_FEATURES },
	{ "error", NS_STREAM, SE_ERROR },
	{ "starttls", NS_TLS, SE_STARTTLS },
	{ "proceed", NS_TLS, SE_PROCEED },
	{ "failure", NS_TLS, SE_TLS_FAILURE },
	{ "auth", NS_SASL, SE_AUTH },
	{ "abort", NS_SASL, SE_ABORT },
	{ "response", NS_SASL, SE_ABORT }, /* EXTERNAL has no challenge */
	{ "success", NS_SASL, SE_SUCCESS },
	{ "failure", NS_SASL, SE_FAILURE },
	{ "result", NS_DIALBACK, SE_DB_RESULT },
	{ "verify", NS_DIALBACK, SE_DB_VERIFY },
	{ "bidi", NS_BIDI, SE_BIDI },
	{ "enable", NS_SM, SE_SM_ENABLE },
	{ "enabled", NS_SM, SE_SM_ENABLED },
	{ "failed", NS_SM, SE_SM_FAILED },
	{ "r", NS_SM, SE_SM_R },
	{ "a", NS_SM, SE_SM_A },
};

static enum stream_event_kind classify(const struct xml_event *x)
{
	const struct xml_node *n = x->node;

	if (x->kind == XML_EVENT_OPEN)
		return SE_HEADER;
	if (x->kind == XML_EVENT_CLOSE)
		return SE_END;
	for (size_t i = 0; i < sizeof element_rows / sizeof element_rows[0]; i++) {
		const struct element_row *r = &element_rows[i];
		if (!xml_is(n, r->name, r->ns))
			continue;
		if (r->kind == SE_DB_RESULT && xml_attr(n, "type").p)
			return SE_DB_RESULT_ANSWER;
		if (r->kind == SE_DB_VERIFY && xml_attr(n, "type").p)
			return SE_DB_VERIFY_ANSWER;
		return r->kind;
	}
	if (n->name && (!strcmp(n->name, "message") || !strcmp(n->name, "presence") || !strcmp(n->name, "iq")))
		return SE_STANZA;
	return SE_UNKNOWN;
}

/* ---- the machine ---- */

struct stream_act *act_add(struct stream_out *out, enum stream_act_kind kind)
{
	/* One event makes a handful of actions at most; a full list is a broken invariant, and the
	 * last place then takes the blame without harm to memory. */
	struct stream_act *a = &out->acts[out->n < STREAM_ACTS_MAX ? out->n++ : STREAM_ACTS_MAX - 1];

	*a = (struct stream_act){ .kind = kind };
	return a;
}

void stream_queue(struct stream *s, enum stream_event_kind kind)
{
	if (s->n_queued < sizeof s->queued)
		s->queued[s->n_queued++] = (uint8_t)kind;
}

/* An event without a row: late answers of the driver are nothing; the rest is the peer's fault. */
static void not_expected(struct stream *s, enum stream_event_kind kind)
{
	bool is_driver = kind == SE_PROOF || kind == SE_DB_VERDICT || kind == SE_SECURED ||
	                 kind == SE_CONNECTED || kind == SE_WANT_PAIR || kind >= SE_ASK_TLS;

	if (s->state == SS_DEAD || s->state == SS_CLOSING || is_driver)
		return;
	if (!s->n_proven && s->role == STREAM_IN)
		(void)stream_fail(s, STREAM_NOT_AUTHORIZED, RUNG_STREAM, ERR_BAD_STATE, "sent before authentication");
	else
		(void)stream_fail(s, STREAM_UNSUPPORTED_STANZA_TYPE, RUNG_STREAM, ERR_BAD_STATE, "not expected here");
}

void stream_step(struct stream *s, enum stream_event_kind kind, struct stream_event *ev)
{
	const struct fsm *m = s->role == STREAM_IN ? &stream_in_fsm : &stream_out_fsm;

	stream_queue(s, kind);
	/* An action queues at most one or two events, each further along: 16 is never reached. */
	for (unsigned turns = 0; s->n_queued && turns < 16; turns++) {
		uint8_t k = s->queued[0], from = s->state;
		memmove(s->queued, s->queued + 1, --s->n_queued);
		int rc = fsm_step(m, &s->state, k, s, ev);
		if (rc == ERR_BAD_STATE)
			not_expected(s, (enum stream_event_kind)k);
		if (s->env->trace)
			s->env->trace(s, from, k, s->state);
	}
	s->n_queued = 0;
}

int stream_fail(struct stream *s, int error, enum rung rung, int rc, const char *text)
{
	if (s->why.rung == RUNG_NONE)
		reason_set(&s->why, rung, rc, text);
	s->close_error = (int8_t)error;
	s->close_text = text;
	s->n_queued = 0;
	stream_queue(s, SE_FAIL);
	return ERR_PROTOCOL;
}

static void stream_init(struct stream *s, const struct stream_env *env, enum stream_role role, uint64_t now_ms)
{
	*s = (struct stream){ .env = env, .role = (uint8_t)role, .limits = xml_limits_default };
	/* a stranger gets little memory */
	s->limits.stanza_bytes = UNPROVEN_STANZA_BYTES;
	s->close_error = -1;
	s->proof_rc = ERR_CERT_NONE;
	s->proof = "";
	s->begun_ms = s->last_in_ms = s->last_stanza_ms = now_ms;
	list_init(&s->pairs);
	xml_stream_init(&s->xml, env->pool, &s->limits);
}

void stream_init_in(struct stream *s, const struct stream_env *env, uint64_t now_ms)
{
	stream_init(s, env, STREAM_IN, now_ms);
	s->state = SS_IN_HEADER;
}

int stream_init_out(struct stream *s, const struct stream_env *env, struct bytes local,
                    struct bytes remote, bool is_only_verify, uint64_t now_ms)
{
	stream_init(s, env, STREAM_OUT, now_ms);
	s->state = SS_OUT_START;
	s->is_only_verify = is_only_verify;
	s->local = strndup((const char *)local.p, local.n);
	s->remote = strndup((const char *)remote.p, remote.n);
	return s->local && s->remote ? 0 : ERR_NOMEM;
}

void stream_fini(struct stream *s)
{
	if (!s->env)
		return;
	LIST_EACH(it, &s->pairs)
		stream_pair_del(s, LIST_OWNER(it, struct stream_pair, node));
	xml_stream_fini(&s->xml);
	free(s->local);
	free(s->remote);
	free(s->id);
	s->local = s->remote = s->id = NULL;
	s->env = NULL;
}

/* ---- events of the driver ---- */

void stream_connected(struct stream *s, uint64_t now_ms, struct stream_out *out)
{
	struct stream_event ev = { .now_ms = now_ms, .out = out };

	stream_step(s, SE_CONNECTED, &ev);
}

void stream_secured(struct stream *s, bool has_certificate, uint64_t now_ms, struct stream_out *out)
{
	struct stream_event ev = { .now_ms = now_ms, .out = out };

	s->is_secure = true;
	s->has_certificate = has_certificate;
	stream_step(s, SE_SECURED, &ev);
}

int stream_feed(struct stream *s, struct bytes in)
{
	int rc;

	if (s->state == SS_DEAD || s->state == SS_IN_HANDSHAKE || s->state == SS_OUT_HANDSHAKE)
		return 0; /* pipelined before TLS: dropped (RFC 6120 5.4.3.3) */
	rc = xml_stream_feed(&s->xml, in);
	if (rc < 0)
		s->bad_rc = rc;
	return rc;
}

bool stream_is_waiting(const struct stream *s)
{
	return s->state == SS_IN_PROVING || s->state == SS_OUT_PROVING || s->state == SS_IN_HANDSHAKE ||
	       s->state == SS_OUT_HANDSHAKE || s->state == SS_OUT_START;
}

bool stream_next(struct stream *s, uint64_t now_ms, struct stream_out *out)
{
	struct xml_event x = { .kind = XML_EVENT_NONE };
	struct stream_event ev = { .now_ms = now_ms, .out = out, .xml = &x };

	if (s->state == SS_DEAD || (stream_is_waiting(s) && !s->bad_rc))
		return false;
	ev.rc = s->bad_rc ? s->bad_rc : xml_stream_next(&s->xml, s->env->arena, &x);
	s->bad_rc = 0;
	if (ev.rc < 0) {
		stream_step(s, SE_BAD, &ev);
		return false;
	}
	if (x.kind == XML_EVENT_NONE)
		return false;
	s->last_in_ms = now_ms;
	stream_step(s, classify(&x), &ev);
	return s->state != SS_DEAD;
}

void stream_proof(struct stream *s, struct bytes remote, int rc, const char *proof, uint64_t now_ms,
                  struct stream_out *out)
{
	struct stream_event ev = { .now_ms = now_ms, .out = out, .remote = remote, .rc = rc, .proof = proof };

	stream_step(s, SE_PROOF, &ev);
}

void stream_verdict(struct stream *s, struct bytes local, struct bytes remote, int rc, uint64_t now_ms,
                    struct stream_out *out)
{
	struct stream_event ev = { .now_ms = now_ms, .out = out, .local = local, .remote = remote, .rc = rc };

	stream_step(s, SE_DB_VERDICT, &ev);
}

void stream_close(struct stream *s, int error, const char *text, uint64_t now_ms, struct stream_out *out)
{
	struct stream_event ev = { .now_ms = now_ms, .out = out };

	s->close_error = (int8_t)error;
	s->close_text = text;
	stream_step(s, error >= 0 || !s->is_header_sent ? SE_FAIL : SE_CLOSE, &ev);
}

/* ---- headers and endings ---- */

void stream_put_header(struct stream *s, struct stream_out *out)
{
	struct buf *b = out->bytes;

	buf_put_str(b, "<?xml version='1.0'?><stream:stream xmlns='" NS_SERVER "' xmlns:db='" NS_DIALBACK
	               "' xmlns:stream='" NS_STREAM "'");
	if (s->role == STREAM_IN)
		xml_write_attr(b, "id", bytes_of(s->id));
	if (s->local)
		xml_write_attr(b, "from", bytes_of(s->local));
	if (s->remote)
		xml_write_attr(b, "to", bytes_of(s->remote));
	buf_put_str(b, " version='1.0' xml:lang='en'>");
	s->is_header_sent = true;
	s->is_end_sent = false;
}

void stream_put_end(struct stream *s, struct stream_out *out)
{
	if (!s->is_header_sent || s->is_end_sent)
		return;
	/* the last word on what we took, so that the peer resends nothing of it */
	if (s->sm.is_on && s->sm.in_done != s->sm.in_told)
		stream_put_ack(s, out);
	buf_put_str(out->bytes, "</stream:stream>");
	s->is_end_sent = true;
}

int act_end(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	if (s->state != SS_READY && s->why.rung == RUNG_NONE)
		reason_set(&s->why, RUNG_STREAM, ERR_CLOSED, "the peer ended the stream during set-up");
	stream_put_end(s, ev->out);
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}

int act_ended(void *machine, void *event)
{
	struct stream_event *ev = event;

	(void)machine;
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}

/* What a peer's stream error means for further attempts: some say that they are pointless. */
static int peer_error_rc(enum stream_error error)
{
	switch (error) {
	case STREAM_HOST_UNKNOWN:
	case STREAM_HOST_GONE:
		return ERR_NOT_FOUND;
	case STREAM_NOT_AUTHORIZED:
		return ERR_AUTH;
	case STREAM_POLICY_VIOLATION:
	case STREAM_INVALID_FROM:
		return ERR_DENIED;
	default:
		return ERR_PROTOCOL;
	}
}

/* The peer's stream error: remembered with its name; the peer closes, so do we (RFC 6120 4.9.1.1). */
int act_peer_error(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	const struct xml_node *e = xml_first(ev->xml->node);
	struct bytes text = xml_text(xml_child(ev->xml->node, "text", NS_STREAM_ERRORS));
	enum stream_error error = STREAM_UNDEFINED_CONDITION;
	char what[64];

	if (e && e->name)
		(void)stream_error_of(bytes_of(e->name), &error);
	(void)snprintf(what, sizeof what, "peer says %s", stream_error_name(error));
	if (s->why.rung == RUNG_NONE)
		reason_set_peer(&s->why, error == STREAM_NOT_AUTHORIZED ? RUNG_AUTH : RUNG_STREAM,
		                peer_error_rc(error), what, text);
	stream_put_end(s, ev->out);
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}

int act_bad(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	return stream_fail(s, stream_error_for(ev->rc), RUNG_STREAM, ev->rc, NULL);
}

/* A header inside the stream is bad-format; everything else that is no stanza and none of our
 * elements is unsupported-stanza-type (RFC 6120 4.9.3.24). */
int act_unknown(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	if (xml_is(ev->xml->node, "stream", NS_STREAM))
		return stream_fail(s, STREAM_BAD_FORMAT, RUNG_STREAM, ERR_PROTOCOL, "a stream inside a stream");
	return stream_fail(s, STREAM_UNSUPPORTED_STANZA_TYPE, RUNG_STREAM, ERR_UNKNOWN, NULL);
}

int act_timeout(void *machine, void *event)
{
	struct stream *s = machine;

	(void)event;
	return stream_fail(s, STREAM_CONNECTION_TIMEOUT, RUNG_STREAM, ERR_TIMEOUT,
	                   s->state == SS_READY ? "no sign of life" : stream_state_name(s->state));
}

int act_close(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	stream_put_end(s, ev->out);
	s->close_ms = ev->now_ms;
	return 0;
}

int act_fail(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	bool is_handshake = s->state == SS_IN_HANDSHAKE || s->state == SS_OUT_HANDSHAKE;

	/* RFC 6120 4.9.1.1: an error before our header comes after a header all the same. */
	if (s->role == STREAM_IN && !s->is_header_sent && !is_handshake) {
		if (!s->id && (s->id = malloc(33)))
			random_hex(s->id, 32);
		if (s->id)
			stream_put_header(s, ev->out);
	}
	if (s->is_header_sent && !s->is_end_sent && !is_handshake) {
		if (s->close_error >= 0)
			stream_error_write(ev->out->bytes, (enum stream_error)s->close_error,
			                   bytes_of(s->close_text));
		stream_put_end(s, ev->out);
	}
	(void)act_add(ev->out, ACT_SHUTDOWN);
	return 0;
}

int act_bidi(void *machine, void *event)
{
	struct stream *s = machine;

	(void)event;
	s->is_bidi = s->env->conf->has_bidi && s->is_secure;
	return 0;
}

/* ---- pairs ---- */

struct policy_rule stream_rule(const struct stream *s, struct bytes remote)
{
	return policy_for(&s->env->conf->policy, remote);
}

struct stream_pair *stream_pair(struct stream *s, struct bytes local, struct bytes remote)
{
	LIST_EACH(it, &s->pairs) {
		struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (bytes_eq_str(local, p->local) && bytes_eq_str(remote, p->remote))
			return p;
	}
	return NULL;
}

struct stream_pair *stream_pair_add(struct stream *s, struct bytes local, struct bytes remote)
{
	struct stream_pair *p;

	if (s->n_pairs >= STREAM_PAIRS_MAX || s->n_pairs - s->n_proven >= STREAM_PAIRS_UNPROVEN_MAX)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->local = strndup((const char *)local.p, local.n);
	p->remote = strndup((const char *)remote.p, remote.n);
	list_add_tail(&s->pairs, &p->node);
	s->n_pairs++;
	if (!p->local || !p->remote) {
		stream_pair_del(s, p);
		return NULL;
	}
	return p;
}

void stream_pair_del(struct stream *s, struct stream_pair *p)
{
	s->n_pairs--;
	if (p->state == PAIR_PROVEN)
		s->n_proven--;
	list_del(&p->node);
	free(p->local);
	free(p->remote);
	free(p->key);
	free(p);
}

void stream_pair_prove(struct stream *s, struct stream_pair *p, const char *proof, uint64_t now_ms,
                       struct stream_out *out)
{
	struct policy_rule rule = stream_rule(s, bytes_of(p->remote));

	if (p->state != PAIR_PROVEN)
		s->n_proven++;
	p->state = PAIR_PROVEN;
	p->proof = proof;
	p->is_in = s->role == STREAM_IN || s->is_bidi;
	p->is_out = s->role == STREAM_OUT || s->is_bidi;
	free(p->key);
	p->key = NULL;
	if (s->n_proven == 1 || s->limits.stanza_bytes < rule.row->stanza_bytes)
		s->limits.stanza_bytes = rule.row->stanza_bytes;
	if (!s->ready_ms)
		s->ready_ms = now_ms;
	s->last_stanza_ms = now_ms;
	/* the first pair of a stream of ours is announced when stream management is settled */
	if (p->is_out && (s->role == STREAM_IN || s->state == SS_READY)) {
		struct stream_act *a = act_add(out, ACT_PAIR_READY);
		a->local = bytes_of(p->local);
		a->remote = bytes_of(p->remote);
	}
}

bool stream_may_send(struct stream *s, struct bytes local, struct bytes remote)
{
	struct stream_pair *p = s->state == SS_READY ? stream_pair(s, local, remote) : NULL;

	return p && p->state == PAIR_PROVEN && p->is_out;
}

bool stream_is_proven(const struct stream *s)
{
	return s->n_proven > 0;
}

/* Has the peer proved this domain on this stream, in whatever pair? */
static bool is_proven_remote(struct stream *s, struct bytes remote)
{
	LIST_EACH(it, &s->pairs) {
		const struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (p->state == PAIR_PROVEN && p->is_in && bytes_eq_str(remote, p->remote))
			return true;
	}
	return false;
}

int stream_read_pair(struct stream *s, const struct xml_node *n, struct bytes *from, struct bytes *to)
{
	struct bytes f, t;

	if (jid_parse_domain(xml_attr(n, "from"), s->env->arena, &f) < 0 ||
	    jid_parse_domain(xml_attr(n, "to"), s->env->arena, &t) < 0)
		return ERR_SYNTAX;
	*from = f;
	*to = t;
	return 0;
}

/* ---- stanzas ---- */

static bool is_pong(const struct stream_act *a, uint64_t *ping_id)
{
	size_t n = sizeof PING_PREFIX - 1;
	uint8_t raw[8];

	if (a->stanza.kind != STANZA_IQ || (a->stanza.type != TYPE_RESULT && a->stanza.type != TYPE_ERROR))
		return false;
	if (!bytes_starts(a->stanza.id, BYTES(PING_PREFIX)) || bytes_find(a->to, '@') < a->to.n)
		return false;
	if (text_unhex(bytes_skip(a->stanza.id, n), raw, sizeof raw) < 0)
		return false;
	*ping_id = 0;
	for (size_t i = 0; i < sizeof raw; i++)
		*ping_id = *ping_id << 8 | raw[i];
	return true;
}

/* One stanza: who says it, to whom, may they (RFC 6120 8.1.1.2, 8.1.2.2; lesson 16)? */
static int check_addresses(struct stream *s, const struct xml_node *n, struct stream_act *a)
{
	struct jid from, to;

	if (jid_parse(xml_attr(n, "from"), s->env->arena, &from) < 0 ||
	    jid_parse(xml_attr(n, "to"), s->env->arena, &to) < 0)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_STREAM, ERR_SYNTAX,
		                   "stanza without a valid from and to");
	if (!is_proven_remote(s, jid_domain(&from)))
		return stream_fail(s, STREAM_INVALID_FROM, RUNG_STREAM, ERR_DENIED,
		                   "stanza from a domain not proven on this stream");
	if (!stream_rule(s, jid_domain(&from)).is_allowed)
		return stream_fail(s, STREAM_POLICY_VIOLATION, RUNG_POLICY, ERR_DENIED,
		                   stream_rule(s, jid_domain(&from)).why);
	if (!conf_domain(s->env->conf, jid_domain(&to)))
		return stream_fail(s, STREAM_HOST_UNKNOWN, RUNG_STREAM, ERR_NOT_FOUND,
		                   "stanza to a domain that does not live here");
	a->from = from.full;
	a->to = to.full;
	a->local = jid_domain(&to);
	a->remote = jid_domain(&from);
	return 0;
}

/* A stanza that stanza_read refuses: what is known of it, so that it can be answered. */
static void read_bad_stanza(const struct xml_node *n, struct stanza *st)
{
	*st = (struct stanza){ .kind = STANZA_MESSAGE, .type = TYPE_NORMAL, .id = xml_attr(n, "id") };
	if (!strcmp(n->name, "iq"))
		*st = (struct stanza){ .kind = STANZA_IQ, .type = TYPE_GET, .id = st->id };
	else if (!strcmp(n->name, "presence"))
		*st = (struct stanza){ .kind = STANZA_PRESENCE, .type = TYPE_PROBE, .id = st->id };
}

int act_stanza(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct stream_act a = { .kind = ACT_DELIVER };
	int rc = stanza_read(ev->xml, NS_SERVER, &a.stanza);
	int checked;

	if (rc == ERR_XML_NAMESPACE)
		return stream_fail(s, STREAM_INVALID_NAMESPACE, RUNG_STREAM, rc, NULL);
	if (rc == ERR_UNKNOWN)
		return stream_fail(s, STREAM_UNSUPPORTED_STANZA_TYPE, RUNG_STREAM, rc, NULL);
	if (rc < 0)
		read_bad_stanza(ev->xml->node, &a.stanza);
	checked = check_addresses(s, ev->xml->node, &a);
	if (checked < 0)
		return checked;
	a.rc = rc;
	a.error = STANZA_BAD_REQUEST;
	s->sm.in++;
	s->n_stanzas_in++;
	s->last_stanza_ms = ev->now_ms;
	if (rc == 0 && is_pong(&a, &a.h64))
		a.kind = ACT_PONG;
	*act_add(ev->out, a.kind) = a;
	return 0;
}

void stream_send_stanza(struct stream *s, struct bytes stanza, uint64_t now_ms, struct stream_out *out)
{
	buf_put_bytes(out->bytes, stanza);
	s->sm.out++;
	s->n_stanzas_out++;
	s->last_stanza_ms = now_ms;
}

/* ---- time ---- */

static void put_ping(struct stream *s, uint64_t now_ms, struct stream_out *out)
{
	LIST_EACH(it, &s->pairs) {
		const struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		if (p->state != PAIR_PROVEN || !p->is_out)
			continue;
		s->ping_id = random_u64();
		buf_put_str(out->bytes, "<iq type='get'");
		xml_write_attr(out->bytes, "from", bytes_of(p->local));
		xml_write_attr(out->bytes, "to", bytes_of(p->remote));
		buf_putf(out->bytes, " id='" PING_PREFIX "%016llx'><ping xmlns='" NS_PING "'/></iq>",
		         (unsigned long long)s->ping_id);
		s->is_ping_out = true;
		s->ping_ms = now_ms;
		return;
	}
}

void stream_ponged(struct stream *s, uint64_t now_ms)
{
	s->is_ping_out = false;
	s->last_in_ms = now_ms;
}

static bool can_ask(const struct stream *s)
{
	return s->sm.is_on || s->role == STREAM_OUT;
}

/* Established: owed acknowledgements, dead peers, idleness. */
static void ready_timer(struct stream *s, uint64_t now_ms, struct stream_event *ev)
{
	const struct s2s_conf *c = s->env->conf;
	bool is_unacked = s->sm.is_on && s->sm.out != s->sm.out_acked;

	if (s->sm.is_ack_owed && now_ms >= s->sm.owed_ms + ACK_OWED_MS) {
		stream_put_ack(s, ev->out);
		s->sm.owed_ms = now_ms;
	}
	if (s->sm.is_asked && now_ms >= s->sm.asked_ms + c->setup_ms) {
		stream_step(s, SE_TIMEOUT, ev);
		return;
	}
	/* Without XEP-0198 the answer comes by a stream of the peer's own; if that one fails, ours may
	 * still be good, so it ends in order. */
	if (s->is_ping_out && now_ms >= s->ping_ms + c->setup_ms) {
		stream_close(s, -1, NULL, now_ms, ev->out);
		return;
	}
	if (c->idle_ms && !is_unacked && now_ms >= s->last_stanza_ms + c->idle_ms) {
		stream_close(s, -1, NULL, now_ms, ev->out);
		return;
	}
	if (!c->ping_ms || !can_ask(s) || s->sm.is_asked || s->is_ping_out || now_ms < s->last_in_ms + c->ping_ms)
		return;
	if (s->sm.is_on) {
		buf_put_str(ev->out->bytes, "<r xmlns='" NS_SM "'/>");
		s->sm.is_asked = true;
		s->sm.asked_ms = now_ms;
	} else if (now_ms >= s->ping_ms + c->ping_ms) {
		put_ping(s, now_ms, ev->out);
	}
}

void stream_timer(struct stream *s, uint64_t now_ms, struct stream_out *out)
{
	struct stream_event ev = { .now_ms = now_ms, .out = out };

	if (s->state == SS_DEAD || now_ms < stream_wake_ms(s))
		return;
	if (s->state == SS_READY) {
		ready_timer(s, now_ms, &ev);
	} else if (s->state == SS_OUT_OPEN) {
		stream_close(s, -1, NULL, now_ms, out);
	} else {
		stream_step(s, SE_TIMEOUT, &ev);
	}
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t stream_wake_ms(const struct stream *s)
{
	const struct s2s_conf *c = s->env->conf;
	uint64_t at = UINT64_MAX;

	if (s->state == SS_DEAD)
		return at;
	if (s->state == SS_CLOSING)
		return s->close_ms + CLOSE_WAIT_MS;
	if (s->state == SS_OUT_OPEN)
		return s->last_in_ms + c->setup_ms;
	if (s->state != SS_READY)
		return s->begun_ms + c->setup_ms;
	if (s->sm.is_ack_owed)
		at = sooner(at, s->sm.owed_ms + ACK_OWED_MS);
	if (s->sm.is_asked)
		at = sooner(at, s->sm.asked_ms + c->setup_ms);
	else if (s->is_ping_out)
		at = sooner(at, s->ping_ms + c->setup_ms);
	else if (c->ping_ms && s->sm.is_on)
		at = sooner(at, s->last_in_ms + c->ping_ms);
	else if (c->ping_ms && can_ask(s))
		at = sooner(at, (s->last_in_ms > s->ping_ms ? s->last_in_ms : s->ping_ms) + c->ping_ms);
	if (c->idle_ms && !(s->sm.is_on && s->sm.out != s->sm.out_acked))
		at = sooner(at, s->last_stanza_ms + c->idle_ms);
	return at;
}
