#include "net/link.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/link_fixture.h"
#include "net/pki_fixture.h"

struct world {
	struct loop *loop;
	struct pki_cert cert;
	struct tls_store *store;
};

static int up(void **state)
{
	static struct world w;

	w.loop = loop_new(LOOP_LIBEVENT);
	w.cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example" }, NULL);
	w.store = tls_store_new(NULL);
	assert_int_equal(tls_store_add_certificate(w.store, BYTES("c"), pki_pem(&w.cert)), 0);
	assert_int_equal(tls_store_add_domain(w.store, "a.example", BYTES("c")), 0);
	*state = &w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	tls_store_free(w->store);
	pki_free(&w->cert);
	loop_free(w->loop);
	return 0;
}

static struct tls *tls_of(struct world *w, enum tls_side side)
{
	struct tls *t = NULL;
	struct tls_options o = { .side = side, .domain = side == TLS_SERVER ? "a.example" : NULL, .server_name = "a.example" };

	assert_int_equal(tls_new(w->store, &o, &t), 0);
	return t;
}

static void open_pair(struct world *w, struct pair *p, uint32_t queue_max, bool is_tls)
{
	pair_open(p, w->loop, queue_max);
	if (is_tls)
		assert_true(pair_secure(p, tls_of(w, TLS_SERVER), tls_of(w, TLS_CLIENT)));
}

/* Distinct bytes, so that a swap or a gap shows. */
static struct bytes pattern(size_t n)
{
	uint32_t *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n / 4; i++)
		p[i] = (uint32_t)i * 2654435761u;
	return bytes_make(p, n);
}

static void much_arrives_whole(struct world *w, bool is_tls)
{
	enum { N = 8 << 20 };
	struct pair p;
	struct bytes all = pattern(N);

	open_pair(w, &p, N, is_tls);
	assert_int_equal(link_send(&p.server.link, all), 0);
	for (unsigned i = 0; i < 5000 && buf_len(&p.client.in) < N; i++)
		loop_turn(w->loop, 10);
	assert_true(bytes_eq(buf_bytes(&p.client.in), all));
	assert_int_equal(link_queued(&p.server.link), 0);
	assert_int_equal(p.server.n_drained, 1);
	assert_null(p.server.link.out.p); /* idle: no buffer */
	assert_int_equal(p.client.link.bytes_in, N);
	assert_int_equal(p.server.link.bytes_out, N);
	/* No turn gives more than the scratch holds. */
	assert_true(p.client.n_data >= N / (64 << 10));
	pair_close(&p);
	free((void *)all.p);
}

static void much_arrives_whole_in_clear(void **state)
{
	much_arrives_whole(*state, false);
}

static void much_arrives_whole_in_tls(void **state)
{
	much_arrives_whole(*state, true);
}

/* What is put in one turn leaves in one write: it comes as one piece. */
static void a_turn_is_one_write(void **state)
{
	struct world *w = *state;
	struct pair p;

	for (int is_tls = 0; is_tls < 2; is_tls++) {
		open_pair(w, &p, 4096, is_tls);
		for (unsigned i = 0; i < 50; i++)
			assert_int_equal(link_send(&p.server.link, BYTES("stanza")), 0);
		for (unsigned i = 0; i < 100 && !buf_len(&p.client.in); i++)
			loop_turn(w->loop, 10);
		assert_int_equal(buf_len(&p.client.in), 300);
		assert_int_equal(p.client.n_data, 1);
		pair_close(&p);
	}
}

static void an_overrun_closes(void **state)
{
	struct world *w = *state;
	struct pair p;
	struct bytes big = pattern(5000);

	open_pair(w, &p, 4096, false);
	assert_int_equal(link_send(&p.server.link, big), ERR_FULL);
	assert_false(p.server.is_closed); /* not from inside */
	assert_true(pair_until(w->loop, &p.server.is_closed));
	assert_int_equal(p.server.why, ERR_FULL);
	assert_int_equal(link_send(&p.server.link, BYTES("x")), ERR_CLOSED);
	pair_close(&p);
	free((void *)big.p);
}

static void a_pause_holds_the_sender(void **state)
{
	enum { N = 4 << 20 };
	struct world *w = *state;
	struct bytes all = pattern(N);
	struct pair p;

	for (int is_tls = 0; is_tls < 2; is_tls++) {
		open_pair(w, &p, N, is_tls);
		p.client.pause_on_data = true;
		assert_int_equal(link_send(&p.server.link, all), 0);
		pair_turns(w->loop, 50);
		assert_int_equal(p.client.n_data, 1);
		assert_true(link_queued(&p.server.link) > N / 2);
		p.client.pause_on_data = false;
		link_pause(&p.client.link, false);
		for (unsigned i = 0; i < 5000 && buf_len(&p.client.in) < N; i++)
			loop_turn(w->loop, 10);
		assert_true(bytes_eq(buf_bytes(&p.client.in), all));
		pair_close(&p);
	}
	free((void *)all.p);
}

/* The kernel is told of a pause when a byte comes in it, not before. */
static void a_short_pause_costs_nothing(void **state)
{
	struct world *w = *state;
	struct pair p;

	for (int is_tls = 0; is_tls < 2; is_tls++) {
		open_pair(w, &p, 4096, is_tls);
		pair_turns(w->loop, 5); /* tickets of TLS */
		link_pause(&p.client.link, true);
		assert_int_equal(p.client.link.watch.events, LOOP_READ);
		assert_int_equal(link_send(&p.server.link, BYTES("one")), 0);
		pair_turns(w->loop, 20);
		assert_int_equal(p.client.n_data, 0);
		assert_int_equal(p.client.link.watch.events, 0);
		link_pause(&p.client.link, false);
		for (unsigned i = 0; i < 100 && !buf_len(&p.client.in); i++)
			loop_turn(w->loop, 10);
		assert_true(bytes_eq_str(buf_bytes(&p.client.in), "one"));
		pair_close(&p);
	}
}

/* The last words arrive, and both sides call it an end in order. */
static void shutdown_says_all(void **state)
{
	struct world *w = *state;
	struct pair p;

	for (int is_tls = 0; is_tls < 2; is_tls++) {
		open_pair(w, &p, 4096, is_tls);
		assert_int_equal(link_send(&p.server.link, BYTES("</stream:stream>")), 0);
		link_shutdown(&p.server.link);
		assert_int_equal(link_send(&p.server.link, BYTES("late")), ERR_CLOSED);
		assert_true(pair_until(w->loop, &p.client.is_closed));
		assert_true(bytes_eq_str(buf_bytes(&p.client.in), "</stream:stream>"));
		assert_int_equal(p.client.why, 0);
		assert_true(pair_until(w->loop, &p.server.is_closed));
		assert_int_equal(p.server.why, ERR_CLOSED);
		pair_close(&p);
	}
}

/* An end of file inside TLS is not an end in order: somebody may have cut it. */
static void a_cut_is_no_end(void **state)
{
	struct world *w = *state;
	struct pair p;

	open_pair(w, &p, 4096, true);
	shutdown(p.server.link.watch.fd, SHUT_WR);
	assert_true(pair_until(w->loop, &p.client.is_closed));
	assert_int_equal(p.client.why, ERR_CONN_RESET);
	pair_close(&p);
}

/* One side has said all, and hears all the same: much more than the kernel takes at once, both ways. */
static void half_of_it_ends(void **state)
{
	enum { MUCH = 4 << 20 };
	struct world *w = *state;
	uint8_t *much = calloc(1, MUCH);
	struct pair p;

	for (int is_tls = 0; is_tls < 2; is_tls++) {
		open_pair(w, &p, 2 * MUCH, is_tls);
		p.client.link.owner = p.server.link.owner = &half_owner;
		assert_int_equal(link_send(&p.server.link, bytes_make(much, MUCH)), 0);
		link_end(&p.server.link);
		assert_int_equal(link_send(&p.server.link, BYTES("late")), ERR_CLOSED);
		assert_true(pair_until(w->loop, &p.client.has_ended));
		assert_int_equal(buf_len(&p.client.in), MUCH); /* before the end */
		pair_turns(w->loop, 20); /* it rests: nothing is to be read */
		assert_false(p.client.is_closed || p.server.is_closed || p.server.has_ended);
		assert_int_equal(link_send(&p.client.link, bytes_make(much, MUCH)), 0);
		link_pause(&p.client.link, true);
		link_pause(&p.client.link, false);
		pair_turns(w->loop, 3);
		link_end(&p.client.link);
		assert_true(pair_until(w->loop, &p.server.has_ended));
		assert_int_equal(buf_len(&p.server.in), MUCH);
		assert_false(p.client.is_closed || p.server.is_closed); /* whose they are closes them */
		link_shutdown(&p.client.link);
		assert_true(pair_until(w->loop, &p.client.is_closed));
		assert_int_equal(p.client.why, ERR_CLOSED);
		pair_close(&p);
	}
	free(much);
}

/* Who has ended may be away by now: sending finds out. */
static void half_of_it_ends_and_the_rest_is_cut(void **state)
{
	struct world *w = *state;
	struct pair p;

	open_pair(w, &p, 4096, false);
	p.client.link.owner = &half_owner;
	link_end(&p.server.link);
	assert_true(pair_until(w->loop, &p.client.has_ended));
	link_close(&p.server.link);
	assert_int_equal(link_send(&p.client.link, BYTES("anybody?")), 0);
	assert_true(pair_until(w->loop, &p.client.is_closed));
	assert_int_equal(p.client.why, ERR_CONN_RESET);
	pair_close(&p);
}

static void a_silent_peer_does_not_hold_shutdown(void **state)
{
	struct world *w = *state;
	struct pair p;

	open_pair(w, &p, 4096, false);
	link_pause(&p.client.link, true); /* never reads, never ends */
	uint64_t from = loop_now(w->loop);
	link_shutdown(&p.server.link);
	assert_true(pair_until(w->loop, &p.server.is_closed));
	assert_in_range(loop_now(w->loop) - from, 1900, 2500);
	pair_close(&p);
}

static void shutdown_during_a_handshake_ends(void **state)
{
	struct world *w = *state;
	struct pair p;

	open_pair(w, &p, 4096, false);
	assert_int_equal(link_start_tls(&p.server.link, tls_of(w, TLS_SERVER), 5000), 0);
	pair_turns(w->loop, 3);
	link_shutdown(&p.server.link);
	assert_true(pair_until(w->loop, &p.server.is_closed));
	assert_int_equal(p.server.why, ERR_CLOSED);
	pair_close(&p);
}

static void a_handshake_has_its_time(void **state)
{
	struct world *w = *state;
	struct pair p;

	open_pair(w, &p, 4096, false);
	assert_int_equal(link_start_tls(&p.server.link, tls_of(w, TLS_SERVER), 100), 0);
	assert_true(pair_until(w->loop, &p.server.is_closed));
	assert_int_equal(p.server.why, ERR_TIMEOUT);
	pair_close(&p);
}

static void garbage_instead_of_tls_is_an_error(void **state)
{
	struct world *w = *state;
	struct pair p;

	open_pair(w, &p, 4096, false);
	assert_int_equal(link_start_tls(&p.server.link, tls_of(w, TLS_SERVER), 5000), 0);
	assert_int_equal(link_send(&p.client.link, BYTES("GET / HTTP/1.0\r\n\r\n")), 0);
	assert_true(pair_until(w->loop, &p.server.is_closed));
	assert_int_equal(p.server.why, ERR_TLS);
	pair_close(&p);
}

/* <proceed/> goes in clear, what is put after it in TLS. */
static void clear_bytes_go_before_tls(void **state)
{
	struct world *w = *state;
	struct pair p;

	open_pair(w, &p, 4096, false);
	assert_int_equal(link_send(&p.server.link, BYTES("<proceed/>")), 0);
	assert_int_equal(link_start_tls(&p.server.link, tls_of(w, TLS_SERVER), 5000), 0);
	assert_int_equal(link_send(&p.server.link, BYTES("in TLS")), 0);
	pair_turns(w->loop, 3);
	assert_true(bytes_eq_str(buf_bytes(&p.client.in), "<proceed/>"));
	buf_clear(&p.client.in);
	assert_int_equal(link_start_tls(&p.client.link, tls_of(w, TLS_CLIENT), 5000), 0);
	assert_true(pair_until(w->loop, &p.client.is_secured));
	pair_turns(w->loop, 5);
	assert_true(bytes_eq_str(buf_bytes(&p.client.in), "in TLS"));
	pair_close(&p);
}

/* ---- connecting ---- */

static int listener(struct sockaddr_in *at)
{
	socklen_t n = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &n), 0);
	return fd;
}

static int connect_to(struct world *w, struct end *e, const struct sockaddr_in *to, const struct sockaddr_in *from)
{
	end_init(e);
	return link_connect(&e->link, w->loop, (const struct sockaddr *)to, sizeof *to, (const struct sockaddr *)from,
	                    from ? sizeof *from : 0, 1000, &end_owner, e, 4096);
}

static void connects_from_an_address(void **state)
{
	struct world *w = *state;
	struct sockaddr_in to, from = { .sin_family = AF_INET }, seen;
	socklen_t n = sizeof seen;
	struct end e;
	int fd = listener(&to);

	inet_pton(AF_INET, "127.0.0.9", &from.sin_addr);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(connect_to(w, &e, &to, &from), 0);
	assert_int_equal(link_send(&e.link, BYTES("early")), 0); /* waits for the connection */
	assert_true(pair_until(w->loop, &e.is_connected));
	int peer = accept(fd, (struct sockaddr *)&seen, &n);
	assert_true(peer >= 0);
	assert_int_equal(seen.sin_addr.s_addr, from.sin_addr.s_addr);
	pair_turns(w->loop, 3);
	char got[8] = "";
	assert_int_equal(read(peer, got, sizeof got), 5);
	close(peer);
	assert_true(pair_until(w->loop, &e.is_closed));
	assert_int_equal(e.why, 0);
	close(fd);
}

static void a_closed_port_refuses(void **state)
{
	struct world *w = *state;
	struct sockaddr_in to;
	struct end e;

	close(listener(&to));
	int rc = connect_to(w, &e, &to, NULL);
	if (!rc) {
		assert_true(pair_until(w->loop, &e.is_closed));
		rc = e.why;
	}
	assert_int_equal(rc, ERR_CONN_REFUSED);
}

static void a_foreign_source_address_cannot_begin(void **state)
{
	struct world *w = *state;
	struct sockaddr_in to, from = { .sin_family = AF_INET };
	struct end e;

	close(listener(&to));
	inet_pton(AF_INET, "192.0.2.1", &from.sin_addr);
	assert_int_equal(connect_to(w, &e, &to, &from), ERR_CONN_UNREACHABLE);
	link_close(&e.link); /* harmless */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(much_arrives_whole_in_clear),
		cmocka_unit_test(much_arrives_whole_in_tls),
		cmocka_unit_test(a_turn_is_one_write),
		cmocka_unit_test(an_overrun_closes),
		cmocka_unit_test(a_pause_holds_the_sender),
		cmocka_unit_test(a_short_pause_costs_nothing),
		cmocka_unit_test(shutdown_says_all),
		cmocka_unit_test(a_cut_is_no_end),
		cmocka_unit_test(half_of_it_ends),
		cmocka_unit_test(half_of_it_ends_and_the_rest_is_cut),
		cmocka_unit_test(a_silent_peer_does_not_hold_shutdown),
		cmocka_unit_test(shutdown_during_a_handshake_ends),
		cmocka_unit_test(a_handshake_has_its_time),
		cmocka_unit_test(garbage_instead_of_tls_is_an_error),
		cmocka_unit_test(clear_bytes_go_before_tls),
		cmocka_unit_test(connects_from_an_address),
		cmocka_unit_test(a_closed_port_refuses),
		cmocka_unit_test(a_foreign_source_address_cannot_begin),
	};

	return cmocka_run_group_tests(tests, up, down);
}
