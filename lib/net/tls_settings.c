#include "net/tls_settings.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "proto/jid.h"

enum { NAMES_BYTES_MAX = 64 << 10 };

void tls_settings_certificates(struct tls_store *t, const struct settings *s)
{
	struct bytes name;

	for (size_t at = 0; settings_next_key(s, SET_CERTIFICATE_CHAIN, &at, &name);) {
		int rc = tls_store_add_certificate(t, name, settings_text_at(s, SET_CERTIFICATE_CHAIN, name));
		if (rc)
			log_error("tls.certificate.bad", LOG_BYTES("certificate", name), LOG_STR("reason", err_name(rc)));
	}
}

static int to_ascii(struct bytes key, char ascii[static TLS_DOMAIN_BYTES])
{
	struct arena a;
	struct bytes domain;

	arena_init(&a, NAMES_BYTES_MAX);
	int rc = jid_parse_domain(key, &a, &domain);
	if (!rc)
		rc = jid_domain_to_ascii(domain, ascii);
	arena_fini(&a);
	return rc;
}

/* The first certificate, and a second one of another key type (B-TLS-05). */
static int read_domain(struct tls_store *t, const struct settings *s, struct bytes key, char ascii[static TLS_DOMAIN_BYTES])
{
	struct bytes certificate = settings_text_at(s, SET_DOMAIN_CERTIFICATE, key);
	struct bytes second = settings_text_at(s, SET_DOMAIN_SECOND, key);
	int rc = to_ascii(key, ascii);

	if (!rc)
		rc = tls_store_add_domain(t, ascii, certificate);
	if (!rc && second.n) {
		certificate = second;
		rc = tls_store_add_domain(t, ascii, second);
	}
	if (rc)
		log_warn("tls.domain.certificate", LOG_BYTES("domain", key), LOG_BYTES("certificate", certificate),
		         LOG_STR("reason", err_name(rc)));
	return rc;
}

int tls_settings_store(const struct settings *s, struct keyproxy *keys, const struct tls_store *before,
                       struct tls_store **out, char first[TLS_DOMAIN_BYTES])
{
	struct tls_store *t = tls_store_new(keys);
	char ascii[TLS_DOMAIN_BYTES];
	struct bytes key;

	if (!t)
		return ERR_NOMEM;
	if (settings_enum(s, SET_TLS_MINIMUM) == TLS_13 && tls_store_require_13(t))
		die("tls.settings", "TLS 1.3 cannot be required");
	tls_settings_certificates(t, s);
	if (first)
		first[0] = '\0';
	for (size_t at = 0; settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key);)
		if (settings_is_set(s, SET_DOMAIN_CERTIFICATE, key) && read_domain(t, s, key, ascii) == 0 && first && !first[0])
			memcpy(first, ascii, sizeof ascii);
	tls_store_keep_tickets(t, before);
	*out = t;
	return 0;
}

static void complain(const char *what, struct bytes name, int rc)
{
	if (rc)
		log_warn("tls.trust.bad", LOG_STR("what", what), LOG_BYTES("name", name), LOG_STR("reason", err_name(rc)));
}

void tls_settings_anchors(struct tls_store *t, const struct settings *s)
{
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_TRUST_ANCHOR, &at, &key);)
		complain("trust anchor", key, tls_store_trust_anchor(t, key, settings_text_at(s, SET_TRUST_ANCHOR, key)));
	for (size_t at = 0; settings_next_key(s, SET_TRUST_REVOCATION, &at, &key);)
		complain("trust revocation", key, tls_store_add_revocation(t, settings_text_at(s, SET_TRUST_REVOCATION, key)));
}

struct tls_store *tls_settings_trust(const struct settings *s, struct keyproxy *keys, const struct tls_news *news)
{
	struct tls_store *t = tls_store_new(keys);

	if (!t || (settings_enum(s, SET_TLS_MINIMUM) == TLS_13 && tls_store_require_13(t))) {
		tls_store_free(t);
		return NULL;
	}
	if (settings_bool(s, SET_TRUST_SYSTEM))
		complain("trust", BYTES("system"), tls_store_trust_system(t));
	tls_settings_anchors(t, s);
	tls_store_use_news(t, news);
	if (settings_bool(s, SET_TRUST_REQUIRED))
		tls_store_require_lists(t);
	return t;
}
