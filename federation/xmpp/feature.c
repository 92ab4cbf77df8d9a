#include "feature.h"

#include "proto/xmpp.h"

struct feature_set feature_offer(const struct feature_given *g)
{
	struct feature_set f = { 0 };
	bool is_clear_fine = g->is_named && !g->rule.row->is_tls_required;
	bool may_dialback = g->is_named ? policy_may_dialback(&g->rule) : g->may_any_dialback;

	if (!g->is_secure) {
		f.has_starttls = true;
		f.is_tls_required = !is_clear_fine;
		if (f.is_tls_required)
			return f;
	}
	if (g->is_authed) {
		/* more pairs on this stream: each is judged by itself (XEP-0220 2.6.2, XEP-0344) */
		f.has_dialback = f.has_dialback_errors = true;
		f.has_sm = g->may_sm;
		return f;
	}
	if (g->is_secure && g->is_named && g->is_proven && policy_may_certificate(&g->rule))
		f.has_external = f.has_mechanism = true;
	else if (may_dialback)
		f.has_dialback = f.has_dialback_errors = true;
	if (feature_can_auth(&f)) {
		f.has_bidi = g->may_bidi && g->is_secure;
		/* after dialback no features follow: stream management must be seen now */
		f.has_sm = g->may_sm && f.has_dialback;
	}
	return f;
}

bool feature_can_auth(const struct feature_set *f)
{
	return f->has_external || f->has_dialback;
}

void feature_write(struct buf *b, const struct feature_set *f)
{
	buf_put_str(b, "<stream:features>");
	if (f->has_starttls)
		buf_put_str(b, f->is_tls_required ? "<starttls xmlns='" NS_TLS "'><required/></starttls>"
		                                  : "<starttls xmlns='" NS_TLS "'/>");
	if (f->has_external)
		buf_put_str(b, "<mechanisms xmlns='" NS_SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>");
	if (f->has_dialback)
		buf_put_str(b, "<dialback xmlns='" NS_DIALBACK_FEATURE "'><errors/></dialback>");
	if (f->has_bidi)
		buf_put_str(b, "<bidi xmlns='" NS_BIDI_FEATURE "'/>");
	if (f->has_sm)
		buf_put_str(b, "<sm xmlns='" NS_SM "'/>");
	buf_put_str(b, "</stream:features>");
}

static void read_mechanisms(const struct xml_node *n, struct feature_set *out)
{
	for (const struct xml_node *m = xml_first(n); m; m = xml_next(m)) {
		if (!xml_is(m, "mechanism", NS_SASL))
			continue;
		out->has_mechanism = true;
		if (bytes_eq(xml_text(m), BYTES("EXTERNAL")))
			out->has_external = true;
	}
}

void feature_read(const struct xml_node *features, struct feature_set *out)
{
	*out = (struct feature_set){ 0 };
	for (const struct xml_node *n = xml_first(features); n; n = xml_next(n)) {
		if (xml_is(n, "starttls", NS_TLS)) {
			out->has_starttls = true;
			out->is_tls_required = xml_child(n, "required", NS_TLS) != NULL;
		} else if (xml_is(n, "mechanisms", NS_SASL)) {
			read_mechanisms(n, out);
		} else if (xml_is(n, "dialback", NS_DIALBACK_FEATURE)) {
			out->has_dialback = true;
			out->has_dialback_errors = xml_child(n, "errors", NULL) != NULL;
		} else if (xml_is(n, "bidi", NS_BIDI_FEATURE)) {
			out->has_bidi = true;
		} else if (xml_is(n, "sm", NS_SM)) {
			out->has_sm = true;
		}
	}
}
