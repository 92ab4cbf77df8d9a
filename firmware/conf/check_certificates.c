#include "check_impl.h"

#include "base/err.h"
#include "cert.h"
#include "net/prefix.h"
#include "run/clock.h"

#include <stdio.h>

static void add_ending(const struct row_item *item, const struct cert_about *about, int64_t wall_s, struct check *c)
{
	char text[256];

	snprintf(text, sizeof text, "the certificate ends at %s, in %lld days: renew it", about->not_after,
	         (long long)cert_days_left(about, wall_s));
	check_add(c, false, item->path, text);
}

/* Certificates that cannot be read are errors; those that are out of their time are warnings:
 * a box must still take other changes then. */
void check_certificates(const struct rows *r, int64_t wall_s, struct check *c)
{
	char why[128], remark[CLOCK_TEXT], text[CLOCK_TEXT + 64];

	(void)clock_remark((uint64_t)wall_s, remark);
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->type != SETTING_PEM || strcmp(item->row->range, "CERTIFICATE") != 0)
			continue;
		struct cert_about about;
		if (cert_read(item->value, &about, why, sizeof why) < 0)
			check_add(c, true, item->path, why);
		else if (about.not_after_s < wall_s || about.not_before_s > wall_s) {
			snprintf(text, sizeof text, "the certificate %s%s", about.not_after_s < wall_s ? "has expired" : "is not valid yet", remark);
			check_add(c, false, item->path, text);
		} else if (cert_days_left(&about, wall_s) < CERT_SOON_DAYS)
			add_ending(item, &about, wall_s, c);
	}
}

/* Does this hosted domain have the same certificate in both? */
static bool is_as_before(const struct rows *running, const struct row_item *domain, struct bytes pem)
{
	return bytes_eq(rows_value(running, domain->row->id, domain->key), domain->value) &&
	       bytes_eq(rows_value(running, SET_CERTIFICATE_CHAIN, domain->value), pem);
}

static void check_name(const struct row_item *domain, struct bytes pem, bool is_error, struct check *c)
{
	char text[256];

	if (cert_covers(pem, domain->key))
		return;
	snprintf(text, sizeof text, "certificate %.*s does not cover the name %.*s: get one that names the domain itself",
	         BYTES_FMT(domain->value), (int)(domain->key.n > 100 ? 100 : domain->key.n),
	         (const char *)domain->key.p);
	check_add(c, is_error, domain->path, text);
}

static void check_key(const struct row_item *domain, struct bytes pem, const struct keyring *keys, bool is_error,
                      struct check *c)
{
	int rc = keyring_match(keys, domain->value, pem);
	char text[256];

	if (rc == ERR_NOT_FOUND)
		snprintf(text, sizeof text, "there is no private key %.*s: certificate import %.*s FILE, with the key in the file",
		         BYTES_FMT(domain->value), BYTES_FMT(domain->value));
	else if (rc == ERR_DENIED)
		snprintf(text, sizeof text, "the private key %.*s belongs to another certificate: import both under a new name",
		         BYTES_FMT(domain->value));
	if (rc == ERR_NOT_FOUND || rc == ERR_DENIED)
		check_add(c, is_error, domain->path, text);
}

/* An old list refuses everybody whom its authority certified (ERR_CERT_CRL). */
void check_revocation(const struct rows *r, int64_t wall_s, struct check *c)
{
	int64_t next_update_s;
	char why[128];

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id != SET_TRUST_REVOCATION)
			continue;
		if (cert_read_revocation(item->value, &next_update_s, why, sizeof why) < 0)
			check_add(c, true, item->path, why);
		else if (next_update_s < wall_s)
			check_add(c, false, item->path, "the list is out of date: certificates of its authority are refused");
	}
}

/* A domain's certificate is there with its key, and covers it (lesson 5: with the exact name). */
static void check_certificate_of(const struct rows *r, const struct row_item *item, const struct check_against *against,
                                 struct check *c)
{
	struct bytes pem = rows_value(r, SET_CERTIFICATE_CHAIN, item->value);
	char text[256];

	if (pem.n == 0) {
		snprintf(text, sizeof text, "there is no certificate %.*s", BYTES_FMT(item->value));
		check_add(c, true, item->path, text);
		return;
	}
	bool is_error = !is_as_before(against->running, item, pem);
	check_name(item, pem, is_error, c);
	if (against->keys->is_known)
		check_key(item, pem, against->keys, is_error, c);
}

void check_domains(const struct rows *r, const struct check_against *against, struct check *c)
{
	size_t n_domains = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		enum setting id = item->row->id;
		bool is_certificate = id == SET_DOMAIN_CERTIFICATE || id == SET_DOMAIN_SECOND || id == SET_DOMAIN_FEDERATION;
		n_domains += id == SET_DOMAIN_CERTIFICATE;
		if ((is_certificate || id == SET_DOMAIN_CONTACT) && !check_is_set(r, SET_DOMAIN_CERTIFICATE, item->key))
			check_add(c, true, item->path, "this domain has no certificate, so it is not hosted here");
		if (is_certificate)
			check_certificate_of(r, item, against, c);
	}
	if (n_domains > 0 && !against->keys->is_known)
		check_add(c, false, BYTES_NONE, "gh-keys does not answer: whether certificates have their keys was not checked");
	if (n_domains == 0)
		check_add(c, false, BYTES_NONE, "no domain is hosted: set domain NAME certificate CERTIFICATE");
}

static void check_source(const struct row_item *item, struct check *c)
{
	struct prefix p;

	if (prefix_parse(item->value, &p) < 0)
		check_add(c, true, item->path, "not a range of addresses: 192.0.2.0/24, 2001:db8::/32");
	else if (p.bits == 0)
		check_add(c, false, item->path, "whoever reaches the web listener reads the metrics");
}

/* The web administration: whoever opens it shall not find a door that nobody answers. */
void check_web(const struct rows *r, const struct check_against *against, struct check *c)
{
	bool has_certificate = check_is_set(r, SET_WEB_CERTIFICATE, BYTES_NONE);
	char text[256];

	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_WEB_METRICS_SOURCE)
			check_source(item, c);
		if (item->row->id == SET_WEB_LISTEN && !has_certificate)
			check_add(c, true, item->path, "set web certificate too: without one nobody is served");
		if (item->row->id != SET_WEB_CERTIFICATE)
			continue;
		struct bytes pem = rows_value(r, SET_CERTIFICATE_CHAIN, item->value);
		snprintf(text, sizeof text, "there is no certificate %.*s", BYTES_FMT(item->value));
		if (pem.n == 0)
			check_add(c, true, item->path, text);
		else if (against->keys->is_known)
			check_key(item, pem, against->keys, !is_as_before(against->running, item, pem), c);
	}
}

/* Certificates by ACME: somebody to ask, and a place where the authority can look. */
void check_acme(const struct rows *r, struct check *c)
{
	bool is_tls = bytes_eq_str(rows_value(r, SET_ACME_CHALLENGE, BYTES_NONE), "tls-alpn-01");
	bool has_door = check_has_rows(r, is_tls ? SET_ACME_LISTEN_TLS : SET_ACME_LISTEN) || (!is_tls && check_has_rows(r, SET_WEB_REDIRECT));

	if (check_is_set(r, SET_ACME_BIND_ID, BYTES_NONE) != check_is_set(r, SET_ACME_BIND_KEY, BYTES_NONE))
		check_add(c, true, BYTES("acme external-account"), "wants both, id and key");
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id != SET_CERTIFICATE_ACME || !bytes_eq_str(item->value, "on"))
			continue;
		struct bytes names = rows_value(r, SET_CERTIFICATE_NAMES, item->key);
		if (bytes_find(names, '*') < names.n)
			check_add(c, true, item->path, "a name with * wants a proof by DNS (DNS-01), which this box does not do: name the domains themselves");
		if (!check_is_set(r, SET_ACME_DIRECTORY, BYTES_NONE))
			check_add(c, true, item->path, "set acme directory too: the authority's URL");
		else if (!has_door)
			check_add(c, false, item->path, is_tls ? "the authority will find nobody: set acme listen-tls NAME ADDRESS 443"
							 : "the authority will find nobody: set acme listen NAME ADDRESS 80");
	}
}
