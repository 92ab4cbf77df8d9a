#include "net/tls.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/crl.h"
#include "net/link_fixture.h"
#include "net/pki_fixture.h"
#include "net/tls_conn.h"

struct world {
	struct loop *loop;
	struct pki_cert root, other_root, mid, good, good_rsa, peer;
};

static int world_up(void **state)
{
	static struct world w;

	w.loop = loop_new(LOOP_LIBEVENT);
	w.root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.other_root = pki_make(&(struct pki_wish){ .cn = "other root", .is_ca = true }, NULL);
	w.mid = pki_make(&(struct pki_wish){ .cn = "mid", .is_ca = true }, &w.root);
	w.good = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .eku = "serverAuth" }, &w.mid);
	w.good_rsa = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .key = PKI_RSA }, &w.mid);
	w.peer = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example", .eku = "serverAuth" }, &w.mid);
	*state = &w;
	return 0;
}

static int world_down(void **state)
{
	struct world *w = *state;

	pki_free(&w->root);
	pki_free(&w->other_root);
	pki_free(&w->mid);
	pki_free(&w->good);
	pki_free(&w->good_rsa);
	pki_free(&w->peer);
	loop_free(w->loop);
	return 0;
}

/* A store that trusts `root` under the name "root", with one hosted domain. */
static struct tls_store *store_of(struct world *w, const char *domain, const struct pki_cert *leaf, const struct pki_cert *mid)
{
	struct tls_store *s = tls_store_new(NULL);

	assert_non_null(s);
	assert_int_equal(tls_store_trust_anchor(s, BYTES("root"), pki_pem(&w->root)), 0);
	if (leaf) {
		struct bytes pem = pki_join(mid ? pki_pem(mid) : BYTES_NONE, pki_pem(leaf)); /* wrong order */
		struct bytes key = pki_join(pki_pem(leaf), mid ? pki_pem(mid) : BYTES_NONE);
		(void)tls_store_add_certificate(s, BYTES("c"), mid ? key : pem); /* validity: judged by the peer */
		(void)tls_store_add_domain(s, domain, BYTES("c")); /* name: judged by the peer */
		free((void *)pem.p);
		free((void *)key.p);
	}
	return s;
}

/* ALPN names of a test: one or, with a comma, two. */
static const char *const *alpn_of(const char *text, char room[static 64], const char *list[static 3])
{
	if (!text)
		return NULL;
	snprintf(room, 64, "%s", text);
	list[0] = strtok(room, ",");
	list[1] = strtok(NULL, ",");
	list[2] = NULL;
	return list;
}

static struct tls *server_of(struct tls_store *s, const char *alpn)
{
	/* They stay while the connection does; a test has one server at a time. */
	static char room[64];
	static const char *list[3];
	struct tls *t = NULL;
	struct tls_options o = { .side = TLS_SERVER, .domain = "a.example", .alpn = alpn_of(alpn, room, list), .wants_peer_certificate = true };

	assert_int_equal(tls_new(s, &o, &t), 0);
	return t;
}

static struct tls *client_of(struct tls_store *s, const char *own, const char *sni, const char *alpn)
{
	static char room[64];
	static const char *list[3];
	struct tls *t = NULL;
	struct tls_options o = { .side = TLS_CLIENT, .domain = own, .server_name = sni, .alpn = alpn_of(alpn, room, list) };

	assert_int_equal(tls_new(s, &o, &t), 0);
	return t;
}

/* Joins a server for a.example with a client for b.example that shows `leaf`. */
struct meeting {
	struct pair pair;
	struct tls_store *server_store, *client_store;
};

static void meet(struct world *w, struct meeting *m, const struct pki_cert *leaf, const struct pki_cert *mid)
{
	m->server_store = store_of(w, "a.example", &w->good, &w->mid);
	m->client_store = store_of(w, "b.example", leaf, mid);
	pair_open(&m->pair, w->loop, 1 << 20);
	assert_true(pair_secure(&m->pair, server_of(m->server_store, "xmpp-server"),
	                        client_of(m->client_store, "b.example", "a.example", "xmpp-server")));
}

static void part(struct meeting *m)
{
	pair_close(&m->pair);
	tls_store_free(m->server_store);
	tls_store_free(m->client_store);
}

static struct tls_demand demand_for(const char *domain)
{
	return (struct tls_demand){ .domain_ascii = domain, .domain = bytes_of(domain), .srv_service = "_xmpp-server" };
}

static int verdict_on(struct tls *t, const struct tls_demand *d, const char **proof)
{
	struct tls_verdict v;

	tls_verify(t, d, &v);
	if (proof)
		*proof = v.proof;
	return v.rc;
}

/* ---- tests ---- */

static void both_sides_prove_themselves(void **state)
{
	struct meeting m;
	struct tls_demand a = demand_for("a.example"), b = demand_for("b.example");
	struct tls_verdict v;
	uint8_t mine[32], theirs[32], end_mine[64], end_theirs[64];
	size_t n1, n2;

	meet(*state, &m, &((struct world *)*state)->peer, &((struct world *)*state)->mid);
	struct tls *server = m.pair.server.link.tls, *client = m.pair.client.link.tls;
	tls_verify(server, &b, &v); /* its certificate says serverAuth only: lesson 1 */
	assert_int_equal(v.rc, 0);
	assert_string_equal(v.proof, "pkix");
	assert_string_equal(v.subject, "CN=b");
	assert_string_equal(v.issuer, "CN=mid");
	assert_int_equal(strlen(v.not_after), 20);
	assert_int_equal(verdict_on(client, &a, NULL), 0);
	assert_int_equal(verdict_on(client, &b, NULL), ERR_CERT_NAME);
	assert_string_equal(tls_version_name(client), "TLSv1.3");
	assert_true(tls_alpn_matched(server) && tls_alpn_matched(client));
	assert_string_equal(tls_sni(server), "a.example");
	assert_int_equal(tls_exporter(server, mine), 0);
	assert_int_equal(tls_exporter(client, theirs), 0);
	assert_memory_equal(mine, theirs, 32);
	assert_int_equal(tls_server_end_point(server, end_mine, &n1), 0);
	assert_int_equal(tls_server_end_point(client, end_theirs, &n2), 0);
	assert_int_equal(n1, 32);
	assert_int_equal(n2, 32);
	assert_memory_equal(end_mine, end_theirs, 32);
	part(&m);
}

static int verdict_for(struct world *w, const struct pki_wish *wish, const struct pki_cert *issuer, const struct pki_cert *mid)
{
	struct meeting m;
	struct tls_demand b = demand_for("b.example");
	struct pki_cert c = pki_make(wish, issuer);

	meet(w, &m, &c, mid);
	int rc = verdict_on(m.pair.server.link.tls, &b, NULL);
	part(&m);
	pki_free(&c);
	return rc;
}

static void each_cause_has_its_code(void **state)
{
	struct world *w = *state;
	struct pki_wish wish = { .cn = "b", .san = "DNS:b.example" };

	assert_int_equal(verdict_for(w, &wish, &w->mid, &w->mid), 0);
	assert_int_equal(verdict_for(w, &wish, &w->mid, NULL), ERR_CERT_UNKNOWN_CA); /* mid not sent */
	assert_int_equal(verdict_for(w, &wish, &w->other_root, NULL), ERR_CERT_UNKNOWN_CA);
	assert_int_equal(verdict_for(w, &wish, NULL, NULL), ERR_CERT_SELF_SIGNED);
	wish.from_days = -10, wish.to_days = -1;
	assert_int_equal(verdict_for(w, &wish, &w->root, NULL), ERR_CERT_EXPIRED);
	wish.from_days = 1, wish.to_days = 10;
	assert_int_equal(verdict_for(w, &wish, &w->root, NULL), ERR_CERT_NOT_YET);
	wish = (struct pki_wish){ .cn = "b", .san = "DNS:c.example" };
	assert_int_equal(verdict_for(w, &wish, &w->root, NULL), ERR_CERT_NAME);
	wish = (struct pki_wish){ .cn = "b", .san = "DNS:b.example", .eku = "clientAuth" };
	assert_int_equal(verdict_for(w, &wish, &w->root, NULL), 0);
	wish.eku = "codeSigning";
	assert_int_equal(verdict_for(w, &wish, &w->root, NULL), ERR_CERT_OTHER);
	wish = (struct pki_wish){ .cn = "b", .san = "DNS:b.example", .usage = "keyAgreement" };
	assert_int_equal(verdict_for(w, &wish, &w->root, NULL), ERR_CERT_OTHER);
}

static void no_certificate_is_said(void **state)
{
	struct meeting m;
	struct tls_demand b = demand_for("b.example");

	meet(*state, &m, NULL, NULL);
	assert_false(tls_has_peer_certificate(m.pair.server.link.tls));
	assert_int_equal(verdict_on(m.pair.server.link.tls, &b, NULL), ERR_CERT_NONE);
	part(&m);
}

static void pin_and_authority_decide(void **state)
{
	struct world *w = *state;
	struct meeting m;
	struct tls_demand d = demand_for("b.example");
	const char *proof;
	uint8_t pin[32];
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(w->peer.x), &der);

	meet(w, &m, &w->peer, &w->mid);
	struct tls *t = m.pair.server.link.tls;
	assert_int_equal(tls_store_trust_anchor(m.server_store, BYTES("other"), pki_pem(&w->other_root)), 0);
	EVP_Digest(der, (size_t)n, pin, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	d.pin = bytes_make(pin, sizeof pin);
	assert_int_equal(verdict_on(t, &d, &proof), 0);
	assert_string_equal(proof, "pin");
	pin[0] ^= 1;
	assert_int_equal(verdict_on(t, &d, NULL), ERR_CERT_PIN);
	d = demand_for("b.example");
	d.authority = BYTES("root");
	assert_int_equal(verdict_on(t, &d, NULL), 0);
	d.authority = BYTES("other");
	assert_int_equal(verdict_on(t, &d, NULL), ERR_CERT_UNKNOWN_CA);
	d.authority = BYTES("missing");
	assert_int_equal(verdict_on(t, &d, NULL), ERR_CERT_UNKNOWN_CA);
	part(&m);
}

static int dane(struct tls *t, const char *domain, uint8_t usage, uint8_t selector, X509 *of, bool is_damaged)
{
	uint8_t digest[64];
	uint8_t *der = NULL;
	const char *proof;
	int n = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(of), &der) : i2d_X509(of, &der);
	struct tls_tlsa r = { usage, selector, 2, { digest, 64 } };
	struct tls_demand d = demand_for(domain);

	EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha512(), NULL);
	OPENSSL_free(der);
	digest[5] ^= is_damaged;
	d.tlsa = &r;
	d.n_tlsa = 1;
	int rc = verdict_on(t, &d, &proof);
	assert_string_equal(proof, "dane");
	return rc;
}

static void revoke(struct tls_store *s, const struct pki_cert *issuer, const struct pki_cert *revoked, int days)
{
	struct bytes pem = pki_revoke(issuer, revoked, days);

	assert_int_equal(tls_store_add_revocation(s, pem), 0);
	free((void *)pem.p);
}

/* Only where there is a list; an old one proves nothing any more (fails closed). */
static void revocation_lists_decide(void **state)
{
	static const struct {
		bool by_mid, is_revoked;
		int days, rc;
	} rows[] = {
		{ false, false, 7, 0 },               /* the root's, with nobody in it; none of mid */
		{ true, false, 7, 0 },
		{ true, true, 7, ERR_CERT_REVOKED },
		{ false, true, 7, ERR_CERT_REVOKED }, /* mid itself */
		{ true, false, -1, ERR_CERT_CRL },
	};
	struct world *w = *state;
	struct tls_demand b = demand_for("b.example"), only = b;
	struct pki_cert other = pki_make(&(struct pki_wish){ .cn = "other root", .is_ca = true }, NULL);
	struct meeting m;

	only.authority = BYTES("root");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		meet(w, &m, &w->peer, &w->mid);
		const struct pki_cert *of = rows[i].by_mid ? &w->peer : &w->mid;
		revoke(m.server_store, rows[i].by_mid ? &w->mid : &w->root, rows[i].is_revoked ? of : NULL, rows[i].days);
		assert_int_equal(verdict_on(m.pair.server.link.tls, &b, NULL), rows[i].rc);
		assert_int_equal(verdict_on(m.pair.server.link.tls, &only, NULL), rows[i].rc);
		part(&m);
	}
	/* another authority's list, with the same serial in it, says nothing */
	meet(w, &m, &w->peer, &w->mid);
	revoke(m.server_store, &other, &w->peer, 7);
	assert_int_equal(verdict_on(m.pair.server.link.tls, &b, NULL), 0);
	assert_int_equal(tls_store_add_revocation(m.server_store, BYTES("no PEM")), ERR_SYNTAX);
	assert_int_equal(tls_store_add_revocation(m.server_store, pki_pem(&w->root)), ERR_SYNTAX);
	part(&m);
	pki_free(&other);
}

static int staple(SSL *ssl, void *arg)
{
	const struct bytes *answer = arg;
	unsigned char *copy = OPENSSL_memdup(answer->p, answer->n); /* OpenSSL's then */

	return copy && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (int)answer->n) == 1 ? SSL_TLSEXT_ERR_OK
	                                                                               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* We connect to a.example, whose server staples this. */
static int verdict_stapled(struct world *w, struct bytes answer)
{
	struct tls_store *s = store_of(w, "a.example", &w->good, &w->mid), *cs = store_of(w, NULL, NULL, NULL);
	struct tls_demand a = demand_for("a.example");
	SSL_CTX *ctx = tls_store_domain(s, "a.example")->ctx;
	struct pair p;

	SSL_CTX_set_tlsext_status_cb(ctx, staple);
	SSL_CTX_set_tlsext_status_arg(ctx, &answer);
	pair_open(&p, w->loop, 4096);
	assert_true(pair_secure(&p, server_of(s, NULL), client_of(cs, NULL, "a.example", NULL)));
	int rc = verdict_on(p.client.link.tls, &a, NULL);
	pair_close(&p);
	tls_store_free(s);
	tls_store_free(cs);
	return rc;
}

/* RFC 6066 8: only a revocation that the certificate's own issuer signed counts. */
static void stapled_answers(void **state)
{
	struct world *w = *state;
	struct bytes answers[] = {
		pki_ocsp(&w->mid, &w->mid, &w->good, true),
		pki_ocsp(&w->mid, &w->mid, &w->good, false),
		pki_ocsp(&w->mid, &w->mid, &w->peer, true),       /* of another */
		pki_ocsp(&w->other_root, &w->mid, &w->good, true), /* by another */
		pki_ocsp(&w->peer, &w->mid, &w->good, true),      /* by a mere fellow */
	};

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		assert_int_equal(verdict_stapled(w, answers[i]), i == 0 ? ERR_CERT_REVOKED : 0);
		free((void *)answers[i].p);
	}
	assert_int_equal(verdict_stapled(w, BYTES("no answer")), 0);
}

/* ---- what gh-pki tells while connections are open ---- */

static void hear_staple(struct tls_news *n, const struct pki_cert *of, int64_t until_s, struct bytes answer)
{
	uint8_t leaf[TLS_LEAF_BYTES];
	struct buf b;

	buf_init(&b, TLS_STAPLE_MAX + 100);
	assert_int_equal(X509_digest(of->x, EVP_sha256(), leaf, NULL), 1);
	tls_news_put_staple(leaf, until_s, answer, &b);
	assert_int_equal(tls_news_on_staple(n, &(struct frame){ .body = buf_bytes(&b) }), 0);
	buf_fini(&b);
}

/* What a client of a.example gets stapled; empty: nothing. The caller's. */
static struct bytes stapled_by(struct world *w, struct tls_store *s)
{
	struct tls_store *cs = store_of(w, NULL, NULL, NULL);
	const unsigned char *der;
	struct pair p;

	pair_open(&p, w->loop, 4096);
	assert_true(pair_secure(&p, server_of(s, NULL), client_of(cs, NULL, "a.example", NULL)));
	long n = SSL_get_tlsext_status_ocsp_resp(p.client.link.tls->ssl, &der);
	struct bytes got = n > 0 ? pki_join(bytes_make(der, (size_t)n), BYTES_NONE) : BYTES_NONE;
	pair_close(&p);
	tls_store_free(cs);
	return got;
}

static void assert_stapled(struct world *w, struct tls_store *s, struct bytes wanted)
{
	struct bytes got = stapled_by(w, s);

	assert_true(bytes_eq(got, wanted));
	free((void *)got.p);
}

/* RFC 6066 8: the newest answer for the certificate that is shown, and never an old one. */
static void our_answers_are_stapled(void **state)
{
	struct world *w = *state;
	struct tls_news news = { .staples = { 0 } };
	struct tls_store *s = store_of(w, "a.example", &w->good, &w->mid);
	struct bytes answer = pki_ocsp(&w->mid, &w->mid, &w->good, false);
	int64_t now_s = (int64_t)time(NULL);

	assert_stapled(w, s, BYTES_NONE);
	tls_store_use_news(s, &news);
	assert_stapled(w, s, BYTES_NONE);
	hear_staple(&news, &w->good_rsa, now_s + 60, BYTES("of another certificate"));
	assert_stapled(w, s, BYTES_NONE);
	hear_staple(&news, &w->good, now_s + 60, answer);
	assert_stapled(w, s, answer);
	hear_staple(&news, &w->good, now_s - 1, answer);
	assert_stapled(w, s, BYTES_NONE);
	/* one key type each */
	struct bytes pem = pki_join(pki_pem(&w->good_rsa), pki_pem(&w->mid));
	assert_int_equal(tls_store_add_certificate(s, BYTES("rsa"), pem), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("rsa")), 0);
	hear_staple(&news, &w->good, now_s + 60, answer);
	assert_stapled(w, s, answer); /* ECDSA is preferred */
	hear_staple(&news, &w->good, 0, BYTES_NONE);
	assert_stapled(w, s, BYTES_NONE);
	assert_int_equal(tls_news_on_staple(&news, &(struct frame){ .body = BYTES("short") }), ERR_PROTOCOL);
	free((void *)pem.p);
	free((void *)answer.p);
	tls_store_free(s);
	tls_news_fini(&news);
}

static void staples_are_bounded(void **state)
{
	struct world *w = *state;
	struct tls_news news = { .staples = { 0 } };
	uint8_t leaf[TLS_LEAF_BYTES] = { 0 };
	int64_t now_s = (int64_t)time(NULL);
	struct buf b;

	(void)w;
	buf_init(&b, 1000);
	for (int i = 0; i < 2 * TLS_STAPLES_MAX; i++) {
		leaf[0] = (uint8_t)i;
		leaf[1] = (uint8_t)(i >> 8);
		buf_clear(&b);
		tls_news_put_staple(leaf, i < 100 ? 1 : now_s + 60, BYTES("x"), &b);
		assert_int_equal(tls_news_on_staple(&news, &(struct frame){ .body = buf_bytes(&b) }), 0);
	}
	assert_int_equal(news.staples.count, TLS_STAPLES_MAX); /* the first hundred were old and went */
	leaf[0] = 100;
	leaf[1] = 0;
	assert_non_null(tls_news_staple(&news, leaf, now_s));
	assert_null(tls_news_staple(&news, leaf, now_s + 60));
	buf_fini(&b);
	tls_news_fini(&news);
}

static void hear_list(struct world *w, struct tls_news *n, const struct pki_cert *issuer, const struct pki_cert *revoked, int days)
{
	struct bytes pem = pki_revoke(issuer, revoked, days);
	STACK_OF(X509) *pool = sk_X509_new_null();
	struct tls_store *s = store_of(w, NULL, NULL, NULL);
	struct revoked_list *l;
	struct crl_about about;
	struct buf b;
	bool is_new;
	uint32_t at = 0;

	sk_X509_push(pool, w->mid.x);
	assert_int_equal(crl_read(s, pool, pem, (int64_t)time(NULL), &l, &about), 0);
	snprintf(l->name, sizeof l->name, "%s", issuer == &w->mid ? "mid" : "root");
	buf_init(&b, 4096);
	assert_false(revoked_put(l, &at, &b));
	assert_int_equal(tls_news_on_revoked(n, &(struct frame){ .body = buf_bytes(&b) }, &is_new), 0);
	assert_true(is_new);
	buf_fini(&b);
	revoked_list_free(l);
	tls_store_free(s);
	sk_X509_free(pool);
	free((void *)pem.p);
}

static void fetched_lists_decide(void **state)
{
	struct world *w = *state;
	struct tls_demand b = demand_for("b.example"), pinned = b;
	struct tls_news news = { .staples = { 0 } };
	uint8_t key[32];
	struct meeting m;

	meet(w, &m, &w->peer, &w->mid);
	struct tls *t = m.pair.server.link.tls;
	tls_store_use_news(m.server_store, &news);
	assert_int_equal(revoked_key(w->peer.x, key), 0);
	pinned.pin = bytes_make(key, sizeof key);
	assert_false(tls_is_revoked(t));
	hear_list(w, &news, &w->root, NULL, 7);
	hear_list(w, &news, &w->mid, &w->good, 7);
	assert_int_equal(verdict_on(t, &b, NULL), 0);
	assert_false(tls_is_revoked(t));
	/* the open connection hears of it; also by an old list */
	hear_list(w, &news, &w->mid, &w->peer, -1);
	assert_true(tls_is_revoked(t));
	assert_int_equal(verdict_on(t, &b, NULL), ERR_CERT_REVOKED);
	assert_int_equal(verdict_on(t, &pinned, NULL), 0); /* nothing but the pin counts */
	hear_list(w, &news, &w->mid, NULL, 7);
	assert_int_equal(verdict_on(t, &b, NULL), 0);
	/* its authority */
	hear_list(w, &news, &w->root, &w->mid, 7);
	assert_true(tls_is_revoked(t));
	assert_int_equal(verdict_on(t, &b, NULL), ERR_CERT_REVOKED);
	part(&m);
	tls_news_fini(&news);
}

/* Each certificate below the anchor needs a list in force: pasted or fetched. */
static void lists_may_be_required(void **state)
{
	struct world *w = *state;
	struct tls_demand b = demand_for("b.example");
	struct tls_news news = { .staples = { 0 } };
	struct meeting m;

	meet(w, &m, &w->peer, &w->mid);
	struct tls *t = m.pair.server.link.tls;
	tls_store_use_news(m.server_store, &news);
	tls_store_require_lists(m.server_store);
	assert_int_equal(verdict_on(t, &b, NULL), ERR_CERT_CRL);
	hear_list(w, &news, &w->mid, NULL, 7);
	assert_int_equal(verdict_on(t, &b, NULL), ERR_CERT_CRL); /* mid's own */
	hear_list(w, &news, &w->root, NULL, 7);
	assert_int_equal(verdict_on(t, &b, NULL), 0);
	hear_list(w, &news, &w->mid, NULL, -1);
	assert_int_equal(verdict_on(t, &b, NULL), ERR_CERT_CRL); /* out of date */
	revoke(m.server_store, &w->mid, NULL, 7);
	assert_int_equal(verdict_on(t, &b, NULL), 0); /* one pasted, one fetched */
	tls_news_fini(&news);
	assert_int_equal(verdict_on(t, &b, NULL), ERR_CERT_CRL);
	part(&m);
}

static void dane_usages(void **state)
{
	struct world *w = *state;
	struct pki_cert far = pki_make(&(struct pki_wish){ .cn = "far", .is_ca = true }, &w->other_root);
	struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example" }, &far);
	struct meeting m;
	struct tls_tlsa strange = { 7, 1, 1, BYTES("x") };
	struct tls_demand d = demand_for("b.example");
	const char *proof;

	meet(w, &m, &w->peer, &w->mid);
	struct tls *t = m.pair.server.link.tls;
	assert_int_equal(dane(t, "b.example", 3, 1, w->peer.x, false), 0);
	assert_int_equal(dane(t, "c.example", 3, 0, w->peer.x, false), 0); /* RFC 7671 5.1 */
	assert_int_equal(dane(t, "b.example", 3, 1, w->peer.x, true), ERR_CERT_PIN);
	assert_int_equal(dane(t, "b.example", 1, 0, w->peer.x, false), 0);
	assert_int_equal(dane(t, "b.example", 1, 0, w->mid.x, false), ERR_CERT_PIN);
	assert_int_equal(dane(t, "b.example", 0, 1, w->root.x, false), 0);
	assert_int_equal(dane(t, "b.example", 0, 1, w->peer.x, false), ERR_CERT_PIN);
	assert_int_equal(dane(t, "b.example", 2, 0, w->mid.x, false), 0);
	assert_int_equal(dane(t, "c.example", 2, 0, w->mid.x, false), ERR_CERT_NAME);
	d.tlsa = &strange;
	d.n_tlsa = 1;
	assert_int_equal(verdict_on(t, &d, &proof), 0); /* not usable: as if there were none */
	assert_string_equal(proof, "pkix");
	part(&m);
	meet(w, &m, &leaf, &far); /* no public authority knows it */
	t = m.pair.server.link.tls;
	assert_int_equal(dane(t, "b.example", 2, 1, far.x, false), 0);
	assert_int_equal(dane(t, "b.example", 1, 1, leaf.x, false), ERR_CERT_UNKNOWN_CA);
	part(&m);
	pki_free(&leaf);
	pki_free(&far);
}

/* A partner without an authority: its own certificate is the anchor. */
static void own_certificate_as_anchor(void **state)
{
	struct world *w = *state;
	struct pki_cert self = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example" }, NULL);
	struct pki_cert old = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example", .from_days = -9, .to_days = -1 }, NULL);
	struct tls_demand b = demand_for("b.example"), c = demand_for("c.example");
	struct meeting m;

	meet(w, &m, &self, NULL);
	assert_int_equal(tls_store_trust_anchor(m.server_store, BYTES("b"), pki_pem(&self)), 0);
	assert_int_equal(verdict_on(m.pair.server.link.tls, &b, NULL), 0);
	assert_int_equal(verdict_on(m.pair.server.link.tls, &c, NULL), ERR_CERT_NAME);
	part(&m);
	meet(w, &m, &old, NULL);
	assert_int_equal(tls_store_trust_anchor(m.server_store, BYTES("b"), pki_pem(&old)), 0);
	assert_int_equal(verdict_on(m.pair.server.link.tls, &b, NULL), ERR_CERT_EXPIRED);
	part(&m);
	pki_free(&self);
	pki_free(&old);
}

static void posh_also_does(void **state)
{
	struct world *w = *state;
	struct pki_cert self = pki_make(&(struct pki_wish){ .cn = "hoster", .san = "DNS:hoster.example" }, NULL);
	struct tls_demand d = demand_for("b.example");
	const char *proof;
	struct meeting m;
	uint8_t digest[32];

	meet(w, &m, &self, NULL);
	assert_int_equal(verdict_on(m.pair.server.link.tls, &d, NULL), ERR_CERT_SELF_SIGNED);
	X509_digest(self.x, EVP_sha256(), digest, NULL);
	d.posh[0] = bytes_make(digest, sizeof digest);
	d.n_posh = 1;
	assert_int_equal(verdict_on(m.pair.server.link.tls, &d, &proof), 0);
	assert_string_equal(proof, "posh");
	digest[0] ^= 1;
	assert_int_equal(verdict_on(m.pair.server.link.tls, &d, NULL), ERR_CERT_SELF_SIGNED);
	part(&m);
	pki_free(&self);
}

static void certificates_are_chosen_by_name_and_key(void **state)
{
	struct world *w = *state;
	struct tls_store *s = store_of(w, "a.example", &w->good, &w->mid);
	struct tls_store *cs = store_of(w, NULL, NULL, NULL);
	struct pki_cert conf = pki_make(&(struct pki_wish){ .cn = "conf", .san = "DNS:conf.example" }, &w->root);
	struct pair p;
	struct tls_demand d = demand_for("conf.example");

	assert_int_equal(tls_store_add_certificate(s, BYTES("rsa"), pki_pem(&w->good_rsa)), 0);
	assert_int_equal(tls_store_add_certificate(s, BYTES("rsa"), pki_pem(&w->good_rsa)), ERR_EXISTS);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("rsa")), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("rsa")), ERR_EXISTS);
	assert_int_equal(tls_store_add_certificate(s, BYTES("conf"), pki_pem(&conf)), 0);
	assert_int_equal(tls_store_add_domain(s, "conf.example", BYTES("conf")), 0);
	assert_int_equal(tls_store_add_domain(s, "x.example", BYTES("conf")), ERR_CERT_NAME);
	assert_int_equal(tls_store_add_domain(s, "y.example", BYTES("none")), ERR_NOT_FOUND);
	pair_open(&p, w->loop, 4096);
	assert_true(pair_secure(&p, server_of(s, NULL), client_of(cs, NULL, "CONF.example", NULL)));
	assert_int_equal(verdict_on(p.client.link.tls, &d, NULL), 0);
	pair_close(&p);
	/* A client that can only RSA gets the RSA one. */
	struct tls *client = client_of(cs, NULL, "a.example", NULL);
	assert_int_equal(SSL_set1_sigalgs_list(client->ssl, "RSA-PSS+SHA256"), 1);
	pair_open(&p, w->loop, 4096);
	assert_true(pair_secure(&p, server_of(s, NULL), client));
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_get0_peer_certificate(client->ssl))), EVP_PKEY_RSA);
	pair_close(&p);
	tls_store_free(s);
	tls_store_free(cs);
	pki_free(&conf);
}

static bool anonymous_gets_one(struct world *w, struct tls_store *s, const char *sni)
{
	struct tls_store *cs = store_of(w, NULL, NULL, NULL);
	struct tls_options o = { .side = TLS_SERVER };
	struct tls *server = NULL;
	struct pair p;

	assert_int_equal(tls_new(s, &o, &server), 0);
	pair_open(&p, w->loop, 4096);
	bool ok = pair_secure(&p, server, client_of(cs, NULL, sni, NULL));
	pair_close(&p);
	tls_store_free(cs);
	return ok;
}

/* Before the stream header the server knows only SNI. */
static void none_of_several_is_the_default(void **state)
{
	struct world *w = *state;
	struct tls_store *s = store_of(w, "a.example", &w->good, &w->mid);
	struct pki_cert conf = pki_make(&(struct pki_wish){ .cn = "conf", .san = "DNS:conf.example" }, &w->root);

	assert_true(anonymous_gets_one(w, s, NULL));
	assert_true(anonymous_gets_one(w, s, "xmpp.a.example"));
	assert_int_equal(tls_store_add_certificate(s, BYTES("conf"), pki_pem(&conf)), 0);
	assert_int_equal(tls_store_add_domain(s, "conf.example", BYTES("conf")), 0);
	assert_false(anonymous_gets_one(w, s, NULL));
	assert_false(anonymous_gets_one(w, s, "xmpp.a.example"));
	assert_true(anonymous_gets_one(w, s, "a.example"));
	tls_store_free(s);
	pki_free(&conf);
}

static bool secure_to(struct world *w, struct tls_store *s, int version, const char *suites, const char *server_alpn,
                      const char *client_alpn)
{
	struct tls_store *cs = store_of(w, NULL, NULL, NULL);
	struct tls *client = client_of(cs, NULL, "a.example", client_alpn);
	struct pair p;

	SSL_set_security_level(client->ssl, 0);
	SSL_set_min_proto_version(client->ssl, version);
	SSL_set_max_proto_version(client->ssl, version);
	if (suites)
		SSL_set_cipher_list(client->ssl, suites);
	pair_open(&p, w->loop, 4096);
	bool ok = pair_secure(&p, server_of(s, server_alpn), client);
	pair_close(&p);
	tls_store_free(s);
	tls_store_free(cs);
	return ok;
}

static bool secure_with(struct world *w, int version, const char *suites, const char *server_alpn, const char *client_alpn)
{
	return secure_to(w, store_of(w, "a.example", &w->good, &w->mid), version, suites, server_alpn, client_alpn);
}

/* B-TLS-01 and 03: each suite, with the key type that it needs. */
static void suites_of_both_key_types(void **state)
{
	static const struct {
		const char *suite;
		bool is_rsa;
	} rows[] = {
		{ "ECDHE-ECDSA-AES256-GCM-SHA384", false }, { "ECDHE-ECDSA-AES128-GCM-SHA256", false },
		{ "ECDHE-RSA-AES256-GCM-SHA384", true },    { "ECDHE-RSA-AES128-GCM-SHA256", true },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tls_store *only = store_of(w, "a.example", rows[i].is_rsa ? &w->good : &w->good_rsa, &w->mid);
		struct tls_store *both = store_of(w, "a.example", &w->good, &w->mid);
		assert_int_equal(tls_store_add_certificate(both, BYTES("rsa"), pki_pem(&w->good_rsa)), 0);
		assert_int_equal(tls_store_add_domain(both, "a.example", BYTES("rsa")), 0);
		assert_false(secure_to(w, only, TLS1_2_VERSION, rows[i].suite, NULL, NULL));
		assert_true(secure_to(w, both, TLS1_2_VERSION, rows[i].suite, NULL, NULL));
	}
}

/* B-TLS-02 */
static void the_floor_can_be_13(void **state)
{
	for (int is_13 = 0; is_13 < 2; is_13++) {
		struct world *w = *state;
		struct tls_store *s = tls_store_new(NULL);
		struct bytes pem = pki_join(pki_pem(&w->good), pki_pem(&w->mid));
		assert_int_equal(tls_store_require_13(s), 0);
		assert_int_equal(tls_store_add_certificate(s, BYTES("c"), pem), 0);
		assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("c")), 0);
		assert_int_equal(secure_to(w, s, is_13 ? TLS1_3_VERSION : TLS1_2_VERSION, NULL, NULL, NULL), is_13);
		free((void *)pem.p);
	}
}

static void old_versions_suites_and_protocols_are_refused(void **state)
{
	assert_true(secure_with(*state, TLS1_3_VERSION, NULL, "xmpp-client", "xmpp-client"));
	assert_true(secure_with(*state, TLS1_2_VERSION, NULL, "xmpp-client", "xmpp-client"));
	assert_false(secure_with(*state, TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL, NULL));
	assert_false(secure_with(*state, TLS1_2_VERSION, "AES128-SHA", NULL, NULL));
	assert_false(secure_with(*state, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", NULL, NULL));
	assert_false(secure_with(*state, TLS1_3_VERSION, NULL, "xmpp-client", "http/1.1"));
	assert_true(secure_with(*state, TLS1_3_VERSION, NULL, "xmpp-client", NULL));
	assert_true(secure_with(*state, TLS1_3_VERSION, NULL, NULL, "xmpp-client"));
}

/* RFC 7443: one door, two names; the server's order decides (RFC 7301 3.2). */
static void a_door_has_several_protocol_names(void **state)
{
	static const struct {
		const char *ours, *theirs, *chosen;
	} rows[] = {
		{ "stun.turn,stun.nat-discovery", "stun.turn", "stun.turn" },
		{ "stun.turn,stun.nat-discovery", "stun.nat-discovery", "stun.nat-discovery" },
		{ "stun.turn,stun.nat-discovery", "stun.nat-discovery,stun.turn", "stun.turn" },
		{ "stun.turn,stun.nat-discovery", "h2,stun.turn", "stun.turn" },
		{ "stun.turn,stun.nat-discovery", "h2,stun", NULL },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct tls_store *s = store_of(w, "a.example", &w->good, &w->mid), *cs = store_of(w, NULL, NULL, NULL);
		struct pair p;
		const uint8_t *name;
		unsigned n;
		pair_open(&p, w->loop, 4096);
		bool ok = pair_secure(&p, server_of(s, rows[i].ours), client_of(cs, NULL, "a.example", rows[i].theirs));
		assert_int_equal(ok, rows[i].chosen != NULL);
		if (ok) {
			SSL_get0_alpn_selected(p.client.link.tls->ssl, &name, &n);
			assert_true(bytes_eq_str(bytes_make(name, n), rows[i].chosen));
			assert_true(tls_alpn_matched(p.client.link.tls) && tls_alpn_matched(p.server.link.tls));
		}
		pair_close(&p);
		tls_store_free(s);
		tls_store_free(cs);
	}
}

static void renegotiation_is_refused(void **state)
{
	struct world *w = *state;
	struct tls_store *s = store_of(w, "a.example", &w->good, &w->mid);
	struct tls_store *cs = store_of(w, NULL, NULL, NULL);
	struct tls *client = client_of(cs, NULL, "a.example", NULL);
	struct pair p;

	SSL_set_max_proto_version(client->ssl, TLS1_2_VERSION);
	pair_open(&p, w->loop, 4096);
	assert_true(pair_secure(&p, server_of(s, NULL), client));
	SSL_clear_options(client->ssl, SSL_OP_NO_RENEGOTIATION);
	assert_int_equal(SSL_renegotiate(client->ssl), 1);
	(void)SSL_do_handshake(client->ssl); /* sends the ClientHello */
	pair_turns(w->loop, 20);
	assert_true(p.client.is_closed || SSL_renegotiate_pending(client->ssl));
	assert_true(p.server.is_closed || SSL_total_renegotiations(p.server.link.tls->ssl) == 0);
	pair_close(&p);
	tls_store_free(s);
	tls_store_free(cs);
}

static void bad_pem_is_refused(void **state)
{
	struct world *w = *state;
	struct tls_store *s = tls_store_new(NULL);
	struct bytes cut = pki_pem(&w->good);
	struct pki_cert other = pki_make(&(struct pki_wish){ .cn = "x", .san = "DNS:x.example", .from_days = -9, .to_days = -1 }, NULL);

	cut.n = 200;
	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), BYTES("no PEM")), ERR_SYNTAX);
	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), BYTES_NONE), ERR_SYNTAX);
	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), cut), ERR_SYNTAX);
	assert_int_equal(tls_store_add_certificate(s, BYTES("old"), pki_pem(&other)), ERR_CERT_EXPIRED);
	assert_int_equal(tls_store_trust_anchor(s, BYTES("c"), BYTES("x")), ERR_SYNTAX);
	tls_store_free(s);
	pki_free(&other);
}

static void tickets_rotate(void **state)
{
	struct tls_tickets t;
	uint8_t first[16];

	(void)state;
	tls_tickets_init(&t, 1000);
	memcpy(first, t.now.name, 16);
	tls_tickets_rotate(&t, 1000 + TLS_TICKET_LIFE_S - 1);
	assert_memory_equal(first, t.now.name, 16);
	tls_tickets_rotate(&t, 1000 + TLS_TICKET_LIFE_S);
	assert_memory_equal(first, t.before.name, 16);
	assert_memory_not_equal(first, t.now.name, 16);
	tls_tickets_rotate(&t, 1000 + 10 * TLS_TICKET_LIFE_S);
	assert_memory_not_equal(first, t.before.name, 16);
	tls_tickets_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_prove_themselves),
		cmocka_unit_test(each_cause_has_its_code),
		cmocka_unit_test(no_certificate_is_said),
		cmocka_unit_test(pin_and_authority_decide),
		cmocka_unit_test(revocation_lists_decide),
		cmocka_unit_test(stapled_answers), cmocka_unit_test(our_answers_are_stapled),
		cmocka_unit_test(staples_are_bounded), cmocka_unit_test(fetched_lists_decide), cmocka_unit_test(lists_may_be_required),
		cmocka_unit_test(dane_usages),
		cmocka_unit_test(own_certificate_as_anchor),
		cmocka_unit_test(posh_also_does),
		cmocka_unit_test(certificates_are_chosen_by_name_and_key),
		cmocka_unit_test(none_of_several_is_the_default),
		cmocka_unit_test(old_versions_suites_and_protocols_are_refused),
		cmocka_unit_test(suites_of_both_key_types),
		cmocka_unit_test(the_floor_can_be_13),
		cmocka_unit_test(a_door_has_several_protocol_names),
		cmocka_unit_test(renegotiation_is_refused),
		cmocka_unit_test(bad_pem_is_refused),
		cmocka_unit_test(tickets_rotate),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
