#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "batch.h"

/* Batches over loopback sockets. */

enum { KERNEL_BYTES = 1 << 20, GOT_MAX = 600 };

struct world {
	struct loop *loop;
	struct batch *b;
	int a, z;
	struct stunaddr at_a, at_z;
	unsigned n;
	size_t sizes[GOT_MAX];
	uint8_t firsts[GOT_MAX];
	bool stops;
};

static int open_socket(struct stunaddr *at, bool is_prepared)
{
	const struct stunaddr wanted = { 4, 0, { 127, 0, 0, 1 } };
	union endpoint e;
	socklen_t n = endpoint_of(&wanted, &e);

	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, &e.any, n), 0);
	assert_int_equal(getsockname(fd, &e.any, &n), 0);
	endpoint_addr(&e, at);
	if (is_prepared)
		batch_prepare(fd, KERNEL_BYTES);
	return fd;
}

static void world_open(struct world *w)
{
	*w = (struct world){ .loop = loop_new(LOOP_LIBEVENT) };
	w->b = batch_new(w->loop);
	assert_non_null(w->b);
	w->a = open_socket(&w->at_a, false);
	w->z = open_socket(&w->at_z, true);
}

static void world_close(struct world *w)
{
	close(w->a);
	close(w->z);
	batch_free(w->b);
	loop_free(w->loop);
}

/* What the engine does to a packet: writes before and behind it. A neighbour must not notice. */
static bool on_packet(void *arg, int fd, const struct stunaddr *from, struct turn_packet *p)
{
	struct world *w = arg;

	assert_int_equal(fd, w->z);
	assert_true(stunaddr_eq(from, &w->at_a));
	assert_true(w->n < GOT_MAX);
	for (size_t i = 1; i < p->n; i++)
		assert_int_equal(p->p[i], p->p[0]);
	w->firsts[w->n] = p->n ? p->p[0] : 0;
	w->sizes[w->n++] = p->n;
	memset(p->p - TURN_HEADROOM, 0xee, TURN_HEADROOM);
	memset(p->p + p->n, 0xee, TURN_TAILROOM);
	return !w->stops;
}

static void receive_all(struct world *w)
{
	while (batch_receive(w->b, w->z, BATCH_READ_MAX, NULL, on_packet, w) && !w->stops)
		;
}

static void put(struct world *w, const struct stunaddr *to, uint8_t fill, size_t n)
{
	static uint8_t room[TURN_PACKET_MAX];

	memset(room, fill, n);
	batch_send(w->b, w->a, to, bytes_make(room, n), false);
}

/* One size to one destination: one message of the kernel, and its own boundaries on the other side. */
static void test_run_goes_as_one(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	for (uint8_t i = 1; i <= 20; i++)
		put(&w, &w.at_z, i, 160);
	put(&w, &w.at_z, 21, 40); /* the last may be shorter */
	put(&w, &w.at_z, 22, 160);
	batch_flush(w.b);
	assert_int_equal(batch_stats(w.b)[BATCH_WRITES], 1);
	assert_int_equal(batch_stats(w.b)[BATCH_SEGMENTED], 1);
	assert_int_equal(batch_stats(w.b)[BATCH_OUT], 22);
	receive_all(&w);
	assert_int_equal(w.n, 22);
	assert_true(batch_stats(w.b)[BATCH_READS] <= 2); /* joined (UDP_GRO) */
	for (unsigned i = 0; i < 22; i++) {
		assert_int_equal(w.sizes[i], i == 20 ? 40 : 160);
		assert_int_equal(w.firsts[i], i + 1);
	}
	world_close(&w);
}

static void test_sizes_that_differ(void **state)
{
	static const size_t sizes[] = { 100, 200, 200, 50, 0, 60, 1400, 1400, 9000, 9000, 1 };
	struct world w;

	(void)state;
	world_open(&w);
	for (uint8_t i = 0; i < 11; i++)
		put(&w, &w.at_z, (uint8_t)(i + 1), sizes[i]);
	batch_flush(w.b);
	receive_all(&w);
	assert_int_equal(w.n, 11);
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(w.sizes[i], sizes[i]);
	world_close(&w);
}

/* More than the queue and the copies hold: nothing is lost or out of order. */
static void test_many(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 190; i++)
			put(&w, &w.at_z, (uint8_t)i, 900 + round);
	batch_flush(w.b);
	receive_all(&w);
	unsigned missing = 3 * 190 - w.n;
	assert_int_equal(missing, batch_stats(w.b)[BATCH_BLOCKED]); /* what the kernel had no room for is counted */
	for (unsigned i = 0; i < w.n && !missing; i++)
		assert_int_equal(w.firsts[i], (uint8_t)(i % 190));
	world_close(&w);
}

/* A packet that came is sent on without a copy, with a header in front: its neighbours stay whole. */
static bool forward(void *arg, int fd, const struct stunaddr *from, struct turn_packet *p)
{
	struct world *w = arg;

	(void)from;
	memcpy(p->p - 4, "\x40\x00\x00\xa0", 4);
	batch_send(w->b, fd, &w->at_a, bytes_make(p->p - 4, p->n + 4), false);
	return true;
}

static void test_forwarded_in_place(void **state)
{
	struct world w;
	uint8_t got[256];

	(void)state;
	world_open(&w);
	for (uint8_t i = 1; i <= 30; i++)
		put(&w, &w.at_z, i, 160);
	batch_flush(w.b);
	(void)batch_receive(w.b, w.z, BATCH_READ_MAX, NULL, forward, &w);
	batch_flush(w.b);
	for (unsigned i = 1; i <= 30; i++) {
		assert_int_equal(recv(w.a, got, sizeof got, 0), 164);
		for (unsigned k = 4; k < 164; k++)
			assert_int_equal(got[k], i);
	}
	world_close(&w);
}

static void test_stops_when_told(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	for (uint8_t i = 1; i <= 5; i++)
		put(&w, &w.at_z, i, 100);
	batch_flush(w.b);
	w.stops = true;
	receive_all(&w);
	assert_int_equal(w.n, 1);
	world_close(&w);
}

/* Sends by themselves at the end of the turn. */
static void test_end_of_turn(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	put(&w, &w.at_z, 7, 30);
	receive_all(&w);
	assert_int_equal(w.n, 0);
	loop_turn(w.loop, 0);
	receive_all(&w);
	assert_int_equal(w.n, 1);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_goes_as_one), cmocka_unit_test(test_sizes_that_differ), cmocka_unit_test(test_many),
		cmocka_unit_test(test_forwarded_in_place), cmocka_unit_test(test_stops_when_told), cmocka_unit_test(test_end_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
