#include "stream_int.h"

#include "proto/disco.h"
#include "proto/hashed_token.h"

/* The one builder of features for every kind of transport (lesson 4 of spec/xmpp.md). */

static bool offers_plain(const struct stream *s)
{
	return s->rules->offers_plain;
}

static bool takes(const struct stream *s, enum stream_token token)
{
	const struct stream_rules *r = s->rules;

	return !s->is_outside || !r->takes_outside || r->takes_outside(r->arg, bytes_of(s->login->domain), token);
}

static bool offers_oauth(const struct stream *s)
{
	return s->rules->offers_oauth && takes(s, STREAM_TOKEN_OAUTH);
}

static bool offers_fast(const struct stream *s)
{
	return s->rules->offers_fast && takes(s, STREAM_TOKEN_FAST);
}

static const struct mechanism {
	const char *name;
	bool is_plus;  /* needs something of TLS to bind to (RFC 5802 6) */
	bool is_plain; /* gives the secret away: only inside TLS */
	bool is_sha256;
	bool (*is_on)(const struct stream *s); /* NULL: always */
} mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", true, false, true, NULL },
	{ "SCRAM-SHA-1-PLUS", true, false, false, NULL },
	{ "SCRAM-SHA-256", false, false, true, NULL },
	{ "SCRAM-SHA-1", false, false, false, NULL },
	{ "PLAIN", false, true, false, offers_plain },
	{ "OAUTHBEARER", false, true, false, offers_oauth }, /* RFC 7628 */
};
enum { N_MECHANISMS = sizeof mechanisms / sizeof mechanisms[0] };

static bool is_offered(const struct stream *s, const struct mechanism *m)
{
	if ((s->rules->is_tls_required && !s->is_tls) || (m->is_on && !m->is_on(s)))
		return false;
	if (m->is_plus)
		return s->is_tls && (s->login->has_exporter || s->login->has_end_point);
	return !m->is_plain || s->is_tls;
}

bool features_has_mechanism(const struct stream *s, struct bytes name)
{
	for (size_t i = 0; i < N_MECHANISMS; i++)
		if (bytes_eq_str(name, mechanisms[i].name))
			return is_offered(s, &mechanisms[i]);
	return false;
}

/* Taken, but not offered. SCRAM only where what stays is offered: else nobody could log in at all. */
static bool is_hidden(const struct stream *s, const struct mechanism *m)
{
	const struct stream_rules *r = s->rules;

	return (m->is_sha256 && r->hides_sha256) || (!m->is_plain && r->hides_scram && r->offers_plain && s->is_tls);
}

static void write_mechanisms(const struct stream *s, struct buf *b)
{
	for (size_t i = 0; i < N_MECHANISMS; i++)
		if (is_offered(s, &mechanisms[i]) && !is_hidden(s, &mechanisms[i]))
			buf_putf(b, "<mechanism>%s</mechanism>", mechanisms[i].name);
}

/* XEP-0440 */
static void write_channel_bindings(const struct stream *s, struct buf *b)
{
	if (!s->login->has_exporter && !s->login->has_end_point)
		return;
	buf_put_str(b, "<sasl-channel-binding xmlns='" NS_SASL_CB "'>");
	if (s->login->has_exporter)
		buf_put_str(b, "<channel-binding type='tls-exporter'/>");
	if (s->login->has_end_point)
		buf_put_str(b, "<channel-binding type='tls-server-end-point'/>");
	buf_put_str(b, "</sasl-channel-binding>");
}

/* ---- FAST (XEP-0484): only inside SASL2 ---- */

static bool is_fast_offered(const struct stream *s, enum hashed_token_kind kind)
{
	const struct stream_login *l = s->login;

	if (!s->is_tls || !offers_fast(s))
		return false;
	switch (kind) {
	case HASHED_TOKEN_END_POINT:
		return l->has_end_point;
	case HASHED_TOKEN_EXPORTER:
		return l->has_exporter;
	case HASHED_TOKEN_UNIQUE:
		return l->has_unique && !l->has_exporter; /* not defined for TLS 1.3, which has an exporter (RFC 9266 1) */
	default:
		return true;
	}
}

bool features_has_fast(const struct stream *s, struct bytes name)
{
	enum hashed_token_kind kind;

	return hashed_token_find(name, &kind) == 0 && is_fast_offered(s, kind);
}

/* Without tls-0rtt: no early data is read here. */
static void write_fast(const struct stream *s, struct buf *b)
{
	static const enum hashed_token_kind order[] = { HASHED_TOKEN_EXPORTER, HASHED_TOKEN_UNIQUE, HASHED_TOKEN_END_POINT, HASHED_TOKEN_NONE };

	if (!offers_fast(s))
		return;
	buf_put_str(b, "<fast xmlns='" NS_FAST "'>");
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
		if (is_fast_offered(s, order[i]))
			buf_putf(b, "<mechanism>%s</mechanism>", hashed_token_name(order[i]));
	buf_put_str(b, "</fast>");
}

static void write_sasl2(const struct stream *s, struct buf *b)
{
	buf_put_str(b, "<authentication xmlns='" NS_SASL2 "'>");
	write_mechanisms(s, b);
	buf_put_str(b, "<inline><bind xmlns='" NS_BIND2 "'><inline>"
		       "<feature var='" NS_CARBONS "'/><feature var='" NS_CSI "'/><feature var='" NS_SM "'/>"
		       "</inline></bind><sm xmlns='" NS_SM "'/>");
	write_fast(s, b);
	buf_put_str(b, "</inline></authentication>");
}

static void write_auth(const struct stream *s, struct buf *b)
{
	buf_put_str(b, "<mechanisms xmlns='" NS_SASL "'>");
	write_mechanisms(s, b);
	buf_put_str(b, "</mechanisms>");
	if (!s->is_tls)
		return;
	write_channel_bindings(s, b);
	write_sasl2(s, b);
}

static void write_starttls(const struct stream *s, struct buf *b)
{
	buf_put_str(b, "<starttls xmlns='" NS_TLS "'>");
	if (s->rules->is_tls_required)
		buf_put_str(b, "<required/>");
	buf_put_str(b, "</starttls>");
}

/* XEP-0115 6.3: the client need not ask what it knows from the last time. */
static void write_caps(const struct stream *s, struct buf *b)
{
	const struct stream_rules *r = s->rules;
	const char *hash = r->caps_of ? r->caps_of(r->arg, bytes_of(s->login->domain)) : NULL;

	if (hash && hash[0])
		buf_putf(b, "<c xmlns='" NS_CAPS "' hash='sha-1' node='" DISCO_NODE "' ver='%s'/>", hash);
}

/* What is left to negotiate once a resource is bound (XEP-0386) is not offered again. */
static void write_authed(const struct stream *s, struct buf *b)
{
	if (!stream_is_bound(s))
		buf_put_str(b, "<bind xmlns='" NS_BIND "'/><session xmlns='" NS_SESSION "'><optional/></session>");
	if (!s->is_sm)
		buf_put_str(b, "<sm xmlns='" NS_SM "'/>");
	buf_put_str(b, "<csi xmlns='" NS_CSI "'/><ver xmlns='" NS_ROSTER_VER "'/><sub xmlns='" NS_PRE_APPROVAL "'/>");
	write_caps(s, b);
}

void features_write(const struct stream *s, struct buf *b)
{
	buf_put_str(b, "<stream:features>");
	if (s->jid)
		write_authed(s, b);
	else {
		if (!s->is_tls)
			write_starttls(s, b);
		if (s->is_tls || !s->rules->is_tls_required)
			write_auth(s, b);
	}
	buf_put_str(b, "</stream:features>");
}
