/* The receiving server's machine: a peer has connected to us. The order of things is in the table:
 * nothing but STARTTLS before TLS (where the row demands it), the certificate is judged before
 * anything is offered, no stanza before a proof (lessons 2 and 3 of spec/xmpp.md). */
#include "stream_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "proto/jid.h"

/* RFC 6120 4.7.5: 1.0 or later. */
static bool is_version_fine(struct bytes v)
{
	return v.n >= 3 && v.p[0] >= '1' && v.p[0] <= '9';
}

static int set_domain(char **where, struct bytes domain)
{
	char *copy = strndup((const char *)domain.p, domain.n);

	if (!copy)
		return ERR_NOMEM;
	free(*where);
	*where = copy;
	return 0;
}

static int new_id(struct stream *s)
{
	free(s->id);
	s->id = malloc(33);
	if (!s->id)
		return stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, RUNG_STREAM, ERR_NOMEM, NULL);
	random_hex(s->id, 32);
	return 0;
}

/* `from`: absent is allowed (it may come after TLS only). One of ours is nobody else's. */
static int take_from(struct stream *s, struct bytes attr)
{
	struct bytes from;
	struct policy_rule rule;

	if (!attr.p)
		return 0;
	if (jid_parse_domain(attr, s->env->arena, &from) < 0)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_STREAM, ERR_SYNTAX, "from is not a domain");
	if (conf_domain(s->env->conf, from))
		return stream_fail(s, STREAM_INVALID_FROM, RUNG_STREAM, ERR_DENIED, "from lives here");
	if (set_domain(&s->remote, from) < 0)
		return stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, RUNG_STREAM, ERR_NOMEM, NULL);
	rule = stream_rule(s, from);
	if (!rule.is_allowed)
		return stream_fail(s, STREAM_POLICY_VIOLATION, RUNG_POLICY, ERR_DENIED, rule.why);
	return 0;
}

/* RFC 6120 4.7: checks the header and remembers its two domains. */
static int take_header(struct stream *s, const struct xml_event *x)
{
	struct bytes to_attr = xml_attr(x->node, "to"), to;

	if (!xml_is(x->node, "stream", NULL))
		return stream_fail(s, STREAM_BAD_FORMAT, RUNG_STREAM, ERR_PROTOCOL, "no stream header");
	if (!xml_is(x->node, "stream", NS_STREAM) || !x->content_ns || strcmp(x->content_ns, NS_SERVER) != 0)
		return stream_fail(s, STREAM_INVALID_NAMESPACE, RUNG_STREAM, ERR_XML_NAMESPACE, NULL);
	if (!to_attr.p || jid_parse_domain(to_attr, s->env->arena, &to) < 0)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_STREAM, ERR_SYNTAX, "no valid to");
	if (!conf_domain(s->env->conf, to))
		return stream_fail(s, STREAM_HOST_UNKNOWN, RUNG_STREAM, ERR_NOT_FOUND, "to does not live here");
	if (set_domain(&s->local, to) < 0)
		return stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, RUNG_STREAM, ERR_NOMEM, NULL);
	if (!is_version_fine(xml_attr(x->node, "version")))
		return stream_fail(s, STREAM_UNSUPPORTED_VERSION, RUNG_STREAM, ERR_UNSUPPORTED, "version 1.0 is needed");
	return take_from(s, xml_attr(x->node, "from"));
}

/* What we offer now; the one call of the one builder. */
static struct feature_set offer(const struct stream *s, bool is_authed)
{
	const struct s2s_conf *c = s->env->conf;
	struct feature_given g = {
		.is_secure = s->is_secure, .is_authed = is_authed, .is_named = s->remote != NULL,
		.is_proven = s->proof_rc == 0, .may_any_dialback = c->policy.has_dialback,
		.may_bidi = c->has_bidi, .may_sm = c->has_sm,
		.rule = stream_rule(s, bytes_of(s->remote)),
	};
	return feature_offer(&g);
}

static int in_open_clear(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	int rc = take_header(s, ev->xml);

	if (rc < 0 || (rc = new_id(s)) < 0)
		return rc;
	if (!conf_domain(s->env->conf, bytes_of(s->local))->has_certificate)
		return stream_fail(s, STREAM_INTERNAL_SERVER_ERROR, RUNG_TLS, ERR_CERT_NONE,
		                   "our domain has no certificate");
	stream_put_header(s, ev->out);
	s->features = offer(s, false);
	feature_write(ev->out->bytes, &s->features);
	return 0;
}

static int in_starttls(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	buf_put_str(ev->out->bytes, "<proceed xmlns='" NS_TLS "'/>");
	xml_stream_restart(&s->xml); /* what was pipelined behind <starttls/> is gone (RFC 6120 5.4.3.3) */
	(void)act_add(ev->out, ACT_START_TLS);
	return 0;
}

/* TLS stands: a new stream; nothing learnt in clear is kept (RFC 6120 5.4.3.3). */
static int in_secured(void *machine, void *event)
{
	struct stream *s = machine;

	(void)event;
	xml_stream_restart(&s->xml);
	free(s->remote);
	free(s->local);
	s->remote = s->local = NULL;
	s->is_header_sent = false;
	return 0;
}

static int in_open_tls(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	int rc = take_header(s, ev->xml);

	if (rc < 0 || (rc = new_id(s)) < 0)
		return rc;
	stream_put_header(s, ev->out);
	if (s->remote && s->has_certificate) {
		act_add(ev->out, ACT_PROVE)->remote = bytes_of(s->remote);
		return 0;
	}
	ev->rc = ERR_CERT_NONE;
	ev->proof = "";
	stream_queue(s, SE_PROOF);
	return 0;
}

static int in_offer(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;

	s->proof_rc = ev->rc;
	s->proof = ev->proof;
	s->features = offer(s, false);
	if (feature_can_auth(&s->features)) {
		feature_write(ev->out->bytes, &s->features);
		return 0;
	}
	if (!s->remote)
		return stream_fail(s, STREAM_IMPROPER_ADDRESSING, RUNG_AUTH, ERR_SYNTAX, "no from");
	/* lesson 8: which of the many things that can be wrong with a certificate it is */
	return stream_fail(s, STREAM_NOT_AUTHORIZED, RUNG_CERTIFICATE, ev->rc, err_text(ev->rc));
}

static int sasl_failure(struct stream *s, const char *condition, struct stream_event *ev)
{
	buf_putf(ev->out->bytes, "<failure xmlns='" NS_SASL "'><%s/></failure>", condition);
	if (s->why.rung == RUNG_NONE)
		reason_set(&s->why, RUNG_AUTH, ERR_AUTH, condition);
	if (++s->n_auth_tries < STREAM_AUTH_TRIES)
		return 0;
	return stream_fail(s, STREAM_POLICY_VIOLATION, RUNG_AUTH, ERR_LIMIT, "too many tries");
}

/* The authorization identity, when one is given, is the domain of the header (XEP-0178 3). */
static const char *check_authzid(struct stream *s, struct bytes text)
{
	struct buf raw;
	struct bytes authzid;
	const char *condition = NULL;

	if (!text.n || bytes_eq(text, BYTES("=")))
		return NULL;
	buf_init(&raw, 1024);
	if (text_unbase64(text, &raw) < 0)
		condition = "incorrect-encoding";
	else if (jid_parse_domain(buf_bytes(&raw), s->env->arena, &authzid) < 0 ||
	         !bytes_eq_str(authzid, s->remote))
		condition = "invalid-authzid";
	buf_fini(&raw);
	return condition;
}

/* SASL EXTERNAL (XEP-0178): it was offered only because the certificate proves `from` already. */
static int in_auth(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	const char *condition;

	if (!s->features.has_external || !bytes_eq(xml_attr(ev->xml->node, "mechanism"), BYTES("EXTERNAL")))
		return sasl_failure(s, "invalid-mechanism", ev);
	condition = check_authzid(s, xml_text(ev->xml->node));
	if (condition)
		return sasl_failure(s, condition, ev);
	buf_put_str(ev->out->bytes, "<success xmlns='" NS_SASL "'/>");
	xml_stream_restart(&s->xml);
	stream_queue(s, SE_AUTH_OK);
	return 0;
}

static int in_abort(void *machine, void *event)
{
	return sasl_failure(machine, "aborted", event);
}

static int in_bidi(void *machine, void *event)
{
	struct stream *s = machine;

	(void)event;
	s->is_bidi = s->env->conf->has_bidi && s->is_secure;
	return 0;
}

/* The stream after SASL: same domain, then stanzas. */
static int in_open_authed(void *machine, void *event)
{
	struct stream *s = machine;
	struct stream_event *ev = event;
	struct bytes from = arena_dup(s->env->arena, bytes_of(s->remote));
	struct stream_pair *p;
	int rc = take_header(s, ev->xml);

	if (rc < 0 || (rc = new_id(s)) < 0)
		return rc;
	if (!bytes_eq_str(from, s->remote))
		return stream_fail(s, STREAM_INVALID_FROM, RUNG_AUTH, ERR_DENIED, "from changed after authentication");
	p = stream_pair(s, bytes_of(s->local), bytes_of(s->remote));
	if (!p)
		p = stream_pair_add(s, bytes_of(s->local), bytes_of(s->remote));
	if (!p)
		return stream_fail(s, STREAM_RESOURCE_CONSTRAINT, RUNG_STREAM, ERR_NOMEM, NULL);
	stream_put_header(s, ev->out);
	s->features = offer(s, true);
	feature_write(ev->out->bytes, &s->features);
	stream_pair_prove(s, p, s->proof, ev->now_ms, ev->out);
	return 0;
}

static const struct fsm_row in_rows[] = {
	/* state              event               action             next */
	{ SS_IN_HEADER,        SE_SECURED,         in_secured,        SS_IN_TLS_HEADER },   /* XEP-0368 */
	{ SS_IN_HEADER,        SE_HEADER,          in_open_clear,     SS_IN_CLEAR },        /* RFC 6120 4.7 */
	STREAM_ALWAYS(SS_IN_HEADER),

	{ SS_IN_CLEAR,         SE_STARTTLS,        in_starttls,       SS_IN_HANDSHAKE },    /* RFC 6120 5.4.2 */
	{ SS_IN_CLEAR,         SE_DB_RESULT,       act_db_result,     SS_IN_CLEAR },        /* refused by the row unless TLS is optional */
	{ SS_IN_CLEAR,         SE_DB_VERIFY,       act_db_verify,     SS_IN_CLEAR },        /* XEP-0220 2.3: a key, no stanza */
	{ SS_IN_CLEAR,         SE_DB_VERDICT,      act_db_verdict,    SS_IN_CLEAR },
	{ SS_IN_CLEAR,         SE_PROVEN,          NULL,              SS_READY },
	{ SS_IN_CLEAR,         SE_UNKNOWN,         act_unknown,       SS_IN_CLEAR },
	STREAM_ALWAYS(SS_IN_CLEAR),

	{ SS_IN_HANDSHAKE,     SE_SECURED,         in_secured,        SS_IN_TLS_HEADER },
	STREAM_ALWAYS(SS_IN_HANDSHAKE),

	{ SS_IN_TLS_HEADER,    SE_HEADER,          in_open_tls,       SS_IN_PROVING },
	STREAM_ALWAYS(SS_IN_TLS_HEADER),

	{ SS_IN_PROVING,       SE_PROOF,           in_offer,          SS_IN_AUTH },         /* chain and name first */
	STREAM_ALWAYS(SS_IN_PROVING),

	{ SS_IN_AUTH,          SE_AUTH,            in_auth,           SS_IN_AUTH },         /* XEP-0178 */
	{ SS_IN_AUTH,          SE_ABORT,           in_abort,          SS_IN_AUTH },
	{ SS_IN_AUTH,          SE_AUTH_OK,         NULL,              SS_IN_AUTHED_HEADER },
	{ SS_IN_AUTH,          SE_BIDI,            in_bidi,           SS_IN_AUTH },         /* XEP-0288 2.1 */
	{ SS_IN_AUTH,          SE_DB_RESULT,       act_db_result,     SS_IN_AUTH },         /* XEP-0220 2.1 */
	{ SS_IN_AUTH,          SE_DB_VERIFY,       act_db_verify,     SS_IN_AUTH },         /* XEP-0220 2.3 */
	{ SS_IN_AUTH,          SE_PROOF,           act_db_proof,      SS_IN_AUTH },         /* XEP-0344 */
	{ SS_IN_AUTH,          SE_DB_VERDICT,      act_db_verdict,    SS_IN_AUTH },
	{ SS_IN_AUTH,          SE_PROVEN,          NULL,              SS_READY },
	{ SS_IN_AUTH,          SE_UNKNOWN,         act_unknown,       SS_IN_AUTH },
	STREAM_ALWAYS(SS_IN_AUTH),

	{ SS_IN_AUTHED_HEADER, SE_HEADER,          in_open_authed,    SS_READY },           /* RFC 6120 6.4.6 */
	STREAM_ALWAYS(SS_IN_AUTHED_HEADER),

	STREAM_READY_ROWS(SS_READY),
	{ SS_READY,            SE_DB_RESULT,       act_db_result,     SS_READY },           /* more pairs */
	{ SS_READY,            SE_DB_VERIFY,       act_db_verify,     SS_READY },
	{ SS_READY,            SE_PROOF,           act_db_proof,      SS_READY },
	{ SS_READY,            SE_DB_VERDICT,      act_db_verdict,    SS_READY },
	{ SS_READY,            SE_PROVEN,          NULL,              SS_READY },
	{ SS_READY,            SE_SM_ENABLE,       act_sm_enable,     SS_READY },           /* XEP-0198 3 */
	{ SS_READY,            SE_UNKNOWN,         act_unknown,       SS_READY },
	STREAM_ALWAYS(SS_READY),

	{ SS_CLOSING,          SE_STANZA,          act_stanza,        SS_CLOSING },         /* RFC 6120 4.4 */
	{ SS_CLOSING,          SE_SM_A,            act_sm_a,          SS_CLOSING },
	{ SS_CLOSING,          SE_END,             act_ended,         SS_DEAD },
	{ SS_CLOSING,          SE_ERROR,           act_ended,         SS_DEAD },
	{ SS_CLOSING,          SE_BAD,             act_ended,         SS_DEAD },
	{ SS_CLOSING,          SE_TIMEOUT,         act_ended,         SS_DEAD },
	{ SS_CLOSING,          SE_FAIL,            act_fail,          SS_DEAD },
};

#define STREAM_MEMBER(id, name) name,
static const char *const state_names[] = { STREAM_STATE_TABLE(STREAM_MEMBER) };
static const char *const event_names[] = { STREAM_EVENT_TABLE(STREAM_MEMBER) };
#undef STREAM_MEMBER

const struct fsm stream_in_fsm = { "stream_in", in_rows, sizeof in_rows / sizeof in_rows[0], state_names, event_names };
