#include "switch.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

uint64_t switch_stats[STAT_COUNT];

/* The hub between a fake door and a fake core, all on one virtual clock. */
struct end {
	struct bus *bus;
	unsigned routes, dones, errors;
	uint64_t last_done;
	int32_t last_rc;
	uint8_t last_hops;
	char last_stanza[1024], last_to[128];
};
struct world {
	struct loop *loop;
	struct hub hub;
	struct end door, core, sip, link;
	struct settings *settings;
	unsigned taps;
	enum route_verdict last_verdict;
};

static int end_on_route(void *arg, struct chan *from, const struct frame *f)
{
	struct end *e = arg;
	struct envelope env;

	(void)from;
	assert_int_equal(envelope_decode(f->body, &env), 0);
	e->routes++;
	e->errors += env.type == TYPE_ERROR;
	e->last_hops = env.hops;
	snprintf(e->last_stanza, sizeof e->last_stanza, "%.*s", BYTES_FMT(env.stanza));
	snprintf(e->last_to, sizeof e->last_to, "%.*s", BYTES_FMT(env.to));
	return 0;
}

static int end_on_done(void *arg, struct chan *from, const struct frame *f)
{
	struct end *e = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	e->dones++;
	e->last_done = wire_u64(&w);
	e->last_rc = (int32_t)wire_u32(&w);
	return 0;
}

static const struct bus_handler hub_handlers[] = { { MSG_ROUTE, hub_on_route }, { MSG_ROUTE_DONE, hub_on_route_done } };
static const struct bus_handler end_handlers[] = { { MSG_ROUTE, end_on_route }, { MSG_ROUTE_DONE, end_on_done } };

static void attach(struct world *w, struct end *e, enum prog prog)
{
	struct bus_hooks hooks = { .program = e, .handlers = end_handlers, .n_handlers = 2 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	e->bus = bus_new(w->loop, prog, 0, &hooks);
	assert_int_equal(bus_attach(e->bus, PROG_SWITCH, 0, fds[0]), 0);
	assert_int_equal(bus_attach(w->hub.bus, prog, 0, fds[1]), 0);
}

static void count_tap(void *arg, const struct envelope *e, enum route_verdict v)
{
	struct world *w = arg;

	(void)e;
	w->taps++;
	w->last_verdict = v;
}

static void configure(struct world *w, const char *text)
{
	struct settings *old = w->settings;
	unsigned line = 0;

	assert_int_equal(settings_parse(bytes_of(text), &w->settings, &line), 0);
	assert_int_equal(hub_set_policy(&w->hub, w->settings), 0);
	settings_free(old);
}

static const char usual[] = "domain here.example certificate = here\n"
			    "federation peer there.example action = allow\n"
			    "federation peer *.sub.example action = allow\n"
			    "federation peer *.sub.example rate = 5\n"
			    "federation peer bad.example action = deny\n"
			    "federation peer *.mixed.example action = allow\n"
			    "federation peer x.mixed2.example action = allow\n"
			    "sip peer phones.example action = allow\n"
			    "sip peer slow.example rate = 5\n"
			    "sip peer refused.example action = deny\n"
			    "sip peer a.mixed.example action = allow\n"
			    "sip peer *.mixed2.example action = allow\n";

static void on_down(void *program, struct chan *c)
{
	hub_down(program, c);
}

static struct world *world_new(void)
{
	struct world *w = test_calloc(1, sizeof *w);
	struct bus_hooks hooks = { .program = &w->hub, .handlers = hub_handlers, .n_handlers = 2, .down = on_down };

	w->loop = loop_new(LOOP_FAKE);
	w->hub.loop = w->loop;
	w->hub.bus = bus_new(w->loop, PROG_SWITCH, 0, &hooks);
	attach(w, &w->door, PROG_S2S);
	attach(w, &w->core, PROG_IM);
	attach(w, &w->sip, PROG_XLATE);
	attach(w, &w->link, PROG_LINK);
	configure(w, usual);
	assert_int_equal(hub_tap_add(&w->hub, count_tap, w), 0);
	return w;
}

static void world_free(struct world *w)
{
	bus_free(w->hub.bus);
	bus_free(w->door.bus);
	bus_free(w->core.bus);
	bus_free(w->sip.bus);
	bus_free(w->link.bus);
	hub_free_policy(&w->hub);
	for (unsigned side = 0; side < HUB_SIDES; side++) {
		flight_fini(&w->hub.to_door[side]);
		flight_fini(&w->hub.to_core[side]);
	}
	settings_free(w->settings);
	loop_free(w->loop);
	test_free(w);
}

static void send_kind(struct world *w, struct end *e, enum prog prog, const char *from, const char *to,
		      enum stanza_kind kind, enum stanza_type type)
{
	struct chan *c = bus_chan(e->bus, PROG_SWITCH, 0);
	struct envelope env = { .id = (uint64_t)prog << 56 | 7, .trace = 1, .door = prog == PROG_IM ? DOOR_ACCESS : prog == PROG_XLATE ? DOOR_SIP : DOOR_S2S,
				.kind = (uint8_t)kind, .type = (uint8_t)type, .from = bytes_of(from), .to = bytes_of(to),
				.sid = BYTES("m1"), .stanza = BYTES("<message/>") };

	envelope_encode(chan_begin(c, MSG_ROUTE, 0), &env);
	assert_int_equal(chan_end(c), 0);
	for (int i = 0; i < 4; i++)
		loop_turn(w->loop, 0);
}

static void send_from(struct world *w, struct end *e, enum prog prog, const char *from, const char *to)
{
	send_kind(w, e, prog, from, to, STANZA_MESSAGE, TYPE_CHAT);
}

/* Lesson 16: no kind of stanza goes around the policy, and errors are not answered. */
static void every_kind_is_judged(void **state)
{
	static const struct {
		enum stanza_kind kind;
		enum stanza_type type;
		bool is_answered;
	} rows[] = {
		{ STANZA_MESSAGE, TYPE_CHAT, true },	 { STANZA_MESSAGE, TYPE_GROUPCHAT, true },
		{ STANZA_MESSAGE, TYPE_ERROR, false },	 { STANZA_PRESENCE, TYPE_SUBSCRIBE, true },
		{ STANZA_PRESENCE, TYPE_PROBE, true },	 { STANZA_IQ, TYPE_GET, true },
		{ STANZA_IQ, TYPE_SET, true },		 { STANZA_IQ, TYPE_RESULT, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w = world_new();
		send_kind(w, &w->door, PROG_S2S, "a@bad.example/x", "b@here.example", rows[i].kind, rows[i].type);
		assert_int_equal(w->last_verdict, ROUTE_DENIED);
		assert_int_equal(w->core.routes, 0);
		assert_int_equal(w->door.errors, rows[i].is_answered);
		assert_int_equal(w->door.dones, 1);
		send_kind(w, &w->door, PROG_S2S, "a@there.example/x", "b@here.example", rows[i].kind, rows[i].type);
		assert_int_equal(w->core.routes, 1);
		world_free(w);
	}
}

static void verdicts(void **state)
{
	static const struct {
		bool from_core;
		const char *from, *to;
		enum route_verdict v;
		const char *condition;
	} rows[] = {
		{ false, "a@there.example/x", "b@here.example", ROUTE_PASSED, NULL },
		{ true, "b@here.example/x", "a@there.example", ROUTE_PASSED, NULL },
		{ false, "a@x.sub.example", "b@here.example", ROUTE_PASSED, NULL },
		{ false, "a@sub.example", "b@here.example", ROUTE_DENIED, "<not-allowed" },
		{ false, "a@bad.example", "b@here.example", ROUTE_DENIED, "<not-allowed" },
		{ false, "a@unknown.example", "b@here.example", ROUTE_DENIED, "<not-allowed" },
		{ true, "b@here.example", "a@unknown.example", ROUTE_DENIED, "<not-allowed" },
		{ false, "a@there.example", "b@elsewhere.example", ROUTE_NOT_HOSTED, "<item-not-found" },
		{ false, "a@here.example", "b@here.example", ROUTE_FORGED, "<not-allowed" },
		{ true, "a@here.example", "b@here.example", ROUTE_LOOP, "<remote-server-not-found" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w = world_new();
		struct end *near = rows[i].from_core ? &w->core : &w->door, *far = rows[i].from_core ? &w->door : &w->core;
		send_from(w, near, rows[i].from_core ? PROG_IM : PROG_S2S, rows[i].from, rows[i].to);
		assert_int_equal(w->last_verdict, rows[i].v);
		assert_int_equal(w->taps, 1);
		assert_int_equal(far->routes, rows[i].v == ROUTE_PASSED);
		if (rows[i].v == ROUTE_PASSED) {
			assert_int_equal(far->last_hops, 1);
			assert_int_equal(near->dones, 0); /* the far end has not answered yet */
		} else {
			assert_int_equal(near->errors, 1);
			assert_non_null(strstr(near->last_stanza, rows[i].condition));
			assert_string_equal(near->last_to, rows[i].from);
			assert_int_equal(near->dones, 1);
			assert_int_equal(near->last_rc, 0);
		}
		world_free(w);
	}
}

static void a_rate_holds_for_all_subdomains_together(void **state)
{
	struct world *w = world_new();
	char from[64];

	(void)state;
	for (int i = 0; i < 15; i++) {
		snprintf(from, sizeof from, "a@x%d.sub.example", i);
		send_from(w, &w->door, PROG_S2S, from, "b@here.example");
	}
	assert_int_equal(w->core.routes, 10); /* five a second, two seconds' worth at once */
	assert_int_equal(w->door.errors, 5);
	assert_non_null(strstr(w->door.last_stanza, "resource-constraint"));
	loop_fake_advance(w->loop, 1000);
	send_from(w, &w->door, PROG_S2S, "a@x.sub.example", "b@here.example");
	assert_int_equal(w->core.routes, 11);
	world_free(w);
}

static void what_cannot_go_on_stays_with_its_origin(void **state)
{
	struct world *w = world_new();

	(void)state;
	bus_free(w->core.bus);
	w->core.bus = NULL;
	loop_turn(w->loop, 0);
	send_from(w, &w->door, PROG_S2S, "a@there.example", "b@here.example");
	assert_int_equal(w->last_verdict, ROUTE_AWAY);
	assert_int_equal(w->door.dones, 1);
	assert_int_equal(w->door.last_rc, ERR_AGAIN);
	assert_int_equal(w->door.errors, 0);
	world_free(w);
}

static void what_a_dead_program_had_stays_with_its_origin(void **state)
{
	struct world *w = world_new();

	(void)state;
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@there.example");
	send_from(w, &w->door, PROG_S2S, "a@there.example", "b@here.example");
	assert_int_equal(w->door.routes, 1);
	assert_int_equal(w->core.dones, 0);
	bus_free(w->door.bus);
	w->door.bus = NULL;
	loop_turn(w->loop, 0);
	loop_turn(w->loop, 0);
	assert_int_equal(w->core.dones, 1);
	assert_true(w->core.last_done == ((uint64_t)PROG_IM << 56 | 7));
	assert_int_equal(w->core.last_rc, ERR_AGAIN);
	assert_int_equal(w->hub.to_core[HUB_XMPP].by_id.count, 0);
	world_free(w);
}

static void confirmations_find_their_origin(void **state)
{
	struct world *w = world_new();
	struct chan *c = bus_chan(w->core.bus, PROG_SWITCH, 0);
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);
	uint64_t id = (uint64_t)PROG_S2S << 56 | 99;

	(void)state;
	wire_put_u64(b, id);
	wire_put_u32(b, 0);
	assert_int_equal(chan_end(c), 0);
	for (int i = 0; i < 4; i++)
		loop_turn(w->loop, 0);
	assert_int_equal(w->door.dones, 1);
	assert_true(w->door.last_done == id);
	world_free(w);
}

static void a_change_of_policy_is_live(void **state)
{
	struct world *w = world_new();

	(void)state;
	configure(w, "domain here.example certificate = here\nfederation mode = open\n");
	send_from(w, &w->door, PROG_S2S, "a@unknown.example", "b@here.example");
	assert_int_equal(w->core.routes, 1);
	configure(w, "domain here.example certificate = here\nfederation mode = off\nfederation peer there.example action = allow\n");
	send_from(w, &w->door, PROG_S2S, "a@there.example", "b@here.example");
	assert_int_equal(w->core.routes, 1);
	assert_int_equal(w->last_verdict, ROUTE_DENIED);
	world_free(w);
}

/* ADR-27: the nearest row says on which side a domain lives. */
static void sip_domains(void **state)
{
	static const struct {
		enum prog by, to; /* to: whose program gets it when it passes */
		const char *from, *dest;
		enum route_verdict v;
		const char *condition;
	} rows[] = {
		{ PROG_IM, PROG_XLATE, "b@here.example", "a@phones.example", ROUTE_PASSED, NULL },
		{ PROG_IM, PROG_S2S, "b@here.example", "a@there.example", ROUTE_PASSED, NULL },
		{ PROG_IM, PROG_XLATE, "b@here.example", "a@a.mixed.example", ROUTE_PASSED, NULL },
		{ PROG_IM, PROG_S2S, "b@here.example", "a@b.mixed.example", ROUTE_PASSED, NULL },
		{ PROG_IM, PROG_S2S, "b@here.example", "a@x.mixed2.example", ROUTE_PASSED, NULL },
		{ PROG_IM, PROG_XLATE, "b@here.example", "a@y.mixed2.example", ROUTE_PASSED, NULL },
		{ PROG_IM, PROG_XLATE, "b@here.example", "a@refused.example", ROUTE_DENIED, "<not-allowed" },
		{ PROG_XLATE, PROG_IM, "a@phones.example/x", "b@here.example", ROUTE_PASSED, NULL },
		{ PROG_XLATE, PROG_IM, "a@here.example", "b@here.example", ROUTE_FORGED, "<not-allowed" },
		{ PROG_XLATE, PROG_IM, "a@there.example", "b@here.example", ROUTE_FORGED, "<not-allowed" },
		{ PROG_XLATE, PROG_IM, "a@unknown.example", "b@here.example", ROUTE_FORGED, "<not-allowed" },
		{ PROG_XLATE, PROG_IM, "a@b.mixed.example", "b@here.example", ROUTE_FORGED, "<not-allowed" },
		{ PROG_XLATE, PROG_IM, "a@refused.example", "b@here.example", ROUTE_DENIED, "<not-allowed" },
		{ PROG_XLATE, PROG_IM, "a@phones.example", "b@elsewhere.example", ROUTE_NOT_HOSTED, "<item-not-found" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w = world_new();
		struct end *ends[PROG_COUNT] = { [PROG_IM] = &w->core, [PROG_S2S] = &w->door, [PROG_XLATE] = &w->sip };
		struct end *near = ends[rows[i].by], *far = ends[rows[i].to];
		send_from(w, near, rows[i].by, rows[i].from, rows[i].dest);
		assert_int_equal(w->last_verdict, rows[i].v);
		assert_int_equal(far->routes, rows[i].v == ROUTE_PASSED);
		assert_int_equal(w->door.routes + w->core.routes + w->sip.routes, 1); /* one, or the error */
		assert_int_equal(near->dones, rows[i].v != ROUTE_PASSED);
		if (rows[i].condition)
			assert_non_null(strstr(near->last_stanza, rows[i].condition));
		world_free(w);
	}
}

static void sip_modes(void **state)
{
	struct world *w = world_new();

	(void)state;
	configure(w, "domain here.example certificate = here\nsip mode = open\nfederation peer there.example action = allow\n");
	send_from(w, &w->sip, PROG_XLATE, "a@unknown.example", "b@here.example");
	assert_int_equal(w->last_verdict, ROUTE_PASSED);
	send_from(w, &w->sip, PROG_XLATE, "a@there.example", "b@here.example");
	assert_int_equal(w->last_verdict, ROUTE_FORGED);
	configure(w, "domain here.example certificate = here\nsip mode = off\nfederation mode = open\nsip peer phones.example action = allow\n");
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@phones.example");
	assert_int_equal(w->door.routes, 1); /* as if there were no SIP */
	send_from(w, &w->sip, PROG_XLATE, "a@phones.example", "b@here.example");
	assert_int_not_equal(w->last_verdict, ROUTE_PASSED);
	world_free(w);
}

static void done_with(struct world *w, struct end *e, uint64_t id, int rc)
{
	struct chan *c = bus_chan(e->bus, PROG_SWITCH, 0);
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, (uint32_t)rc);
	assert_int_equal(chan_end(c), 0);
	for (int i = 0; i < 4; i++)
		loop_turn(w->loop, 0);
}

/* ADR-27: without a row XMPP is tried first. */
static void found_elsewhere(void **state)
{
	struct world *w = world_new();
	uint64_t id = (uint64_t)PROG_IM << 56 | 7;

	(void)state;
	configure(w, "domain here.example certificate = here\nsip mode = open\nfederation mode = open\n");
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@unknown.example");
	assert_int_equal(w->door.routes, 1);
	done_with(w, &w->door, id, ERR_UNSUPPORTED);
	assert_int_equal(w->core.last_rc, ERR_AGAIN);
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@unknown.example");
	assert_int_equal(w->sip.routes, 1);
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@other.example");
	assert_int_equal(w->door.routes, 2);
	loop_fake_advance(w->loop, ELSEWHERE_MS + 1);
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@unknown.example");
	assert_int_equal(w->door.routes, 3); /* DNS may say something else by now */
	/* One that writes by SIP is answered by SIP. */
	send_from(w, &w->sip, PROG_XLATE, "a@writes.example", "b@here.example");
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@writes.example");
	assert_int_equal(w->sip.routes, 2);
	configure(w, "domain here.example certificate = here\nsip mode = allow-list\nfederation mode = open\n");
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@writes.example");
	assert_int_equal(w->door.routes, 4);
	world_free(w);
}

static void a_rate_holds_for_sip(void **state)
{
	struct world *w = world_new();

	(void)state;
	for (int i = 0; i < 15; i++)
		send_from(w, &w->sip, PROG_XLATE, "a@slow.example", "b@here.example");
	assert_int_equal(w->core.routes, 10);
	assert_int_equal(w->sip.errors, 5);
	world_free(w);
}

static void done_by(struct world *w, struct end *e, uint64_t id)
{
	struct chan *c = bus_chan(e->bus, PROG_SWITCH, 0);
	struct buf *b = chan_begin(c, MSG_ROUTE_DONE, 0);

	wire_put_u64(b, id);
	wire_put_u32(b, 0);
	assert_int_equal(chan_end(c), 0);
	for (int i = 0; i < 4; i++)
		loop_turn(w->loop, 0);
}

static void each_side_has_its_flights(void **state)
{
	struct world *w = world_new();

	(void)state;
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@phones.example");
	send_from(w, &w->sip, PROG_XLATE, "a@phones.example", "b@here.example");
	send_from(w, &w->door, PROG_S2S, "a@there.example", "b@here.example");
	/* gh-xlate dies: what it had goes back, what gh-s2s sent is still under way. */
	bus_free(w->sip.bus);
	w->sip.bus = NULL;
	loop_turn(w->loop, 0);
	loop_turn(w->loop, 0);
	assert_int_equal(w->core.dones, 1);
	assert_int_equal(w->core.last_rc, ERR_AGAIN);
	assert_int_equal(w->hub.to_core[HUB_SIP].by_id.count, 0);
	assert_int_equal(w->hub.to_core[HUB_XMPP].by_id.count, 1);
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@phones.example");
	assert_int_equal(w->last_verdict, ROUTE_AWAY);
	assert_int_equal(w->door.routes, 0);
	done_by(w, &w->core, (uint64_t)PROG_S2S << 56 | 7);
	assert_int_equal(w->door.dones, 1);
	assert_int_equal(w->hub.to_core[HUB_XMPP].by_id.count, 0);
	world_free(w);
}

static void sip_confirmations_find_their_origin(void **state)
{
	struct world *w = world_new();

	(void)state;
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@phones.example");
	done_by(w, &w->sip, (uint64_t)PROG_IM << 56 | 7);
	assert_int_equal(w->core.dones, 1);
	assert_int_equal(w->hub.to_door[HUB_SIP].by_id.count, 0);
	send_from(w, &w->sip, PROG_XLATE, "a@phones.example", "b@here.example");
	done_by(w, &w->core, (uint64_t)PROG_XLATE << 56 | 7);
	assert_int_equal(w->sip.dones, 1);
	assert_int_equal(w->door.dones, 0);
	assert_int_equal(w->hub.to_core[HUB_SIP].by_id.count, 0);
	/* A side cannot confirm what another side sent. */
	done_by(w, &w->door, (uint64_t)PROG_XLATE << 56 | 9);
	assert_int_equal(w->sip.dones, 1);
	world_free(w);
}

/* On an edge gh-link is the core: what doors bring goes there, judged by the edge's rows, and what comes from there goes to doors. */
static void an_edge_has_its_core_behind_the_link(void **state)
{
	struct world *w = world_new();
	char text[2000];

	(void)state;
	snprintf(text, sizeof text, "system role = edge\n%s", usual);
	configure(w, text);
	send_from(w, &w->door, PROG_S2S, "a@there.example/x", "b@here.example");
	send_from(w, &w->sip, PROG_XLATE, "a@phones.example", "b@here.example");
	assert_int_equal(w->link.routes, 2);
	send_from(w, &w->door, PROG_S2S, "a@bad.example", "b@here.example");
	assert_int_equal(w->last_verdict, ROUTE_DENIED);
	done_by(w, &w->link, (uint64_t)PROG_S2S << 56 | 7);
	assert_int_equal(w->door.dones, 2); /* the refused one before */
	send_from(w, &w->link, PROG_LINK, "b@here.example", "a@there.example");
	send_from(w, &w->link, PROG_LINK, "b@here.example", "a@phones.example");
	assert_int_equal(w->door.routes, 2); /* and the error */
	assert_int_equal(w->sip.routes, 1);
	done_by(w, &w->sip, (uint64_t)PROG_LINK << 56 | 7);
	assert_int_equal(w->link.dones, 1);
	send_from(w, &w->link, PROG_LINK, "b@here.example", "a@unknown.example");
	assert_int_equal(w->last_verdict, ROUTE_DENIED);
	/* gh-im has nothing to say there, and gh-link's end gives back what it had. */
	send_from(w, &w->core, PROG_IM, "b@here.example", "a@there.example");
	assert_int_equal(w->core.last_rc, ERR_AGAIN);
	unsigned before = w->sip.dones;
	bus_free(w->link.bus);
	w->link.bus = NULL;
	loop_turn(w->loop, 0);
	loop_turn(w->loop, 0);
	assert_int_equal(w->sip.dones, before + 1);
	assert_int_equal(w->sip.last_rc, ERR_AGAIN);
	world_free(w);
}

/* On a core gh-link is the door to everybody. Edges have judged partners; who is forged, and what rows here say, is judged here. */
static void a_core_has_one_door(void **state)
{
	static const struct {
		bool from_core;
		const char *from, *to;
		enum route_verdict v;
	} rows[] = {
		{ false, "a@unknown.example", "b@here.example", ROUTE_PASSED },
		{ true, "b@here.example", "a@unknown.example", ROUTE_PASSED },
		{ true, "b@here.example", "a@phones.example", ROUTE_PASSED },
		{ false, "a@bad.example", "b@here.example", ROUTE_DENIED },
		{ true, "b@here.example", "a@bad.example", ROUTE_DENIED },
		{ false, "a@refused.example", "b@here.example", ROUTE_DENIED },
		{ false, "a@here.example", "b@here.example", ROUTE_FORGED },
		{ false, "here.example", "b@here.example", ROUTE_FORGED },
		{ false, "a@unknown.example", "b@elsewhere.example", ROUTE_NOT_HOSTED },
		{ true, "b@here.example", "a@here.example", ROUTE_LOOP },
	};
	char text[2000];

	(void)state;
	snprintf(text, sizeof text, "system role = core\n%s", usual);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct world *w = world_new();
		configure(w, text);
		send_from(w, rows[i].from_core ? &w->core : &w->link, rows[i].from_core ? PROG_IM : PROG_LINK, rows[i].from, rows[i].to);
		assert_int_equal(w->last_verdict, rows[i].v);
		assert_int_equal((rows[i].from_core ? &w->link : &w->core)->routes, rows[i].v == ROUTE_PASSED);
		assert_int_equal(w->door.routes + w->sip.routes, 0);
		world_free(w);
	}
	/* A mode that is set here is meant: then rows must allow here, too. */
	struct world *w = world_new();
	configure(w, "system role = core\ndomain here.example certificate = here\nfederation mode = allow-list\n"
		     "federation peer there.example action = allow\n");
	send_from(w, &w->link, PROG_LINK, "a@unknown.example", "b@here.example");
	assert_int_equal(w->last_verdict, ROUTE_DENIED);
	send_from(w, &w->link, PROG_LINK, "a@there.example", "b@here.example");
	assert_int_equal(w->core.routes, 1);
	done_by(w, &w->core, (uint64_t)PROG_LINK << 56 | 7);
	assert_int_equal(w->link.dones, 2);
	assert_int_equal(w->hub.to_core[HUB_XMPP].by_id.count, 0);
	world_free(w);
}

/* What was under way in the old role goes back to its origin, which sends it again when there is a way in the new one. */
static void a_change_of_role_gives_back(void **state)
{
	struct world *w = world_new();
	char text[2000];

	(void)state;
	send_from(w, &w->door, PROG_S2S, "a@there.example/x", "b@here.example");
	assert_int_equal(w->core.routes, 1);
	snprintf(text, sizeof text, "system role = edge\n%s", usual);
	configure(w, text);
	loop_turn(w->loop, 0);
	loop_turn(w->loop, 0);
	assert_int_equal(w->door.dones, 1);
	assert_int_equal(w->door.last_rc, ERR_AGAIN);
	send_from(w, &w->door, PROG_S2S, "a@there.example/x", "b@here.example");
	assert_int_equal(w->link.routes, 1);
	world_free(w);
}

static void hops_end(void **state)
{
	struct world *w = world_new();
	struct chan *c = bus_chan(w->door.bus, PROG_SWITCH, 0);
	struct envelope env = { .id = (uint64_t)PROG_S2S << 56 | 7, .door = DOOR_S2S, .kind = STANZA_MESSAGE, .hops = ENVELOPE_HOPS_MAX,
				.from = BYTES("a@there.example"), .to = BYTES("b@here.example"), .stanza = BYTES("<message/>") };

	(void)state;
	envelope_encode(chan_begin(c, MSG_ROUTE, 0), &env);
	assert_int_equal(chan_end(c), 0);
	for (int i = 0; i < 4; i++)
		loop_turn(w->loop, 0);
	assert_int_equal(w->last_verdict, ROUTE_HOPS);
	assert_int_equal(w->core.routes, 0);
	world_free(w);
}

static void taps_come_and_go(void **state)
{
	struct world *w = world_new();

	(void)state;
	for (int i = 1; i < SWITCH_TAPS_MAX; i++)
		assert_int_equal(hub_tap_add(&w->hub, count_tap, &w->hub.taps[i]), 0);
	assert_int_equal(hub_tap_add(&w->hub, count_tap, NULL), ERR_FULL);
	for (int i = 1; i < SWITCH_TAPS_MAX; i++)
		hub_tap_del(&w->hub, count_tap, &w->hub.taps[i]);
	hub_tap_del(&w->hub, count_tap, w);
	send_from(w, &w->door, PROG_S2S, "a@there.example", "b@here.example");
	assert_int_equal(w->taps, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_judged),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(a_rate_holds_for_all_subdomains_together),
		cmocka_unit_test(what_cannot_go_on_stays_with_its_origin),
		cmocka_unit_test(what_a_dead_program_had_stays_with_its_origin),
		cmocka_unit_test(confirmations_find_their_origin),
		cmocka_unit_test(a_change_of_policy_is_live),
		cmocka_unit_test(sip_domains),
		cmocka_unit_test(sip_modes),
		cmocka_unit_test(found_elsewhere),
		cmocka_unit_test(a_rate_holds_for_sip),
		cmocka_unit_test(each_side_has_its_flights),
		cmocka_unit_test(sip_confirmations_find_their_origin),
		cmocka_unit_test(an_edge_has_its_core_behind_the_link),
		cmocka_unit_test(a_core_has_one_door),
		cmocka_unit_test(a_change_of_role_gives_back),
		cmocka_unit_test(hops_end),
		cmocka_unit_test(taps_come_and_go),
	};

	log_open("switch_test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
