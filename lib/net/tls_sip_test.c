/* Verdicts on a SIP peer's certificate (RFC 5922, rows FED-01 to FED-09). */
#include "net/tls.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/link_fixture.h"
#include "net/pki_fixture.h"

struct world {
	struct loop *loop;
	struct pki_cert root, other_root, ours;
};

static int up(void **state)
{
	static struct world w;

	w.loop = loop_new(LOOP_LIBEVENT);
	w.root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.other_root = pki_make(&(struct pki_wish){ .cn = "other root", .is_ca = true }, NULL);
	w.ours = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example" }, &w.root);
	*state = &w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	pki_free(&w->root);
	pki_free(&w->other_root);
	pki_free(&w->ours);
	loop_free(w->loop);
	return 0;
}

/* Two stores that have met: the server (ours, which trusts root and has the list) and a peer with
 * `leaf`. */
struct meeting {
	struct pair pair;
	struct tls_store *server, *client;
};

static struct tls_store *store_of(struct world *w, const char *domain, const struct pki_cert *leaf)
{
	struct tls_store *s = tls_store_new(NULL);

	assert_non_null(s);
	assert_int_equal(tls_store_trust_anchor(s, BYTES("root"), pki_pem(&w->root)), 0);
	assert_int_equal(tls_store_trust_anchor(s, BYTES("other"), pki_pem(&w->ours)), 0);
	if (leaf) {
		(void)tls_store_add_certificate(s, BYTES("c"), pki_pem(leaf)); /* validity: judged by the peer */
		(void)tls_store_add_domain(s, domain, BYTES("c")); /* name: judged by the peer */
	}
	return s;
}

static void meet(struct world *w, struct meeting *m, const struct pki_cert *leaf, struct bytes revoked)
{
	struct tls *server = NULL, *client = NULL;
	struct tls_options so = { .side = TLS_SERVER, .wants_peer_certificate = true };
	struct tls_options co = { .side = TLS_CLIENT, .domain = "b.example", .server_name = "a.example" };

	m->server = store_of(w, "a.example", &w->ours);
	m->client = store_of(w, "b.example", leaf);
	if (revoked.n)
		assert_int_equal(tls_store_add_revocation(m->server, revoked), 0);
	assert_int_equal(tls_new(m->server, &so, &server), 0);
	assert_int_equal(tls_new(m->client, &co, &client), 0);
	pair_open(&m->pair, w->loop, 1 << 20);
	assert_true(pair_secure(&m->pair, server, client));
}

static void part(struct meeting *m)
{
	pair_close(&m->pair);
	tls_store_free(m->server);
	tls_store_free(m->client);
}

static void verdicts(void **state)
{
	static const char *const others[] = { "edge.b.example", "c.example" };
	static const struct tls_sip_demand plain, by_cn = { .allow_common_name = true },
		client = { .needs_client_usage = true }, listed = { .subjects = others, .n_subjects = 2 };
	enum signer { ROOT, OTHER, SELF };
	struct world *w = *state;
	const struct {
		const char *what;
		struct pki_wish wish;
		enum signer by;
		const struct tls_sip_demand *sip;
		const char *domain, *authority;
		int want;
	} rows[] = {
		{ "URI", { .cn = "b", .san = "URI:sip:b.example" }, ROOT, &plain, "b.example", NULL, 0 },
		{ "DNS", { .cn = "b", .san = "DNS:b.example" }, ROOT, &plain, "b.example", NULL, 0 },
		{ "other name", { .cn = "b", .san = "DNS:b.example" }, ROOT, &plain, "c.example", NULL, ERR_CERT_NAME },
		{ "wildcard", { .cn = "b", .san = "DNS:*.b.example" }, ROOT, &plain, "a.b.example", NULL, ERR_CERT_NAME },
		{ "CN off", { .cn = "b.example" }, ROOT, &plain, "b.example", NULL, ERR_CERT_NAME },
		{ "CN on", { .cn = "b.example" }, ROOT, &by_cn, "b.example", NULL, 0 },
		{ "other subject", { .cn = "b", .san = "DNS:edge.b.example" }, ROOT, &listed, "b.example", NULL, 0 },
		{ "not listed", { .cn = "b", .san = "DNS:x.b.example" }, ROOT, &listed, "b.example", NULL, ERR_CERT_NAME },
		{ "chain alone", { .cn = "b", .san = "DNS:x.example" }, ROOT, &plain, NULL, NULL, 0 },
		{ "chain alone, wrong", { .cn = "b", .san = "DNS:x.example" }, OTHER, &plain, NULL, NULL, ERR_CERT_UNKNOWN_CA },
		/* FED-08 */
		{ "no usage said", { .cn = "b", .san = "DNS:b.example" }, ROOT, &client, "b.example", NULL, 0 },
		{ "both usages", { .cn = "b", .san = "DNS:b.example", .eku = "serverAuth,clientAuth" }, ROOT, &client, "b.example", NULL, 0 },
		{ "server only", { .cn = "b", .san = "DNS:b.example", .eku = "serverAuth" }, ROOT, &client, "b.example", NULL, ERR_CERT_OTHER },
		{ "relaxed", { .cn = "b", .san = "DNS:b.example", .eku = "serverAuth" }, ROOT, &plain, "b.example", NULL, 0 },
		{ "mail only", { .cn = "b", .san = "DNS:b.example", .eku = "emailProtection" }, ROOT, &plain, "b.example", NULL, ERR_CERT_OTHER },
		/* FED-09 */
		{ "expired", { .cn = "b", .san = "DNS:b.example", .from_days = -9, .to_days = -1 }, ROOT, &plain, "b.example", NULL, ERR_CERT_EXPIRED },
		{ "not yet", { .cn = "b", .san = "DNS:b.example", .from_days = 1, .to_days = 9 }, ROOT, &plain, "b.example", NULL, ERR_CERT_NOT_YET },
		{ "wrong CA", { .cn = "b", .san = "DNS:b.example" }, OTHER, &plain, "b.example", NULL, ERR_CERT_UNKNOWN_CA },
		{ "self-signed", { .cn = "b", .san = "DNS:b.example" }, SELF, &plain, "b.example", NULL, ERR_CERT_SELF_SIGNED },
		/* "sip peer * authority" */
		{ "named CA", { .cn = "b", .san = "DNS:b.example" }, ROOT, &plain, "b.example", "root", 0 },
		{ "not the named CA", { .cn = "b", .san = "DNS:b.example" }, ROOT, &plain, "b.example", "other", ERR_CERT_UNKNOWN_CA },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct pki_cert *by = rows[i].by == ROOT ? &w->root : rows[i].by == OTHER ? &w->other_root : NULL;
		struct pki_cert leaf = pki_make(&rows[i].wish, by);
		struct tls_demand d = { .domain_ascii = rows[i].domain, .sip = rows[i].sip, .authority = bytes_of(rows[i].authority) };
		struct tls_verdict v;
		struct meeting m;

		meet(w, &m, &leaf, BYTES_NONE);
		tls_verify(m.pair.server.link.tls, &d, &v);
		if (v.rc != rows[i].want)
			fail_msg("%s: %s", rows[i].what, err_name(v.rc));
		assert_int_equal(v.hint[0] != 0, rows[i].sip == &client && v.rc != 0);
		part(&m);
		pki_free(&leaf);
	}
}

static void a_revoked_peer_is_refused(void **state)
{
	struct world *w = *state;
	struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = "URI:sip:b.example" }, &w->root);
	struct tls_sip_demand sip = { 0 };
	struct tls_demand d = { .domain_ascii = "b.example", .sip = &sip };
	struct bytes lists[] = { pki_revoke(&w->root, NULL, 9), pki_revoke(&w->root, &leaf, 9) };
	static const int want[] = { 0, ERR_CERT_REVOKED };

	for (size_t i = 0; i < 2; i++) {
		struct tls_verdict v;
		struct meeting m;
		meet(w, &m, &leaf, lists[i]);
		tls_verify(m.pair.server.link.tls, &d, &v);
		assert_int_equal(v.rc, want[i]);
		part(&m);
		free((void *)lists[i].p);
	}
	pki_free(&leaf);
}

static void a_pin_decides_alone(void **state)
{
	struct world *w = *state;
	struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:x.example" }, NULL);
	uint8_t digest[32], *der = NULL;
	unsigned n = sizeof digest;
	int der_n = i2d_PUBKEY(leaf.key, &der);
	struct tls_sip_demand sip = { .needs_client_usage = true };
	struct tls_demand d = { .domain_ascii = "b.example", .sip = &sip, .pin = { digest, sizeof digest } };
	struct tls_verdict v;
	struct meeting m;

	assert_true(der_n > 0);
	assert_int_equal(EVP_Digest(der, (size_t)der_n, digest, &n, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	meet(w, &m, &leaf, BYTES_NONE);
	tls_verify(m.pair.server.link.tls, &d, &v);
	assert_int_equal(v.rc, 0);
	digest[0] ^= 1;
	tls_verify(m.pair.server.link.tls, &d, &v);
	assert_int_equal(v.rc, ERR_CERT_PIN);
	part(&m);
	pki_free(&leaf);
}

static void the_log_names_what_the_peer_showed(void **state)
{
	struct world *w = *state;
	struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = "URI:sip:b.example,URI:sip:c.example" }, &w->root);
	char text[64];
	struct tls_sip_demand sip = { 0 };
	struct tls_demand d = { .domain_ascii = "b.example", .sip = &sip };
	struct tls_verdict v;
	struct meeting m;

	meet(w, &m, &leaf, BYTES_NONE);
	tls_sip_identities(m.pair.server.link.tls, false, text, sizeof text);
	assert_string_equal(text, "b.example c.example");
	part(&m);
	meet(w, &m, NULL, BYTES_NONE);
	tls_sip_identities(m.pair.server.link.tls, false, text, sizeof text);
	assert_string_equal(text, "");
	tls_verify(m.pair.server.link.tls, &d, &v);
	assert_int_equal(v.rc, ERR_CERT_NONE);
	part(&m);
	pki_free(&leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(a_revoked_peer_is_refused),
		cmocka_unit_test(a_pin_decides_alone),
		cmocka_unit_test(the_log_names_what_the_peer_showed),
	};

	return cmocka_run_group_tests(tests, up, down);
}
