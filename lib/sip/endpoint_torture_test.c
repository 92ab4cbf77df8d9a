/* An endpoint on real sockets: RFC 4475 over UDP, TCP and TLS (FED-15), and a request each way. */
#include "sip/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "net/pki_fixture.h"
#include "net/tls_store.h"

static const struct siptransport_config config = {
	.connections_max = 100, .per_address_max = 100, .idle_ms = 60000, .handshake_ms = 10000, .half_ms = 30000, .first_ms = 10000,
	.queue_max = 1 << 20,
};

static struct world {
	struct loop *loop;
	struct sipendpoint *e;
	struct tls_store *server_tls, *client_tls;
	struct pki_cert root, cert;
	struct sip_place place[SIPT_PLACES];
	unsigned requests, acks; /* that the owner saw */
	/* of the client's transports */
	unsigned answers, failures;
	unsigned last_status;
} w;

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

/* ---- the endpoint: a user agent that likes everything ---- */

static void on_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)from;
	w.requests += t != NULL;
	w.acks += t == NULL;
	if (t)
		sipserver_refuse(t, m, 200, NULL);
	sipmsg_free(m);
}

static const struct sipendpoint_owner owner = { .request = on_request };

static void listen_on(enum siptransport how)
{
	struct sip_place *at = &w.place[how];
	socklen_t n = sizeof at->addr;
	int fd = socket(AF_INET, how == SIPT_UDP ? SOCK_DGRAM : SOCK_STREAM, 0);
	unsigned listener;

	*at = (struct sip_place){ .transport = how, .name = "b.example", .local = "b.example" };
	must(sip_sockaddr_of(BYTES("127.0.0.1"), 0, &at->addr) == 0);
	must(bind(fd, &at->addr.any, sip_sockaddr_len(&at->addr)) == 0 && getsockname(fd, &at->addr.any, &n) == 0);
	must(how == SIPT_UDP || listen(fd, 100) == 0);
	must(siptransports_listen(sipendpoint_transports(w.e), how, false, fd, &listener) == 0);
}

static struct tls_store *store(bool with_certificate)
{
	struct tls_store *s = tls_store_new(NULL);

	must(s && tls_store_trust_anchor(s, BYTES("root"), pki_pem(&w.root)) == 0);
	if (with_certificate) {
		must(tls_store_add_certificate(s, BYTES("b"), pki_pem(&w.cert)) == 0);
		must(tls_store_add_domain(s, "b.example", BYTES("b")) == 0);
	}
	return s;
}

static int up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	log_set_level(LOG_LEVEL_ERROR);
	w.loop = loop_new(LOOP_LIBEVENT);
	w.root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w.cert = pki_make(&(struct pki_wish){ .cn = "b", .san = "URI:sip:b.example" }, &w.root);
	w.server_tls = store(true);
	w.client_tls = store(false);
	w.e = sipendpoint_new(w.loop, &owner, NULL);
	must(w.loop && w.e);
	siptransports_configure(sipendpoint_transports(w.e), &config);
	siptransports_set_tls(sipendpoint_transports(w.e), w.server_tls);
	siptransports_set_default_domain(sipendpoint_transports(w.e), "b.example");
	for (int how = 0; how < SIPT_PLACES; how++)
		listen_on((enum siptransport)how);
	return 0;
}

static int down(void **state)
{
	(void)state;
	sipendpoint_free(w.e);
	tls_store_free(w.server_tls);
	tls_store_free(w.client_tls);
	pki_free(&w.cert);
	pki_free(&w.root);
	loop_free(w.loop);
	return 0;
}

static void wait_for(const unsigned *what, unsigned n, unsigned most_turns)
{
	for (unsigned i = 0; *what < n && i < most_turns; i++)
		loop_turn(w.loop, 10);
}

/* ---- RFC 4475 ---- */

static void on_message(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)from;
	w.answers++;
	w.last_status = sipmsg_status(m);
	sipmsg_free(m);
}

static void on_failed(void *arg, uint64_t token, int rc, const char *words)
{
	(void)arg;
	(void)token;
	(void)rc;
	(void)words;
	w.failures++;
}

static const struct siptransport_owner client_owner = { .message = on_message, .failed = on_failed };

enum { DROPPED = 0 };
static const struct {
	const char *name;
	unsigned datagram, stream; /* status of the answer */
} torture[] = {
	{ "wsinv", 200, 200 }, { "intmeth", 200, 200 }, { "esc01", 200, 200 }, { "escnull", 200, 200 }, { "esc02", 200, 200 },
	{ "lwsdisp", 200, 200 }, { "longreq", 200, 200 }, { "dblreq", 200, 200 }, { "semiuri", 200, 200 },
	{ "transports", 200, 200 }, { "mpart01", 200, 200 }, { "unreason", DROPPED, DROPPED }, { "noreason", DROPPED, DROPPED },
	{ "badinv01", 400, 400 },
	{ "clerr", 400, DROPPED }, /* on a stream it is half a message */
	{ "ncl", 400, 400 }, { "scalar02", 400, 400 }, { "scalarlg", DROPPED, DROPPED }, { "quotbal", 400, 400 },
	{ "ltgtruri", 400, 400 }, { "lwsruri", 400, 400 }, { "lwsstart", 400, 400 }, { "trws", 400, 400 }, { "escruri", 400, 400 },
	{ "baddate", 400, 400 }, { "regbadct", 400, 400 }, { "badaspec", 400, 400 }, { "baddn", 400, 400 }, { "badvers", 505, 505 },
	{ "mismatch01", 400, 400 }, { "mismatch02", 400, 400 }, { "bigcode", DROPPED, DROPPED }, { "badbranch", 200, 200 },
	{ "insuf", 400, 400 }, { "unkscm", 416, 416 }, { "novelsc", 416, 416 }, { "unksm2", 200, 200 }, { "bext01", 200, 200 },
	{ "invut", 200, 200 }, { "regaut01", 200, 200 }, { "multi01", 400, 400 }, { "mcl01", 400, 400 }, { "bcast", DROPPED, DROPPED },
	{ "zeromf", 200, 200 }, { "cparam01", 200, 200 }, { "cparam02", 200, 200 }, { "regescrt", 200, 200 }, { "sdp01", 200, 200 },
	{ "inv2543", 200, 400 }, /* a stream needs Content-Length */
};

/* Has method, branch and sent-by of one before (cparam01, escnull): it gets the stored answer. */
static bool is_again(const char *name)
{
	return strcmp(name, "cparam02") == 0 || strcmp(name, "regescrt") == 0;
}

static struct bytes read_torture(const char *name)
{
	static char room[16384];
	char path[256];

	snprintf(path, sizeof path, "tests/fuzz/corpus/sipmsg_fuzz/%s", name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(room, 1, sizeof room, f);
	fclose(f);
	return bytes_make(room, n);
}

static struct siptransports *client(void)
{
	struct siptransports *t = siptransports_new(w.loop, &client_owner, NULL);

	must(t);
	siptransports_configure(t, &config);
	siptransports_set_tls(t, w.client_tls);
	w.answers = w.failures = w.last_status = 0;
	return t;
}

#define ALIVE "OPTIONS sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/%s h;branch=z9hG4bKalive%u;rport\r\nFrom: <sip:a@a>;tag=1\r\n" \
	      "To: <sip:b@b.example>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"

/* Somebody else is served at once. */
static void check_alive(enum siptransport how, unsigned i)
{
	struct siptransports *t = client();
	struct sip_place p = w.place[how];
	unsigned before = w.requests;
	char text[512];

	snprintf(text, sizeof text, ALIVE, siptransport_name(how), i);
	assert_int_equal(siptransports_send(t, &p, 1, bytes_of(text)), 0);
	wait_for(&w.answers, 1, 200);
	assert_int_equal(w.last_status, 200);
	assert_int_equal(w.requests, before + 1);
	siptransports_free(t);
}

static void throw_at_stream(enum siptransport how)
{
	for (unsigned i = 0; i < sizeof torture / sizeof torture[0]; i++) {
		struct siptransports *t = client();
		struct sip_place p = w.place[how];
		assert_int_equal(siptransports_send(t, &p, 1, read_torture(torture[i].name)), 0);
		wait_for(&w.answers, 1, torture[i].stream ? 200 : 8);
		if (w.last_status != torture[i].stream)
			fail_msg("%s over %s: %u", torture[i].name, siptransport_name(how), w.last_status);
		siptransports_free(t);
		if (!torture[i].stream)
			check_alive(how, i);
	}
	check_alive(how, 1000);
}

static void rfc4475_over_tcp(void **state)
{
	(void)state;
	throw_at_stream(SIPT_TCP);
}

static void rfc4475_over_tls(void **state)
{
	(void)state;
	throw_at_stream(SIPT_TLS);
}

/* Their Vias name ports that are not ours to listen on: what the endpoint did is counted. */
static void rfc4475_over_udp(void **state)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	for (unsigned i = 0; i < sizeof torture / sizeof torture[0]; i++) {
		struct siptransport_counts before, after;
		struct bytes text = read_torture(torture[i].name);
		unsigned requests = w.requests;
		siptransports_counts(sipendpoint_transports(w.e), &before);
		assert_int_equal(sendto(fd, text.p, text.n, 0, &w.place[SIPT_UDP].addr.any, sizeof w.place[SIPT_UDP].addr.v4), text.n);
		for (int turn = 0; turn < 4; turn++)
			loop_turn(w.loop, 2);
		siptransports_counts(sipendpoint_transports(w.e), &after);
		assert_int_equal(after.udp_in, before.udp_in + 1);
		if (after.udp_out - before.udp_out != (torture[i].datagram != DROPPED) || w.requests - requests != (torture[i].datagram == 200 && !is_again(torture[i].name)))
			fail_msg("%s: %u answers, %u requests", torture[i].name, (unsigned)(after.udp_out - before.udp_out),
				 w.requests - requests);
	}
	close(fd);
}

/* ---- a request of an endpoint to itself ---- */

static struct {
	unsigned responses, failures, status;
	int rc;
} told;

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)from;
	told.responses++;
	told.status = sipmsg_status(m);
}

static void on_client_failed(void *arg, int rc, const char *words)
{
	(void)arg;
	(void)words;
	told.failures++;
	told.rc = rc;
}

static void ask(const struct sip_place *place, size_t body_n)
{
	static const struct sipclient_owner o = { on_response, on_client_failed };
	static const char body[2000];
	struct sipmsg *m = sipmsg_request_new("MESSAGE", BYTES("sip:b@b.example"));

	memset(&told, 0, sizeof told);
	sipmsg_append(m, SIPH_MAX_FORWARDS, BYTES("70"));
	sipmsg_append(m, SIPH_FROM, BYTES("<sip:a@a.example>;tag=1"));
	sipmsg_append(m, SIPH_TO, BYTES("<sip:b@b.example>"));
	sipmsg_append(m, SIPH_CALL_ID, BYTES("x"));
	sipmsg_append(m, SIPH_CSEQ, BYTES("1 MESSAGE"));
	sipmsg_set_body(m, "text/plain", bytes_make(body, body_n));
	assert_int_equal(sipclient_start(w.e, m, place, 0, NULL, &o, NULL, NULL), 0);
	sipmsg_free(m);
}

static void a_request_is_answered_on_each_transport(void **state)
{
	(void)state;
	for (int how = 0; how < SIPT_PLACES; how++) {
		ask(&w.place[how], 20);
		wait_for(&told.responses, 1, 200);
		assert_int_equal(told.status, 200);
	}
}

/* RFC 3261 18.1.1: nobody listens on the datagram's port with TCP. */
static void a_large_one_comes_back_to_udp(void **state)
{
	struct sipendpoint_counts c;

	(void)state;
	ask(&w.place[SIPT_UDP], 1500);
	wait_for(&told.responses, 1, 200);
	assert_int_equal(told.status, 200);
	sipendpoint_counts(w.e, &c);
	assert_int_equal(c.udp_to_tcp, 1);
	assert_int_equal(c.tcp_back_to_udp, 1);
}

/* Trap 6 */
static void a_wrong_certificate_fails_the_request_at_once(void **state)
{
	struct sip_place p = w.place[SIPT_TLS];

	(void)state;
	snprintf(p.name, sizeof p.name, "c.example");
	ask(&p, 20);
	wait_for(&told.failures, 1, 200);
	assert_int_equal(told.rc, ERR_CERT_NAME);
}

static void nobody_there_fails_the_request_at_once(void **state)
{
	struct sip_place p = w.place[SIPT_UDP];

	(void)state;
	p.transport = SIPT_TCP;
	ask(&p, 20);
	wait_for(&told.failures, 1, 200);
	assert_int_equal(told.rc, ERR_CONN_REFUSED);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rfc4475_over_udp),
		T(rfc4475_over_tcp),
		T(rfc4475_over_tls),
		T(a_request_is_answered_on_each_transport),
		T(a_large_one_comes_back_to_udp),
		T(a_wrong_certificate_fails_the_request_at_once),
		T(nobody_there_fails_the_request_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
