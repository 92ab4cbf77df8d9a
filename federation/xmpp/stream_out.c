/* The initiating server's machine: we have connected to a peer. TLS first, then the peer's
 * certificate, then our own proof: EXTERNAL where the peer offers it, dialback where the peer
 * offers it and its row allows it; then stream management; then stanzas. */
#include "stream_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/jid.h"

static int out_header(void *machine, void *event)
{
	struct stream_event *ev = event;

	stream_put_header(machine, ev->out);
	return 0;
}

/* The answer to our header (RFC 6120 4.7): version, id, and `from` as asked for. */
static int out_take_header(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	const struct xml_node *n = ev->xml->node;
	struct bytes id = xml_attr(n, "id"), version = xml_attr(n, "version"), from;

	if (!xml_is(n, "stream", NS_STREAM) || !ev->xml->content_ns || strcmp(ev->xml->content_ns, NS_SERVER) != 0)
		return stream_fail(s, STREAM_INVALID_NAMESPACE, RUNG_STREAM, ERR_XML_NAMESPACE, NULL);
	if (version.n < 3 || version.p[0] < '1' || version.p[0] > '9')
		return stream_fail(s, STREAM_UNSUPPORTED_VERSION, RUNG_STREAM, ERR_UNSUPPORTED,
		                   "peer speaks no XMPP 1.0");
	if (xml_attr(n, "from").n && (jid_parse_domain(xml_attr(n, "from"), s->env->arena, &from) < 0 ||
	                              !bytes_eq_str(from, s->remote)))
		return stream_fail(s, STREAM_INVALID_FROM, RUNG_STREAM, ERR_PROTOCOL, "another domain answers");
	if (id.n > STREAM_ID_MAX)
		return stream_fail(s, STREAM_POLICY_VIOLATION, RUNG_STREAM, ERR_LIMIT, "stream id too long");
	free(s->id);
	s->id = strndup(id.n ? (const char *)id.p : "", id.n);
	return s->id ? 0 : stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, RUNG_STREAM, ERR_NOMEM, NULL);
}

/* Which proof of ours, now that the peer's offer is known? */
static int choose(struct stream *s)
{
	struct policy_rule rule = stream_rule(s, bytes_of(s->remote));
	const struct conf_domain *own = conf_domain(s->env->conf, bytes_of(s->local));
	bool has_own = own && own->has_certificate;

	if (s->is_only_verify) {
		stream_queue(s, SE_OPEN);
		return 0;
	}
	if (s->is_secure && s->features.has_external && !s->is_auth_refused && has_own &&
	    policy_may_certificate(&rule)) {
		stream_queue(s, SE_ASK_EXTERNAL);
		return 0;
	}
	if (s->features.has_dialback && policy_may_dialback(&rule)) {
		stream_queue(s, SE_ASK_DIALBACK);
		return 0;
	}
	if (!has_own)
		return stream_fail(s, -1, RUNG_AUTH, ERR_CERT_NONE, "our domain has no certificate to show");
	return stream_fail(s, -1, RUNG_AUTH, ERR_UNSUPPORTED,
	                   s->features.has_dialback ? "peer offers only dialback, which its row does not allow"
	                                            : "peer offers no proof that we can give");
}

static int out_choose_clear(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct policy_rule rule = stream_rule(s, bytes_of(s->remote));

	feature_read(ev->xml->node, &s->features);
	if (s->features.has_starttls) {
		stream_queue(s, SE_ASK_TLS);
		return 0;
	}
	if (rule.row->is_tls_required)
		return stream_fail(s, STREAM_POLICY_VIOLATION, RUNG_TLS, ERR_UNSUPPORTED, "peer offers no STARTTLS");
	return choose(s);
}

static int out_starttls(void *machine, void *event)
{
	struct stream_event *ev = event;

	(void)machine;
	buf_put_str(ev->out->bytes, "<starttls xmlns='" NS_TLS "'/>");
	return 0;
}

static int out_proceed(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	xml_stream_restart(&s->xml); /* drops what came behind <proceed/> in clear */
	(void)act_add(ev->out, ACT_START_TLS);
	return 0;
}

static int out_tls_failure(void *machine, void *event)
{
	(void)event;
	return stream_fail(machine, -1, RUNG_TLS, ERR_TLS, "peer says STARTTLS failure");
}

static int out_ask_proof(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	xml_stream_restart(&s->xml);
	s->is_header_sent = false;
	s->features = (struct feature_set){ 0 };
	if (s->has_certificate) {
		act_add(ev->out, ACT_PROVE)->remote = bytes_of(s->remote);
		return 0;
	}
	ev->rc = ERR_CERT_NONE;
	ev->proof = "";
	stream_queue(s, SE_PROOF);
	return 0;
}

/* The peer must be who it says, by its certificate or, where its row allows that, by the DNS that
 * led here (dialback). */
static int out_proof(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct policy_rule rule = stream_rule(s, bytes_of(s->remote));

	s->proof_rc = ev->rc;
	s->proof = ev->proof;
	if (ev->rc < 0 && !policy_may_dialback(&rule))
		return stream_fail(s, -1, RUNG_CERTIFICATE, ev->rc, NULL);
	stream_put_header(s, ev->out);
	return 0;
}

static int out_choose(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	feature_read(ev->xml->node, &s->features);
	return choose(s);
}

/* Both ways on this stream (XEP-0288), only where the certificate proves the peer. */
static void put_bidi(struct stream *s, struct stream_out *out)
{
	struct policy_rule rule = stream_rule(s, bytes_of(s->remote));

	if (s->is_bidi || !s->features.has_bidi || !s->env->conf->has_bidi || s->proof_rc != 0 ||
	    !policy_may_certificate(&rule))
		return;
	buf_put_str(out->bytes, "<bidi xmlns='" NS_BIDI "'/>");
	s->is_bidi = true;
}

static int first_pair(struct stream *s)
{
	if (stream_pair(s, bytes_of(s->local), bytes_of(s->remote)) ||
	    stream_pair_add(s, bytes_of(s->local), bytes_of(s->remote)))
		return 0;
	return stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, RUNG_STREAM, ERR_NOMEM, NULL);
}

static int out_external(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	int rc = first_pair(s);

	if (rc < 0)
		return rc;
	put_bidi(s, ev->out);
	buf_put_str(ev->out->bytes, "<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>");
	text_base64(bytes_of(s->local), ev->out->bytes);
	buf_put_str(ev->out->bytes, "</auth>");
	return 0;
}

static int out_dialback(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	int rc = first_pair(s);

	if (rc < 0)
		return rc;
	put_bidi(s, ev->out);
	stream_put_db_result(s, bytes_of(s->local), bytes_of(s->remote), ev->out);
	(void)act_add(ev->out, ACT_OPEN); /* verify requests may go between */
	return 0;
}

static int out_open(void *machine, void *event)
{
	struct stream_event *ev = event;

	(void)machine;
	(void)act_add(ev->out, ACT_OPEN);
	return 0;
}

static int out_want_auth(void *machine, void *event)
{
	struct stream *s = machine;

	(void)event;
	s->is_only_verify = false;
	return choose(s);
}

static int out_success(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	xml_stream_restart(&s->xml);
	stream_put_header(s, ev->out);
	return 0;
}

static int out_sasl_failure(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	const struct xml_node *c = xml_first(ev->xml->node);
	struct policy_rule rule = stream_rule(s, bytes_of(s->remote));
	struct bytes name = c && c->name ? bytes_of(c->name) : BYTES_NONE;

	s->is_auth_refused = true;
	if (s->features.has_dialback && policy_may_dialback(&rule))
		return choose(s);
	reason_set_peer(&s->why, RUNG_AUTH, ERR_AUTH, "peer refused SASL EXTERNAL", name);
	return stream_fail(s, -1, RUNG_AUTH, ERR_AUTH, NULL);
}

/* Ours is proven; the peer was by its certificate, or it is believed by DNS. */
static int prove_first(struct stream *s, struct stream_event *ev)
{
	struct stream_pair *p = stream_pair(s, bytes_of(s->local), bytes_of(s->remote));

	if (!p)
		return stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, RUNG_STREAM, ERR_BAD_STATE, NULL);
	stream_pair_prove(s, p, s->proof_rc == 0 ? s->proof : "dialback", ev->now_ms, ev->out);
	stream_queue(s, s->env->conf->has_sm && s->features.has_sm ? SE_ASK_SM : SE_ESTABLISHED);
	return 0;
}

static int out_authed(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	feature_read(ev->xml->node, &s->features);
	return prove_first(s, ev);
}

static int out_dialback_proven(void *machine, void *event)
{
	return prove_first(machine, event);
}

static int out_enable_sm(void *machine, void *event)
{
	struct stream_event *ev = event;

	(void)machine;
	buf_put_str(ev->out->bytes, "<enable xmlns='" NS_SM "'/>");
	return 0;
}

static int out_no_sm(void *machine, void *event)
{
	(void)event;
	stream_queue(machine, SE_ESTABLISHED);
	return 0;
}

static int out_ready(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct stream_act *a = act_add(ev->out, ACT_PAIR_READY);

	a->local = bytes_of(s->local);
	a->remote = bytes_of(s->remote);
	(void)act_add(ev->out, ACT_OPEN);
	return 0;
}

#define VERIFY_ANSWER(state) { state, SE_DB_VERIFY_ANSWER, act_db_verify_answer, state }

static const struct fsm_row out_rows[] = {
	/* state                  event                 action               next */
	{ SS_OUT_START,           SE_CONNECTED,         out_header,          SS_OUT_HEADER },
	{ SS_OUT_START,           SE_SECURED,           out_ask_proof,       SS_OUT_PROVING },     /* XEP-0368 */
	STREAM_ALWAYS(SS_OUT_START),

	{ SS_OUT_HEADER,          SE_HEADER,            out_take_header,     SS_OUT_FEATURES },
	STREAM_ALWAYS(SS_OUT_HEADER),

	{ SS_OUT_FEATURES,        SE_FEATURES,          out_choose_clear,    SS_OUT_CHOOSE },      /* RFC 6120 4.3.2 */
	STREAM_ALWAYS(SS_OUT_FEATURES),

	{ SS_OUT_STARTTLS,        SE_PROCEED,           out_proceed,         SS_OUT_HANDSHAKE },   /* RFC 6120 5.4.2.3 */
	{ SS_OUT_STARTTLS,        SE_TLS_FAILURE,       out_tls_failure,     SS_OUT_STARTTLS },
	STREAM_ALWAYS(SS_OUT_STARTTLS),

	{ SS_OUT_HANDSHAKE,       SE_SECURED,           out_ask_proof,       SS_OUT_PROVING },
	STREAM_ALWAYS(SS_OUT_HANDSHAKE),

	{ SS_OUT_PROVING,         SE_PROOF,             out_proof,           SS_OUT_TLS_HEADER },  /* RFC 6120 13.7 */
	STREAM_ALWAYS(SS_OUT_PROVING),

	{ SS_OUT_TLS_HEADER,      SE_HEADER,            out_take_header,     SS_OUT_TLS_FEATURES },
	STREAM_ALWAYS(SS_OUT_TLS_HEADER),

	{ SS_OUT_TLS_FEATURES,    SE_FEATURES,          out_choose,          SS_OUT_CHOOSE },
	STREAM_ALWAYS(SS_OUT_TLS_FEATURES),

	{ SS_OUT_CHOOSE,          SE_ASK_TLS,           out_starttls,        SS_OUT_STARTTLS },
	{ SS_OUT_CHOOSE,          SE_ASK_EXTERNAL,      out_external,        SS_OUT_AUTH },        /* XEP-0178 */
	{ SS_OUT_CHOOSE,          SE_ASK_DIALBACK,      out_dialback,        SS_OUT_DIALBACK },    /* XEP-0220 2.1 */
	{ SS_OUT_CHOOSE,          SE_OPEN,              out_open,            SS_OUT_OPEN },
	STREAM_ALWAYS(SS_OUT_CHOOSE),

	{ SS_OUT_OPEN,            SE_WANT_PAIR,         out_want_auth,       SS_OUT_CHOOSE },
	VERIFY_ANSWER(SS_OUT_OPEN),                                                                /* XEP-0220 2.3 */
	STREAM_ALWAYS(SS_OUT_OPEN),

	{ SS_OUT_AUTH,            SE_SUCCESS,           out_success,         SS_OUT_AUTHED_HEADER },
	{ SS_OUT_AUTH,            SE_FAILURE,           out_sasl_failure,    SS_OUT_CHOOSE },
	VERIFY_ANSWER(SS_OUT_AUTH),
	STREAM_ALWAYS(SS_OUT_AUTH),

	{ SS_OUT_AUTHED_HEADER,   SE_HEADER,            out_take_header,     SS_OUT_AUTHED_FEATURES },
	STREAM_ALWAYS(SS_OUT_AUTHED_HEADER),

	{ SS_OUT_AUTHED_FEATURES, SE_FEATURES,          out_authed,          SS_OUT_PROVEN },
	STREAM_ALWAYS(SS_OUT_AUTHED_FEATURES),

	{ SS_OUT_DIALBACK,        SE_DB_RESULT_ANSWER,  act_db_result_answer, SS_OUT_DIALBACK },
	{ SS_OUT_DIALBACK,        SE_PROVEN,            out_dialback_proven, SS_OUT_PROVEN },
	{ SS_OUT_DIALBACK,        SE_DB_RESULT,         act_db_result_refuse, SS_OUT_DIALBACK },
	VERIFY_ANSWER(SS_OUT_DIALBACK),
	STREAM_ALWAYS(SS_OUT_DIALBACK),

	{ SS_OUT_PROVEN,          SE_ASK_SM,            out_enable_sm,       SS_OUT_SM },
	{ SS_OUT_PROVEN,          SE_ESTABLISHED,       out_ready,           SS_READY },
	STREAM_ALWAYS(SS_OUT_PROVEN),

	{ SS_OUT_SM,              SE_SM_ENABLED,        act_sm_on,           SS_OUT_PROVEN },      /* XEP-0198 3 */
	{ SS_OUT_SM,              SE_SM_FAILED,         out_no_sm,           SS_OUT_PROVEN },
	{ SS_OUT_SM,              SE_STANZA,            act_stanza,          SS_OUT_SM },          /* XEP-0288 */
	VERIFY_ANSWER(SS_OUT_SM),
	STREAM_ALWAYS(SS_OUT_SM),

	STREAM_READY_ROWS(SS_READY),
	{ SS_READY,               SE_DB_RESULT_ANSWER,  act_db_result_answer, SS_READY },
	{ SS_READY,               SE_DB_RESULT,         act_db_result_refuse, SS_READY },
	VERIFY_ANSWER(SS_READY),
	{ SS_READY,               SE_UNKNOWN,           act_unknown,         SS_READY },
	STREAM_ALWAYS(SS_READY),

	{ SS_CLOSING,             SE_STANZA,            act_stanza,          SS_CLOSING },
	{ SS_CLOSING,             SE_SM_A,              act_sm_a,            SS_CLOSING },
	VERIFY_ANSWER(SS_CLOSING),
	{ SS_CLOSING,             SE_END,               act_ended,           SS_DEAD },
	{ SS_CLOSING,             SE_ERROR,             act_ended,           SS_DEAD },
	{ SS_CLOSING,             SE_BAD,               act_ended,           SS_DEAD },
	{ SS_CLOSING,             SE_TIMEOUT,           act_ended,           SS_DEAD },
	{ SS_CLOSING,             SE_FAIL,              act_fail,            SS_DEAD },
};

#define STREAM_MEMBER(id, name) name,
static const char *const state_names[] = { STREAM_STATE_TABLE(STREAM_MEMBER) };
static const char *const event_names[] = { STREAM_EVENT_TABLE(STREAM_MEMBER) };
#undef STREAM_MEMBER

const struct fsm stream_out_fsm = { "stream_out", out_rows, sizeof out_rows / sizeof out_rows[0], state_names, event_names };
