#include "net/ocsp.h"

#include "base/err.h"
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/ocsp.h>

#include "net/pki_fixture.h"

struct world {
	struct pki_cert root, mid, leaf, must, bare, delegate, fellow;
	int64_t now_s;
};

static int world_up(void **state)
{
	static struct world w;

	w.root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.mid = pki_make(&(struct pki_wish){ .cn = "mid", .is_ca = true }, &w.root);
	w.leaf = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .aia = "OCSP;URI:ldap://x/,OCSP;URI:http://ocsp.example/m,OCSP;URI:http://second/" }, &w.mid);
	w.must = pki_make(&(struct pki_wish){ .cn = "a", .aia = "OCSP;URI:http://ocsp.example/", .tls_feature = "status_request" }, &w.mid);
	w.bare = pki_make(&(struct pki_wish){ .cn = "b" }, &w.root);
	w.delegate = pki_make(&(struct pki_wish){ .cn = "responder", .eku = "OCSPSigning" }, &w.mid);
	w.fellow = pki_make(&(struct pki_wish){ .cn = "fellow" }, &w.mid);
	w.now_s = (int64_t)time(NULL);
	*state = &w;
	return 0;
}

static int world_down(void **state)
{
	struct world *w = *state;

	pki_free(&w->root);
	pki_free(&w->mid);
	pki_free(&w->leaf);
	pki_free(&w->must);
	pki_free(&w->bare);
	pki_free(&w->delegate);
	pki_free(&w->fellow);
	return 0;
}

/* Chain of leaf and mid, the wrong way round. */
static struct ocsp_subject subject_of(struct world *w, const struct pki_cert *leaf)
{
	struct bytes pem = pki_join(pki_pem(&w->mid), pki_pem(leaf));
	struct ocsp_subject s;

	assert_int_equal(ocsp_subject_read(&s, pem), 0);
	free((void *)pem.p);
	return s;
}

static void what_a_certificate_says(void **state)
{
	struct world *w = *state;
	struct ocsp_subject s = subject_of(w, &w->leaf);

	assert_string_equal(s.url, "http://ocsp.example/m"); /* LDAP is passed over */
	assert_false(s.must_staple);
	ocsp_subject_fini(&s);
	s = subject_of(w, &w->must);
	assert_true(s.must_staple);
	ocsp_subject_fini(&s);
	assert_int_equal(ocsp_subject_read(&s, BYTES("nothing")), ERR_SYNTAX);

	/* the root that issued it directly is not in the chain, but trusted */
	struct tls_store *trust = tls_store_new(NULL);
	assert_int_equal(ocsp_subject_read(&s, pki_pem(&w->bare)), ERR_NOT_FOUND);
	assert_string_equal(s.url, "");
	assert_int_equal(ocsp_subject_complete(&s, trust), ERR_NOT_FOUND);
	assert_int_equal(tls_store_trust_anchor(trust, BYTES("root"), pki_pem(&w->root)), 0);
	assert_int_equal(ocsp_subject_complete(&s, trust), 0);
	assert_int_equal(X509_cmp(s.issuer, w->root.x), 0);
	ocsp_subject_fini(&s);
	tls_store_free(trust);
}

static void a_question_names_the_certificate(void **state)
{
	struct world *w = *state;
	struct ocsp_subject s = subject_of(w, &w->leaf);
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(ocsp_ask(&s, &b), 0);
	const unsigned char *p = buf_bytes(&b).p;
	OCSP_REQUEST *r = d2i_OCSP_REQUEST(NULL, &p, (long)buf_len(&b));
	assert_int_equal(OCSP_request_onereq_count(r), 1);
	OCSP_CERTID *want = OCSP_cert_to_id(NULL, w->leaf.x, w->mid.x);
	assert_int_equal(OCSP_id_cmp(want, OCSP_onereq_get0_id(OCSP_request_onereq_get0(r, 0))), 0);
	OCSP_CERTID_free(want);
	OCSP_REQUEST_free(r);
	buf_fini(&b);
	ocsp_subject_fini(&s);
}

static void answers(void **state)
{
	struct world *w = *state;
	struct ocsp_subject s = subject_of(w, &w->leaf);
	struct {
		struct bytes der;
		int rc;
		enum ocsp_status status;
	} rows[] = {
		{ pki_ocsp(&w->mid, &w->mid, &w->leaf, false), 0, OCSP_GOOD },
		{ pki_ocsp(&w->mid, &w->mid, &w->leaf, true), 0, OCSP_REVOKED },
		{ pki_ocsp(&w->delegate, &w->mid, &w->leaf, false), 0, OCSP_GOOD },
		{ pki_ocsp(&w->fellow, &w->mid, &w->leaf, false), ERR_CERT_OTHER, 0 },
		{ pki_ocsp(&w->root, &w->mid, &w->leaf, false), ERR_CERT_OTHER, 0 },
		{ pki_ocsp(&w->mid, &w->mid, &w->must, false), ERR_NOT_FOUND, 0 },
		{ pki_join(BYTES("\x30\x03\x0a\x01\x03"), BYTES_NONE), ERR_AGAIN, 0 }, /* tryLater */
		{ pki_join(BYTES("<html>"), BYTES_NONE), ERR_SYNTAX, 0 },
		{ pki_join(BYTES_NONE, BYTES_NONE), ERR_SYNTAX, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ocsp_answer a;
		assert_int_equal(ocsp_read(&s, rows[i].der, w->now_s, &a), rows[i].rc);
		assert_int_equal(rows[i].rc != 0, a.why[0] != 0);
		if (!rows[i].rc)
			assert_int_equal(a.status, rows[i].status);
	}
	/* from an hour ago to tomorrow */
	struct ocsp_answer a;
	assert_int_equal(ocsp_read(&s, rows[0].der, w->now_s + 86400 - 60, &a), 0);
	assert_in_range(a.until_s - a.from_s, 86400 + 3600 - 5, 86400 + 3600 + 5);
	assert_int_equal(ocsp_read(&s, rows[0].der, w->now_s + 86400 + 60, &a), ERR_CERT_EXPIRED);
	assert_int_equal(ocsp_read(&s, rows[0].der, w->now_s - 86400, &a), ERR_CERT_NOT_YET);
	for (size_t n = 0; n < rows[0].der.n; n++)
		assert_true(ocsp_read(&s, bytes_make(rows[0].der.p, n), w->now_s, &a) < 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		free((void *)rows[i].der.p);
	ocsp_subject_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_certificate_says), cmocka_unit_test(a_question_names_the_certificate), cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
