/* Certificates of partners against the rows of `sip peer`, on real TLS connections (FED-04, -05, -08, RFC 5923). */
#include "gsip_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include "net/pki_fixture.h"
#include "partner.h"

#define ROWS                                                                                                     \
	"domain our.example certificate = c\n"                                                                  \
	"sip peer b.example action = allow\n"                                                                    \
	"sip peer other.example action = allow\n"                                                                \
	"sip peer also.example subjects = b.example\n"                                                           \
	"sip peer near.example addresses = 127.0.0.1\n"

/* A partner with a certificate: a server and a client. */
struct partner_end {
	const char *server_name; /* NULL: our.example */
	struct world *w;
	struct sipendpoint *endpoint;
	struct tls_store *store;
	uint16_t port;
	unsigned status; /* of the last response */
	int failed;
	size_t n_responses, n_requests;
};

static int listening_socket(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void on_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	struct partner_end *p = arg;

	(void)from;
	p->n_requests++;
	if (t)
		sipserver_refuse(t, m, 404, NULL);
	sipmsg_free(m);
}

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct partner_end *p = arg;

	(void)from;
	if (sipmsg_status(m) < 200)
		return;
	p->status = sipmsg_status(m);
	p->n_responses++;
}

static void on_failed(void *arg, int rc, const char *words)
{
	struct partner_end *p = arg;

	(void)words;
	p->failed = rc;
	p->n_responses++;
}

static int believe(void *arg, struct tls *t, const struct sip_place *to, const char **words)
{
	(void)arg;
	(void)t;
	(void)to;
	*words = "";
	return 0;
}

struct pki {
	struct pki_cert root, other_root, ours;
	struct tls_store *store; /* the door's */
};

static struct tls_store *store_of(const struct pki *k, const char *domain, const struct pki_cert *leaf)
{
	struct tls_store *s = tls_store_new(NULL);

	assert_non_null(s);
	assert_int_equal(tls_store_trust_anchor(s, BYTES("root"), pki_pem(&k->root)), 0);
	if (leaf) {
		(void)tls_store_add_certificate(s, BYTES("c"), pki_pem(leaf)); /* the door judges it */
		(void)tls_store_add_domain(s, domain, BYTES("c"));
	}
	return s;
}

static void pki_open(struct pki *k)
{
	k->root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	k->other_root = pki_make(&(struct pki_wish){ .cn = "other root", .is_ca = true }, NULL);
	k->ours = pki_make(&(struct pki_wish){ .cn = "our", .san = "DNS:our.example" }, &k->root);
	k->store = store_of(k, "our.example", &k->ours);
}

static void pki_close(struct pki *k)
{
	pki_free(&k->root);
	pki_free(&k->other_root);
	pki_free(&k->ours);
	tls_store_free(k->store);
}

static void partner_open(struct partner_end *p, struct world *w, const struct pki *k, const struct pki_cert *leaf)
{
	static const struct sipendpoint_owner owner = { .request = on_request, .prove = believe };
	unsigned listener;

	*p = (struct partner_end){ .w = w };
	p->endpoint = sipendpoint_new(w->loop, &owner, p);
	p->store = store_of(k, "b.example", leaf);
	siptransports_set_tls(sipendpoint_transports(p->endpoint), p->store);
	int fd = listening_socket(&p->port);
	assert_int_equal(siptransports_listen(sipendpoint_transports(p->endpoint), SIPT_TLS, false, fd, &listener), 0);
}

static void partner_close(struct partner_end *p)
{
	sipendpoint_free(p->endpoint);
	tls_store_free(p->store);
}

/* The door's TLS port, with our certificate. */
static uint16_t secure_at(struct world *w, const struct pki *k, bool is_mutual)
{
	struct siptransports *t = sipendpoint_transports(w->g.endpoint);
	unsigned listener;
	uint16_t port;
	int fd = listening_socket(&port);

	siptransports_set_tls(t, k->store);
	assert_int_equal(siptransports_listen(t, SIPT_TLS, is_mutual, fd, &listener), 0);
	return port;
}

static uint16_t secure(struct world *w, const struct pki *k)
{
	return secure_at(w, k, false);
}

/* The status, or 0: the connection failed. */
static unsigned try_ask(struct partner_end *p, uint16_t port, const char *domain)
{
	static const struct sipclient_owner owner = { .response = on_response, .failed = on_failed };
	static unsigned counter;
	struct sip_place to = { .transport = SIPT_TLS, .local = "b.example" };
	struct sipclient *client;
	char text[64];

	(void)snprintf(to.name, sizeof to.name, "%s", p->server_name ? p->server_name : "our.example");
	struct sipmsg *m = sipmsg_request_new("MESSAGE", BYTES("sip:a@our.example"));
	assert_non_null(m);
	(void)snprintf(text, sizeof text, "<sip:x@%s>;tag=1", domain);
	sipmsg_replace(m, SIPH_FROM, bytes_of(text));
	sipmsg_replace(m, SIPH_TO, BYTES("<sip:a@our.example>"));
	(void)snprintf(text, sizeof text, "c%u", counter++);
	sipmsg_replace(m, SIPH_CALL_ID, bytes_of(text));
	sipmsg_replace(m, SIPH_CSEQ, BYTES("1 MESSAGE"));
	sipmsg_replace(m, SIPH_MAX_FORWARDS, BYTES("70"));
	assert_int_equal(sip_sockaddr_of(BYTES("127.0.0.1"), port, &to.addr), 0);
	p->n_responses = 0;
	p->failed = 0;
	assert_int_equal(sipclient_start(p->endpoint, m, &to, 0, NULL, &owner, p, &client), 0);
	sipmsg_free(m);
	size_t before = p->w->n_units;
	for (int i = 0; i < 600 && !p->n_responses; i++) {
		loop_turn(p->w->loop, 5);
		if (p->w->n_units > before) {
			before = p->w->n_units;
			world_answer(p->w, &(struct sip_answer){ .id = p->w->units[before - 1].u.id, .status = 202 });
		}
	}
	assert_int_equal(p->n_responses, 1);
	return p->failed ? 0 : p->status;
}

static unsigned ask(struct partner_end *p, uint16_t port, const char *domain)
{
	unsigned status = try_ask(p, port, domain);

	assert_int_equal(p->failed, 0);
	return status;
}

static void incoming(void **state)
{
	static const struct {
		const char *san, *eku;
		enum { NO_CERT, ROOT, OTHER } by;
		const char *from;
		unsigned status;
		int rc;
	} rows[] = {
		{ "URI:sip:b.example", NULL, ROOT, "b.example", 202, 0 },
		{ "DNS:b.example", NULL, ROOT, "b.example", 202, 0 },
		{ "DNS:b.example", NULL, ROOT, "also.example", 202, 0 }, /* the peer's allow list */
		{ "DNS:b.example", NULL, ROOT, "other.example", 403, ERR_CERT_NAME }, /* FED-05 */
		{ "DNS:*.example", NULL, ROOT, "b.example", 403, ERR_CERT_NAME },
		{ "DNS:b.example", NULL, OTHER, "b.example", 403, ERR_CERT_UNKNOWN_CA },
		{ "DNS:b.example", "serverAuth", ROOT, "b.example", 403, ERR_CERT_OTHER }, /* FED-08 */
		{ NULL, NULL, NO_CERT, "b.example", 403, 0 },
		{ NULL, NULL, NO_CERT, "near.example", 202, 0 }, /* the address proves it, TLS hides it */
		{ "DNS:b.example", NULL, ROOT, "near.example", 403, ERR_CERT_NAME }, /* a certificate that is shown is judged */
	};
	struct pki k;

	(void)state;
	pki_open(&k);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct partner_end b;
		struct world w;
		struct pki_cert leaf = { NULL };
		if (rows[i].by != NO_CERT)
			leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = rows[i].san, .eku = rows[i].eku },
			                rows[i].by == ROOT ? &k.root : &k.other_root);
		world_open(&w, ROWS);
		uint16_t port = secure(&w, &k);
		partner_open(&b, &w, &k, rows[i].by == NO_CERT ? NULL : &leaf);
		unsigned status = ask(&b, port, rows[i].from);
		struct partner *p = partner_find(&w.g, bytes_of(rows[i].from));
		if (status != rows[i].status || (p ? p->refused_rc : 0) != rows[i].rc)
			fail_msg("row %zu: %u %s", i, status, err_name(p ? p->refused_rc : 0));
		if (status == 202)
			assert_int_equal(w.units[0].u.flags, UNIT_TLS);
		partner_close(&b);
		world_close(&w);
		if (rows[i].by != NO_CERT)
			pki_free(&leaf);
	}
	pki_close(&k);
}

/* FED-05: each request, not once a connection; and the chain is not computed again for each. */
static void each_request(void **state)
{
	struct partner_end b;
	struct world w;
	struct pki k;

	(void)state;
	pki_open(&k);
	struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example" }, &k.root);
	world_open(&w, ROWS);
	uint16_t port = secure(&w, &k);
	partner_open(&b, &w, &k, &leaf);
	assert_int_equal(ask(&b, port, "b.example"), 202);
	assert_int_equal(ask(&b, port, "other.example"), 403);
	assert_int_equal(ask(&b, port, "b.example"), 202);
	assert_int_equal(w.g.counts[STAT_CERTIFICATES], 2);
	assert_int_equal(w.g.senders.count, 1);
	/* after new settings everything is judged again; the connection stays (FED-10) */
	world_settings(&w, ROWS "sip peer other.example subjects = b.example\n");
	siptransports_set_tls(sipendpoint_transports(w.g.endpoint), k.store);
	assert_int_equal(ask(&b, port, "other.example"), 202);
	assert_int_equal(w.g.senders.count, 1);
	struct siptransport_counts c;
	siptransports_counts(sipendpoint_transports(w.g.endpoint), &c);
	assert_int_equal(c.connections, 1);
	partner_close(&b);
	world_settle(&w);
	assert_int_equal(w.g.senders.count, 0);
	world_close(&w);
	pki_free(&leaf);
	pki_close(&k);
}

/* FED-04: the name that the server must prove. */
static void outgoing(void **state)
{
	static const struct {
		const char *san, *hop_pattern, *more;
		unsigned status;
		int why;
	} rows[] = {
		{ "DNS:b.example", "b.example", "", 404, 0 },
		{ "DNS:x.example", "b.example", "", 503, ERR_CERT_NAME },
		{ "DNS:edge.x.example", "b.example", "sip peer b.example subjects = edge.x.example\n", 404, 0 },
	};
	struct pki k;

	(void)state;
	pki_open(&k);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = rows[i].san }, &k.root);
		struct partner_end b;
		struct world w;
		char settings[2048];
		world_open(&w, ROWS);
		partner_open(&b, &w, &k, &leaf);
		(void)snprintf(settings, sizeof settings,
		               ROWS "sip route r pattern = b.example\nsip route r type = domain\nsip route r next-hop = 127.0.0.1\n"
		               "sip route r port = %u\nsip route r protocol = tls\n%s", b.port, rows[i].more);
		world_settings(&w, settings);
		siptransports_set_tls(sipendpoint_transports(w.g.endpoint), k.store);
		world_ask(&w, &(struct sip_unit){ .id = 7, .message = BYTES("MESSAGE sip:y@b.example SIP/2.0\r\nFrom: <sip:a@our.example>;tag=1\r\n"
			"To: <sip:y@b.example>\r\nCall-ID: i\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n") });
		for (int j = 0; j < 600 && !w.n_answers; j++)
			loop_turn(w.loop, 5);
		assert_int_equal(w.n_answers, 1);
		if (w.answer.status != rows[i].status || w.answer.why != rows[i].why)
			fail_msg("row %zu: %u %s", i, w.answer.status, err_name(w.answer.why));
		partner_close(&b);
		world_close(&w);
		pki_free(&leaf);
	}
	pki_close(&k);
}

/* Of several domains a caller without SNI sees the first in the settings, and the handshake does not fail. */
static void several_domains_without_sni(void **state)
{
	static const char *const names[] = { "our.example", "127.0.0.1" }; /* an address is not sent (RFC 6066 3) */
	struct pki k;
	struct pki_cert leaf;

	(void)state;
	pki_open(&k);
	leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example" }, &k.root);
	(void)tls_store_add_domain(k.store, "second.example", BYTES("c"));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct partner_end b;
		struct world w;
		world_open(&w, ROWS "domain second.example certificate = c\n");
		uint16_t port = secure(&w, &k);
		partner_open(&b, &w, &k, &leaf);
		b.server_name = names[i];
		assert_int_equal(ask(&b, port, "b.example"), 202);
		partner_close(&b);
		world_close(&w);
	}
	pki_free(&leaf);
	pki_close(&k);
}

static void pin_text(const struct pki_cert *c, char out[static 65])
{
	uint8_t digest[32], *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x), &der);

	assert_true(n > 0);
	assert_int_equal(EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	text_hex(bytes_make(digest, sizeof digest), out);
}

/* The port that demands a certificate: a trusted chain, or a key that a row pins. */
static void mutual(void **state)
{
	static const struct {
		enum { NONE, TRUSTED, SELF, OTHER_ROOT } by;
		bool is_pinned;
		const char *from;
		unsigned status; /* 0: not even a connection */
	} rows[] = {
		{ TRUSTED, false, "b.example", 202 },
		{ NONE, false, "b.example", 0 },
		{ NONE, false, "near.example", 0 },
		{ SELF, false, "b.example", 0 },
		{ OTHER_ROOT, false, "b.example", 0 },
		{ SELF, true, "b.example", 202 },
		{ SELF, true, "other.example", 403 }, /* the pin is b.example's */
	};
	struct pki k;

	(void)state;
	pki_open(&k);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct pki_cert *by[] = { [NONE] = NULL, [TRUSTED] = &k.root, [SELF] = NULL, [OTHER_ROOT] = &k.other_root };
		struct pki_cert leaf = pki_make(&(struct pki_wish){ .cn = "b", .san = "DNS:b.example" }, by[rows[i].by]);
		char pin[65], settings[2048];
		struct partner_end b;
		struct world w;
		pin_text(&leaf, pin);
		(void)snprintf(settings, sizeof settings, ROWS "%s%s%s", rows[i].is_pinned ? "sip peer b.example pin = " : "",
		               rows[i].is_pinned ? pin : "", rows[i].is_pinned ? "\n" : "");
		world_open(&w, settings);
		uint16_t port = secure_at(&w, &k, true);
		partner_open(&b, &w, &k, rows[i].by == NONE ? NULL : &leaf);
		unsigned status = try_ask(&b, port, rows[i].from);
		if (status != rows[i].status)
			fail_msg("row %zu: %u", i, status);
		partner_close(&b);
		world_close(&w);
		pki_free(&leaf);
	}
	pki_close(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(incoming), cmocka_unit_test(each_request), cmocka_unit_test(outgoing), cmocka_unit_test(mutual),
		cmocka_unit_test(several_domains_without_sni) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
