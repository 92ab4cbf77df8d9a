#include "ferry_impl.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* An edge's ferries and a core's on one virtual clock, each with a gh-switch that the test plays. In place of lanes and HTTP/2 the
 * two ends of a ferry are one pair of sockets. */

enum { TRUNKS = 2 };

#define FROM "romeo@far.example"
#define TO "juliet@near.example"
#define STANZA "<message from='" FROM "' to='" TO "'><body>hi</body></message>"

struct side {
	struct joint joint;
	struct bus *bus; /* of the gh-switch that the test plays */
	struct settings *settings;
	struct trunk trunks[TRUNKS];
	unsigned routes, dones;
	uint64_t ids[4096], done_id;
	int32_t done_rc;
	char stanza[512];
};

static struct loop *loop;
static struct side edge, core;
static bool is_refused; /* the core takes no ferry */
static int silent = -1; /* the core's end of a ferry, with nobody there */
static bool is_silent;

/* ---- in place of lane.c, h2.c ---- */

bool h2_has_room(const struct h2 *h)
{
	(void)h;
	return true;
}

int lane_open_at(struct trunk *t, int fd, const struct meta *m)
{
	assert_string_equal(m->service, "partners");
	if (is_silent) {
		if (silent >= 0)
			(void)close(fd);
		else
			silent = fd;
		return 0;
	}
	if (is_refused) {
		(void)close(fd);
		return ERR_AGAIN;
	}
	return ferry_serve(&core.trunks[t - edge.trunks], fd);
}

/* ---- gh-switch ---- */

static int on_route(void *arg, struct chan *from, const struct frame *f)
{
	struct side *s = arg;
	struct envelope e;

	(void)from;
	assert_int_equal(envelope_decode(f->body, &e), 0);
	s->ids[s->routes++ % 4096] = e.id;
	snprintf(s->stanza, sizeof s->stanza, "%.*s", (int)(e.stanza.n < 500 ? e.stanza.n : 500), (const char *)e.stanza.p);
	return 0;
}

static int on_done(void *arg, struct chan *from, const struct frame *f)
{
	struct side *s = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	s->dones++;
	s->done_id = wire_u64(&w);
	s->done_rc = (int32_t)wire_u32(&w);
	return 0;
}

static void on_down(void *program, struct chan *c)
{
	(void)c;
	ferries_switch_down(program);
}

static void join_hub(struct side *s)
{
	static const struct bus_handler handlers[] = { { MSG_ROUTE, on_route }, { MSG_ROUTE_DONE, on_done } };
	struct bus_hooks hooks = { .program = s, .handlers = handlers, .n_handlers = 2 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	s->bus = bus_new(loop, PROG_SWITCH, 0, &hooks);
	assert_int_equal(bus_attach(s->bus, PROG_LINK, 0, fds[0]), 0);
	assert_int_equal(bus_attach(s->joint.bus, PROG_SWITCH, 0, fds[1]), 0);
}

static void part_hub(struct side *s)
{
	bus_free(s->bus);
	s->bus = NULL;
}

static void turns(unsigned ms)
{
	for (unsigned i = 0; i < 20; i++)
		loop_fake_advance(loop, 1);
	for (unsigned at = 20; at < ms; at += 500)
		loop_fake_advance(loop, 500);
}

static void give(struct side *s, uint64_t id, const char *from, const char *to, struct bytes stanza)
{
	const struct envelope e = { .id = id, .trace = 1, .door = DOOR_S2S, .kind = STANZA_MESSAGE, .from = bytes_of(from), .to = bytes_of(to), .stanza = stanza };
	struct chan *c = bus_chan(s->bus, PROG_LINK, 0);

	envelope_encode(chan_begin(c, MSG_ROUTE, 0), &e);
	assert_int_equal(chan_end(c), 0);
}

static void bring(uint64_t id)
{
	give(&edge, id, FROM, TO, BYTES(STANZA));
	turns(0);
}

static void confirm(struct side *s, uint64_t id, int32_t rc)
{
	struct chan *c = bus_chan(s->bus, PROG_LINK, 0);
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	assert_int_equal(chan_end(c), 0);
	turns(0);
}

static uint64_t s2s(uint64_t n)
{
	return (uint64_t)PROG_S2S << 56 | n;
}

static uint64_t im(uint64_t n)
{
	return (uint64_t)PROG_IM << 56 | n;
}

/* ---- the world ---- */

static void become(struct side *s, const char *role)
{
	struct settings *before = s->settings;
	char text[64];
	unsigned line;

	snprintf(text, sizeof text, "system role = %s\n", role);
	assert_int_equal(settings_parse(bytes_of(text), &s->settings, &line), 0);
	ferries_apply(&s->joint, s->settings);
	settings_free(before);
	turns(0);
}

static void begin_side(struct side *s, const char *with)
{
	static const struct bus_handler handlers[] = { { MSG_ROUTE, ferries_on_route }, { MSG_ROUTE_DONE, ferries_on_done } };
	struct bus_hooks hooks = { .program = &s->joint, .handlers = handlers, .n_handlers = 2, .down = on_down };

	*s = (struct side){ .joint = { .loop = loop } };
	s->joint.bus = bus_new(loop, PROG_LINK, 0, &hooks);
	list_init(&s->joint.trunks);
	s->joint.ferries = ferries_new(&s->joint);
	for (size_t i = 0; i < TRUNKS; i++) {
		struct trunk *t = &s->trunks[i];
		*t = (struct trunk){ .joint = &s->joint, .id = i + 1, .is_up = true, .kind = TRUNK_SIGNAL };
		snprintf(t->name, sizeof t->name, "%s", with);
		list_add_tail(&s->joint.trunks, &t->node);
	}
	join_hub(s);
}

static int setup(void **state)
{
	(void)state;
	loop = loop_new(LOOP_FAKE);
	is_refused = is_silent = false;
	silent = -1;
	begin_side(&edge, "core");
	begin_side(&core, "one");
	become(&core, "core");
	become(&edge, "edge");
	turns(1100);
	return 0;
}

static void end_side(struct side *s)
{
	ferries_free(s->joint.ferries);
	part_hub(s);
	bus_free(s->joint.bus);
	settings_free(s->settings);
}

static int teardown(void **state)
{
	(void)state;
	end_side(&edge);
	end_side(&core);
	if (silent >= 0)
		(void)close(silent);
	loop_free(loop);
	return 0;
}

static const char *state_at(struct side *s, size_t trunk)
{
	struct ferry_view v;

	ferry_view(&s->joint, &s->trunks[trunk], &v);
	return v.state;
}

static struct ferry *oldest(struct side *s)
{
	struct ferries *all = s->joint.ferries;

	return list_is_empty(&all->all) ? NULL : LIST_OWNER(all->all.next, struct ferry, node);
}

/* ---- the tests ---- */

static void test_there_and_back(void **state)
{
	(void)state;
	assert_string_equal(state_at(&edge, 0), "carries");
	assert_string_equal(state_at(&edge, 1), "ready");
	assert_string_equal(state_at(&core, 0), "carries");
	bring(s2s(7));
	assert_int_equal(core.routes, 1);
	assert_string_equal(core.stanza, STANZA);
	assert_true(core.ids[0] == ferry_id("one", s2s(7)));
	assert_int_equal(edge.dones, 0); /* nobody has taken it yet */
	confirm(&core, core.ids[0], 0);
	assert_true(edge.dones == 1 && edge.done_id == s2s(7) && edge.done_rc == 0);
	confirm(&core, core.ids[0], 0); /* once is enough */
	assert_int_equal(edge.dones, 1);

	give(&core, im(9), TO, FROM, BYTES("<message/>"));
	turns(0);
	assert_true(edge.routes == 1 && edge.ids[0] == ferry_id("core", im(9)));
	confirm(&edge, edge.ids[0], ERR_FULL);
	assert_true(core.dones == 1 && core.done_id == im(9) && core.done_rc == ERR_FULL);
	give(&core, 0, TO, FROM, BYTES("<presence/>")); /* nobody waits for it */
	turns(0);
	assert_true(edge.routes == 2 && edge.ids[1] == 0);
	assert_int_equal(core.joint.ferries->sent.count + edge.joint.ferries->came.count, 0);
}

/* What is not confirmed when a ferry ends goes back, and comes again under the same id over the other one. */
static void test_ferry_lost(void **state)
{
	(void)state;
	bring(s2s(7));
	give(&core, im(9), TO, FROM, BYTES("<message/>"));
	turns(0);
	uint64_t inside = core.ids[0], outside = edge.ids[0];
	ferry_end(oldest(&edge), "test", false);
	turns(0);
	assert_true(edge.dones == 1 && edge.done_id == s2s(7) && edge.done_rc == ERR_AGAIN);
	assert_true(core.dones == 1 && core.done_id == im(9) && core.done_rc == ERR_AGAIN);
	confirm(&core, inside, 0); /* its ferry is gone: nobody hears it */
	assert_int_equal(edge.dones, 1);
	bring(s2s(7));
	give(&core, im(9), TO, FROM, BYTES("<message/>"));
	turns(0);
	assert_true(core.routes == 2 && core.ids[1] == inside);
	assert_true(edge.routes == 2 && edge.ids[1] == outside);
	confirm(&core, inside, 0);
	confirm(&edge, outside, 0);
	assert_true(edge.dones == 2 && edge.done_rc == 0 && core.dones == 2 && core.done_rc == 0);
	assert_string_equal(state_at(&edge, 1), "carries");
	assert_string_equal(state_at(&edge, 0), "");
	turns(FERRY_AGAIN_MS + 2000);
	assert_string_equal(state_at(&edge, 0), "ready"); /* it is opened again, and moves nobody */
}

static void test_no_ferry(void **state)
{
	(void)state;
	is_refused = true;
	ferry_end(oldest(&edge), "test", false);
	ferry_end(oldest(&edge), "test", false);
	turns(0);
	bring(s2s(7));
	bring(0);
	assert_true(edge.dones == 1 && edge.done_rc == ERR_AGAIN && core.routes == 0);
	assert_int_equal(edge.joint.stats[STAT_PARTNERS_LOST], 1);
	give(&core, im(9), TO, FROM, BYTES("<message/>"));
	turns(0);
	assert_true(core.dones == 1 && core.done_rc == ERR_AGAIN);
	is_refused = false;
	turns(FERRY_AGAIN_MS + 2000);
	bring(s2s(7));
	assert_int_equal(core.routes, 1);
}

/* gh-switch at the other side is new: what it had is asked for again. Here: what comes again is under way already. */
static void test_new_hub(void **state)
{
	(void)state;
	bring(s2s(7));
	part_hub(&core);
	turns(0);
	assert_true(edge.dones == 1 && edge.done_rc == ERR_AGAIN);
	bring(s2s(7));
	assert_true(edge.dones == 2 && edge.done_rc == ERR_AGAIN); /* still none */
	join_hub(&core);
	bring(s2s(7));
	assert_int_equal(core.routes, 2);
	part_hub(&edge);
	turns(0);
	join_hub(&edge);
	bring(s2s(7));
	assert_int_equal(core.routes, 2);
	confirm(&core, core.ids[1], 0);
	assert_true(edge.dones == 3 && edge.done_id == s2s(7) && edge.done_rc == 0);
}

/* Who does not take anything holds up nobody but his own, in bounded memory; then all of it comes, in order. */
static void test_pressure(void **state)
{
	static char big[100000];
	size_t n = snprintf(big, sizeof big, "<message from='" FROM "' to='" TO "'><body>");
	uint64_t id = 0;

	(void)state;
	memset(big + n, 'x', sizeof big - n);
	memcpy(big + sizeof big - 17, "</body></message>", 17);
	ferries_pressure(&core.joint, true);
	while (edge.dones == 0) {
		give(&edge, s2s(++id), FROM, TO, bytes_make(big, sizeof big));
		turns(0);
		assert_true(id < 400);
	}
	assert_int_equal(edge.done_rc, ERR_FULL);
	assert_true(edge.done_id == s2s(id));
	assert_in_range(link_queued(&oldest(&edge)->pair), FERRY_QUEUE_MAX, FERRY_QUEUE_MAX + sizeof big + 100);
	ferries_pressure(&core.joint, false);
	for (int i = 0; i < 100 && core.routes < id - 1; i++)
		turns(0);
	assert_int_equal(core.routes, id - 1);
	for (uint64_t i = 0; i < core.routes; i++)
		assert_true(core.ids[i] == ferry_id("one", s2s(i + 1)));
}

/* It takes nothing at all for half a minute: then the other one does. */
static void test_stuck(void **state)
{
	static char big[FERRY_FRAME_MAX / 2];
	uint64_t id;

	(void)state;
	memset(big, 'x', sizeof big);
	ferries_pressure(&core.joint, true);
	for (id = 1; id < 4; id++)
		give(&edge, s2s(id), FROM, TO, bytes_make(big, sizeof big));
	turns(FERRY_STUCK_MS - 3000);
	assert_int_equal(edge.dones, 0);
	turns(5000);
	assert_int_equal(edge.dones, 3);
	assert_int_equal(edge.done_rc, ERR_AGAIN);
	assert_string_equal(state_at(&edge, 1), "carries");
}

static void test_silence(void **state)
{
	(void)state;
	is_silent = true;
	ferry_end(oldest(&edge), "test", false);
	ferry_end(oldest(&edge), "test", false);
	turns(FERRY_AGAIN_MS + 1500);
	assert_string_equal(state_at(&edge, 0), "opening");
	bring(s2s(7));
	assert_int_equal(edge.done_rc, ERR_AGAIN); /* it is not used before it has said a word */
	turns(FERRY_GREET_MS + 1500);
	char got[16];
	assert_int_equal(recv(silent, got, sizeof got, 0), 6); /* our greeting */
	assert_int_equal(recv(silent, got, sizeof got, 0), 0);
}

static void test_refused_stanza(void **state)
{
	(void)state;
	give(&edge, s2s(7), FROM, TO, BYTES("<message from='boss@near.example' to='" TO "'/>"));
	turns(0);
	assert_int_equal(core.routes, 0);
	assert_true(edge.dones == 1 && edge.done_rc == 0); /* it is not wanted again */
	assert_int_equal(core.joint.stats[STAT_PARTNERS_REFUSED], 1);
	bring(s2s(8));
	assert_int_equal(core.routes, 1);
}

static void test_other_role(void **state)
{
	(void)state;
	bring(s2s(7));
	become(&core, "combined");
	assert_null(oldest(&edge));
	assert_int_equal(edge.done_rc, ERR_AGAIN);
	turns(FERRY_AGAIN_MS + 2000);
	assert_null(oldest(&core)); /* it takes none */
	become(&edge, "combined");
	turns(FERRY_AGAIN_MS + 2000);
	assert_null(oldest(&edge));
}

static void test_only_so_many(void **state)
{
	int fds[2];

	(void)state;
	for (int i = TRUNKS; i <= FERRIES_PER_EDGE; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
		assert_int_equal(ferry_serve(&core.trunks[0], fds[0]), i < FERRIES_PER_EDGE ? 0 : ERR_LIMIT);
		(void)close(fds[1]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back), TEST(test_ferry_lost), TEST(test_no_ferry), TEST(test_new_hub), TEST(test_pressure),
		TEST(test_stuck), TEST(test_silence), TEST(test_refused_stanza), TEST(test_other_role), TEST(test_only_so_many),
	};
	log_open("ferry_test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
