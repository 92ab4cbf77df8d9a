#include "stream_int.h"

/* The one builder of features for every kind of transport (lesson 4 of spec/xmpp.md). */

static const struct mechanism {
	const char *name;
	bool is_plus;  /* needs something of TLS to bind to (RFC 5802 6) */
	bool is_plain; /* gives the password away: only inside TLS */
} mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", true, false },
	{ "SCRAM-SHA-1-PLUS", true, false },
	{ "SCRAM-SHA-256", false, false },
	{ "SCRAM-SHA-1", false, false },
	{ "PLAIN", false, true },
};
enum { N_MECHANISMS = sizeof mechanisms / sizeof mechanisms[0] };

static bool is_offered(const struct stream *s, const struct mechanism *m)
{
	if (s->rules->is_tls_required && !s->is_tls)
		return false;
	if (m->is_plus)
		return s->is_tls && (s->login->has_exporter || s->login->has_end_point);
	return !m->is_plain || (s->is_tls && s->rules->offers_plain);
}

bool features_has_mechanism(const struct stream *s, struct bytes name)
{
	for (size_t i = 0; i < N_MECHANISMS; i++)
		if (bytes_eq_str(name, mechanisms[i].name))
			return is_offered(s, &mechanisms[i]);
	return false;
}

static void write_mechanisms(const struct stream *s, struct buf *b)
{
	for (size_t i = 0; i < N_MECHANISMS; i++)
		if (is_offered(s, &mechanisms[i]))
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

static void write_sasl2(const struct stream *s, struct buf *b)
{
	buf_put_str(b, "<authentication xmlns='" NS_SASL2 "'>");
	write_mechanisms(s, b);
	buf_put_str(b, "<inline><bind xmlns='" NS_BIND2 "'><inline>"
		       "<feature var='" NS_CARBONS "'/><feature var='" NS_CSI "'/><feature var='" NS_SM "'/>"
		       "</inline></bind><sm xmlns='" NS_SM "'/></inline></authentication>");
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

static void write_authed(struct buf *b)
{
	buf_put_str(b, "<bind xmlns='" NS_BIND "'/>"
		       "<session xmlns='" NS_SESSION "'><optional/></session>"
		       "<sm xmlns='" NS_SM "'/><csi xmlns='" NS_CSI "'/>"
		       "<sub xmlns='" NS_PRE_APPROVAL "'/>");
}

void features_write(const struct stream *s, struct buf *b)
{
	bool is_authed = s->jid != NULL;

	buf_put_str(b, "<stream:features>");
	if (is_authed)
		write_authed(b);
	else {
		if (!s->is_tls)
			write_starttls(s, b);
		if (s->is_tls || !s->rules->is_tls_required)
			write_auth(s, b);
	}
	buf_put_str(b, "</stream:features>");
}
