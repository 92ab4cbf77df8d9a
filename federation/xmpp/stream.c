/* What both machines share: elements to events, one step of a machine, life, the driver's events. */
#include "stream_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { UNPROVEN_STANZA_BYTES = 16384 };

#define STREAM_MEMBER(id, name) name,
static const char *const state_names[] = { STREAM_STATE_TABLE(STREAM_MEMBER) };
#undef STREAM_MEMBER

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

/* ---- life ---- */

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

/* A stranger says what it has to say in few bytes, white space included. */
static int count_unproven(struct stream *s, size_t n)
{
	if (s->role == STREAM_OUT || s->n_proven)
		return 0;
	if (n > STREAM_UNPROVEN_BYTES_MAX - s->unproven_bytes)
		return ERR_LIMIT;
	s->unproven_bytes += (uint32_t)n;
	return 0;
}

int stream_feed(struct stream *s, struct bytes in)
{
	int rc;

	if (s->state == SS_DEAD || s->state == SS_IN_HANDSHAKE || s->state == SS_OUT_HANDSHAKE)
		return 0; /* pipelined before TLS: dropped (RFC 6120 5.4.3.3) */
	rc = count_unproven(s, in.n);
	if (rc == 0)
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
