#include "run/bus.h"

#include "base/err.h"
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Two ends in one process: gh-switch here, gh-s2s there. */
struct end {
	struct bus *bus;
	unsigned frames, ups, downs, bad, pressed, released;
	uint64_t sum;
	size_t bytes;
	int last_fd;
};
struct world {
	struct loop *loop;
	struct end a, b;
	int raw; /* the b side when it is driven by hand */
};

static int on_done(void *program, struct chan *from, const struct frame *f)
{
	struct end *e = program;
	struct wire w = wire_of(f->body);
	uint64_t id = wire_u64(&w);

	(void)from;
	(void)wire_u32(&w);
	if (wire_end(&w))
		return wire_end(&w);
	e->frames++;
	e->sum += id;
	return 0;
}

static int on_route(void *program, struct chan *from, const struct frame *f)
{
	struct end *e = program;

	(void)from;
	e->frames++;
	e->bytes += f->body.n;
	return 0;
}

static int on_listener(void *program, struct chan *from, const struct frame *f)
{
	struct end *e = program;

	(void)from;
	e->frames++;
	e->last_fd = f->fd;
	return 0;
}

static const struct bus_handler handlers[] = { { MSG_ROUTE_DONE, on_done }, { MSG_ROUTE, on_route }, { MSG_LISTENER, on_listener } };

static void on_up(void *program, struct chan *c)
{
	(void)c;
	((struct end *)program)->ups++;
}
static void on_down(void *program, struct chan *c)
{
	(void)c;
	((struct end *)program)->downs++;
}
static void on_bad(void *program, enum prog peer, unsigned instance)
{
	(void)peer;
	(void)instance;
	((struct end *)program)->bad++;
}
static void on_pressure(void *program, struct chan *c, bool is_full)
{
	struct end *e = program;

	(void)c;
	*(is_full ? &e->pressed : &e->released) += 1;
}

static struct bus *make(struct world *w, enum prog self, struct end *e)
{
	struct bus_hooks hooks = { .program = e, .handlers = handlers, .n_handlers = 3, .up = on_up,
				   .down = on_down, .pressure = on_pressure, .bad_peer = on_bad };

	e->last_fd = -1;
	e->bus = bus_new(w->loop, self, 0, &hooks);
	assert_non_null(e->bus);
	return e->bus;
}

static struct world *world_new(bool is_raw)
{
	struct world *w = test_calloc(1, sizeof *w);
	int fds[2];

	w->loop = loop_new(LOOP_FAKE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(bus_attach(make(w, PROG_SWITCH, &w->a), PROG_S2S, 0, fds[0]), 0);
	w->raw = fds[1];
	if (!is_raw) {
		assert_int_equal(bus_attach(make(w, PROG_S2S, &w->b), PROG_SWITCH, 0, fds[1]), 0);
		w->raw = -1;
	}
	return w;
}

static void world_free(struct world *w)
{
	bus_free(w->a.bus);
	bus_free(w->b.bus);
	loop_free(w->loop);
	if (w->raw >= 0)
		close(w->raw);
	test_free(w);
}

static void turns(struct world *w, int n)
{
	for (int i = 0; i < n; i++)
		loop_turn(w->loop, 0);
}

static int send_done(struct end *e, enum prog to, uint64_t id)
{
	struct chan *c = bus_chan(e->bus, to, 0);
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, 0);
	return chan_end(c);
}

static void frames_arrive_in_order_and_whole(void **state)
{
	struct world *w = world_new(false);

	(void)state;
	assert_int_equal(w->a.ups, 1);
	for (uint64_t i = 1; i <= 100000; i++)
		assert_int_equal(send_done(&w->a, PROG_S2S, i), 0);
	turns(w, 200);
	assert_int_equal(w->b.frames, 100000);
	assert_true(w->b.sum == 100000ull * 100001 / 2);
	assert_int_equal(chan_pending(bus_chan(w->a.bus, PROG_S2S, 0)), 0);
	world_free(w);
}

static void large_frames_come_in_pieces(void **state)
{
	struct world *w = world_new(false);
	struct chan *c = bus_chan(w->a.bus, PROG_S2S, 0);
	static uint8_t block[5 << 20];

	(void)state;
	for (int i = 0; i < 3; i++) {
		buf_put(chan_begin(c, MSG_ROUTE, 0), block, sizeof block);
		assert_int_equal(chan_end(c), 0);
		assert_int_equal(send_done(&w->a, PROG_S2S, 1), 0);
	}
	turns(w, 1000);
	assert_int_equal(w->b.frames, 6);
	assert_int_equal(w->b.bytes, 3 * sizeof block);
	assert_int_equal(w->a.pressed, 1);
	assert_int_equal(w->a.released, 1);
	world_free(w);
}

static void a_frame_over_the_limit_is_not_queued(void **state)
{
	struct world *w = world_new(false);
	struct chan *c = bus_chan(w->a.bus, PROG_S2S, 0);
	static uint8_t block[BUS_FRAME_MAX];

	(void)state;
	assert_int_equal(send_done(&w->a, PROG_S2S, 5), 0);
	buf_put(chan_begin(c, MSG_ROUTE, 0), block, sizeof block);
	assert_int_equal(chan_end(c), ERR_LIMIT);
	turns(w, 5);
	assert_int_equal(w->b.frames, 1);
	assert_int_equal(w->b.sum, 5);
	assert_int_equal(w->b.bad, 0);
	world_free(w);
}

/* gh-s2s may not send LISTENER, and nobody may send what has no row. */
static void a_message_outside_its_row_ends_the_sender(void **state)
{
	static const uint16_t types[] = { MSG_LISTENER, MSG_STOP, MSG_COUNT, 0xffff };

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct world *w = world_new(true);
		uint8_t frame[] = { 0, 0, 0, 6, (uint8_t)(types[i] >> 8), (uint8_t)types[i], 0, 0, 0, 0 };
		assert_int_equal(write(w->raw, frame, sizeof frame), (ssize_t)sizeof frame);
		turns(w, 3);
		assert_int_equal(w->a.bad, 1);
		assert_int_equal(w->a.downs, 1);
		assert_null(bus_chan(w->a.bus, PROG_S2S, 0));
		world_free(w);
	}
}

static void a_body_that_does_not_decode_ends_the_sender(void **state)
{
	struct world *w = world_new(true);
	uint8_t frame[] = { 0, 0, 0, 9, 0, MSG_ROUTE_DONE, 0, 0, 0, 0, 1, 2, 3 };

	(void)state;
	assert_int_equal(write(w->raw, frame, sizeof frame), (ssize_t)sizeof frame);
	turns(w, 3);
	assert_int_equal(w->a.bad, 1);
	world_free(w);
}

static void lengths_that_lie_end_the_sender(void **state)
{
	static const uint8_t heads[][10] = { { 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 },
					     { 0, 0, 0, 5, 0, 1, 0, 0, 0, 0 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct world *w = world_new(true);
		assert_int_equal(write(w->raw, heads[i], 10), 10);
		turns(w, 3);
		assert_int_equal(w->a.bad, 1);
		world_free(w);
	}
}

static void death_of_a_peer_is_told_and_sending_to_it_fails(void **state)
{
	struct world *w = world_new(true);
	int fds[2];

	(void)state;
	close(w->raw);
	w->raw = -1;
	turns(w, 3);
	assert_int_equal(w->a.downs, 1);
	assert_int_equal(w->a.bad, 0);
	assert_int_equal(send_done(&w->a, PROG_S2S, 1), ERR_CLOSED);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(bus_attach(w->a.bus, PROG_S2S, 0, fds[0]), 0);
	assert_int_equal(w->a.ups, 2);
	assert_int_equal(send_done(&w->a, PROG_S2S, 1), 0);
	w->raw = fds[1];
	world_free(w);
}

/* gh-super hands descriptors to gh-switch; each comes with its own frame. */
static void descriptors_ride_with_their_frames(void **state)
{
	struct world *w = world_new(true);
	struct end boss = { 0 };
	int fds[2], pipes[2];
	char byte = 0;

	(void)state;
	make(w, PROG_SUPER, &boss);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(bus_attach(boss.bus, PROG_SWITCH, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w->a.bus, PROG_SUPER, 0, fds[1]), 0);
	struct chan *c = bus_chan(boss.bus, PROG_SWITCH, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe(pipes), 0);
		assert_int_equal(write(pipes[1], i == 2 ? "z" : "a", 1), 1);
		close(pipes[1]);
		if (w->a.last_fd >= 0)
			close(w->a.last_fd);
		chan_begin(c, MSG_LISTENER, 0);
		assert_int_equal(chan_end_fd(c, pipes[0], true), 0);
		turns(w, 3);
	}
	assert_int_equal(w->a.frames, 3);
	assert_int_equal(read(w->a.last_fd, &byte, 1), 1);
	assert_int_equal(byte, 'z');
	close(w->a.last_fd);
	bus_free(boss.bus);
	world_free(w);
}

static void a_paused_channel_waits(void **state)
{
	struct world *w = world_new(false);
	struct chan *c = bus_chan(w->b.bus, PROG_SWITCH, 0);

	(void)state;
	chan_pause(c, true);
	assert_int_equal(send_done(&w->a, PROG_S2S, 1), 0);
	turns(w, 5);
	assert_int_equal(w->b.frames, 0);
	chan_pause(c, false);
	turns(w, 5);
	assert_int_equal(w->b.frames, 1);
	world_free(w);
}

static void the_hub_stands_between_door_and_core(void **state)
{
	(void)state;
	assert_true(msg_are_peers(PROG_S2S, PROG_SWITCH));
	assert_true(msg_are_peers(PROG_SWITCH, PROG_IM));
	assert_true(msg_are_peers(PROG_ACCESS, PROG_IM));
	assert_true(msg_are_peers(PROG_KEYS, PROG_ACCESS));
	assert_true(msg_are_peers(PROG_CONF, PROG_STORE));
	assert_false(msg_are_peers(PROG_S2S, PROG_IM));
	assert_false(msg_are_peers(PROG_ACCESS, PROG_STORE));
	assert_false(msg_are_peers(PROG_S2S, PROG_STORE));
	assert_false(msg_are_peers(PROG_KEYS, PROG_IM));
	assert_false(msg_are_peers(PROG_ACCESS, PROG_ACCESS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_in_order_and_whole),
		cmocka_unit_test(large_frames_come_in_pieces),
		cmocka_unit_test(a_frame_over_the_limit_is_not_queued),
		cmocka_unit_test(a_message_outside_its_row_ends_the_sender),
		cmocka_unit_test(a_body_that_does_not_decode_ends_the_sender),
		cmocka_unit_test(lengths_that_lie_end_the_sender),
		cmocka_unit_test(death_of_a_peer_is_told_and_sending_to_it_fails),
		cmocka_unit_test(descriptors_ride_with_their_frames),
		cmocka_unit_test(a_paused_channel_waits),
		cmocka_unit_test(the_hub_stands_between_door_and_core),
	};

	log_open("bus_test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
