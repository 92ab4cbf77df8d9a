/* TLS transports of two servers on the loopback: names, reload, and what strangers must not do. The traps
 * are those of spec/sip.md 4.2. */
#include "sip/transport.h"

#include "base/err.h"

#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "sip/transport_fixture.h"

struct world {
	struct loop *loop;
	struct party a, b;
	struct pki_cert root, other, a_cert, b_cert, c_cert, a_foreign;
};

static const struct siptransport_config usual = {
	.connections_max = 5000, .per_address_max = 5000, .idle_ms = 60000, .handshake_ms = 5000,
	.half_ms = 5000, .first_ms = 5000, .queue_max = 1 << 20,
};

/* a.example speaks to b.example, which hosts c.example too. */
static int up(void **state)
{
	struct world *w = test_calloc(1, sizeof *w);

	w->loop = loop_new(LOOP_LIBEVENT);
	party_open(&w->a, w->loop);
	party_open(&w->b, w->loop);
	siptransports_configure(w->a.t, &usual);
	siptransports_configure(w->b.t, &usual);
	w->root = pki_make(&(struct pki_wish){ .cn = "root", .is_ca = true }, NULL);
	w->other = pki_make(&(struct pki_wish){ .cn = "other root", .is_ca = true }, NULL);
	w->a_cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "URI:sip:a.example" }, &w->root);
	w->a_foreign = pki_make(&(struct pki_wish){ .cn = "a", .san = "URI:sip:a.example" }, &w->other);
	w->b_cert = pki_make(&(struct pki_wish){ .cn = "b", .san = "URI:sip:b.example,DNS:edge.b.example" }, &w->root);
	w->c_cert = pki_make(&(struct pki_wish){ .cn = "c", .san = "DNS:c.example" }, &w->root);
	party_set_tls(&w->a, &w->root, &(struct party_certificate){ "a.example", &w->a_cert }, 1);
	party_set_tls(&w->b, &w->root, (struct party_certificate[]){ { "b.example", &w->b_cert }, { "c.example", &w->c_cert } }, 2);
	party_listen(&w->b, SIPT_TLS, false, false);
	*state = w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	party_close(&w->a);
	party_close(&w->b);
	pki_free(&w->root);
	pki_free(&w->other);
	pki_free(&w->a_cert);
	pki_free(&w->a_foreign);
	pki_free(&w->b_cert);
	pki_free(&w->c_cert);
	loop_free(w->loop);
	test_free(w);
	return 0;
}

static struct siptransport_counts counts(const struct party *p)
{
	struct siptransport_counts c;

	siptransports_counts(p->t, &c);
	return c;
}

static struct sip_place place(const struct world *w, const char *name)
{
	struct sip_place p = w->b.place[SIPT_TLS];

	snprintf(p.name, sizeof p.name, "%s", name);
	snprintf(p.local, sizeof p.local, "a.example");
	return p;
}

static int ask(struct world *w, const char *name, uint64_t token)
{
	struct sip_place p = place(w, name);

	return siptransports_send(w->a.t, &p, token, party_request(SIPT_TLS, "a.example", "hi"));
}

/* ---- names ---- */

/* SNI both ways, certificates by name: each domain of one address gets a connection and proves itself. */
static void each_domain_shows_its_own_certificate(void **state)
{
	struct world *w = *state;
	char names[100];

	assert_int_equal(ask(w, "b.example", 1), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	tls_sip_identities(siptransports_tls(w->b.t, w->b.from.flow), false, names, sizeof names);
	assert_string_equal(names, "a.example"); /* what we show as a client */
	assert_string_equal(tls_sni(siptransports_tls(w->b.t, w->b.from.flow)), "b.example");
	assert_int_equal(ask(w, "c.example", 2), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 2));
	assert_int_equal(counts(&w->a).connections, 2);
	assert_int_equal(ask(w, "B.Example", 3), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 3));
	assert_int_equal(counts(&w->a).connections, 2);
	assert_int_equal(w->a.n_failed, 0);
	assert_null(siptransports_tls(w->b.t, 1));
}

/* Trap 6, FED-04: a certificate that does not prove the name fails the message at once, and the peer never
 * sees a byte of it. The DNS name does not count beside the URI. */
static void trap_6_a_refused_certificate_fails_at_once(void **state)
{
	static const char *const names[] = { "edge.b.example", "x.example", "" };
	struct world *w = *state;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t from = loop_now(w->loop);
		assert_int_equal(ask(w, names[i], i + 1), 0);
		assert_true(party_wait(w->loop, &w->a.n_failed, i + 1));
		assert_int_equal(w->a.failed_rc, ERR_CERT_NAME);
		assert_int_equal(w->a.failed[i], i + 1);
		assert_true(loop_now(w->loop) - from < 2000);
	}
	party_turns(w->loop, 5);
	assert_int_equal(w->b.n_messages, 0);
	assert_int_equal(counts(&w->a).connections, 0);
	assert_int_equal(counts(&w->b).connections, 0);
}

static int refuse_it(void *arg, struct tls *t, const struct sip_place *to, const char **words)
{
	struct party *p = arg;

	assert_non_null(t);
	assert_string_equal(to->local, "a.example");
	*words = "not on our list";
	return p->answers ? ERR_CERT_PIN : 0;
}

static void nothing(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	(void)from;
	((struct party *)arg)->n_messages++;
	sipmsg_free(m);
}

static void note_failure(void *arg, uint64_t token, int rc, const char *words)
{
	struct party *p = arg;

	(void)token;
	p->n_failed++;
	p->failed_rc = rc;
	snprintf(p->failed_words, sizeof p->failed_words, "%s", words);
}

static void the_door_may_judge_itself(void **state)
{
	static const struct siptransport_owner judge = { .message = nothing, .failed = note_failure, .prove = refuse_it };
	struct world *w = *state;
	struct sip_place p = place(w, "edge.b.example");

	siptransports_free(w->a.t);
	w->a.t = siptransports_new(w->loop, &judge, &w->a);
	siptransports_set_tls(w->a.t, w->a.store);
	assert_int_equal(siptransports_send(w->a.t, &p, 1, party_request(SIPT_TLS, "a.example", "hi")), 0);
	assert_true(party_wait(w->loop, &w->a.n_failed, 1));
	assert_int_equal(w->a.failed_rc, ERR_CERT_PIN);
	assert_string_equal(w->a.failed_words, "not on our list");
	w->a.answers = false; /* now it agrees, to a name that RFC 5922 would refuse */
	assert_int_equal(siptransports_send(w->a.t, &p, 2, party_request(SIPT_TLS, "a.example", "hi")), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, 1));
	assert_string_equal(tls_sni(siptransports_tls(w->b.t, w->b.from.flow)), "edge.b.example");
	p = place(w, "[::1]"); /* RFC 6066 3: no SNI for an address */
	assert_int_equal(siptransports_send(w->a.t, &p, 3, party_request(SIPT_TLS, "a.example", "hi")), 0);
	assert_true(party_wait(w->loop, &w->b.n_messages, 2));
	assert_string_equal(tls_sni(siptransports_tls(w->b.t, w->b.from.flow)), "");
}

/* The listener that demands a certificate. */
static void a_mutual_listener_lets_in_who_is_trusted(void **state)
{
	struct world *w = *state;
	const struct {
		const struct pki_cert *cert;
		int want;
	} rows[] = { { &w->a_cert, 0 }, { &w->a_foreign, ERR_CERT_UNKNOWN_CA }, { NULL, ERR_CERT_NONE } };

	party_listen(&w->b, SIPT_TLS, true, false);
	for (unsigned i = 0; i < 3; i++) {
		struct party_certificate c = { "a.example", rows[i].cert };
		unsigned closed = w->b.n_closed;
		w->b.n_messages = 0;
		party_set_tls(&w->a, &w->root, &c, rows[i].cert ? 1 : 0);
		struct sip_place p = place(w, "b.example");
		assert_int_equal(siptransports_send(w->a.t, &p, i + 1, party_request(SIPT_TLS, "a.example", "hi")), 0);
		if (rows[i].want) {
			assert_true(party_wait(w->loop, &w->b.n_closed, closed + 1));
			assert_int_equal(w->b.closed_why, rows[i].want);
			assert_int_equal(w->b.n_messages, 0);
			assert_true(party_wait(w->loop, &w->a.n_failed, i)); /* TLS 1.3: the handshake was good for it */
		} else {
			assert_true(party_wait(w->loop, &w->a.n_messages, 1));
			assert_true(w->b.from.is_mutual);
			siptransports_close_flow(w->a.t, w->a.from.flow); /* the next one is not to use it */
			assert_int_equal(w->a.n_failed, 0);
			assert_true(party_wait(w->loop, &w->a.n_closed, 1));
			assert_true(party_wait(w->loop, &w->b.n_closed, 1));
			w->a.n_failed = 0; /* what was answered comes back too */
		}
	}
}

/* Many SIP servers send no SNI: they see the default domain's certificate. */
static void a_caller_without_sni_gets_the_default(void **state)
{
	struct world *w = *state;
	struct sip_place p = place(w, "");
	assert_int_equal(siptransports_send(w->a.t, &p, 1, party_request(SIPT_TLS, "a.example", "hi")), 0);
	assert_true(party_wait(w->loop, &w->a.n_failed, 1));
	assert_int_equal(w->a.failed_rc, ERR_CERT_NAME); /* a handshake there was */
	siptransports_set_default_domain(w->b.t, NULL);
	assert_int_equal(siptransports_send(w->a.t, &p, 2, party_request(SIPT_TLS, "a.example", "hi")), 0);
	assert_true(party_wait(w->loop, &w->a.n_failed, 2));
	assert_int_equal(w->a.failed_rc, ERR_TLS); /* none: two domains, and nobody to choose */
	assert_string_not_equal(w->a.failed_words, ""); /* OpenSSL says why */
}

static void without_certificates_there_is_no_tls(void **state)
{
	struct world *w = *state;

	siptransports_set_tls(w->a.t, NULL);
	assert_int_equal(ask(w, "b.example", 1), ERR_TLS);
	siptransports_set_tls(w->a.t, w->a.store);
	siptransports_set_tls(w->b.t, NULL);
	assert_int_equal(ask(w, "b.example", 2), 0);
	assert_true(party_wait(w->loop, &w->a.n_failed, 1));
	assert_int_equal(w->a.failed_rc, ERR_CONN_RESET);
}

/* FED-10 */
static void a_reload_drops_nobody(void **state)
{
	struct world *w = *state;
	struct pki_cert renewed = pki_make(&(struct pki_wish){ .cn = "b", .san = "URI:sip:b2.example" }, &w->root);

	assert_int_equal(ask(w, "b.example", 1), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	uint64_t flow = w->b.from.flow;
	for (unsigned i = 0; i < 100; i++) /* kamailio/kamailio#3823: 3 MB for each; here a leak fails the test */
		party_set_tls(&w->b, &w->root, &(struct party_certificate){ "b.example", &renewed }, 1);
	party_turns(w->loop, 1); /* the clock has not seen that time */
	assert_int_equal(ask(w, "b.example", 2), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 2));
	assert_int_equal(w->b.from.flow, flow);
	assert_int_equal(w->a.n_closed, 0);
	assert_int_equal(ask(w, "b2.example", 3), 0); /* a new handshake sees the new one */
	assert_true(party_wait(w->loop, &w->a.n_messages, 3));
	pki_free(&renewed);
}

/* ---- strangers ---- */

static bool is_of_c(void *arg, struct tls *t)
{
	++*(int *)arg;
	return strcmp(tls_sni(t), "c.example") == 0;
}

/* Only the connections that are bad end, and both sides see it. */
static void connections_can_be_cut(void **state)
{
	struct world *w = *state;
	int looked_at = 0;

	assert_int_equal(ask(w, "b.example", 1), 0);
	assert_int_equal(ask(w, "c.example", 2), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 2));
	siptransports_cut(w->b.t, is_of_c, &looked_at, ERR_CERT_REVOKED, "its authority has revoked the certificate");
	assert_int_equal(looked_at, 2);
	for (int i = 0; i < 50 && (counts(&w->a).connections != 1 || counts(&w->b).connections != 1); i++)
		loop_turn(w->loop, 20);
	assert_int_equal(counts(&w->a).connections, 1);
	assert_int_equal(counts(&w->b).connections, 1);
	assert_int_equal(ask(w, "b.example", 3), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 3));
}

static void turns_until_closed(struct world *w, unsigned n)
{
	assert_true(party_wait(w->loop, &w->b.n_closed, n));
}

/* Carries bytes between two descriptors of a test, and can stop in the middle of a record. */
struct relay {
	int listener, in, out;
	struct sip_place at;
	unsigned bytes_in; /* from the client, carried so far */
};

static void relay_open(struct relay *r)
{
	socklen_t n = sizeof r->at.addr;

	*r = (struct relay){ .in = -1, .out = -1, .at = { .transport = SIPT_TLS, .name = "b.example", .local = "a.example" } };
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(sip_sockaddr_of(BYTES("127.0.0.1"), 0, &r->at.addr), 0);
	assert_int_equal(bind(r->listener, &r->at.addr.any, sizeof r->at.addr.v4), 0);
	assert_int_equal(getsockname(r->listener, &r->at.addr.any, &n), 0);
	assert_int_equal(listen(r->listener, 1), 0);
}

static void relay_close(struct relay *r)
{
	close(r->listener);
	close(r->in);
	close(r->out);
}

static size_t carry(int from, int to, size_t most)
{
	uint8_t bytes[65536];
	ssize_t n = recv(from, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);

	if (n > 0)
		assert_int_equal(send(to, bytes, (size_t)n, MSG_NOSIGNAL), n);
	return n > 0 ? (size_t)n : 0;
}

static void relay_turn(struct world *w, struct relay *r)
{
	loop_turn(w->loop, 5);
	if (r->in < 0 && (r->in = accept(r->listener, NULL, NULL)) >= 0)
		r->out = party_stranger(&w->b.place[SIPT_TLS]);
	if (r->in < 0)
		return;
	carry(r->in, r->out, SIZE_MAX);
	carry(r->out, r->in, SIZE_MAX);
}

/* Trap 1: a failed handshake leaves its errors behind; the next read of a healthy connection, which has half
 * a record and would only wait, must not take them for its own. */
static void trap_1_a_failed_handshake_disturbs_nobody(void **state)
{
	struct world *w = *state;
	struct relay r;

	relay_open(&r);
	assert_int_equal(siptransports_send(w->a.t, &r.at, 1, party_request(SIPT_TLS, "a.example", "one")), 0);
	for (int i = 0; i < 300 && w->a.n_messages < 1; i++)
		relay_turn(w, &r);
	assert_int_equal(w->a.n_messages, 1);
	uint64_t flow = w->b.from.flow;
	assert_int_equal(siptransports_send(w->a.t, &r.at, 2, party_request(SIPT_TLS, "a.example", "two")), 0);
	party_turns(w->loop, 3);
	assert_int_equal(carry(r.in, r.out, 100), 100); /* a part of the record */
	party_turns(w->loop, 3);
	for (unsigned i = 0; i < 5; i++) {
		int fd = party_stranger(&w->b.place[SIPT_TLS]);
		assert_int_equal(send(fd, "\x16\x03\x01\x00\x05nonsense and more of it", 28, 0), 28);
		turns_until_closed(w, i + 1);
		assert_int_equal(carry(r.in, r.out, 10), 10); /* a little more, so that it reads */
		party_turns(w->loop, 2);
		close(fd);
	}
	assert_true(carry(r.in, r.out, SIZE_MAX) > 0);
	for (int i = 0; i < 300 && w->a.n_messages < 2; i++)
		relay_turn(w, &r);
	assert_string_equal(w->b.subject, "two");
	assert_int_equal(w->b.from.flow, flow);
	assert_int_equal(w->a.n_closed, 0);
	relay_close(&r);
}

/* FED-09: the same with a peer whose certificate is refused. */
static void a_refused_peer_disturbs_nobody(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, "b.example", 1), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 1));
	uint64_t flow = w->b.from.flow;
	assert_int_equal(ask(w, "x.example", 2), 0);
	assert_true(party_wait(w->loop, &w->a.n_failed, 1));
	assert_int_equal(ask(w, "b.example", 3), 0);
	assert_true(party_wait(w->loop, &w->a.n_messages, 2));
	assert_int_equal(w->b.from.flow, flow);
}

/* Of the sanitizer, in whose place malloc is; absent in other builds. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

static void connect_and_part(struct world *w, unsigned n)
{
	for (unsigned done = 0; done < n; done += 20) {
		w->a.n_messages = w->a.n_closed = w->b.n_closed = 0;
		for (unsigned i = 0; i < 20; i++) { /* each name is another place, each proves itself */
			struct sip_place p = place(w, "b.example");
			snprintf(p.local, sizeof p.local, "a%u.example", i);
			assert_int_equal(siptransports_send(w->a.t, &p, i + 1, party_request(SIPT_TLS, "a.example", "hi")), 0);
		}
		w->b.closes = true;
		assert_true(party_wait(w->loop, &w->a.n_messages, 20));
		assert_true(party_wait(w->loop, &w->a.n_closed, 20));
		assert_true(party_wait(w->loop, &w->b.n_closed, 20));
	}
}

/* Trap 2: 30 KB stayed of each there. */
static void trap_2_connections_leave_no_memory(void **state)
{
	struct world *w = *state;

	connect_and_part(w, 100);
	size_t before = allocated();
	connect_and_part(w, 2000);
	assert_true(allocated() < before + 64000); /* 32 bytes each: tables that grew */
	assert_int_equal(counts(&w->a).connections + counts(&w->b).connections, 0);
}

/* Trap 5: without descriptors nobody spins; when there are some again all get in. */
static void trap_5_accepting_waits_for_descriptors(void **state)
{
	struct world *w = *state;
	enum { N = 8 };
	struct rlimit before, few;
	int fds[N], next;

	party_listen(&w->b, SIPT_TCP, false, false);
	for (int i = 0; i < N; i++)
		fds[i] = party_stranger(&w->b.place[SIPT_TCP]);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	next = dup(0);
	few.rlim_cur = (rlim_t)next + 2; /* room for two more */
	close(next);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	uint64_t from = loop_now(w->loop);
	unsigned turns = 0;
	for (; loop_now(w->loop) - from < 1200; turns++)
		loop_turn(w->loop, 200);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(counts(&w->b).connections, 2);
	assert_in_range(counts(&w->b).accept_pauses, 1, 4);
	assert_true(turns < 30);
	for (int i = 0; i < 200 && counts(&w->b).connections < N; i++)
		loop_turn(w->loop, 10);
	assert_int_equal(counts(&w->b).connections, N);
	for (int i = 0; i < N; i++)
		close(fds[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_domain_shows_its_own_certificate),
		TEST(trap_6_a_refused_certificate_fails_at_once),
		TEST(the_door_may_judge_itself),
		TEST(a_mutual_listener_lets_in_who_is_trusted),
		TEST(a_caller_without_sni_gets_the_default),
		TEST(without_certificates_there_is_no_tls),
		TEST(connections_can_be_cut), TEST(a_reload_drops_nobody),
		TEST(trap_1_a_failed_handshake_disturbs_nobody),
		TEST(a_refused_peer_disturbs_nobody),
		TEST(trap_2_connections_leave_no_memory),
		TEST(trap_5_accepting_waits_for_descriptors),
	};

	signal(SIGPIPE, SIG_IGN); /* as the programs do */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
