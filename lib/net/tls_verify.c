#include "net/tls_conn.h"

#include "base/err.h"
#include "base/secret.h"
#include "net/certname.h"
#include "net/certname_sip.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* ---- causes ---- */

static int err_of_verify(int e)
{
	switch (e) {
	case X509_V_OK:
		return 0;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return ERR_CERT_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return ERR_CERT_NOT_YET;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return ERR_CERT_SELF_SIGNED;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return ERR_CERT_UNKNOWN_CA;
	case X509_V_ERR_CERT_REVOKED:
		return ERR_CERT_REVOKED;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
		return ERR_CERT_CRL;
	case X509_V_ERR_OUT_OF_MEM:
		return ERR_NOMEM;
	default:
		return ERR_CERT_OTHER;
	}
}

/* Our own purpose check (lesson 1): public authorities no longer give clientAuth, so in federation a
 * certificate for a TLS server is as good for the side that happens to have connected. */
static bool is_for_tls(X509 *x)
{
	uint32_t flags = X509_get_extension_flags(x), usage = X509_get_extended_key_usage(x);

	if ((flags & EXFLAG_INVALID) || (flags & EXFLAG_CRITICAL))
		return false;
	return !(flags & EXFLAG_XKUSAGE) || (usage & (XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_ANYEKU));
}

static bool chain_is_for_tls(STACK_OF(X509) *chain)
{
	X509 *leaf = sk_X509_value(chain, 0);

	/* In TLS 1.3 and all our suites the key signs (RFC 5280 4.2.1.3). */
	if ((X509_get_extension_flags(leaf) & EXFLAG_KUSAGE) &&
	    !(X509_get_key_usage(leaf) & X509v3_KU_DIGITAL_SIGNATURE))
		return false;
	/* The last one is an anchor: we trust it whatever it says of itself. */
	for (int i = 0; i < sk_X509_num(chain) - (sk_X509_num(chain) > 1); i++) {
		if (!is_for_tls(sk_X509_value(chain, i)))
			return false;
	}
	return true;
}

/* ---- chains ---- */

/* Builds and checks a chain to `trust`. On 0, *chain (if wanted) is the caller's, and *lacking (if wanted) has the bits of the
 * depths whose authority has no list in `trust`. */
static int check_chain(X509_STORE *trust, X509 *leaf, STACK_OF(X509) *sent, STACK_OF(X509) **chain, uint32_t *lacking)
{
	int rc = ERR_NOMEM;
	X509_STORE_CTX *c = X509_STORE_CTX_new();

	if (!c || X509_STORE_CTX_init(c, trust, leaf, sent) != 1)
		goto out;
	if (lacking)
		*lacking = X509_VERIFY_PARAM_get_flags(X509_STORE_get0_param(trust)) & X509_V_FLAG_CRL_CHECK ? 0 : UINT32_MAX;
	if (X509_STORE_CTX_set_app_data(c, lacking) != 1)
		goto out;
	rc = X509_verify_cert(c) == 1 ? 0 : err_of_verify(X509_STORE_CTX_get_error(c));
	if (!rc && !chain_is_for_tls(X509_STORE_CTX_get0_chain(c)))
		rc = ERR_CERT_OTHER;
	if (!rc && chain)
		*chain = X509_STORE_CTX_get1_chain(c);
out:
	ERR_clear_error();
	X509_STORE_CTX_free(c);
	return rc;
}

static int check_sip_name(X509 *leaf, const struct tls_demand *d)
{
	if (!d->domain_ascii || certname_sip_matches(leaf, d->domain_ascii, d->sip->allow_common_name))
		return 0;
	for (size_t i = 0; i < d->sip->n_subjects; i++) {
		if (certname_sip_matches(leaf, d->sip->subjects[i], d->sip->allow_common_name))
			return 0;
	}
	return ERR_CERT_NAME;
}

static int check_name(X509 *leaf, const struct tls_demand *d)
{
	struct certname_demand name = { .domain_ascii = d->domain_ascii,
		                        .domain = d->domain.n ? d->domain : bytes_of(d->domain_ascii),
		                        .srv_service = d->srv_service,
		                        .allow_wildcard = d->allow_wildcard };

	return certname_matches(leaf, &name) ? 0 : ERR_CERT_NAME;
}

static int find_trust(struct tls *t, const struct tls_demand *d, X509_STORE **out)
{
	*out = t->store->trust;
	if (!d->authority.n)
		return 0;
	struct tls_anchor *a = map_get(&t->store->anchors, d->authority);
	if (!a)
		return ERR_CERT_UNKNOWN_CA;
	*out = a->only;
	return 0;
}

/* Each certificate below the anchor in the lists that gh-pki has fetched. */
static int look_up(const struct tls_store *s, STACK_OF(X509) *chain, uint32_t lacking)
{
	int rc = 0;

	for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
		enum revoked_verdict v = !s->news ? REVOKED_UNKNOWN
		                                  : revoked_look(&s->news->revoked, sk_X509_value(chain, i),
		                                                 sk_X509_value(chain, i + 1), (int64_t)time(NULL));
		if (v == REVOKED_IS)
			return ERR_CERT_REVOKED;
		if (v == REVOKED_UNKNOWN && s->needs_lists && (lacking >> i & 1))
			rc = ERR_CERT_CRL;
	}
	return rc;
}

static int check_pkix(struct tls *t, const struct tls_demand *d, struct tls_peer *p, STACK_OF(X509) **chain)
{
	STACK_OF(X509) *found = NULL;
	uint32_t lacking = 0;
	X509_STORE *trust;
	int rc = find_trust(t, d, &trust);

	if (!rc)
		rc = check_chain(trust, p->leaf, p->sent, &found, &lacking);
	if (!rc)
		rc = look_up(t->store, found, lacking);
	if (!rc && tls_ocsp_says_revoked(t->ssl, found, trust))
		rc = ERR_CERT_REVOKED;
	if (!rc && chain) {
		*chain = found;
		return 0;
	}
	sk_X509_pop_free(found, X509_free);
	return rc;
}

/* ---- DANE (RFC 6698, 7671; for XMPP RFC 7673) ---- */

/* RFC 6698 2.1.2 and 2.1.3. */
static bool tlsa_matches(const struct tls_tlsa *r, X509 *x)
{
	uint8_t *der = NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_n = sizeof digest;
	int n = r->selector == 0 ? i2d_X509(x, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool is_same = false;

	if (n <= 0)
		return false;
	if (r->matching == 0)
		is_same = bytes_eq(r->data, bytes_make(der, (size_t)n));
	else if (EVP_Digest(der, (size_t)n, digest, &digest_n, r->matching == 1 ? EVP_sha256() : EVP_sha512(), NULL) == 1)
		is_same = bytes_eq(r->data, bytes_make(digest, digest_n));
	OPENSSL_free(der);
	return is_same;
}

static bool tlsa_is_usable(const struct tls_tlsa *r)
{
	return r->usage <= 3 && r->selector <= 1 && r->matching <= 2 && r->data.n;
}

/* DANE-TA: the certificate that the record names is the anchor; it must have been sent
 * (RFC 7671 5.2). */
static int check_dane_ta(const struct tls_tlsa *r, const struct tls_peer *p)
{
	int rc = ERR_CERT_UNKNOWN_CA;

	for (int i = 0; rc && i < sk_X509_num(p->sent); i++) {
		X509 *ca = sk_X509_value(p->sent, i);
		if (ca == p->leaf || !tlsa_matches(r, ca))
			continue;
		X509_STORE *only = X509_STORE_new();
		if (!only || X509_STORE_add_cert(only, ca) != 1 ||
		    X509_STORE_set_flags(only, X509_V_FLAG_PARTIAL_CHAIN) != 1)
			rc = ERR_NOMEM;
		else
			rc = check_chain(only, p->leaf, p->sent, NULL, NULL);
		X509_STORE_free(only);
	}
	return rc;
}

/* PKIX-TA and PKIX-EE: the public authorities must agree as well. */
static int check_dane_pkix(struct tls *t, const struct tls_demand *d, const struct tls_tlsa *r, struct tls_peer *p)
{
	STACK_OF(X509) *chain = NULL;
	int rc = check_pkix(t, d, p, &chain);

	if (rc)
		return rc;
	bool found = r->usage == 1 && tlsa_matches(r, p->leaf);
	for (int i = 1; r->usage == 0 && !found && i < sk_X509_num(chain); i++)
		found = tlsa_matches(r, sk_X509_value(chain, i));
	sk_X509_pop_free(chain, X509_free);
	return found ? 0 : ERR_CERT_PIN;
}

static int check_tlsa(struct tls *t, const struct tls_demand *d, const struct tls_tlsa *r, struct tls_peer *p)
{
	/* DANE-EE binds the key itself: neither names nor dates count (RFC 7671 5.1). */
	if (r->usage == 3)
		return tlsa_matches(r, p->leaf) ? 0 : ERR_CERT_PIN;
	int rc = r->usage == 2 ? check_dane_ta(r, p) : check_dane_pkix(t, d, r, p);
	return rc ? rc : check_name(p->leaf, d);
}

/* ERR_NOT_FOUND: no record that we understand, which is as if there were none (RFC 7671 4.1). */
static int check_dane(struct tls *t, const struct tls_demand *d, struct tls_peer *p)
{
	int rc = ERR_NOT_FOUND;

	for (size_t i = 0; rc && i < d->n_tlsa; i++) {
		if (tlsa_is_usable(&d->tlsa[i]))
			rc = check_tlsa(t, d, &d->tlsa[i], p);
	}
	return rc;
}

/* ---- fingerprints ---- */

static bool digest_matches(const uint8_t *digest, unsigned n, struct bytes wanted)
{
	return n == wanted.n && secret_eq(bytes_make(digest, n), wanted);
}

static int check_pin(X509 *leaf, struct bytes pin)
{
	struct tls_tlsa as_tlsa = { .usage = 3, .selector = 1, .matching = 1, .data = pin };

	return tlsa_matches(&as_tlsa, leaf) ? 0 : ERR_CERT_PIN;
}

static bool check_posh(X509 *leaf, const struct tls_demand *d)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = sizeof digest;

	if (d->authority.n || X509_digest(leaf, EVP_sha256(), digest, &n) != 1)
		return false;
	for (size_t i = 0; i < d->n_posh && i < sizeof d->posh / sizeof d->posh[0]; i++) {
		if (digest_matches(digest, n, d->posh[i]))
			return true;
	}
	return false;
}

/* ---- the verdict ---- */

/* RFC 5280 4.2.1.12: without the extension it is for everything. */
static bool is_for_clients(X509 *x)
{
	return !(X509_get_extension_flags(x) & EXFLAG_XKUSAGE) ||
	       (X509_get_extended_key_usage(x) & (XKU_SSL_CLIENT | XKU_ANYEKU));
}

static void name_text(X509_NAME *name, char *out, size_t n)
{
	BIO *b = BIO_new(BIO_s_mem());
	int got = 0;

	/* RFC 2253 form, everything that is not printable escaped. */
	if (b && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		got = BIO_read(b, out, (int)n - 1);
	out[got > 0 ? got : 0] = 0;
	BIO_free(b);
}

static void time_text(const ASN1_TIME *when, char out[static 32])
{
	struct tm tm;

	out[0] = 0;
	if (ASN1_TIME_to_tm(when, &tm) == 1)
		(void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm); /* too long: stays empty */
}

static void describe(X509 *leaf, struct tls_verdict *out)
{
	name_text(X509_get_subject_name(leaf), out->subject, sizeof out->subject);
	name_text(X509_get_issuer_name(leaf), out->issuer, sizeof out->issuer);
	time_text(X509_get0_notAfter(leaf), out->not_after);
}

static int decide_sip(struct tls *t, const struct tls_demand *d, struct tls_peer *p, struct tls_verdict *out)
{
	int rc = check_pkix(t, d, p, NULL);

	if (!rc && d->sip->needs_client_usage && !is_for_clients(p->leaf)) {
		out->hint = "its extended key usage is not for TLS clients";
		rc = ERR_CERT_OTHER;
	}
	return rc ? rc : check_sip_name(p->leaf, d);
}

static int decide(struct tls *t, const struct tls_demand *d, struct tls_peer *p, const char **proof)
{
	int rc;

	if (d->pin.n) {
		*proof = "pin";
		return check_pin(p->leaf, d->pin);
	}
	/* Where an administrator names the authority, DNS does not choose another. */
	if (d->n_tlsa && !d->authority.n && (rc = check_dane(t, d, p)) != ERR_NOT_FOUND) {
		*proof = "dane";
		return rc;
	}
	*proof = "pkix";
	rc = check_pkix(t, d, p, NULL);
	if (!rc)
		rc = check_name(p->leaf, d);
	if (rc && rc != ERR_CERT_REVOKED && check_posh(p->leaf, d)) {
		*proof = "posh";
		return 0;
	}
	return rc;
}

void tls_verify(struct tls *t, const struct tls_demand *d, struct tls_verdict *out)
{
	struct tls_peer p;

	*out = (struct tls_verdict){ .rc = ERR_CERT_NONE, .proof = "", .hint = "" };
	p.leaf = SSL_get0_peer_certificate(t->ssl);
	p.sent = SSL_get_peer_cert_chain(t->ssl);
	if (!p.leaf)
		return;
	describe(p.leaf, out);
	if (d->sip && !d->pin.n) { /* neither DANE nor POSH is defined for it */
		out->proof = "pkix";
		out->rc = decide_sip(t, d, &p, out);
		return;
	}
	out->rc = decide(t, d, &p, &out->proof);
}

static bool may_be_revoked(const struct revoked *r, X509 *leaf, STACK_OF(X509) *sent)
{
	bool may_be = revoked_may_be(r, leaf);

	for (int i = 0; i < sk_X509_num(sent) && !may_be; i++)
		may_be = revoked_may_be(r, sk_X509_value(sent, i));
	return may_be;
}

bool tls_is_revoked(struct tls *t)
{
	X509 *leaf = SSL_get0_peer_certificate(t->ssl);
	STACK_OF(X509) *sent = SSL_get_peer_cert_chain(t->ssl), *chain = NULL;

	if (!leaf || !t->store->news || !may_be_revoked(&t->store->news->revoked, leaf, sent))
		return false;
	bool is_revoked = check_chain(t->store->trust, leaf, sent, &chain, NULL) == 0 && look_up(t->store, chain, 0) == ERR_CERT_REVOKED;
	sk_X509_pop_free(chain, X509_free);
	return is_revoked;
}

void tls_sip_identities(struct tls *t, bool allow_common_name, char *out, size_t room)
{
	X509 *leaf = SSL_get0_peer_certificate(t->ssl);

	if (leaf)
		(void)certname_sip_list(leaf, allow_common_name, out, room); /* how many does not matter here */
	else if (room)
		out[0] = 0;
}
