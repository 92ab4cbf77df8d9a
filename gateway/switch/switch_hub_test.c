#include "hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

/* The hub between a gh-im and a gh-s2s that are a few lines each. */

#define SETTINGS                                                                                   \
	"federation mode = allow-list\n"                                                           \
	"domain a.example certificate = a\n"                                                       \
	"federation peer b.example action = allow\n"                                               \
	"im archive-tap = on\n"

struct side {
	struct bus *bus;
	unsigned n_routes, n_dones;
	uint64_t done_id;
	int done_rc;
	struct envelope last; /* of copied bytes */
	uint8_t bytes[4096];
};

struct world {
	struct loop *loop;
	struct bus *bus;
	struct hub hub;
	struct settings *settings;
	struct side im, s2s;
	unsigned n_tapped;
	enum route_side tapped_side;
};

static int on_route(void *program, struct chan *from, const struct frame *f)
{
	struct side *s = program;

	(void)from;
	assert_true(f->body.n <= sizeof s->bytes);
	memcpy(s->bytes, f->body.p, f->body.n);
	assert_int_equal(envelope_decode(bytes_make(s->bytes, f->body.n), &s->last), 0);
	s->n_routes++;
	return 0;
}

static int on_done(void *program, struct chan *from, const struct frame *f)
{
	struct side *s = program;
	struct wire w = wire_of(f->body);

	(void)from;
	s->done_id = wire_u64(&w);
	s->done_rc = (int)wire_u32(&w);
	assert_int_equal(wire_end(&w), 0);
	s->n_dones++;
	return 0;
}

static const struct bus_handler side_handlers[] = { { MSG_ROUTE, on_route }, { MSG_ROUTE_DONE, on_done } };
static const struct bus_handler hub_handlers[] = { { MSG_ROUTE, hub_on_route }, { MSG_ROUTE_DONE, hub_on_route_done } };

static void on_down(void *program, struct chan *c)
{
	hub_down(program, c);
}

static void turns(struct world *w)
{
	for (int i = 0; i < 10; i++)
		loop_turn(w->loop, 0);
}

static void join(struct world *w, struct side *s, enum prog prog)
{
	int fds[2];
	const struct bus_hooks hooks = { .program = s, .handlers = side_handlers, .n_handlers = 2 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	s->bus = bus_new(w->loop, prog, 0, &hooks);
	assert_int_equal(bus_attach(s->bus, PROG_SWITCH, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w->bus, prog, 0, fds[1]), 0);
}

static void leave(struct side *s)
{
	bus_free(s->bus);
	s->bus = NULL;
}

static int tap(void *arg, enum route_side side, const struct envelope *e)
{
	struct world *w = arg;

	w->n_tapped++;
	w->tapped_side = side;
	return e->stanza.n > 1000 ? ERR_FULL : 0;
}

static void world_open(struct world *w)
{
	const struct bus_hooks hooks = { .program = &w->hub, .handlers = hub_handlers, .n_handlers = 2, .down = on_down };
	unsigned line;

	*w = (struct world){ .loop = loop_new(LOOP_FAKE) };
	assert_non_null(w->loop);
	w->bus = bus_new(w->loop, PROG_SWITCH, 0, &hooks);
	hub_init(&w->hub, w->loop, w->bus);
	assert_int_equal(settings_parse(BYTES(SETTINGS), &w->settings, &line), 0);
	hub_apply(&w->hub, w->settings);
	const struct tap_sink sink = { "test", tap, w };
	assert_int_equal(tap_add(&w->hub.tap, &sink), 0);
	join(w, &w->im, PROG_IM);
	join(w, &w->s2s, PROG_S2S);
}

static void world_close(struct world *w)
{
	if (w->im.bus)
		leave(&w->im);
	if (w->s2s.bus)
		leave(&w->s2s);
	bus_free(w->bus);
	hub_fini(&w->hub);
	settings_free(w->settings);
	loop_free(w->loop);
}

static uint64_t id_of(enum prog p, uint64_t n)
{
	return (uint64_t)p << 56 | n;
}

static void send_envelope(struct world *w, struct side *s, struct envelope e)
{
	e.stanza = BYTES("<message/>");
	e.sid = BYTES("sid");
	envelope_encode(chan_begin(bus_chan(s->bus, PROG_SWITCH, 0), MSG_ROUTE, 0), &e);
	assert_int_equal(chan_end(bus_chan(s->bus, PROG_SWITCH, 0)), 0);
	turns(w);
}

static void send_done(struct world *w, struct side *s, uint64_t id, int rc)
{
	struct buf *b = chan_begin(bus_chan(s->bus, PROG_SWITCH, 0), MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	assert_int_equal(chan_end(bus_chan(s->bus, PROG_SWITCH, 0)), 0);
	turns(w);
}

static struct envelope outward(uint64_t n)
{
	return (struct envelope){ .id = n ? id_of(PROG_IM, n) : 0, .trace = 77, .door = DOOR_CORE, .kind = STANZA_MESSAGE,
				  .type = TYPE_CHAT, .from = BYTES("u@a.example/r"), .to = BYTES("v@b.example") };
}

static struct envelope inward(uint64_t n)
{
	return (struct envelope){ .id = n ? id_of(PROG_S2S, n) : 0, .trace = 78, .door = DOOR_S2S, .kind = STANZA_MESSAGE,
				  .type = TYPE_CHAT, .from = BYTES("v@b.example/q"), .to = BYTES("u@a.example") };
}

static void there_and_back(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	send_envelope(&w, &w.im, outward(1));
	assert_int_equal(w.s2s.n_routes, 1);
	assert_int_equal(w.s2s.last.hops, 1);
	assert_int_equal(w.s2s.last.trace, 77);
	assert_int_equal(w.s2s.last.id, id_of(PROG_IM, 1));
	assert_true(bytes_eq_str(w.s2s.last.from, "u@a.example/r"));
	assert_int_equal(w.im.n_dones, 0);
	send_done(&w, &w.s2s, id_of(PROG_IM, 1), 0);
	assert_int_equal(w.im.n_dones, 1);
	assert_int_equal(w.im.done_id, id_of(PROG_IM, 1));
	assert_int_equal(w.im.done_rc, 0);
	send_done(&w, &w.s2s, id_of(PROG_IM, 1), 0); /* twice: said once */
	assert_int_equal(w.im.n_dones, 1);

	send_envelope(&w, &w.s2s, inward(5));
	assert_int_equal(w.im.n_routes, 1);
	send_done(&w, &w.im, id_of(PROG_S2S, 5), 0);
	assert_int_equal(w.s2s.n_dones, 1);
	assert_int_equal(w.s2s.done_id, id_of(PROG_S2S, 5));
	world_close(&w);
}

/* A confirmation for somebody else's envelope goes nowhere. */
static void done_of_a_stranger(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	send_done(&w, &w.im, id_of(PROG_IM, 1), 0);
	send_done(&w, &w.im, id_of(PROG_S2S, 9), 0);
	send_done(&w, &w.im, id_of(PROG_STORE, 9), 0);
	send_done(&w, &w.im, UINT64_MAX, 0);
	assert_int_equal(w.im.n_dones + w.s2s.n_dones, 0);
	world_close(&w);
}

static void refused_with_an_answer(void **state)
{
	struct world w;
	struct envelope e = outward(2);

	(void)state;
	world_open(&w);
	e.to = BYTES("v@stranger.example");
	send_envelope(&w, &w.im, e);
	assert_int_equal(w.s2s.n_routes, 0);
	assert_int_equal(w.im.n_routes, 1);
	assert_true(bytes_eq_str(w.im.last.from, "v@stranger.example"));
	assert_true(bytes_eq_str(w.im.last.to, "u@a.example/r"));
	assert_int_equal(w.im.last.type, TYPE_ERROR);
	assert_int_equal(w.im.last.id, 0);
	assert_non_null(memmem(w.im.last.stanza.p, w.im.last.stanza.n, "<forbidden ", 11));
	assert_non_null(memmem(w.im.last.stanza.p, w.im.last.stanza.n, "id='sid'", 8));
	assert_int_equal(w.im.n_dones, 1);
	assert_int_equal(w.im.done_rc, 0);

	/* errors and results are not answered, but confirmed */
	e.id++;
	e.type = TYPE_ERROR;
	send_envelope(&w, &w.im, e);
	assert_int_equal(w.im.n_routes, 1);
	assert_int_equal(w.im.n_dones, 2);

	/* nor is presence that comes by itself; a subscription is */
	e.id++;
	e.kind = STANZA_PRESENCE;
	e.type = TYPE_AVAILABLE;
	send_envelope(&w, &w.im, e);
	assert_int_equal(w.im.n_routes, 1);
	e.id++;
	e.type = TYPE_SUBSCRIBE;
	send_envelope(&w, &w.im, e);
	assert_int_equal(w.im.n_routes, 2);
	assert_int_equal(w.im.n_dones, 4);

	/* inward, to a domain that is not hosted */
	struct envelope in = inward(3);
	in.to = BYTES("u@elsewhere.example");
	send_envelope(&w, &w.s2s, in);
	assert_int_equal(w.s2s.n_routes, 1);
	assert_non_null(memmem(w.s2s.last.stanza.p, w.s2s.last.stanza.n, "<item-not-found ", 16));
	assert_int_equal(w.s2s.n_dones, 1);
	assert_int_equal(w.hub.stats[HUB_REFUSED_DENIED], 4);
	assert_int_equal(w.hub.stats[HUB_REFUSED_NOT_HOSTED], 1);
	world_close(&w);
}

static void other_side_away(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	leave(&w.s2s);
	turns(&w);
	send_envelope(&w, &w.im, outward(1));
	assert_int_equal(w.im.n_dones, 1);
	assert_int_equal(w.im.done_rc, ERR_AGAIN);
	join(&w, &w.s2s, PROG_S2S);
	send_envelope(&w, &w.im, outward(1)); /* the origin sends it again */
	assert_int_equal(w.s2s.n_routes, 1);
	send_done(&w, &w.s2s, id_of(PROG_IM, 1), 0);
	assert_int_equal(w.im.done_rc, 0);
	world_close(&w);
}

/* What a program had and did not confirm comes back to its origin when it dies. */
static void other_side_dies(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	for (uint64_t i = 1; i <= 3; i++)
		send_envelope(&w, &w.im, outward(i));
	send_done(&w, &w.s2s, id_of(PROG_IM, 2), 0);
	assert_int_equal(w.im.n_dones, 1);
	leave(&w.s2s);
	turns(&w);
	assert_int_equal(w.im.n_dones, 3);
	assert_int_equal(w.im.done_rc, ERR_AGAIN);
	assert_int_equal(w.hub.stats[HUB_LOST], 2);
	world_close(&w);
}

static void pressure_goes_back(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	hub_pressure(&w.hub, bus_chan(w.bus, PROG_S2S, 0), true);
	send_envelope(&w, &w.im, outward(1));
	assert_int_equal(w.s2s.n_routes, 0);
	assert_int_equal(w.im.done_rc, ERR_AGAIN);
	hub_pressure(&w.hub, bus_chan(w.bus, PROG_S2S, 0), false);
	send_envelope(&w, &w.im, outward(1));
	assert_int_equal(w.s2s.n_routes, 1);
	world_close(&w);
}

static void tap_gets_what_passes(void **state)
{
	struct world w;
	struct envelope denied = outward(0);

	(void)state;
	world_open(&w);
	send_envelope(&w, &w.im, outward(0));
	assert_int_equal(w.n_tapped, 1);
	assert_int_equal(w.tapped_side, ROUTE_FROM_IM);
	denied.to = BYTES("v@stranger.example");
	send_envelope(&w, &w.im, denied);
	assert_int_equal(w.n_tapped, 1);
	send_envelope(&w, &w.s2s, inward(0));
	assert_int_equal(w.n_tapped, 2);
	assert_int_equal(w.tapped_side, ROUTE_FROM_S2S);
	assert_int_equal(w.hub.stats[HUB_TAP_COPIED], 2);
	w.hub.tap.is_on = false;
	send_envelope(&w, &w.im, outward(0));
	assert_int_equal(w.n_tapped, 2);
	world_close(&w);
}

static void note(void *arg, enum route_side side, const struct envelope *e, const struct route_answer *a,
                 const char *verdict)
{
	(void)side;
	(void)e;
	(void)a;
	*(const char **)arg = verdict;
}

static void watcher_sees_verdicts(void **state)
{
	struct world w;
	const char *verdict = NULL;
	struct envelope e = outward(1);

	(void)state;
	world_open(&w);
	w.hub.watch = note;
	w.hub.watch_arg = &verdict;
	send_envelope(&w, &w.im, e);
	assert_string_equal(verdict, "pass");
	e.to = BYTES("v@stranger.example");
	send_envelope(&w, &w.im, e);
	assert_string_equal(verdict, "no-row");
	leave(&w.s2s);
	turns(&w);
	send_envelope(&w, &w.im, outward(2));
	assert_string_equal(verdict, "again");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(done_of_a_stranger),
		cmocka_unit_test(refused_with_an_answer),
		cmocka_unit_test(other_side_away),
		cmocka_unit_test(other_side_dies),
		cmocka_unit_test(pressure_goes_back),
		cmocka_unit_test(tap_gets_what_passes),
		cmocka_unit_test(watcher_sees_verdicts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
