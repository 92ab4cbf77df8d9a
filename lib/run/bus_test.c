#include "run/bus.h"

#include "run/bus_impl.h"

#include "base/err.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* One program on the bus, and what it was told. */
struct party {
	struct bus *bus;
	unsigned ups, downs, frames, fds, full, drained, bad;
	enum prog bad_prog;
	uint32_t last_id;
	uint64_t sum;
	size_t last_len;
	bool refuses, pauses, drops_sender;
};

static int on_frame(void *program, struct chan *from, const struct frame *f)
{
	struct party *p = program;

	p->frames++;
	p->last_id = f->id;
	p->last_len = f->body.n;
	for (size_t i = 0; i < f->body.n && i < 16; i++)
		p->sum = p->sum * 31 + f->body.p[i];
	if (f->fd >= 0) {
		p->fds++;
		assert_true(fcntl(f->fd, F_GETFD) & FD_CLOEXEC);
		close(f->fd);
	}
	if (p->pauses)
		chan_pause(from, true);
	return p->refuses ? ERR_SYNTAX : 0;
}

static void on_up(void *program, struct chan *c)
{
	(void)c;
	((struct party *)program)->ups++;
}

static void on_down(void *program, struct chan *c)
{
	struct party *p = program;

	p->downs++;
	assert_true(bus_chan(p->bus, chan_prog(c), chan_instance(c)) != c);
	assert_null(chan_user(c));
	assert_int_equal(chan_end(c), ERR_CLOSED);
}

static void on_pressure(void *program, struct chan *c, bool is_full)
{
	struct party *p = program;

	if (is_full) {
		p->full++;
		assert_true(chan_pending(c) > BUS_LOW_WATER);
	} else {
		p->drained++;
	}
}

static void on_bad(void *program, enum prog peer, unsigned instance)
{
	struct party *p = program;

	assert_int_equal(instance, 0);
	p->bad++;
	p->bad_prog = peer;
}

static const struct bus_handler handlers[] = {
	{ MSG_ROUTE, on_frame }, { MSG_ROUTE_DONE, on_frame }, { MSG_CHANNEL, on_frame },
	{ MSG_KEY_SIGN, on_frame }, { MSG_STOP, on_frame },
};

struct play {
	struct loop *loop;
	struct party a, b;
	struct chan *ab, *ba;
	int fds[2]; /* the two ends, as long as the buses have them */
};

static void party_init(struct party *p, struct loop *l, enum prog self)
{
	struct bus_hooks hooks = {
		.program = p,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.up = on_up,
		.down = on_down,
		.pressure = on_pressure,
		.bad_peer = on_bad,
	};
	*p = (struct party){ .bus = bus_new(l, self, 0, &hooks) };
	assert_non_null(p->bus);
}

static void play_open(struct play *y, enum prog a, enum prog b)
{
	y->loop = loop_new(LOOP_FAKE);
	party_init(&y->a, y->loop, a);
	party_init(&y->b, y->loop, b);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, y->fds), 0);
	assert_int_equal(bus_attach(y->a.bus, b, 0, y->fds[0]), 0);
	assert_int_equal(bus_attach(y->b.bus, a, 0, y->fds[1]), 0);
	y->ab = bus_chan(y->a.bus, b, 0);
	y->ba = bus_chan(y->b.bus, a, 0);
}

static void play_close(struct play *y)
{
	bus_free(y->a.bus);
	bus_free(y->b.bus);
	loop_free(y->loop);
}

static void put(struct chan *c, enum msg type, uint32_t id, size_t n)
{
	struct buf *b = chan_begin(c, type, id);

	for (size_t i = 0; i < n; i++)
		buf_put_u8(b, (uint8_t)i);
	assert_int_equal(chan_end(c), 0);
}

static void test_batch(void **state)
{
	struct play y;
	int waiting = -1;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	for (uint32_t i = 1; i <= 100; i++)
		put(y.ab, MSG_ROUTE, i, 20);
	assert_int_equal(ioctl(y.fds[1], FIONREAD, &waiting), 0);
	assert_int_equal(waiting, 0); /* nothing leaves before the end of the turn */
	loop_turn(y.loop, 0);
	assert_int_equal(chan_pending(y.ab), 0);
	loop_turn(y.loop, 0); /* one read brings all */
	assert_int_equal(y.b.frames, 100);
	assert_int_equal(y.b.last_id, 100);
	assert_int_equal(y.b.last_len, 20);
	assert_null(y.ab->out.p); /* idle channels hold no buffers */
	assert_null(y.ba->in.p);
	loop_fake_advance(y.loop, BUS_SPARE_MS);
	assert_int_equal(y.a.bus->n_spare, 0);
	play_close(&y);
}

static void test_both_ways(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	for (uint32_t i = 1; i <= 50; i++) {
		put(y.ab, MSG_ROUTE, i, i);
		put(y.ba, MSG_ROUTE_DONE, i, 12);
	}
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.a.frames, 50);
	assert_int_equal(y.b.frames, 50);
	assert_int_equal(y.a.ups + y.b.ups, 2);
	play_close(&y);
}

static void test_large_frames(void **state)
{
	struct play y;
	struct buf *b;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	put(y.ab, MSG_ROUTE, 1, 3);
	put(y.ab, MSG_ROUTE, 2, 5 << 20);
	put(y.ab, MSG_ROUTE, 3, 0);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, 3);
	assert_int_equal(y.b.last_id, 3);
	b = chan_begin(y.ab, MSG_ROUTE, 4);
	for (size_t i = 0; i < BUS_FRAME_MAX / 4096 + 1; i++)
		buf_put(b, (char[4096]){ 0 }, 4096);
	assert_int_equal(chan_end(y.ab), ERR_LIMIT);
	put(y.ab, MSG_ROUTE, 5, 10); /* the refused one left no trace */
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, 4);
	assert_int_equal(y.b.last_len, 10);
	play_close(&y);
}

/* Frames cut anywhere: one byte at a time. */
static void test_torn_frames(void **state)
{
	struct loop *l = loop_new(LOOP_FAKE);
	struct party p;
	struct buf raw;
	int fds[2];

	(void)state;
	party_init(&p, l, PROG_IM);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(bus_attach(p.bus, PROG_SWITCH, 0, fds[0]), 0);
	buf_init(&raw, 1000);
	for (uint32_t i = 1; i <= 3; i++) {
		size_t at = buf_len(&raw);
		bus_frame_begin(&raw, MSG_ROUTE, i);
		buf_put(&raw, "hello", i);
		bus_frame_end(&raw, at);
	}
	for (size_t i = 0; i < buf_len(&raw); i++) {
		assert_int_equal(write(fds[1], buf_bytes(&raw).p + i, 1), 1);
		loop_turn(l, 0);
	}
	assert_int_equal(p.frames, 3);
	assert_int_equal(p.last_len, 3);
	buf_fini(&raw);
	close(fds[1]);
	bus_free(p.bus);
	loop_free(l);
}

static void test_descriptors(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SUPER, PROG_IM);
	for (uint32_t i = 1; i <= 100; i++) {
		wire_put_u8(chan_begin(y.ab, MSG_CHANNEL, 0), 0);
		assert_int_equal(chan_end_fd(y.ab, dup(0), true), 0);
		put(y.ab, MSG_STOP, i, 2000);
	}
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.fds, 100);
	assert_int_equal(y.b.frames, 200);
	assert_int_equal(y.b.downs + y.b.bad, 0);
	assert_int_equal(y.ab->n_fds, 0);
	play_close(&y);
}

static void test_descriptor_missing(void **state)
{
	struct play y;
	struct buf raw;

	(void)state;
	play_open(&y, PROG_SUPER, PROG_IM);
	(void)chan_begin(y.ab, MSG_CHANNEL, 0);
	assert_int_equal(chan_end(y.ab), ERR_BAD_STATE); /* our bus does not send such a frame */
	buf_init(&raw, 100);
	bus_frame_begin(&raw, MSG_CHANNEL, 0);
	bus_frame_end(&raw, 0);
	assert_int_equal(write(y.fds[0], buf_bytes(&raw).p, buf_len(&raw)), buf_len(&raw));
	buf_fini(&raw);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.bad, 1);
	assert_int_equal(y.b.frames, 0);
	play_close(&y);
}

/* A descriptor from anybody but gh-super is an offence. */
static void test_descriptor_smuggled(void **state)
{
	struct play y;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (char *)"\0", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof control };

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	memset(CMSG_DATA(&control.head), 0, sizeof(int)); /* descriptor 0 */
	assert_int_equal(sendmsg(y.fds[0], &m, 0), 1);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.bad, 1);
	assert_int_equal(y.b.frames, 0);
	play_close(&y);
}

static void test_illegal_message(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	put(y.ab, MSG_ROUTE, 1, 5);
	put(y.ab, MSG_KEY_SIGN, 2, 5); /* gh-switch may not send it */
	put(y.ab, MSG_ROUTE, 3, 5);    /* and is not heard any more */
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, 1);
	assert_int_equal(y.b.bad, 1);
	assert_int_equal(y.b.bad_prog, PROG_SWITCH);
	assert_int_equal(y.b.downs, 1);
	assert_int_equal(y.a.downs, 1);
	assert_null(bus_chan(y.b.bus, PROG_SWITCH, 0));
	play_close(&y);
}

static void test_malformed_body(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	y.b.refuses = true;
	put(y.ab, MSG_ROUTE, 1, 5);
	put(y.ab, MSG_ROUTE, 2, 5);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, 1);
	assert_int_equal(y.b.bad, 1);
	assert_int_equal(y.b.downs, 1);
	play_close(&y);
}

static void check_raw(const void *bytes, size_t n)
{
	struct loop *l = loop_new(LOOP_FAKE);
	struct party p;
	int fds[2];

	party_init(&p, l, PROG_IM);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(bus_attach(p.bus, PROG_SWITCH, 0, fds[0]), 0);
	assert_int_equal(write(fds[1], bytes, n), n);
	loop_fake_advance(l, 1);
	assert_int_equal(p.bad, 1);
	assert_int_equal(p.downs, 1);
	close(fds[1]);
	bus_free(p.bus);
	loop_free(l);
}

static void test_malformed_head(void **state)
{
	(void)state;
	check_raw("\0\0\0\5\0\0\0\0\0", 9);             /* too short for type and id */
	check_raw("\0\x80\0\1\0\0\0\0\0\0", 10);        /* longer than BUS_FRAME_MAX */
	check_raw("\0\0\0\6\xff\xff\0\0\0\0", 10);      /* no such message */
}

static void test_peer_death(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	put(y.ab, MSG_ROUTE, 1, 5);
	loop_turn(y.loop, 0);
	bus_free(y.a.bus);
	y.a.bus = NULL;
	put(y.ba, MSG_ROUTE, 1, 5); /* may not kill by SIGPIPE */
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.downs, 1);
	assert_int_equal(y.b.bad, 0);
	assert_int_equal(chan_end(bus_chan(y.b.bus, PROG_SWITCH, 0)), ERR_CLOSED);
	assert_non_null(chan_begin(NULL, MSG_ROUTE, 1));
	play_close(&y);
}

/* A fresh channel while the old one lives: down before up. */
static void test_replaced(void **state)
{
	struct play y;
	int fds[2];

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	put(y.ba, MSG_ROUTE, 1, 5);
	assert_int_equal(bus_attach(y.b.bus, PROG_SWITCH, 0, fds[0]), 0);
	assert_int_equal(y.b.downs, 1);
	assert_int_equal(y.b.ups, 2);
	assert_int_equal(bus_attach(y.a.bus, PROG_IM, 0, fds[1]), 0);
	put(bus_chan(y.a.bus, PROG_IM, 0), MSG_ROUTE, 7, 5);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.last_id, 7);
	assert_int_equal(y.b.downs, 1);
	assert_int_equal(bus_attach(y.b.bus, PROG_SWITCH, BUS_INSTANCES_MAX, dup(0)), ERR_RANGE);
	play_close(&y);
}

static void test_pressure(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	chan_pause(y.ba, true);
	for (uint32_t i = 0; i < 6; i++)
		put(y.ab, MSG_ROUTE, i, 1 << 20);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.a.full, 1);
	assert_int_equal(y.b.frames, 0);
	chan_pause(y.ba, false);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, 6);
	assert_int_equal(y.a.drained, 1);
	assert_int_equal(y.a.full, 1);
	play_close(&y);
}

static void test_hard_limit(void **state)
{
	struct play y;
	uint8_t *block = calloc(1, 4 << 20);
	int rc = 0;
	unsigned queued = 0;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	chan_pause(y.ba, true);
	while (!rc && queued < 100) {
		buf_put(chan_begin(y.ab, MSG_ROUTE, 1), block, 4 << 20);
		rc = chan_end(y.ab);
		queued += !rc;
	}
	assert_int_equal(rc, ERR_LIMIT);
	assert_true(chan_pending(y.ab) <= BUS_QUEUE_MAX);
	chan_pause(y.ba, false);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, queued); /* whole frames only */
	assert_int_equal(y.b.bad, 0);
	free(block);
	play_close(&y);
}

/* Pausing inside a handler stops after that frame; the rest comes after the resume. */
static void test_pause_inside(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	y.b.pauses = true;
	for (uint32_t i = 1; i <= 5; i++)
		put(y.ab, MSG_ROUTE, i, 8);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, 1);
	y.b.pauses = false;
	chan_pause(y.ba, false);
	loop_fake_advance(y.loop, 1);
	assert_int_equal(y.b.frames, 5);
	play_close(&y);
}

static void test_ids(void **state)
{
	struct play y;

	(void)state;
	play_open(&y, PROG_SWITCH, PROG_IM);
	y.a.bus->next_id = UINT32_MAX;
	assert_int_equal(bus_next_id(y.a.bus), 1);
	assert_int_equal(bus_next_id(y.a.bus), 2);
	assert_ptr_equal(bus_next(y.a.bus, PROG_IM, NULL), y.ab);
	assert_null(bus_next(y.a.bus, PROG_IM, y.ab));
	play_close(&y);
}

static void test_table(void **state)
{
	(void)state;
	assert_true(msg_may(MSG_ROUTE, PROG_S2S, PROG_SWITCH));
	assert_false(msg_may(MSG_ROUTE, PROG_S2S, PROG_ACCESS));
	assert_false(msg_may(MSG_BEGIN, PROG_IM, PROG_SUPER));
	assert_false(msg_are_peers(PROG_SUPER, PROG_IM)); /* its control channels are made otherwise */
	assert_true(msg_are_peers(PROG_KEYS, PROG_S2S));
	assert_true(msg_are_peers(PROG_IM, PROG_STORE));
	assert_true(msg_are_peers(PROG_ACCESS, PROG_IM));
	assert_false(msg_are_peers(PROG_S2S, PROG_IM)); /* they meet at the hub only */
	assert_false(msg_are_peers(PROG_LINK, PROG_IM));
	assert_false(msg_are_peers(PROG_LINK, PROG_S2S));
	assert_true(msg_may(MSG_ROUTE, PROG_LINK, PROG_SWITCH) && msg_may(MSG_ROUTE_DONE, PROG_SWITCH, PROG_LINK));
	assert_false(msg_may(MSG_ROUTE, PROG_XLATE, PROG_IM));
	assert_false(msg_are_peers(PROG_KEYS, PROG_IM));
	assert_false(msg_are_peers(PROG_S2S, PROG_ACCESS));
	assert_false(msg_are_peers(PROG_ACCESS, PROG_ACCESS));
	assert_false(msg_are_peers(PROG_SIP, PROG_SIP)); /* though a row has it on both sides */
	assert_true(msg_are_peers(PROG_TURN, PROG_TURN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_large_frames),
		cmocka_unit_test(test_torn_frames),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_descriptor_missing),
		cmocka_unit_test(test_descriptor_smuggled),
		cmocka_unit_test(test_illegal_message),
		cmocka_unit_test(test_malformed_body),
		cmocka_unit_test(test_malformed_head),
		cmocka_unit_test(test_peer_death),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_hard_limit),
		cmocka_unit_test(test_pause_inside),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
