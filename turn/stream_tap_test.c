#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "stream_fixture.h"

/* A client's connection in the hands of RFC 6062. */

struct tapper {
	struct fixture *f;
	struct buf in;
	unsigned n_data, n_drained, n_ended, n_closed;
	bool pauses, ends, begins_paused;
};
static struct tapper tapper;

static void on_data(void *arg, struct bytes in)
{
	struct tapper *t = arg;

	t->n_data++;
	buf_put_bytes(&t->in, in);
	if (t->pauses)
		stream_pause(&t->f->w, &t->f->from, true);
	if (t->ends) {
		assert_int_equal(stream_put(&t->f->w, &t->f->from, BYTES("bye")), 0);
		stream_end(&t->f->w, &t->f->from);
	}
}

static void on_drained(void *arg)
{
	((struct tapper *)arg)->n_drained++;
}

static void on_ended(void *arg)
{
	((struct tapper *)arg)->n_ended++;
}

static void on_closed(void *arg)
{
	((struct tapper *)arg)->n_closed++;
}

static const struct stream_tap tap = { .data = on_data, .drained = on_drained, .ended = on_ended, .closed = on_closed };

/* What the engine does for ConnectionBind: answers, then the bytes are another's. */
static void bind_it(struct fixture *f)
{
	static const uint8_t answer[20] = { 1, 0x0b };

	door_tcp.to_client(&f->w, &f->from, bytes_make(answer, sizeof answer));
	assert_int_equal(stream_tap(&f->w, &f->from, &tap, &tapper), 0);
	assert_int_equal(stream_put(&f->w, &f->from, BYTES("peer")), 0);
	assert_int_equal(tapper.n_data, 0); /* not in this turn */
	stream_pause(&f->w, &f->from, tapper.begins_paused);
}

static int bound_client(struct fixture *f, const char *behind)
{
	uint8_t b[20 + 64];
	size_t n = fixture_binding(b);

	tapper = (struct tapper){ .f = f, .pauses = tapper.pauses, .ends = tapper.ends,
		.begins_paused = tapper.begins_paused };
	buf_init(&tapper.in, 1 << 20);
	f->on_heard = bind_it;
	memcpy(b + n, behind, strlen(behind));
	int fd = fixture_connect(f, FIXTURE_TCP, 1);
	fixture_say(f, fd, b, n + strlen(behind));
	assert_int_equal(f->n_heard, 1);
	return fd;
}

static void has(struct fixture *f, const char *text)
{
	fixture_turns(f);
	assert_int_equal(buf_len(&tapper.in), strlen(text));
	assert_memory_equal(buf_bytes(&tapper.in).p, text, strlen(text));
}

static void bytes_pass_both_ways(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t got[64];

	(void)state;
	int fd = bound_client(f, "\x40 first");
	has(f, "\x40 first"); /* whatever it looks like */
	fixture_say(f, fd, ", second", 8);
	has(f, "\x40 first, second");
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 24);
	assert_int_equal(got[1], 0x0b);
	assert_memory_equal(got + 20, "peer", 4); /* after the answer, unpadded */
	assert_int_equal(tapper.n_drained, 1);
	assert_int_equal(stream_put(&f->w, &f->from, BYTES("a")), 0);
	assert_int_equal(stream_put(&f->w, &f->from, BYTES("b")), 0);
	assert_int_equal(tapper.n_drained, 1);
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 2);
	assert_int_equal(tapper.n_drained, 2); /* once for all of a turn, though the kernel took them at once */
	struct turn_path path = f->from;
	door_tcp.to_client(&f->w, &path, BYTES("12345678901234567890")); /* the engine has no say any more */
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 0);
	loop_fake_advance(f->w.loop, 100 * STREAM_IDLE_MS); /* silence is no end */
	assert_int_equal(tapper.n_closed, 0);
	assert_int_equal(tapper.n_ended, 0);
	close(fd);
	fixture_turns(f);
	assert_int_equal(tapper.n_ended, 1); /* half of it: whose it is ends the rest */
	assert_int_equal(tapper.n_closed, 0);
	assert_int_equal(f->n_gone, 0);
	stream_end(&f->w, &f->from);
	assert_int_equal(tapper.n_closed, 0);
	assert_int_equal(stream_put(&f->w, &path, BYTES("x")), ERR_NOT_FOUND);
	assert_int_equal(stream_tap(&f->w, &path, &tap, &tapper), ERR_NOT_FOUND);
	buf_fini(&tapper.in);
	fixture_close();
}

static void reading_stops_and_goes_on(void **state)
{
	struct fixture *f = fixture_open();

	(void)state;
	tapper.pauses = true;
	int fd = bound_client(f, "one");
	has(f, "one");
	fixture_say(f, fd, "two", 3);
	has(f, "one"); /* paused: it stays with the kernel */
	tapper.pauses = false;
	stream_pause(&f->w, &f->from, false);
	has(f, "onetwo");
	buf_fini(&tapper.in);
	/* what came behind the request waits too */
	f->n_heard = 0;
	tapper.begins_paused = true;
	int other = bound_client(f, "three");
	fixture_say(f, other, "four", 4);
	has(f, "");
	stream_pause(&f->w, &f->from, false);
	has(f, "threefour");
	tapper.begins_paused = false;
	buf_fini(&tapper.in);
	close(fd);
	close(other);
	fixture_close();
}

/* The client has said all: its end comes behind what waits, and it hears what is said until ours. */
static void half_of_it_ends(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t got[64];

	(void)state;
	tapper.begins_paused = true;
	int fd = bound_client(f, "last");
	tapper.begins_paused = false;
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	has(f, "");
	assert_int_equal(tapper.n_ended, 0);
	stream_pause(&f->w, &f->from, false);
	has(f, "last");
	assert_int_equal(tapper.n_ended, 1);
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 24);
	assert_int_equal(stream_put(&f->w, &f->from, BYTES("answer")), 0);
	stream_end_output(&f->w, &f->from);
	assert_int_equal(stream_put(&f->w, &f->from, BYTES("late")), ERR_CLOSED);
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 6);
	assert_true(fixture_is_closed(f, fd));
	stream_end(&f->w, &f->from);
	close(fd);
	fixture_turns(f);
	assert_int_equal(streams_count(f->w.streams), 0);
	assert_int_equal(tapper.n_closed, 0);
	buf_fini(&tapper.in);
	fixture_close();
}

static void a_full_queue_is_said(void **state)
{
	static uint8_t much[100000];
	static uint8_t got[1 << 16];
	struct fixture *f = fixture_open();
	int rc, n = 0;

	(void)state;
	int fd = bound_client(f, "");
	while ((rc = stream_put(&f->w, &f->from, bytes_make(much, sizeof much))) == 0 && n++ < 1000)
		fixture_turns(f);
	assert_int_equal(rc, ERR_FULL);
	unsigned drained = tapper.n_drained;
	assert_in_range(stream_queued(&f->w, &f->from), STREAM_QUEUE_BYTES - sizeof much, STREAM_QUEUE_BYTES);
	assert_int_equal(tapper.n_closed, 0);
	for (size_t sum = 0; sum < 24 + (size_t)n * sizeof much;) {
		ssize_t more = fixture_read(f, fd, got, sizeof got);
		assert_true(more >= 0);
		sum += (size_t)more;
	}
	assert_int_equal(tapper.n_drained, drained + 1);
	assert_int_equal(stream_queued(&f->w, &f->from), 0);
	close(fd);
	buf_fini(&tapper.in);
	fixture_close();
}

static void its_end(void **state)
{
	struct fixture *f = fixture_open();
	uint8_t got[64];

	(void)state;
	tapper.ends = true;
	int fd = bound_client(f, "go");
	has(f, "go");
	assert_int_equal(fixture_read(f, fd, got, sizeof got), 27);
	assert_memory_equal(got + 24, "bye", 3); /* what was put goes out first */
	assert_true(fixture_is_closed(f, fd));
	close(fd);
	fixture_turns(f);
	assert_int_equal(tapper.n_closed, 0); /* who ends it is not told */
	assert_int_equal(streams_count(f->w.streams), 0);
	buf_fini(&tapper.in);
	tapper.ends = false;
	/* the door closes */
	f->n_heard = 0;
	fd = bound_client(f, "");
	door_tcp.close(&f->w.doors[FIXTURE_TCP]);
	assert_int_equal(tapper.n_closed, 1);
	close(fd);
	buf_fini(&tapper.in);
	fixture_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_pass_both_ways), cmocka_unit_test(reading_stops_and_goes_on),
		cmocka_unit_test(half_of_it_ends), cmocka_unit_test(a_full_queue_is_said), cmocka_unit_test(its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
