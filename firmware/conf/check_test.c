#include "check.h"

#include "cert.h"
#include "conf_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { NOW_S = 1800000000 };

/* A certificate for one name, with its key. */
struct made {
	EVP_PKEY *key;
	char pem[4096];
};

static void make(struct made *m, const char *name)
{
	char names[128];
	X509 *cert = X509_new();
	BIO *out = BIO_new(BIO_s_mem());

	m->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	snprintf(names, sizeof names, "DNS:%s", name);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW_S - 3600);
	ASN1_TIME_set(X509_getm_notAfter(cert), NOW_S + 3600);
	assert_true(X509_set_version(cert, 2) && X509_set_pubkey(cert, m->key) && X509_add_ext(cert, ext, -1));
	assert_true(X509_sign(cert, m->key, EVP_sha256()) > 0 && PEM_write_bio_X509(out, cert));
	int n = BIO_read(out, m->pem, sizeof m->pem - 1);
	assert_true(n > 0);
	m->pem[n] = 0;
	X509_EXTENSION_free(ext);
	X509_free(cert);
	BIO_free(out);
}

static void add_key(struct keyring *k, const char *name, EVP_PKEY *key)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	assert_int_equal(keyring_add(k, bytes_of(name), bytes_make(der, (size_t)n)), 0);
	OPENSSL_free(der);
	k->is_known = true;
}

static void settings(struct rows *r, const struct made *m)
{
	struct conf_text_error e;

	assert_int_equal(conf_text_parse(BYTES("set domain a.example certificate own\n"), r, &e), 0);
	assert_int_equal(rows_set(r, BYTES("certificate own chain"), bytes_of(m->pem)), 0);
}

/* What is found about a.example's certificate, against a box that runs `running`. */
static void expect(const struct rows *r, const struct rows *running, const struct keyring *k, bool is_error, const char *text)
{
	struct check found;
	struct check_against against = { running, k, NOW_S, false, NULL };

	check_rows(r, &against, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (strcmp(found.v[i].path, "domain a.example certificate") != 0)
			continue;
		assert_non_null(text);
		assert_non_null(strstr(found.v[i].text, text));
		assert_int_equal(found.v[i].is_error, is_error);
		return;
	}
	assert_null(text);
}

static void a_hosted_domain_needs_its_key_and_name(void **state)
{
	struct made good, other, wrong;
	struct keyring none = { .is_known = true }, right = { 0 }, bad = { 0 }, for_wrong = { 0 };
	struct rows r = { 0 }, w = { 0 }, empty = { 0 };

	(void)state;
	make(&good, "a.example");
	make(&other, "a.example");
	make(&wrong, "b.example");
	settings(&r, &good);
	settings(&w, &wrong);
	add_key(&right, "own", good.key);
	add_key(&bad, "own", other.key);
	add_key(&for_wrong, "own", wrong.key);
	expect(&r, &empty, &right, false, NULL);
	expect(&r, &empty, &none, true, "there is no private key own: certificate import own FILE");
	expect(&r, &empty, &bad, true, "belongs to another certificate");
	expect(&w, &empty, &for_wrong, true, "does not cover the name a.example");
	/* What runs so already may not keep the box from other changes. */
	expect(&r, &r, &none, false, "there is no private key own");
	expect(&w, &w, &for_wrong, false, "does not cover the name a.example");
	expect(&r, &w, &none, true, "there is no private key own");
	keyring_fini(&right);
	keyring_fini(&bad);
	keyring_fini(&for_wrong);
	rows_fini(&r);
	rows_fini(&w);
	EVP_PKEY_free(good.key);
	EVP_PKEY_free(other.key);
	EVP_PKEY_free(wrong.key);
}

static void an_end_is_told_in_days(void **state)
{
	struct cert_about a = { .not_after_s = NOW_S };

	(void)state;
	assert_int_equal(cert_days_left(&a, NOW_S), 0);
	assert_int_equal(cert_days_left(&a, NOW_S - 86399), 0);
	assert_int_equal(cert_days_left(&a, NOW_S - 86400), 1);
	assert_int_equal(cert_days_left(&a, NOW_S + 1), -1);
	assert_int_equal(cert_days_left(&a, NOW_S + 86400), -1);
	assert_int_equal(cert_days_left(&a, NOW_S + 86401), -2);
}

static void a_silent_gh_keys_does_not_stop_changes(void **state)
{
	struct made m;
	struct keyring unknown = { 0 };
	struct rows r = { 0 }, empty = { 0 };
	struct check found;
	struct check_against against = { &empty, &unknown, NOW_S, false, NULL };
	bool is_told = false;

	(void)state;
	make(&m, "a.example");
	settings(&r, &m);
	check_rows(&r, &against, &found);
	assert_int_equal(found.n_errors, 0);
	for (size_t i = 0; i < found.n; i++)
		is_told |= strstr(found.v[i].text, "gh-keys does not answer") != NULL;
	assert_true(is_told);
	rows_fini(&r);
	EVP_PKEY_free(m.key);
}

/* `text` is among what is found about `path`, as error or warning; NULL: nothing is. */
static void expect_lines(const char *lines, const char *path, bool is_error, const char *text)
{
	struct conf_text_error e;
	struct keyring none = { .is_known = true };
	struct rows r = { 0 }, empty = { 0 };
	struct check_against against = { &empty, &none, NOW_S, false, NULL };
	struct check found;
	bool is_found = false;

	if (conf_text_parse(bytes_of(lines), &r, &e) < 0)
		fail_msg("%s", lines);
	check_rows(&r, &against, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (strcmp(found.v[i].path, path) != 0)
			continue;
		if (!text || !strstr(found.v[i].text, text) || found.v[i].is_error != is_error)
			fail_msg("%s: %s", path, found.v[i].text);
		is_found = true;
	}
	if (is_found != (text != NULL))
		fail_msg("%s: nothing found", path);
	rows_fini(&r);
}

static void a_role_wants_its_other_half(void **state)
{
	(void)state;
	expect_lines("set system role edge\n", "system role", false, "no core can come to this edge");
	expect_lines("set system role edge\nset link listen a 192.0.2.1 7443\n", "system role", false, NULL);
	expect_lines("set system role core\n", "system role", false, "this core has no edge");
	expect_lines("set system role core\nset link edge one address 192.0.2.1 7443\n", "system role", false, NULL);
	expect_lines("set system role combined\n", "system role", false, NULL);
}

static void sip_rows(void **state)
{
	(void)state;
	expect_lines("set sip route a pattern 1*\n", "sip route a pattern", true, "no next-hop");
	expect_lines("set sip route a pattern 1*\nset sip route a block on\n", "sip route a pattern", true, NULL);
	expect_lines("set sip route a next-hop h\n", "sip route a next-hop", true, "no pattern");
	expect_lines("set sip route a pattern 1*\nset sip route a next-hop h\nset sip route a block on\n", "sip route a next-hop", false, "the route blocks");
	expect_lines("set sip route a pattern 1*\nset sip route a next-hop h\nset sip route a port 0\n", "sip route a next-hop", false, "SRV record");
	expect_lines("set sip route a pattern 1*\nset sip route a next-hop _sip._tcp.h\nset sip route a port 0\n", "sip route a next-hop", false, NULL);
	expect_lines("set sip peer b.example authority x\n", "sip peer b.example authority", true, "no trust anchor x");
	expect_lines("set sip peer b.example user u\n", "sip peer b.example user", true, "password");
	expect_lines("set sip peer b.example password p\n", "sip peer b.example password", true, "user");
	expect_lines("set sip peer b.example tls optional\n", "sip peer b.example tls", false, "nothing but a certificate");
	expect_lines("set sip peer b.example tls optional\nset sip peer b.example addresses 192.0.2.1\n", "sip peer b.example tls", false, NULL);
	expect_lines("set sip peer * addresses 192.0.2.1\n", "sip peer * addresses", true, "every domain");
	expect_lines("set sip peer b.example action allow\n", "sip peer", false, "cannot reach this box");
	expect_lines("set sip listen-tls a 127.0.0.1 5061\n", "sip host", false, "not set");
	expect_lines("set sip mode open\n", "sip mode", false, "no denying row");
}

/* Clients of the relay reach each other there, so they must reach nothing else. */
static void nothing_listens_among_the_relays_ports(void **state)
{
	static const char text[] = "that turn port-min and turn port-max give to the relay";
	const char *relay = "set turn relay-address a 192.0.2.1\nset turn relay-address b 2001:db8::1\nset turn port-min 50000\nset turn port-max 50999\n";
	static const struct {
		const char *path, *value;
		bool is_refused;
	} rows[] = {
		{ "access listen x", "192.0.2.1 50000", true }, { "access listen x", "192.0.2.1 50999", true },
		{ "access listen x", "192.0.2.1 49999", false }, { "access listen x", "192.0.2.1 51000", false },
		{ "access listen x", "192.0.2.2 50500", false }, { "access listen x", "0.0.0.0 50500", true },
		{ "access listen x", "2001:db8::1 50500", true }, { "access listen x", "2001:db8::2 50500", false },
		{ "access listen x", ":: 50500", true }, { "turn listen-udp x", "192.0.2.1 50500", true },
		{ "sip listen-udp x", "192.0.2.1 50500", true }, { "line listen-udp x", "192.0.2.1 50500", true },
	};
	char lines[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(lines, sizeof lines, "%sset %s %s\nset sip host h.example\n", relay, rows[i].path, rows[i].value);
		expect_lines(lines, rows[i].path, true, rows[i].is_refused ? text : NULL);
	}
	expect_lines("set access listen x 192.0.2.1 50000\n", "access listen x", true, NULL);
}

#define KEYS_A "md5=00112233445566778899aabbccddeeff"
#define KEYS_B "md5=ffeeddccbbaa99887766554433221100"

static unsigned findings_about(const char *now, const char *next, const char *path, const char *text, bool is_error)
{
	struct conf_text_error e;
	struct keyring none = { .is_known = true };
	struct rows running = { 0 }, r = { 0 };
	struct check_against against = { &running, &none, NOW_S, false, NULL };
	struct check found;
	unsigned n = 0;

	assert_int_equal(conf_text_parse(bytes_of(now), &running, &e), 0);
	assert_int_equal(conf_text_parse(bytes_of(next), &r, &e), 0);
	check_rows(&r, &against, &found);
	for (size_t i = 0; i < found.n; i++)
		n += found.v[i].is_error == is_error && strcmp(found.v[i].path, path) == 0 && strstr(found.v[i].text, text);
	rows_fini(&running);
	rows_fini(&r);
	return n;
}

static unsigned warnings_about(const char *now, const char *next, const char *path, const char *text)
{
	return findings_about(now, next, path, text, false);
}

static unsigned errors_about(const char *next, const char *path, const char *text)
{
	return findings_about("", next, path, text, true);
}

/* The realm is in the digest: old keys do not go with a new one. */
static void keys_go_with_their_realm(void **state)
{
	static const char before[] = "set turn realm a.example\nset turn user u key " KEYS_A "\n";
	static const char path[] = "turn user u key", text[] = "made for the realm";

	(void)state;
	assert_int_equal(warnings_about(before, before, path, text), 0);
	assert_int_equal(warnings_about(before, "set turn realm b.example\nset turn user u key " KEYS_A "\n", path, text), 1);
	assert_int_equal(warnings_about(before, "set turn user u key " KEYS_A "\n", path, text), 1); /* the default realm */
	assert_int_equal(warnings_about(before, "set turn realm b.example\nset turn user u key " KEYS_B "\n", path, text), 0);
	assert_int_equal(warnings_about("", before, path, text), 0);
	assert_int_equal(warnings_about("", "set turn server-name x\n", "turn server-name", "oauth-key"), 1);
	assert_int_equal(warnings_about("", "set turn service-host t.example\n", "turn service-host", "without a turn secret"), 1);
	assert_int_equal(warnings_about("", "set turn drain on\n", "turn drain", "no new allocation"), 1);
}

static void uploads_need_a_way(void **state)
{
	static const char on[] = "set upload enabled on\n";

	(void)state;
	assert_int_equal(warnings_about("", on, "upload enabled", "nobody reaches"), 1);
	assert_int_equal(warnings_about("", "set upload enabled on\nset proxy listen a 192.0.2.1 443\n", "upload enabled", ""), 0);
	assert_int_equal(warnings_about("", "set upload enabled on\nset link edge a address 192.0.2.1 7443\n", "upload enabled", ""), 0);
	assert_int_equal(warnings_about("", "set upload enabled on\nset upload file-max 2000\n", "upload file-max", "no such file fits"), 1);
	assert_int_equal(warnings_about("", "set upload enabled on\nset upload total 1000\n", "upload user-quota", "fill it"), 1);
	assert_int_equal(warnings_about("", "set upload total 1000\n", "upload user-quota", ""), 0);
}

static void a_directory_is_whole(void **state)
{
#define DIRECTORY "set directory enabled on\nset directory servers ldaps://a.example\n"
	(void)state;
	assert_int_equal(errors_about("set directory enabled on\n", "directory servers", "one at least"), 1);
	assert_int_equal(errors_about(DIRECTORY, "directory domain", "needs it"), 1);
	assert_int_equal(errors_about(DIRECTORY "set directory domain a.example\n", "directory domain", ""), 0);
	assert_int_equal(errors_about(DIRECTORY "set directory address-scheme directory-uri\n", "directory domain", ""), 0);
	assert_int_equal(errors_about(DIRECTORY "set directory bind-dn cn=a\n", "directory bind-password", "as nobody"), 1);
	assert_int_equal(errors_about(DIRECTORY "set directory authentication on\nset im plain-login off\n", "im plain-login", "needs it"), 1);
	assert_int_equal(errors_about("set directory authentication on\nset im plain-login off\n", "im plain-login", ""), 0);
	assert_int_equal(warnings_about("", DIRECTORY "set directory clear on\n", "directory clear", "in clear"), 1);
	assert_int_equal(warnings_about("", DIRECTORY "set directory domain a.example\n", "directory domain", "does not live here"), 1);
#undef DIRECTORY
}

/* What is said of `im oauth-key` with this key; NULL: nothing. */
static void expect_key(EVP_PKEY *key, const char *text)
{
	struct rows r = { 0 }, empty = { 0 };
	struct keyring none = { 0 };
	struct check_against against = { &empty, &none, NOW_S, false, NULL };
	struct check found;
	BIO *b = BIO_new(BIO_s_mem());
	const char *said = NULL;
	char *p;

	assert_int_equal(PEM_write_bio_PUBKEY(b, key), 1);
	long n = BIO_get_mem_data(b, &p);
	assert_int_equal(rows_set(&r, BYTES("im oauth-key"), bytes_make(p, (size_t)n)), 0);
	check_rows(&r, &against, &found);
	for (size_t i = 0; i < found.n; i++)
		if (strcmp(found.v[i].path, "im oauth-key") == 0 && found.v[i].is_error)
			said = found.v[i].text;
	if (text)
		assert_non_null(strstr(said ? said : "", text));
	else
		assert_null(said);
	rows_fini(&r);
	BIO_free(b);
	EVP_PKEY_free(key);
}

/* im authorise: about whom, and what is left. */
static void what_outside_may_log_in_with(void **state)
{
	static const char hosted[] = "set domain a.example certificate own\n";
	char next[400];

	(void)state;
	assert_int_equal(warnings_about(hosted, "set im authorise b.example oauth-token off\n", "im authorise b.example oauth-token", "not hosted"), 1);
	snprintf(next, sizeof next, "%sset im authorise a.example user-credentials off\n", hosted);
	assert_int_equal(warnings_about("", next, "im authorise a.example user-credentials", ""), 0);
	snprintf(next, sizeof next, "%sset im login-outside app-password\nset im authorise a.example app-password off\n", hosted);
	assert_int_equal(warnings_about("", next, "im authorise a.example app-password", "nobody"), 1);
	snprintf(next, sizeof next, "%sset im login-outside app-password\nset im authorise a.example app-password off\n"
		 "set im authorise a.example user-credentials on\n", hosted);
	assert_int_equal(warnings_about("", next, "im authorise a.example app-password", ""), 0);
}

static void a_provider_is_whole(void **state)
{
	static const char some[] = "set im oauth-issuer https://id.example\n";

	(void)state;
	assert_int_equal(warnings_about("", some, "im oauth-audience", "not set"), 1);
	assert_int_equal(warnings_about("", some, "im oauth-key", "not set"), 1);
	assert_int_equal(warnings_about("", "set im oauth-claim sub\n", "im oauth-key", ""), 0);
	expect_key(EVP_EC_gen("P-256"), NULL);
	expect_key(EVP_RSA_gen(2048), NULL);
	expect_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
	expect_key(EVP_RSA_gen(1024), "shorter than 2048");
	expect_key(EVP_EC_gen("P-384"), "neither RSA");
}

/* M-15: what is published has a name of its own, a place and a rule. */
static void published_services_fit(void **state)
{
	static const char wiki[] = "set publish target w name wiki.example\nset publish target w url https://wiki.inside\n";
	char lines[1024];

	(void)state;
	expect_lines("set publish target w name a.example\nset publish target w url http://wiki.inside\n", "publish target w url", true, "https://");
	expect_lines("set publish target w name a.example\nset publish target w url https://wiki.inside/path\n", "publish target w url", true, "paths are those of the rules");
	expect_lines("set publish target w url https://wiki.inside\n", "publish target w url", false, "nobody can ask");
	snprintf(lines, sizeof lines, "%sset publish target w authority own\n", wiki);
	expect_lines(lines, "publish target w url", true, "no trust anchor");
	snprintf(lines, sizeof lines, "%sset publish target v name wiki.example\n", wiki);
	expect_lines(lines, "publish target w name", true, "another target");
	snprintf(lines, sizeof lines, "%sset proxy host wiki.example\n", wiki);
	expect_lines(lines, "publish target w name", true, "one of its own");
	snprintf(lines, sizeof lines, "%sset publish rule 1 url https://wiki.example/a;b\n", wiki);
	expect_lines(lines, "publish rule 1 url", true, "path parameters");
	snprintf(lines, sizeof lines, "%sset publish rule 1 url https://other.example/a\n", wiki);
	expect_lines(lines, "publish rule 1 url", false, "no target has this name");
	snprintf(lines, sizeof lines, "%sset publish rule 1 url https://wiki.example/a\nset publish rule 2 url https://wiki.example/%%61\n", wiki);
	expect_lines(lines, "publish rule 2 url", true, "another rule");
	snprintf(lines, sizeof lines, "%sset publish target w certificate gone\n", wiki);
	expect_lines(lines, "publish target w certificate", true, "there is no certificate");
}

/* Where the machine is not ours, its network is not either. */
static void knows_whose_network_it_is(void **state)
{
	struct rows r = { 0 }, empty = { 0 };
	struct keyring none = { 0 };
	struct check found;
	unsigned n[2] = { 0 };

	(void)state;
	assert_int_equal(rows_set(&r, BYTES("interface a ipv4"), BYTES("off")), 0);
	for (unsigned is_appliance = 0; is_appliance < 2; is_appliance++) {
		struct check_against against = { &empty, &none, NOW_S, is_appliance, NULL };
		check_rows(&r, &against, &found);
		for (size_t k = 0; k < found.n; k++)
			n[is_appliance] += found.v[k].is_error && strcmp(found.v[k].path, "interface a ipv4") == 0;
	}
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 0);
	rows_fini(&r);
}

static bool has_error(const struct check *c, const char *path)
{
	for (size_t k = 0; k < c->n; k++)
		if (c->v[k].is_error && strcmp(c->v[k].path, path) == 0)
			return true;
	return false;
}

static void check_one(const char *path, const char *value, bool is_appliance, struct check *found)
{
	struct zones *zones = zones_load("/nowhere");
	struct rows r = { 0 }, empty = { 0 };
	struct keyring none = { 0 };
	struct check_against against = { &empty, &none, NOW_S, is_appliance, zones };

	assert_int_equal(rows_set(&r, bytes_of(path), bytes_of(value)), 0);
	check_rows(&r, &against, found);
	rows_fini(&r);
	zones_free(zones);
}

static void names_zones_and_servers(void **state)
{
	static const struct {
		const char *path, *value;
		bool is_appliance, is_error;
	} table[] = {
		{ "dns forward-zone b.example server", "10.1.1.33", false, false },
		{ "dns forward-zone b.example server", "10.1.1.33 10.1.1.34:5353 [2001:db8::33]:53 2001:db8::34", false, false },
		{ "dns forward-zone b.example server", "ns.b.example", false, true },
		{ "dns forward-zone b.example server", "10.1.1.33,10.1.1.34", false, true },
		{ "dns forward-zone b.example server", "10.1.1.33:0", false, true },
		{ "dns forward-zone b.example server", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8", false, false },
		{ "dns forward-zone b.example server", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 1.1.1.9", false, true },
		{ "system name", "gw-1.b.example", true, false },
		{ "system name", "Main office", false, false },
		{ "system name", "Main office", true, true },
		{ "system name", "-gw", true, true },
		{ "system name", "gw-", true, true },
		{ "system name", "gw..b", true, true },
		{ "system name", "gw.", true, true },
		{ "time zone", "UTC", false, false },
		{ "time zone", "Mars/Olympus", false, true },
		{ "time server a address", "ntp.example", true, false },
		{ "time server a address", "ntp.example", false, true },
		{ "time key 7 type", "sha1", false, true },
	};
	struct check found;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		check_one(table[i].path, table[i].value, table[i].is_appliance, &found);
		if (has_error(&found, table[i].path) != table[i].is_error)
			fail_msg("%s %s", table[i].path, table[i].value);
	}
}

/* Certificates by ACME: each row of settings and what is found about path; NULL: nothing. */
static void orders_need_somebody_to_ask(void **state)
{
#define ON "set certificate x acme on\nset acme directory https://ca.example/d\n"
	static const struct {
		const char *settings, *path, *text;
		bool is_error;
	} rows[] = {
		{ "set certificate x acme on\n", "certificate x acme", "acme directory", true },
		{ "set certificate x acme off\n", "certificate x acme", NULL, false },
		{ ON, "certificate x acme", "acme listen", false },
		{ ON "set acme listen a 192.0.2.1 80\n", "certificate x acme", NULL, false },
		{ ON "set web listen-redirect a 192.0.2.1 80\n", "certificate x acme", NULL, false },
		{ ON "set acme challenge tls-alpn-01\nset acme listen a 192.0.2.1 80\n", "certificate x acme", "listen-tls", false },
		{ ON "set acme challenge tls-alpn-01\nset acme listen-tls a 192.0.2.1 443\n", "certificate x acme", NULL, false },
		{ "set acme external-account id x\n", "acme external-account", "both", true },
		{ "set acme external-account key x\n", "acme external-account", "both", true },
		{ "set acme external-account key x\nset acme external-account id x\n", "acme external-account", NULL, false },
	};
	struct rows empty = { 0 };
	struct keyring none = { .is_known = true };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rows r = { 0 };
		struct conf_text_error e;
		struct check found;
		const struct check_finding *about = NULL;
		struct check_against against = { &empty, &none, NOW_S, false, NULL };
		assert_int_equal(conf_text_parse(bytes_of(rows[i].settings), &r, &e), 0);
		check_rows(&r, &against, &found);
		for (size_t k = 0; k < found.n; k++)
			about = strcmp(found.v[k].path, rows[i].path) == 0 ? &found.v[k] : about;
		assert_int_equal(about != NULL, rows[i].text != NULL);
		if (about) {
			assert_non_null(strstr(about->text, rows[i].text));
			assert_int_equal(about->is_error, rows[i].is_error);
		}
		rows_fini(&r);
	}
}

static void services_stay_on_their_plane(void **state)
{
	static const char two[] = "set interface a ipv4-address 192.0.2.1/24 192.0.2.10/24\nset interface a ipv6-address 2001:db8::1/64\n"
				  "set interface b ipv4-address 198.51.100.1/24\nset interface a plane dmz\nset interface b plane management\n";
	static const struct {
		const char *lines, *path, *text;
	} rows[] = {
		{ "set ssh listen x 192.0.2.1 22\n", "ssh listen x", "interface a has this address, and is of plane dmz" },
		{ "set ssh listen x 192.0.2.10 22\n", "ssh listen x", "interface a has this address" },
		{ "set ssh listen x 192.0.2.100 22\n", "ssh listen x", NULL }, /* nobody's: by DHCP, perhaps */
		{ "set ssh listen x [2001:db8:0::1]:22\n", "ssh listen x", "plane management" },
		{ "set ssh listen x 198.51.100.1 22\n", "ssh listen x", NULL },
		{ "set ssh listen x 0.0.0.0 22\n", "ssh listen x", NULL },
		{ "set ssh listen x 127.0.0.1 22\n", "ssh listen x", NULL },
		{ "set federation listen x 192.0.2.1 5269\n", "federation listen x", NULL },
		{ "set federation listen x 198.51.100.1 5269\n", "federation listen x", "plane management" },
		{ "set access listen x 192.0.2.1 5222\n", "access listen x", "services of plane core" },
		{ "set access listen x 0.0.0.0 5222\n", "access listen x", "no interface is of plane core" },
		{ "set turn relay-address x 198.51.100.1\n", "turn relay-address x", "services of plane dmz" },
		{ "set turn relay-address x 192.0.2.1\n", "turn relay-address x", NULL },
	};
	char lines[1024];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(lines, sizeof lines, "%s%s", two, rows[i].lines);
		expect_lines(lines, rows[i].path, true, rows[i].text);
	}
	/* Without planes nothing is held apart. */
	expect_lines("set interface a ipv4-address 192.0.2.1/24\nset ssh listen x 192.0.2.1 22\n", "ssh listen x", true, NULL);
	/* One of any plane takes all, until there is one for management. */
	expect_lines("set interface a ipv4-address 192.0.2.1/24\nset interface b plane dmz\nset ssh listen x 192.0.2.1 22\n", "ssh listen x", true, NULL);
	expect_lines("set interface a ipv4-address 192.0.2.1/24\nset interface b plane management\nset ssh listen x 192.0.2.1 22\n", "ssh listen x", true,
		     "is of plane any");
}

/* Servers may come by DHCP: that is a warning. Where nothing can come, no name would resolve, partners' neither. */
static void forward_wants_somebody_to_ask(void **state)
{
	static const struct {
		const char *lines;
		bool is_error;
		const char *text;
	} rows[] = {
		{ "set dns resolver forward\n", true, "no name would resolve" },
		{ "set dns resolver forward\nset interface a ipv4 static\n", true, "no name would resolve" },
		{ "set dns resolver forward\nset interface a ipv4 dhcp\nset interface a dhcp-dns off\n", true, "no name would resolve" },
		{ "set dns resolver forward\nset interface a ipv4 dhcp\n", false, "without a lease" },
		{ "set dns resolver forward\nset interface b ipv6 dhcp\n", false, "without a lease" },
		{ "set dns resolver forward\nset dns forward-zone corp.example server 192.0.2.1\n", false, "outside of the forward zones" },
		{ "set dns resolver forward\nset dns server 1 192.0.2.1\n", true, NULL },
		{ "set dns resolver auto\n", true, NULL },
		{ "set dns resolver recurse\n", true, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		expect_lines(rows[i].lines, "dns resolver", rows[i].is_error, rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hosted_domain_needs_its_key_and_name),
		cmocka_unit_test(an_end_is_told_in_days),
		cmocka_unit_test(a_silent_gh_keys_does_not_stop_changes),
		cmocka_unit_test(a_role_wants_its_other_half),
		cmocka_unit_test(sip_rows),
		cmocka_unit_test(forward_wants_somebody_to_ask),
		cmocka_unit_test(nothing_listens_among_the_relays_ports),
		cmocka_unit_test(uploads_need_a_way), cmocka_unit_test(a_directory_is_whole), cmocka_unit_test(keys_go_with_their_realm),
		cmocka_unit_test(orders_need_somebody_to_ask),
		cmocka_unit_test(a_provider_is_whole),
		cmocka_unit_test(what_outside_may_log_in_with), cmocka_unit_test(published_services_fit),
		cmocka_unit_test(knows_whose_network_it_is),
		cmocka_unit_test(names_zones_and_servers),
		cmocka_unit_test(services_stay_on_their_plane),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
