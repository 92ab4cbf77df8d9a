#include "net/crl.h"

#include "base/err.h"
#include "net/tls_store.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the file ---- */

static X509_CRL *parse(struct bytes file)
{
	const unsigned char *p = file.p;
	X509_CRL *crl = NULL;

	if (!file.n || file.n > INT32_MAX)
		return NULL;
	if (file.p[0] == 0x30) {
		crl = d2i_X509_CRL(NULL, &p, (long)file.n);
		if (crl && p != file.p + file.n) {
			X509_CRL_free(crl);
			crl = NULL;
		}
		return crl;
	}
	BIO *in = BIO_new_mem_buf(file.p, (int)file.n);
	crl = in ? PEM_read_bio_X509_CRL(in, NULL, NULL, (void *)"") : NULL;
	BIO_free(in);
	return crl;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : -1;
}

/* ---- what it is about ---- */

/* The extensions that we understand; of others the critical ones are none of our business (RFC 5280 5.2). */
static bool is_understood(const X509_CRL *crl)
{
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *e = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
		if (nid == NID_delta_crl)
			return false;
		if (X509_EXTENSION_get_critical(e) && nid != NID_issuing_distribution_point && nid != NID_authority_key_identifier &&
		    nid != NID_crl_number)
			return false;
	}
	return true;
}

/* RFC 5280 5.2.5. A list that is one of several, or of some reasons only, cannot show that all is well. */
static int read_scope(const X509_CRL *crl, uint8_t *scope)
{
	int at = X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1), rc = 0;
	ISSUING_DIST_POINT *p = at < 0 ? NULL : X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);

	*scope = REVOKED_USERS | REVOKED_AUTHORITIES;
	if (at >= 0 && !p)
		return ERR_SYNTAX;
	if (!p)
		return 0;
	if (p->indirectCRL > 0 || p->onlyattr > 0)
		rc = ERR_UNSUPPORTED;
	if (p->onlyuser > 0)
		*scope = REVOKED_USERS;
	if (p->onlyCA > 0)
		*scope &= REVOKED_AUTHORITIES;
	if (p->distpoint || p->onlysomereasons)
		*scope = 0;
	ISSUING_DIST_POINT_free(p);
	return rc;
}

/* ---- whose it is ---- */

static bool may_sign_lists(X509 *x)
{
	return !(X509_get_extension_flags(x) & EXFLAG_KUSAGE) || (X509_get_key_usage(x) & KU_CRL_SIGN);
}

/* As for certificates: no SHA-1. */
static bool is_strong(const X509_CRL *crl)
{
	int digest = NID_undef;

	return OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, NULL) == 1 && digest != NID_sha1 && digest != NID_md5;
}

static bool is_trusted(struct tls_store *s, STACK_OF(X509) *pool, X509 *x)
{
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	bool ok = c && X509_STORE_CTX_init(c, s->trust, x, pool) == 1 && X509_verify_cert(c) == 1;

	X509_STORE_CTX_free(c);
	return ok;
}

/* 0 when x has signed it. */
static int try_issuer(struct tls_store *s, STACK_OF(X509) *pool, X509 *x, X509_CRL *crl)
{
	if (X509_NAME_cmp(X509_get_subject_name(x), X509_CRL_get_issuer(crl)) || !may_sign_lists(x))
		return ERR_CERT_UNKNOWN_CA;
	if (X509_CRL_verify(crl, X509_get0_pubkey(x)) != 1)
		return ERR_CERT_OTHER;
	return is_trusted(s, pool, x) ? 0 : ERR_CERT_UNKNOWN_CA;
}

/* *rc: the closest that any came. */
static X509 *find_issuer(struct tls_store *s, STACK_OF(X509) *pool, STACK_OF(X509) *among, X509_CRL *crl, int *rc)
{
	for (int i = 0; i < sk_X509_num(among); i++) {
		X509 *x = sk_X509_value(among, i);
		int got = try_issuer(s, pool, x, crl);
		if (!got)
			return x;
		if (*rc != ERR_CERT_OTHER)
			*rc = got;
	}
	return NULL;
}

static STACK_OF(X509) *anchors_named(struct tls_store *s, const X509_NAME *name)
{
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	STACK_OF(X509) *all = c && X509_STORE_CTX_init(c, s->trust, NULL, NULL) == 1 ? X509_STORE_CTX_get1_certs(c, name) : NULL;

	X509_STORE_CTX_free(c);
	return all;
}

static int read_issuer(struct tls_store *s, STACK_OF(X509) *pool, X509_CRL *crl, struct revoked_head *out)
{
	STACK_OF(X509) *anchors = anchors_named(s, X509_CRL_get_issuer(crl));
	int rc = ERR_CERT_UNKNOWN_CA;
	X509 *x = find_issuer(s, pool, anchors, crl, &rc);

	if (!x)
		x = find_issuer(s, pool, pool, crl, &rc);
	if (x)
		rc = revoked_key(x, out->key);
	sk_X509_pop_free(anchors, X509_free);
	return rc;
}

/* ---- the serial numbers ---- */

static int read_serials(X509_CRL *crl, struct revoked_list *l)
{
	STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl);
	int n = all ? sk_X509_REVOKED_num(all) : 0;

	if (n > REVOKED_SERIALS_MAX)
		return ERR_LIMIT;
	l->serials = malloc((size_t)n * REVOKED_SERIAL_BYTES + 1);
	if (!l->serials)
		return ERR_NOMEM;
	for (int i = 0; i < n; i++)
		if (revoked_serial(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(all, i)), l->serials + (size_t)i * REVOKED_SERIAL_BYTES))
			return ERR_SYNTAX;
	l->n = (uint32_t)n;
	revoked_list_sort(l);
	return 0;
}

/* ---- all of it ---- */

static void issuer_text(const X509_CRL *crl, char out[static CRL_TEXT_BYTES])
{
	BIO *b = BIO_new(BIO_s_mem());
	int got = 0;

	if (b && X509_NAME_print_ex(b, X509_CRL_get_issuer(crl), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		got = BIO_read(b, out, CRL_TEXT_BYTES - 1);
	out[got > 0 ? got : 0] = '\0';
	BIO_free(b);
}

static int refuse(struct crl_about *about, int rc, const char *why)
{
	snprintf(about->why, sizeof about->why, "%s", why);
	return rc;
}

static int read_head(X509_CRL *crl, int64_t now_s, struct revoked_head *h, struct crl_about *about)
{
	h->from_s = seconds_of(X509_CRL_get0_lastUpdate(crl));
	h->until_s = seconds_of(X509_CRL_get0_nextUpdate(crl));
	if (h->from_s < 0 || h->until_s < h->from_s)
		return refuse(about, ERR_SYNTAX, "it does not say when the next one comes");
	if (h->from_s > now_s)
		return refuse(about, ERR_CERT_NOT_YET, "it is from the future: compare the clocks");
	if (!is_understood(crl))
		return refuse(about, ERR_UNSUPPORTED, "it is a delta list, or has critical extensions that are not known");
	int rc = read_scope(crl, &h->scope);
	return rc ? refuse(about, rc, "it is an indirect list, or one of attributes") : 0;
}

static int prove(struct tls_store *s, STACK_OF(X509) *pool, X509_CRL *crl, struct revoked_head *h, struct crl_about *about)
{
	if (!is_strong(crl))
		return refuse(about, ERR_CERT_OTHER, "it is signed with SHA-1 or older");
	int rc = read_issuer(s, pool, crl, h);
	if (rc == ERR_CERT_OTHER)
		return refuse(about, rc, "its signature is wrong");
	return rc == ERR_CERT_UNKNOWN_CA ? refuse(about, rc, "its authority is not trusted: set trust anchor") : rc;
}

int crl_read(struct tls_store *s, STACK_OF(X509) *pool, struct bytes file, int64_t now_s, struct revoked_list **out, struct crl_about *about)
{
	struct revoked_list *l = calloc(1, sizeof *l);
	X509_CRL *crl = l ? parse(file) : NULL;
	int rc = l ? 0 : ERR_NOMEM;

	*about = (struct crl_about){ .issuer = "" };
	if (l && !crl)
		rc = refuse(about, ERR_SYNTAX, "it is no revocation list");
	if (!rc) {
		issuer_text(crl, about->issuer);
		rc = read_head(crl, now_s, &l->head, about);
	}
	if (!rc)
		rc = prove(s, pool, crl, &l->head, about);
	if (!rc && (rc = read_serials(crl, l)))
		refuse(about, rc, rc == ERR_LIMIT ? "it has more certificates in it than are taken" : "a serial number in it is too long");
	X509_CRL_free(crl);
	ERR_clear_error();
	if (rc)
		revoked_list_free(l);
	else
		*out = l;
	return rc;
}

int crl_pool_add(STACK_OF(X509) *pool, struct bytes pem)
{
	STACK_OF(X509) *all = tls_pem_certificates(pem);
	X509 *x;
	int rc = all ? 0 : ERR_SYNTAX;

	while (!rc && (x = sk_X509_pop(all))) {
		if (sk_X509_push(pool, x) > 0)
			continue;
		X509_free(x);
		rc = ERR_NOMEM;
	}
	sk_X509_pop_free(all, X509_free);
	return rc;
}
