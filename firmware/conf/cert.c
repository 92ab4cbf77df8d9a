#include "cert.h"

#include "base/err.h"
#include "base/text.h"
#include "net/certname.h"
#include "proto/jid.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <time.h>

static X509 *read_one(BIO *in)
{
	X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);

	ERR_clear_error();
	return cert;
}

static X509 *first(struct bytes pem)
{
	BIO *in = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *cert = in ? read_one(in) : NULL;

	BIO_free(in);
	return cert;
}

static unsigned count_blocks(struct bytes pem, const char *mark)
{
	unsigned n = 0;

	for (const uint8_t *p = pem.p; (p = memmem(p, (size_t)(pem.p + pem.n - p), mark, strlen(mark))); p++)
		n++;
	return n;
}

static unsigned count_readable(struct bytes pem)
{
	BIO *in = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *cert;
	unsigned n = 0;

	while (in && (cert = read_one(in))) {
		X509_free(cert);
		n++;
	}
	BIO_free(in);
	return n;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

static void fill(X509 *cert, struct cert_about *out)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char at[TEXT_TIME_BYTES];

	X509_NAME_oneline(X509_get_subject_name(cert), out->subject, sizeof out->subject);
	X509_NAME_oneline(X509_get_issuer_name(cert), out->issuer, sizeof out->issuer);
	out->not_before_s = seconds_of(X509_get0_notBefore(cert));
	out->not_after_s = seconds_of(X509_get0_notAfter(cert));
	text_time((uint64_t)out->not_after_s * 1000, false, at);
	snprintf(out->not_after, sizeof out->not_after, "%s", at);
	if (X509_digest(cert, EVP_sha256(), digest, &n) && n == 32)
		text_hex(bytes_make(digest, n), out->sha256);
}

int cert_read(struct bytes pem, struct cert_about *out, char *why, size_t why_n)
{
	X509 *cert = first(pem);
	unsigned n_blocks = count_blocks(pem, "-----BEGIN CERTIFICATE-----"), n_read = count_readable(pem);

	*out = (struct cert_about){ .n = n_read };
	if (!cert || n_read != n_blocks) {
		X509_free(cert);
		snprintf(why, why_n, "certificate %u of %u cannot be read", n_read + 1, n_blocks);
		return ERR_SYNTAX;
	}
	fill(cert, out);
	X509_free(cert);
	return 0;
}

bool cert_is_used_by(enum setting id)
{
	return id == SET_DOMAIN_CERTIFICATE || id == SET_DOMAIN_SECOND || id == SET_DOMAIN_FEDERATION || id == SET_WEB_CERTIFICATE ||
	       id == SET_LOG_REMOTE_CERTIFICATE || id == SET_LINK_CERTIFICATE || id == SET_PUBLISH_CERTIFICATE;
}

int64_t cert_days_left(const struct cert_about *a, int64_t wall_s)
{
	int64_t left_s = a->not_after_s - wall_s;

	return left_s >= 0 ? left_s / 86400 : -1 - (-left_s - 1) / 86400;
}

int cert_read_revocation(struct bytes pem, int64_t *next_update_s, char *why, size_t why_n)
{
	BIO *in = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	unsigned n = 0, n_blocks = count_blocks(pem, "-----BEGIN X509 CRL-----");
	X509_CRL *crl;

	*next_update_s = INT64_MAX;
	for (; in && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)); n++) {
		const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
		if (next && seconds_of(next) < *next_update_s)
			*next_update_s = seconds_of(next);
		X509_CRL_free(crl);
	}
	ERR_clear_error();
	BIO_free(in);
	if (n && n == n_blocks)
		return 0;
	snprintf(why, why_n, "revocation list %u of %u cannot be read", n + 1, n_blocks);
	return ERR_SYNTAX;
}

static void take_life(struct cert_life *out, const ASN1_TIME *from, const ASN1_TIME *until)
{
	if (until && seconds_of(until) < out->until_s)
		*out = (struct cert_life){ from ? seconds_of(from) : 0, seconds_of(until) };
}

int cert_life(struct bytes pem, struct cert_life *out)
{
	BIO *in = pem.n && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	struct cert_life first_end = { 0, INT64_MAX };
	X509 *cert;

	while (in && (cert = read_one(in))) {
		take_life(&first_end, X509_get0_notBefore(cert), X509_get0_notAfter(cert));
		X509_free(cert);
	}
	BIO_free(in);
	if (first_end.until_s == INT64_MAX)
		return ERR_SYNTAX;
	*out = first_end;
	return 0;
}

int cert_list_life(struct bytes pem, struct cert_life *out)
{
	BIO *in = pem.n && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	struct cert_life first_end = { 0, INT64_MAX };
	X509_CRL *crl;

	while (in && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL))) {
		take_life(&first_end, X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_nextUpdate(crl));
		X509_CRL_free(crl);
	}
	ERR_clear_error();
	BIO_free(in);
	if (first_end.until_s == INT64_MAX)
		return ERR_SYNTAX;
	*out = first_end;
	return 0;
}

bool cert_covers(struct bytes pem, struct bytes domain)
{
	char ascii[254];
	X509 *cert = first(pem);
	bool is_covered = false;

	if (cert && jid_domain_to_ascii(domain, ascii) == 0) {
		struct certname_demand d = { .domain_ascii = ascii, .domain = domain,
			                     .srv_service = "_xmpp-server", .allow_wildcard = true };
		is_covered = certname_matches(cert, &d);
		d.srv_service = "_xmpp-client";
		is_covered = is_covered || certname_matches(cert, &d);
	}
	X509_free(cert);
	return is_covered;
}

EVP_PKEY *cert_public_key(struct bytes pem)
{
	X509 *cert = first(pem);
	EVP_PKEY *key = cert ? X509_get_pubkey(cert) : NULL;

	X509_free(cert);
	ERR_clear_error();
	return key;
}

void cert_put_names(struct bytes pem, struct buf *out)
{
	X509 *cert = first(pem);
	const char *kind;
	char name[256];
	size_t at = 0;

	for (unsigned n = 0; cert && certname_next(cert, &at, &kind, name); n++)
		buf_putf(out, "%s%s:%s", n ? " " : "", kind, name);
	X509_free(cert);
}
