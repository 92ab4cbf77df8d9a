#include "pki.h"

#include "base/err.h"
#include "base/log.h"
#include "net/dns_settings.h"
#include "net/tls_settings.h"

#include <stdio.h>

/* The public authorities whatever `trust system` says, which is about partners: who federates with a closed circle may still
 * have certificates from a public authority. */
static struct tls_store *make_trust(const struct settings *s)
{
	struct tls_store *t = tls_store_new(NULL);
	int rc;

	if (!t || (settings_enum(s, SET_TLS_MINIMUM) == TLS_13 && tls_store_require_13(t) < 0)) {
		tls_store_free(t);
		return NULL;
	}
	rc = tls_store_trust_system(t);
	if (rc < 0)
		log_warn("pki.trust", LOG_STR("what", "trust"), LOG_STR("name", "system"), LOG_STR("reason", err_name(rc)));
	tls_settings_anchors(t, s);
	return t;
}

static void configure_dns(struct pki *p, const struct settings *s)
{
	int rc = dns_settings_apply(p->dns, s);

	if (rc < 0)
		log_error("pki.dns", LOG_STR("reason", err_name(rc)));
}

static void read_reach(const struct settings *s, struct reach *r)
{
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_FETCH_ALLOW, &at, &key);)
		(void)reach_allow(r, settings_text_at(s, SET_FETCH_ALLOW, key)); /* pki_check has looked at each */
}

int pki_check(void *program, const struct settings *s, const char **path, const char **why)
{
	struct pki *p = program;
	struct reach r = { .n = 0 };
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_FETCH_ALLOW, &at, &key);) {
		int rc = reach_allow(&r, settings_text_at(s, SET_FETCH_ALLOW, key));
		if (!rc)
			continue;
		(void)snprintf(p->refused, sizeof p->refused, "fetch allow %.*s", BYTES_FMT(key)); /* cut: a name is shorter */
		*path = p->refused;
		*why = rc == ERR_LIMIT ? "at most 64 ranges" : "wants a range like 10.0.0.0/8 or 2001:db8::/32";
		return rc;
	}
	*path = p->refused;
	int rc = acme_check(s, p->refused, why);
	return rc ? rc : lists_check(s, p->refused, why);
}

/* Authorities that our own certificates are of: their lists need no trust anchor of their own when the root is one. */
static void fill_pool(struct pki *p, const struct settings *s)
{
	struct bytes key;

	sk_X509_pop_free(p->pool, X509_free);
	p->pool = sk_X509_new_null();
	for (size_t at = 0; p->pool && settings_next_key(s, SET_CERTIFICATE_CHAIN, &at, &key);)
		(void)crl_pool_add(p->pool, settings_text_at(s, SET_CERTIFICATE_CHAIN, key)); /* the doors say what is wrong with it */
}

static bool is_trust_new(const struct settings *before, const struct settings *s)
{
	return !before || settings_differ(before, s, SET_TRUST_ANCHOR) || settings_differ(before, s, SET_CERTIFICATE_CHAIN);
}

static void apply_revocation(struct pki *p, const struct settings *s)
{
	bool is_new = is_trust_new(p->settings, s);

	fill_pool(p, s);
	p->lists.trust = p->staples.trust = p->trust;
	p->lists.pool = p->pool;
	lists_apply(&p->lists, s, is_new);
	staples_apply(&p->staples, s);
}

void pki_config(struct pki *p, const struct settings *s)
{
	struct tls_store *old = p->trust;
	struct reach reach = { .n = 0 };

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	configure_dns(p, s);
	read_reach(s, &reach);
	p->trust = make_trust(s);
	fetcher_set(p->fetcher, p->trust, &reach);
	discovery_stop(&p->discovery, "the settings have changed: ask again");
	p->discovery.trust = p->trust;
	p->discovery.reach = reach;
	apply_revocation(p, s);
	p->settings = s;
	tls_store_free(old);
}
