#include "net/keyproxy.h"

#include "base/err.h"

#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "net/dtls_fixture.h"
#include "net/link_fixture.h"
#include "net/pki_fixture.h"
#include "net/tls_conn.h"

/* A gh-keys in this process: one key, on a second bus of the same loop. */
struct keys_side {
	struct bus *bus;
	EVP_PKEY *key;
	bool is_mute, refuses;
	unsigned n_asked;
};

struct world {
	struct loop *loop;
	struct bus *bus;
	struct keys_side keys;
	struct keyproxy *proxy;
};

static bool sign_it(EVP_PKEY *key, struct bytes digest, uint8_t padding, uint8_t salt, struct bytes data, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	const EVP_MD *md = digest.n ? EVP_get_digestbyname("SHA256") : NULL;
	bool ok;

	if (!md) { /* EdDSA */
		EVP_MD_CTX *m = EVP_MD_CTX_new();
		ok = EVP_DigestSignInit(m, NULL, NULL, NULL, key) == 1 && EVP_DigestSign(m, out, n, data.p, data.n) == 1;
		EVP_MD_CTX_free(m);
	} else {
		if (bytes_eq_nocase(digest, BYTES("SHA2-384")))
			md = EVP_sha384();
		else if (bytes_eq_nocase(digest, BYTES("SHA2-512")))
			md = EVP_sha512();
		ok = EVP_PKEY_sign_init(c) == 1 && EVP_PKEY_CTX_set_signature_md(c, md) == 1;
		if (ok && padding)
			ok = EVP_PKEY_CTX_set_rsa_padding(c, padding) == 1;
		if (ok && padding == RSA_PKCS1_PSS_PADDING)
			ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(c, salt) == 1;
		ok = ok && EVP_PKEY_sign(c, out, n, data.p, data.n) == 1;
	}
	EVP_PKEY_CTX_free(c);
	return ok;
}

static int on_sign(void *program, struct chan *from, const struct frame *f)
{
	struct world *w = program;
	struct wire in = wire_of(f->body);
	struct bytes name = wire_str(&in), digest = wire_str(&in);
	uint8_t padding = wire_u8(&in), salt = wire_u8(&in);
	struct bytes data = wire_bytes(&in);
	uint8_t out[1024];
	size_t n = sizeof out;

	w->keys.n_asked++;
	if (wire_end(&in))
		return ERR_SYNTAX;
	if (w->keys.is_mute)
		return 0;
	if (w->keys.refuses || !bytes_eq_str(name, "key") || !sign_it(w->keys.key, digest, padding, salt, data, out, &n)) {
		wire_put_u32(chan_begin(from, MSG_KEY_FAILED, f->id), (uint32_t)ERR_NOT_FOUND);
	} else {
		wire_put_bytes(chan_begin(from, MSG_KEY_SIGNED, f->id), bytes_make(out, n));
	}
	return chan_end(from);
}

static int on_signed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_signed(((struct world *)program)->proxy, f);
}

static int on_failed(void *program, struct chan *from, const struct frame *f)
{
	(void)from;
	return keyproxy_failed(((struct world *)program)->proxy, f);
}

static void on_down(void *program, struct chan *c)
{
	if (chan_prog(c) == PROG_KEYS)
		keyproxy_down(((struct world *)program)->proxy);
}

static const struct bus_handler keys_handlers[] = { { MSG_KEY_SIGN, on_sign } };
static const struct bus_handler door_handlers[] = { { MSG_KEY_SIGNED, on_signed }, { MSG_KEY_FAILED, on_failed } };

static void attach(struct world *w)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(w->keys.bus, PROG_S2S, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w->bus, PROG_KEYS, 0, fds[1]), 0);
}

static const struct bus_hooks *hooks(struct world *w, struct bus_hooks *h, bool is_keys)
{
	*h = (struct bus_hooks){ .program = w, .handlers = is_keys ? keys_handlers : door_handlers,
		                 .n_handlers = is_keys ? 1 : 2, .down = is_keys ? NULL : on_down };
	return h;
}

static struct bus_hooks keys_hooks, door_hooks;

static void keys_start(struct world *w)
{
	w->keys.bus = bus_new(w->loop, PROG_KEYS, 0, hooks(w, &keys_hooks, true));
	assert_non_null(w->keys.bus);
	attach(w);
}

static int up_on(void **state, enum loop_backend backend)
{
	static struct world w;

	w = (struct world){ .loop = loop_new(backend) };
	w.bus = bus_new(w.loop, PROG_S2S, 0, hooks(&w, &door_hooks, false));
	w.proxy = keyproxy_new(w.loop, w.bus);
	assert_non_null(w.proxy);
	keys_start(&w);
	*state = &w;
	return 0;
}

static int up(void **state)
{
	return up_on(state, LOOP_LIBEVENT);
}

static int up_fake(void **state)
{
	return up_on(state, LOOP_FAKE);
}

static int down(void **state)
{
	struct world *w = *state;

	keyproxy_free(w->proxy);
	bus_free(w->bus);
	if (w->keys.bus)
		bus_free(w->keys.bus);
	loop_free(w->loop);
	return 0;
}

/* ---- a handshake through it ---- */

struct meeting {
	struct pki_cert cert;
	struct tls_store *server_store, *client_store;
	struct pair pair;
	struct tls *server, *client;
};

static struct bytes certificate_only(struct bytes pem)
{
	static const char end[] = "-----END CERTIFICATE-----\n";
	const uint8_t *p = memmem(pem.p, pem.n, end, sizeof end - 1);

	assert_non_null(p);
	return bytes_make(pem.p, (size_t)(p - pem.p) + sizeof end - 1);
}

static void meet(struct world *w, struct meeting *m, enum pki_key type, int version)
{
	struct tls_options so = { .side = TLS_SERVER, .domain = "a.example" };
	struct tls_options co = { .side = TLS_CLIENT, .server_name = "a.example" };

	m->cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .key = type }, NULL);
	w->keys.key = m->cert.key;
	m->server_store = tls_store_new(w->proxy);
	m->client_store = tls_store_new(NULL);
	assert_int_equal(tls_store_trust_anchor(m->client_store, BYTES("a"), pki_pem(&m->cert)), 0);
	/* The private key is not in this PEM. */
	assert_int_equal(tls_store_add_certificate(m->server_store, BYTES("key"), certificate_only(pki_pem(&m->cert))), 0);
	assert_int_equal(tls_store_add_domain(m->server_store, "a.example", BYTES("key")), 0);
	assert_int_equal(tls_new(m->server_store, &so, &m->server), 0);
	assert_int_equal(tls_new(m->client_store, &co, &m->client), 0);
	SSL_set_max_proto_version(m->client->ssl, version);
	pair_open(&m->pair, w->loop, 1 << 20);
}

static void part(struct meeting *m)
{
	pair_close(&m->pair);
	tls_store_free(m->server_store);
	tls_store_free(m->client_store);
	pki_free(&m->cert);
}

static void keys_of_each_kind_sign(void **state)
{
	static const struct {
		enum pki_key type;
		int version;
	} rows[] = {
		{ PKI_P256, TLS1_3_VERSION }, { PKI_P256, TLS1_2_VERSION }, { PKI_RSA, TLS1_3_VERSION },
		{ PKI_RSA, TLS1_2_VERSION },  { PKI_ED25519, TLS1_3_VERSION }, { PKI_ED25519, TLS1_2_VERSION },
	};
	struct world *w = *state;
	struct tls_demand d = { .domain_ascii = "a.example", .srv_service = "_xmpp-server" };
	struct tls_verdict v;
	struct meeting m;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		meet(w, &m, rows[i].type, rows[i].version);
		w->keys.n_asked = 0;
		assert_true(pair_secure(&m.pair, m.server, m.client));
		assert_int_equal(w->keys.n_asked, 1);
		tls_verify(m.client, &d, &v);
		assert_int_equal(v.rc, 0);
		assert_int_equal(link_send(&m.pair.server.link, BYTES("hello")), 0);
		pair_turns(w->loop, 5);
		assert_true(bytes_eq_str(buf_bytes(&m.pair.client.in), "hello"));
		part(&m);
	}
}

/* TLS 1.2 with PKCS#1 v1.5 padding: what old peers choose. */
static void pkcs1_signs(void **state)
{
	struct meeting m;

	meet(*state, &m, PKI_RSA, TLS1_2_VERSION);
	assert_int_equal(SSL_set1_sigalgs_list(m.client->ssl, "RSA+SHA256"), 1);
	assert_true(pair_secure(&m.pair, m.server, m.client));
	part(&m);
}

static void refusal_ends_the_handshake(void **state)
{
	struct world *w = *state;
	struct meeting m;

	w->keys.refuses = true;
	meet(w, &m, PKI_P256, TLS1_3_VERSION);
	assert_false(pair_secure(&m.pair, m.server, m.client));
	assert_true(pair_until(w->loop, &m.pair.server.is_closed));
	assert_int_equal(m.pair.server.why, ERR_TLS);
	part(&m);
}

static void start(struct meeting *m)
{
	assert_int_equal(link_start_tls(&m->pair.server.link, m->server, 20000), 0);
	assert_int_equal(link_start_tls(&m->pair.client.link, m->client, 20000), 0);
}

/* The connection ends while its job waits: LeakSanitizer sees whether the job's stack goes. */
static void closing_while_waiting_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct meeting m;

	w->keys.is_mute = true;
	meet(w, &m, PKI_P256, TLS1_3_VERSION);
	start(&m);
	while (!w->keys.n_asked)
		loop_turn(w->loop, 10);
	assert_true(SSL_waiting_for_async(m.server->ssl));
	link_close(&m.pair.server.link);
	assert_true(pair_until(w->loop, &m.pair.client.is_closed));
	part(&m);
}

static void keys_come_back_and_answer(void **state)
{
	struct world *w = *state;
	struct meeting m;

	w->keys.is_mute = true;
	meet(w, &m, PKI_RSA, TLS1_3_VERSION);
	start(&m);
	while (!w->keys.n_asked)
		loop_turn(w->loop, 10);
	bus_free(w->keys.bus); /* dies */
	w->keys.bus = NULL;
	pair_turns(w->loop, 5);
	assert_false(m.pair.server.is_closed);
	w->keys.is_mute = false;
	keys_start(w);
	assert_true(pair_until(w->loop, &m.pair.client.is_secured));
	assert_true(pair_until(w->loop, &m.pair.server.is_secured));
	part(&m);
}

/* More handshakes than there are jobs: all come through. */
static void many_at_once(void **state)
{
	enum { N = KEYPROXY_JOBS_MAX + 20 };
	struct world *w = *state;
	struct meeting first;
	struct pair *pairs = calloc(N, sizeof *pairs);
	struct tls_options so = { .side = TLS_SERVER, .domain = "a.example" };
	struct tls_options co = { .side = TLS_CLIENT, .server_name = "a.example" };

	assert_non_null(pairs);
	w->keys.is_mute = true;
	meet(w, &first, PKI_P256, TLS1_3_VERSION);
	tls_free(first.server);
	tls_free(first.client);
	for (unsigned i = 0; i < N; i++) {
		struct tls *s, *c;
		assert_int_equal(tls_new(first.server_store, &so, &s), 0);
		assert_int_equal(tls_new(first.client_store, &co, &c), 0);
		pair_open(&pairs[i], w->loop, 4096);
		assert_int_equal(link_start_tls(&pairs[i].server.link, s, 20000), 0);
		assert_int_equal(link_start_tls(&pairs[i].client.link, c, 20000), 0);
	}
	for (unsigned i = 0; i < 100 && w->keys.n_asked < KEYPROXY_JOBS_MAX; i++)
		loop_turn(w->loop, 10);
	pair_turns(w->loop, 5);
	assert_int_equal(w->keys.n_asked, KEYPROXY_JOBS_MAX);
	bus_free(w->keys.bus);
	w->keys.bus = NULL;
	w->keys.is_mute = false;
	pair_turns(w->loop, 3);
	keys_start(w);
	for (unsigned i = 0; i < N; i++)
		assert_true(pair_until(w->loop, &pairs[i].server.is_secured));
	for (unsigned i = 0; i < N; i++)
		pair_close(&pairs[i]);
	free(pairs);
	part(&first);
}

/* Outside a job the caller waits: a request for a certificate is signed so. */
static void signs_outside_a_job(void **state)
{
	struct world *w = *state;
	struct pki_cert c = pki_make(&(struct pki_wish){ .cn = "a", .key = PKI_RSA }, NULL);
	EVP_PKEY *remote = keyproxy_pkey(w->proxy, BYTES("key"), c.x);
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	uint8_t out[1024];
	size_t n = sizeof out;

	w->keys.key = c.key;
	assert_non_null(remote);
	assert_int_equal(EVP_DigestSignInit(m, NULL, EVP_sha256(), NULL, remote), 1);
	assert_int_equal(EVP_DigestSign(m, out, &n, (const uint8_t *)"text", 4), 1);
	EVP_MD_CTX_free(m);
	m = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(m, NULL, EVP_sha256(), NULL, c.key), 1);
	assert_int_equal(EVP_DigestVerify(m, out, n, (const uint8_t *)"text", 4), 1);
	EVP_MD_CTX_free(m);
	EVP_PKEY_free(remote);
	pki_free(&c);
}

/* ---- DTLS ---- */

struct dtls_meeting {
	struct pki_cert cert;
	struct tls_store *store;
	struct guest_net net;
	struct guest g;
};

static void meet_dtls(struct world *w, struct dtls_meeting *m, enum pki_key type)
{
	m->cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .key = type }, NULL);
	w->keys.key = m->cert.key;
	m->store = tls_store_new(w->proxy);
	assert_int_equal(tls_store_add_certificate(m->store, BYTES("key"), certificate_only(pki_pem(&m->cert))), 0);
	assert_int_equal(tls_store_add_domain(m->store, "a.example", BYTES("key")), 0);
	guest_clock(w->loop);
	guest_net_up(&m->net, w->loop, m->store, NULL);
	guest_up(&m->g, &m->net, 4000);
}

static void part_dtls(struct dtls_meeting *m)
{
	guest_down(&m->g);
	guest_net_down(&m->net);
	tls_store_free(m->store);
	guest_clock(NULL);
	pki_free(&m->cert);
}

static void keys_sign_for_dtls(void **state)
{
	static const enum pki_key types[] = { PKI_P256, PKI_RSA };
	struct world *w = *state;
	static struct dtls_meeting m;

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		meet_dtls(w, &m, types[i]);
		w->keys.n_asked = 0;
		assert_true(guest_connect(&m.g, 500));
		assert_int_equal(w->keys.n_asked, 1);
		guest_say(&m.g, BYTES("hello"));
		assert_true(bytes_eq_str(buf_bytes(&m.g.heard), "hello"));
		part_dtls(&m);
	}
}

/* gh-keys is slow: the client repeats its ClientHello meanwhile, twice. */
static void dtls_waits_for_a_key(void **state)
{
	struct world *w = *state;
	static struct dtls_meeting m;

	w->keys.is_mute = true;
	meet_dtls(w, &m, PKI_P256);
	assert_false(guest_connect(&m.g, 3500));
	assert_int_equal(w->keys.n_asked, 1);
	assert_non_null(m.g.t);
	bus_free(w->keys.bus); /* dies with the question */
	w->keys.bus = NULL;
	guest_pass(&m.g, 50);
	w->keys.is_mute = false;
	keys_start(w);
	assert_true(guest_connect(&m.g, 1000));
	assert_int_equal(m.g.n_closed, 0);
	part_dtls(&m);
}

/* LeakSanitizer sees whether the job's stack goes, by whichever way the association ends. */
static void dtls_ends_while_a_key_is_asked(void **state)
{
	struct world *w = *state;
	static struct dtls_meeting m;

	w->keys.is_mute = true;
	meet_dtls(w, &m, PKI_P256);
	assert_false(guest_connect(&m.g, 100));
	assert_true(SSL_waiting_for_async(m.g.t->tls->ssl));
	part_dtls(&m);
	meet_dtls(w, &m, PKI_P256);
	m.net.handshake_ms = 1000;
	assert_false(guest_connect(&m.g, 900));
	guest_pass(&m.g, 200);
	assert_int_equal(m.g.why, ERR_TIMEOUT);
	part_dtls(&m);
	meet_dtls(w, &m, PKI_P256); /* gh-keys gives no answer in its time */
	assert_false(guest_connect(&m.g, 5500));
	assert_int_equal(m.g.why, ERR_TLS);
	part_dtls(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signs_outside_a_job, up, down),
		cmocka_unit_test_setup_teardown(keys_of_each_kind_sign, up, down),
		cmocka_unit_test_setup_teardown(pkcs1_signs, up, down),
		cmocka_unit_test_setup_teardown(refusal_ends_the_handshake, up, down),
		cmocka_unit_test_setup_teardown(closing_while_waiting_leaves_nothing, up, down),
		cmocka_unit_test_setup_teardown(keys_come_back_and_answer, up, down),
		cmocka_unit_test_setup_teardown(many_at_once, up, down),
		cmocka_unit_test_setup_teardown(keys_sign_for_dtls, up_fake, down),
		cmocka_unit_test_setup_teardown(dtls_waits_for_a_key, up_fake, down),
		cmocka_unit_test_setup_teardown(dtls_ends_while_a_key_is_asked, up_fake, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
