#include "net/tls_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/keyproxy.h"
#include "net/pki_fixture.h"
#include "net/tls_store.h"

struct row {
	const char *path;
	struct bytes value;
};

/* As gh-conf sends it. */
static struct settings *snapshot(const struct row *rows, size_t n)
{
	struct settings *s = NULL;
	struct buf b;

	buf_init(&b, 1 << 16);
	wire_put_u32(&b, 1);
	wire_put_u32(&b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_put_str(&b, bytes_of(rows[i].path));
		wire_put_bytes(&b, rows[i].value);
	}
	struct wire w = wire_of(buf_bytes(&b));
	assert_int_equal(settings_decode(&w, &s), 0);
	buf_fini(&b);
	return s;
}

/* The key is not in the settings: gh-keys has it. */
static struct bytes chain_of(const struct pki_cert *c)
{
	const char *key = strstr(c->pem, "-----BEGIN PRIVATE KEY");

	assert_non_null(key);
	return bytes_make(c->pem, (size_t)(key - c->pem));
}

static void what_is_good_is_served(void **state)
{
	struct pki_cert one = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example,DNS:xn--bcher-kva.example" }, NULL);
	struct pki_cert two = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example", .key = PKI_RSA }, NULL);
	const struct row rows[] = {
		{ "certificate one chain", chain_of(&one) },
		{ "certificate two chain", chain_of(&two) },
		{ "certificate bad chain", BYTES("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") },
		{ "domain a.example certificate", BYTES("bad") },
		{ "domain b.example certificate", BYTES("one") },
		{ "domain b.example second-certificate", BYTES("two") },
		{ "domain b\303\274cher.example certificate", BYTES("one") },
		{ "domain c.example certificate", BYTES("one") }, /* does not cover it */
	};
	struct settings *s = snapshot(rows, sizeof rows / sizeof rows[0]);
	struct loop *l = loop_new(LOOP_FAKE);
	const struct bus_hooks hooks = { 0 };
	struct bus *b = bus_new(l, PROG_TURN, 0, &hooks);
	struct keyproxy *keys = keyproxy_new(l, b); /* a key is a name here */
	struct tls_store *t = NULL, *next = NULL;
	char first[TLS_DOMAIN_BYTES];

	(void)state;
	assert_int_equal(tls_settings_store(s, keys, NULL, &t, first), 0);
	assert_string_equal(first, "b.example"); /* a.example has nothing to show */
	assert_null(tls_store_domain(t, "a.example"));
	assert_non_null(tls_store_domain(t, "b.example"));
	assert_non_null(tls_store_domain(t, "xn--bcher-kva.example"));
	assert_non_null(tls_store_domain(t, "c.example")); /* a wrong name is better than none */
	assert_null(tls_store_only_domain(t));
	assert_int_equal(t->version_min, TLS1_2_VERSION);
	/* new settings: without a wish for the first one, and with the tickets of before */
	assert_int_equal(tls_settings_store(s, keys, t, &next, NULL), 0);
	assert_memory_equal(&next->tickets, &t->tickets, sizeof t->tickets);
	tls_store_free(t);
	tls_store_free(next);
	keyproxy_free(keys);
	bus_free(b);
	loop_free(l);
	settings_free(s);
	pki_free(&one);
	pki_free(&two);
}

static void nothing_but_tls_13(void **state)
{
	const struct row rows[] = { { "tls minimum", BYTES("1.3") } };
	struct settings *s = snapshot(rows, 1);
	struct tls_store *t = NULL;
	char first[TLS_DOMAIN_BYTES] = "old";

	(void)state;
	assert_int_equal(tls_settings_store(s, NULL, NULL, &t, first), 0);
	assert_string_equal(first, "");
	assert_int_equal(t->version_min, TLS1_3_VERSION);
	tls_store_free(t);
	settings_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_good_is_served), cmocka_unit_test(nothing_but_tls_13) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
