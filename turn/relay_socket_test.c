#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "relay_socket.h"

/* Relayed sockets on loopback, with a fake of the engine. */

struct world {
	struct loop *loop;
	struct batch *batch;
	struct relays *relays;
	struct turn_relay *to_close; /* by the first datagram: as the engine may */
	void *owner;
	unsigned peers, icmps, bytes;
	uint8_t icmp_type;
	struct stunaddr icmp_peer;
};

static void on_peer(void *arg, void *owner, struct turn_relay *r, const struct stunaddr *from, struct turn_packet *p)
{
	struct world *w = arg;

	w->owner = owner;
	w->peers++;
	w->bytes += (unsigned)p->n;
	assert_int_equal(from->family, r->at.family);
	memset(p->p - TURN_HEADROOM, 0xee, TURN_HEADROOM); /* it is ours to write */
	memset(p->p + p->n, 0xee, TURN_TAILROOM);
	if (w->to_close)
		relays_close(w->relays, w->to_close);
}

static void on_icmp(void *arg, void *owner, const struct stunaddr *peer, uint8_t type, uint8_t code, uint32_t data)
{
	struct world *w = arg;

	(void)code, (void)data;
	w->owner = owner;
	w->icmps++;
	w->icmp_type = type;
	w->icmp_peer = *peer;
}

static const struct relays_hooks hooks = { .peer = on_peer, .icmp = on_icmp };

static void set_range(struct world *w, uint16_t min, uint16_t max)
{
	const struct relays_conf c = { .at = { { 4, 0, { 127, 0, 0, 1 } }, { 6, 0, { [15] = 1 } } }, .port_min = min, .port_max = max, .kernel_bytes = 65536 };

	relays_set(w->relays, &c);
}

static void world_open(struct world *w)
{
	*w = (struct world){ .loop = loop_new(LOOP_LIBEVENT) };
	w->batch = batch_new(w->loop);
	w->relays = relays_new(w->loop, w->batch, &hooks, w);
	assert_non_null(w->relays);
	set_range(w, 41000, 41999);
}

static void world_close(struct world *w)
{
	relays_free(w->relays);
	batch_free(w->batch);
	loop_free(w->loop);
}

static int any(struct world *w, struct turn_relay *r, void *owner)
{
	return relays_open(w->relays, 4, false, TURN_PORT_ANY, r, NULL, owner ? owner : w);
}

static void turns(struct world *w)
{
	for (int i = 0; i < 5; i++)
		loop_turn(w->loop, 20);
}

static void test_random_in_range(void **state)
{
	struct world w;
	struct turn_relay r[40];
	unsigned rising = 0;

	(void)state;
	world_open(&w);
	for (size_t i = 0; i < 40; i++) {
		assert_int_equal(any(&w, &r[i], NULL), 0);
		assert_in_range(r[i].at.port, 41000, 41999);
		rising += i && r[i].at.port == r[i - 1].at.port + 1;
	}
	assert_true(rising < 5); /* drawn, not counted */
	assert_int_equal(relays_used(w.relays), 40);
	for (size_t i = 0; i < 40; i++)
		relays_close(w.relays, &r[i]);
	world_close(&w);
}

/* Who has a port of this worker: for clients of one relay. */
static void test_owner_of_a_port(void **state)
{
	struct world w;
	struct turn_relay r, pair;
	int one, other;

	(void)state;
	world_open(&w);
	assert_int_equal(relays_open(w.relays, 4, false, TURN_PORT_EVEN_PAIR, &r, &pair, &one), 0);
	assert_ptr_equal(relays_owner(w.relays, 4, r.at.port), &one);
	assert_null(relays_owner(w.relays, 6, r.at.port));
	assert_null(relays_owner(w.relays, 4, pair.at.port)); /* reserved: nobody's yet */
	assert_int_equal(relays_adopt(w.relays, &pair, &other), 0);
	assert_int_equal(relays_adopt(w.relays, &pair, &other), 0);
	assert_ptr_equal(relays_owner(w.relays, 4, pair.at.port), &other);
	relays_close(w.relays, &r);
	assert_null(relays_owner(w.relays, 4, r.at.port));
	int fd = pair.fd;
	relays_release(w.relays, &pair);
	assert_null(relays_owner(w.relays, 4, pair.at.port));
	(void)close(fd);
	assert_int_equal(relays_open(w.relays, 4, true, TURN_PORT_ANY, &r, NULL, &one), 0);
	assert_null(relays_owner(w.relays, 4, r.at.port)); /* TCP */
	relays_close(w.relays, &r);
	world_close(&w);
}

/* turn.md 4, 5: a pool that loses ports is dead after a while. */
static void test_pool_keeps_its_size(void **state)
{
	struct world w;
	struct turn_relay r, pair;

	(void)state;
	world_open(&w);
	set_range(&w, 41000, 41009);
	for (int i = 0; i < 200; i++) {
		enum turn_port_want want = (enum turn_port_want)(i % 3);
		assert_int_equal(relays_open(w.relays, 4, false, want, &r, &pair, &w), 0);
		assert_int_equal(relays_used(w.relays), want == TURN_PORT_EVEN_PAIR ? 2 : 1);
		assert_int_equal(relays_held(w.relays), relays_used(w.relays));
		relays_close(w.relays, &r);
		relays_close(w.relays, &r); /* harmless */
		if (want == TURN_PORT_EVEN_PAIR)
			relays_close(w.relays, &pair);
	}
	assert_int_equal(relays_used(w.relays), 0);
	assert_int_equal(relays_held(w.relays), 0);
	world_close(&w);
}

static void test_full(void **state)
{
	struct world w;
	struct turn_relay r[2], extra;

	(void)state;
	world_open(&w);
	set_range(&w, 41100, 41101);
	assert_int_equal(any(&w, &r[0], NULL), 0);
	assert_int_equal(any(&w, &r[1], NULL), 0);
	assert_int_equal(any(&w, &extra, NULL), ERR_FULL);
	relays_close(w.relays, &r[1]);
	assert_int_equal(any(&w, &r[1], NULL), 0);
	relays_close(w.relays, &r[0]);
	relays_close(w.relays, &r[1]);
	assert_int_equal(relays_held(w.relays), 0);
	world_close(&w);
}

static void test_even_and_pair(void **state)
{
	struct world w;
	struct turn_relay r, pair;

	(void)state;
	world_open(&w);
	set_range(&w, 41201, 41205);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(relays_open(w.relays, 4, false, TURN_PORT_EVEN, &r, NULL, &w), 0);
		assert_int_equal(r.at.port % 2, 0);
		relays_close(w.relays, &r);
		assert_int_equal(relays_open(w.relays, 4, false, TURN_PORT_EVEN_PAIR, &r, &pair, &w), 0);
		assert_int_equal(r.at.port % 2, 0);
		assert_int_equal(pair.at.port, r.at.port + 1);
		assert_in_range(pair.at.port, 41201, 41205);
		relays_close(w.relays, &r);
		relays_close(w.relays, &pair);
	}
	world_close(&w);
}

/* A pair whose second port is another's fails as a whole, and loses nothing. */
static void test_pair_is_both_or_none(void **state)
{
	struct world w;
	struct turn_relay odd = { .fd = -1 }, r, pair;

	(void)state;
	world_open(&w);
	set_range(&w, 41211, 41211);
	assert_int_equal(any(&w, &odd, NULL), 0);
	set_range(&w, 41210, 41211);
	assert_int_equal(relays_open(w.relays, 4, false, TURN_PORT_EVEN_PAIR, &r, &pair, &w), ERR_FULL);
	assert_int_equal(relays_used(w.relays), 1);
	relays_close(w.relays, &odd);
	world_close(&w);
}

static void test_no_such_family(void **state)
{
	struct world w;
	struct turn_relay r;
	const struct relays_conf c = { .at = { { 4, 0, { 127, 0, 0, 1 } } }, .port_min = 41000, .port_max = 41999 };

	(void)state;
	world_open(&w);
	relays_set(w.relays, &c);
	assert_int_equal(relays_open(w.relays, 6, false, TURN_PORT_ANY, &r, NULL, &w), ERR_NOT_FOUND);
	world_close(&w);
}

static void test_datagrams_both_ways(void **state)
{
	struct world w;
	struct turn_relay a, b;
	int owner_a, owner_b;

	(void)state;
	world_open(&w);
	assert_int_equal(any(&w, &a, &owner_a), 0);
	assert_int_equal(any(&w, &b, &owner_b), 0);
	for (int i = 0; i < 20; i++)
		batch_send(w.batch, a.fd, &b.at, BYTES("hello"), false);
	batch_flush(w.batch);
	turns(&w);
	assert_int_equal(w.peers, 20);
	assert_int_equal(w.bytes, 100);
	assert_ptr_equal(w.owner, &owner_b);
	relays_close(w.relays, &a);
	relays_close(w.relays, &b);
	world_close(&w);
}

static void test_closed_in_the_middle(void **state)
{
	struct world w;
	struct turn_relay a, b;

	(void)state;
	world_open(&w);
	assert_int_equal(any(&w, &a, NULL), 0);
	assert_int_equal(any(&w, &b, NULL), 0);
	for (int i = 0; i < 5; i++)
		batch_send(w.batch, a.fd, &b.at, BYTES("x"), false);
	batch_flush(w.batch);
	w.to_close = &b;
	turns(&w);
	assert_int_equal(w.peers, 1);
	assert_int_equal(b.fd, -1);
	relays_close(w.relays, &a);
	world_close(&w);
}

static void test_icmp_comes_back(void **state)
{
	struct world w;
	struct turn_relay a, gone;
	int owner;

	(void)state;
	world_open(&w);
	assert_int_equal(any(&w, &a, &owner), 0);
	assert_int_equal(any(&w, &gone, NULL), 0);
	struct stunaddr nobody = gone.at;
	relays_close(w.relays, &gone);
	batch_send(w.batch, a.fd, &nobody, BYTES("x"), false);
	batch_flush(w.batch);
	turns(&w);
	assert_int_equal(w.icmps, 1);
	assert_int_equal(w.icmp_type, 3); /* unreachable */
	assert_ptr_equal(w.owner, &owner);
	assert_true(stunaddr_eq(&w.icmp_peer, &nobody));
	relays_close(w.relays, &a);
	world_close(&w);
}

/* To another worker and back: counts follow. */
static void test_release_and_adopt(void **state)
{
	struct world w;
	struct turn_relay a, moved;
	int owner;

	(void)state;
	world_open(&w);
	assert_int_equal(any(&w, &a, NULL), 0);
	moved = a;
	relays_release(w.relays, &a);
	assert_int_equal(a.fd, -1);
	assert_int_equal(relays_used(w.relays), 0);
	assert_int_equal(relays_adopt(w.relays, &moved, NULL), 0); /* reserved: nobody is told */
	assert_int_equal(relays_used(w.relays), 1);
	batch_send(w.batch, moved.fd, &moved.at, BYTES("early"), false);
	turns(&w);
	assert_int_equal(w.peers, 0);
	assert_int_equal(relays_adopt(w.relays, &moved, &owner), 0);
	batch_send(w.batch, moved.fd, &moved.at, BYTES("self"), false);
	batch_flush(w.batch);
	turns(&w);
	assert_ptr_equal(w.owner, &owner);
	relays_close(w.relays, &moved);
	assert_int_equal(relays_held(w.relays), 0);
	world_close(&w);
}

/* Others send faster than the worker reads; what is lost so is seen with the next datagram that is not. */
static void test_kernel_drops_are_seen(void **state)
{
	static const uint8_t large[1000];
	struct turn_relay r, sender;
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(any(&w, &r, NULL), 0);
	assert_int_equal(any(&w, &sender, NULL), 0);
	for (int i = 0; i < 500; i++) {
		batch_send(w.batch, sender.fd, &r.at, bytes_make(large, sizeof large), false);
		batch_flush(w.batch);
	}
	for (int i = 0; i < 10; i++)
		turns(&w);
	assert_int_equal(batch_stats(w.batch)[BATCH_KERNEL_DROPS], 0);
	batch_send(w.batch, sender.fd, &r.at, BYTES("one more"), false);
	turns(&w);
	assert_in_range(w.peers, 10, 499);
	assert_int_equal(batch_stats(w.batch)[BATCH_KERNEL_DROPS], 501 - w.peers);
	relays_close(w.relays, &r);
	relays_close(w.relays, &sender);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_in_range),     cmocka_unit_test(test_owner_of_a_port), cmocka_unit_test(test_pool_keeps_its_size),
		cmocka_unit_test(test_full),                cmocka_unit_test(test_even_and_pair),
		cmocka_unit_test(test_pair_is_both_or_none), cmocka_unit_test(test_no_such_family),
		cmocka_unit_test(test_datagrams_both_ways), cmocka_unit_test(test_closed_in_the_middle),
		cmocka_unit_test(test_icmp_comes_back),     cmocka_unit_test(test_release_and_adopt),
		cmocka_unit_test(test_kernel_drops_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
