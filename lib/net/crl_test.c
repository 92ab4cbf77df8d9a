#include "net/crl.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/pki_fixture.h"

struct world {
	struct pki_cert root, mid, leaf, stranger, mute;
	struct tls_store *store;
	int64_t now_s;
};

static int world_up(void **state)
{
	static struct world w;

	w.root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.stranger = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.mid = pki_make(&(struct pki_wish){ .cn = "mid", .is_ca = true }, &w.root);
	w.mute = pki_make(&(struct pki_wish){ .cn = "mute", .is_ca = true, .usage = "critical,keyCertSign" }, &w.root);
	w.leaf = pki_make(&(struct pki_wish){ .cn = "leaf" }, &w.mid);
	w.store = tls_store_new(NULL);
	assert_int_equal(tls_store_trust_anchor(w.store, BYTES("root"), pki_pem(&w.root)), 0);
	w.now_s = (int64_t)time(NULL);
	*state = &w;
	return 0;
}

static int world_down(void **state)
{
	struct world *w = *state;

	tls_store_free(w->store);
	pki_free(&w->root);
	pki_free(&w->stranger);
	pki_free(&w->mid);
	pki_free(&w->mute);
	pki_free(&w->leaf);
	return 0;
}

static int read_pem(struct world *w, struct bytes pem, STACK_OF(X509) *pool, struct revoked_list **out, struct crl_about *about)
{
	int rc = crl_read(w->store, pool, pem, w->now_s, out, about);

	free((void *)pem.p);
	return rc;
}

static struct bytes der_of(struct bytes pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509_CRL *crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int n = i2d_X509_CRL(crl, &der);
	struct bytes copy = pki_join(bytes_make(der, (size_t)n), BYTES_NONE);

	OPENSSL_free(der);
	X509_CRL_free(crl);
	BIO_free(in);
	free((void *)pem.p);
	return copy;
}

static void a_list_of_an_anchor(void **state)
{
	struct world *w = *state;
	struct revoked_list *l;
	struct crl_about about;

	assert_int_equal(read_pem(w, pki_revoke(&w->root, &w->mid, 7), NULL, &l, &about), 0);
	assert_string_equal(about.issuer, "CN=root");
	assert_string_equal(about.why, "");
	assert_int_equal(l->n, 1);
	assert_int_equal(l->head.scope, REVOKED_USERS | REVOKED_AUTHORITIES);
	assert_in_range(l->head.until_s - w->now_s, 7 * 86400 - 60, 7 * 86400 + 60);
	struct revoked r = { .lists = { l }, .n = 1 };
	assert_int_equal(revoked_look(&r, w->mid.x, w->root.x, w->now_s), REVOKED_IS);
	assert_int_equal(revoked_look(&r, w->mute.x, w->root.x, w->now_s), REVOKED_IS_NOT);
	revoked_fini(&r);
	/* the same as DER; one that is out of date; one with nobody in it */
	assert_int_equal(read_pem(w, der_of(pki_revoke(&w->root, &w->mid, 7)), NULL, &l, &about), 0);
	assert_int_equal(l->n, 1);
	revoked_list_free(l);
	assert_int_equal(read_pem(w, pki_revoke(&w->root, &w->mid, -1), NULL, &l, &about), 0);
	assert_true(l->head.until_s < w->now_s);
	revoked_list_free(l);
	assert_int_equal(read_pem(w, pki_revoke(&w->root, NULL, 7), NULL, &l, &about), 0);
	assert_int_equal(l->n, 0);
	revoked_list_free(l);
}

/* The intermediate's own certificate has to be known. */
static void a_list_of_an_intermediate(void **state)
{
	struct world *w = *state;
	STACK_OF(X509) *pool = sk_X509_new_null();
	struct revoked_list *l;
	struct crl_about about;

	assert_int_equal(read_pem(w, pki_revoke(&w->mid, &w->leaf, 7), NULL, &l, &about), ERR_CERT_UNKNOWN_CA);
	assert_string_equal(about.issuer, "CN=mid");
	assert_true(about.why[0]);
	sk_X509_push(pool, w->stranger.x);
	sk_X509_push(pool, w->mid.x);
	assert_int_equal(read_pem(w, pki_revoke(&w->mid, &w->leaf, 7), pool, &l, &about), 0);
	revoked_list_free(l);
	/* in the pool is not trusted */
	assert_int_equal(read_pem(w, pki_revoke(&w->stranger, &w->leaf, 7), pool, &l, &about), ERR_CERT_OTHER);
	sk_X509_push(pool, w->mute.x); /* which may not sign lists */
	assert_int_equal(read_pem(w, pki_revoke(&w->mute, &w->leaf, 7), pool, &l, &about), ERR_CERT_UNKNOWN_CA);
	sk_X509_free(pool);
}

/* There is no taking it out again: `made` leaves it out. */
static void without_next(X509_CRL *crl)
{
	assert_null(X509_CRL_get0_nextUpdate(crl));
}

/* Lets change a list before it is signed again. */
static struct bytes made(struct world *w, void (*change)(X509_CRL *crl), const EVP_MD *digest)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -3600), *to = X509_gmtime_adj(NULL, 3600);
	unsigned char *der = NULL;

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(w->root.x));
	X509_CRL_set1_lastUpdate(crl, from);
	if (change != without_next)
		X509_CRL_set1_nextUpdate(crl, to);
	if (change)
		change(crl);
	assert_true(X509_CRL_sign(crl, w->root.key, digest) > 0);
	int n = i2d_X509_CRL(crl, &der);
	struct bytes copy = pki_join(bytes_make(der, (size_t)n), BYTES_NONE);
	OPENSSL_free(der);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(crl);
	return copy;
}

static void add(X509_CRL *crl, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, NULL, NULL, NULL, crl, 0);
	X509V3_set_ctx_nodb(&ctx);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_CRL_add_ext(crl, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void of_users(X509_CRL *crl)
{
	add(crl, NID_issuing_distribution_point, "critical,onlyuser:TRUE");
}

static void of_authorities(X509_CRL *crl)
{
	add(crl, NID_issuing_distribution_point, "critical,onlyCA:TRUE");
}

static void one_of_several(X509_CRL *crl)
{
	add(crl, NID_issuing_distribution_point, "critical,fullname:URI:http://pki.example/7.crl");
}

static void indirect(X509_CRL *crl)
{
	add(crl, NID_issuing_distribution_point, "critical,indirectCRL:TRUE");
}

static void delta(X509_CRL *crl)
{
	ASN1_INTEGER *base = ASN1_INTEGER_new();

	ASN1_INTEGER_set(base, 4);
	assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0), 1);
	ASN1_INTEGER_free(base);
}

static void strange(X509_CRL *crl)
{
	add(crl, NID_netscape_comment, "critical,what is it");
}

static void with_harmless_ones(X509_CRL *crl)
{
	add(crl, NID_netscape_comment, "what is it");
}

static void from_the_future(X509_CRL *crl)
{
	ASN1_TIME *t = X509_gmtime_adj(NULL, 1800);

	X509_CRL_set1_lastUpdate(crl, t);
	ASN1_TIME_free(t);
}

static void kinds_of_lists(void **state)
{
	static const struct {
		void (*change)(X509_CRL *);
		int rc;
		uint8_t scope;
	} rows[] = {
		{ NULL, 0, REVOKED_USERS | REVOKED_AUTHORITIES },
		{ of_users, 0, REVOKED_USERS },
		{ of_authorities, 0, REVOKED_AUTHORITIES },
		{ one_of_several, 0, 0 },
		{ with_harmless_ones, 0, REVOKED_USERS | REVOKED_AUTHORITIES },
		{ indirect, ERR_UNSUPPORTED, 0 },
		{ delta, ERR_UNSUPPORTED, 0 },
		{ strange, ERR_UNSUPPORTED, 0 },
		{ without_next, ERR_SYNTAX, 0 },
		{ from_the_future, ERR_CERT_NOT_YET, 0 },
	};
	struct world *w = *state;
	struct revoked_list *l;
	struct crl_about about;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(read_pem(w, made(w, rows[i].change, EVP_sha256()), NULL, &l, &about), rows[i].rc);
		assert_int_equal(!rows[i].rc, !about.why[0]);
		if (rows[i].rc)
			continue;
		assert_int_equal(l->head.scope, rows[i].scope);
		revoked_list_free(l);
	}
	assert_int_equal(read_pem(w, made(w, NULL, EVP_sha1()), NULL, &l, &about), ERR_CERT_OTHER);
}

static void what_is_no_list(void **state)
{
	struct world *w = *state;
	struct revoked_list *l;
	struct crl_about about;
	struct bytes good = made(w, NULL, EVP_sha256());

	assert_int_equal(crl_read(w->store, NULL, BYTES_NONE, w->now_s, &l, &about), ERR_SYNTAX);
	assert_int_equal(crl_read(w->store, NULL, BYTES("<html>not found</html>"), w->now_s, &l, &about), ERR_SYNTAX);
	assert_int_equal(crl_read(w->store, NULL, pki_pem(&w->root), w->now_s, &l, &about), ERR_SYNTAX);
	for (size_t n = 0; n < good.n; n++)
		assert_int_equal(crl_read(w->store, NULL, bytes_make(good.p, n), w->now_s, &l, &about), ERR_SYNTAX);
	((uint8_t *)good.p)[good.n - 3] ^= 1;
	assert_true(crl_read(w->store, NULL, good, w->now_s, &l, &about) < 0);
	assert_int_equal(read_pem(w, pki_join(good, BYTES("x")), NULL, &l, &about), ERR_SYNTAX);
	free((void *)good.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_an_anchor), cmocka_unit_test(a_list_of_an_intermediate),
		cmocka_unit_test(kinds_of_lists), cmocka_unit_test(what_is_no_list),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
