#include "tls.h"

#include "base/err.h"

enum { TLS_12, TLS_13 }; /* places in the range of `tls minimum` */

static void read_certificates(struct tls_store *t, const struct settings *s)
{
	struct bytes name;

	for (size_t at = 0; settings_next_key(s, SET_CERTIFICATE_CHAIN, &at, &name);) {
		int rc = tls_store_add_certificate(t, name, settings_text_at(s, SET_CERTIFICATE_CHAIN, name));
		if (rc)
			log_error("line.certificate.bad", LOG_BYTES("certificate", name), LOG_STR("reason", err_name(rc)));
	}
}

/* A-labels of the domain stay in ascii. */
static int read_domain(struct line *l, struct tls_store *t, const struct settings *s, struct bytes key, char ascii[static 254])
{
	struct bytes second = settings_text_at(s, SET_DOMAIN_SECOND, key), domain;
	int rc = jid_parse_domain(key, &l->arena, &domain);

	if (!rc)
		rc = jid_domain_to_ascii(domain, ascii);
	if (!rc)
		rc = tls_store_add_domain(t, ascii, settings_text_at(s, SET_DOMAIN_CERTIFICATE, key));
	if (!rc && second.n)
		rc = tls_store_add_domain(t, ascii, second);
	if (rc)
		log_warn("line.domain.certificate", LOG_BYTES("domain", key), LOG_STR("reason", err_name(rc)));
	return rc;
}

void line_apply_tls(struct line *l, const struct settings *s)
{
	struct tls_store *t = tls_store_new(l->keys);
	char ascii[254] = "", first[254] = "";
	struct bytes key;

	if (!t) {
		log_error("line.settings.failed", LOG_STR("reason", err_name(ERR_NOMEM)));
		return; /* the old certificates stay */
	}
	if (settings_enum(s, SET_TLS_MINIMUM) == TLS_13 && tls_store_require_13(t))
		die("line.settings", "TLS 1.3 cannot be required");
	read_certificates(t, s);
	for (size_t at = 0; settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key);)
		if (settings_is_set(s, SET_DOMAIN_CERTIFICATE, key) && read_domain(l, t, s, key, ascii) == 0 && !first[0])
			memcpy(first, ascii, sizeof first);
	tls_store_keep_tickets(t, l->tls);
	siptransports_set_tls(sipendpoint_transports(l->sip), t);
	/* Many phones send no SNI: of several domains they see the first that could be loaded. */
	siptransports_set_default_domain(sipendpoint_transports(l->sip), first[0] ? first : NULL);
	tls_store_free(l->tls);
	l->tls = t;
}
