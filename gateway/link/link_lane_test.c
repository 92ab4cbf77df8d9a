#include "ferry.h"
#include "renew.h"
#include "trunk.h"

#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* Sessions from a pair of sockets on an edge to one on a core: the real lanes and HTTP/2, the test carries the bytes and has the
 * clock. The core's end is that of the one service that stays in gh-link. */

enum { OUT_MAX = 4 << 20, PART = 4000 };

struct side {
	struct joint joint;
	struct trunk trunk;
	struct buf out;
};

static struct loop *loop;
static struct side edge, core;
static bool has_trunk, has_other;
static struct trunk second;
static int client = -1, server = -1; /* our ends of the pairs */

/* ---- in place of trunk.c and renew.c ---- */

void trunk_kick(struct trunk *t)
{
	(void)t;
}

struct trunk *trunk_pick(struct joint *j, enum trunk_kind kind)
{
	assert_ptr_equal(j, &edge.joint);
	if (has_other)
		return &second;
	return has_trunk && kind == TRUNK_SIGNAL ? &edge.trunk : NULL;
}

bool trunk_is_doubtful(const struct trunk *t)
{
	return t->avoid_ms > loop_now(t->joint->loop);
}

int renew_serve(struct trunk *t, int fd)
{
	assert_string_equal(t->name, "one");
	server = fd;
	return 0;
}

int ferry_serve(struct trunk *t, int fd)
{
	server = fd;
	return t->joint == &core.joint ? 0 : ERR_BAD_STATE;
}

/* ---- the world ---- */

static void sweep(void *joint)
{
	lane_sweep(joint);
}

static void begin_side(struct side *s, bool is_core)
{
	static const struct h2_limits limits = { .streams_max = 10, .opens_per_s = 100, .window = H2_WINDOW_SIGNAL, .fields_bytes = META_LIST_BYTES_MAX };
	static const struct h2_owner owner = { .begin = lane_begin, .field = lane_field, .request = lane_request, .data = lane_data, .drained = lane_drained,
		                                .closed = lane_closed };

	*s = (struct side){ .joint = { .loop = loop, .owed_max = LINK_OWED_MAX } };
	list_init(&s->joint.trunks);
	list_add_tail(&s->joint.trunks, &s->trunk.node);
	list_init(&s->joint.gone_lanes);
	loop_defer_init(&s->joint.sweep, sweep, &s->joint);
	s->trunk.joint = &s->joint;
	list_init(&s->trunk.lanes);
	snprintf(s->trunk.name, sizeof s->trunk.name, "one");
	buf_init(&s->out, OUT_MAX);
	assert_int_equal(h2_init(&s->trunk.h2, is_core, &limits, &owner, &s->trunk, loop_now(loop)), 0);
}

static void move(struct side *from, struct side *to)
{
	assert_int_equal(h2_output(&from->trunk.h2, &from->out, OUT_MAX), 0);
	if (buf_len(&from->out))
		assert_int_equal(h2_input(&to->trunk.h2, buf_bytes(&from->out), loop_now(loop)), 0);
	buf_clear(&from->out);
}

static void talk(void)
{
	for (int i = 0; i < 20; i++) {
		loop_fake_advance(loop, 1);
		move(&edge, &core);
		move(&core, &edge);
	}
}

static void begin_lane(const char *service)
{
	struct meta m = { .transport = "tls", .tls = "TLSv1.3", .sni = "near.example", .address_n = 4 };
	int fds[2];

	snprintf(m.service, sizeof m.service, "%s", service);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	client = fds[0];
	lane_open(&edge.joint, fds[1], &m);
}

static void open_lane(const char *service)
{
	begin_lane(service);
	talk();
}

static int setup(void **state)
{
	(void)state;
	loop = loop_new(LOOP_FAKE);
	begin_side(&edge, false);
	begin_side(&core, true);
	has_trunk = true;
	has_other = false;
	second = (struct trunk){ .joint = &edge.joint };
	client = server = -1;
	talk();
	return 0;
}

static void end_side(struct side *s)
{
	LIST_EACH (it, &s->trunk.lanes)
		lane_orphan(LIST_OWNER(it, struct lane, node));
	h2_fini(&s->trunk.h2);
	buf_fini(&s->out);
}

static int teardown(void **state)
{
	(void)state;
	end_side(&edge);
	end_side(&core);
	if (client >= 0)
		(void)close(client);
	if (server >= 0)
		(void)close(server);
	for (int i = 0; i < 40; i++)
		loop_fake_advance(loop, 500); /* what closes has closed */
	loop_free(loop);
	return 0;
}

/* What is there; -1: nothing now, 0: the end. */
static ssize_t hear(int fd, char *out, size_t room)
{
	ssize_t n = recv(fd, out, room - 1, 0);

	assert_true(n >= 0 || errno == EAGAIN || errno == ECONNRESET);
	out[n > 0 ? n : 0] = '\0';
	return n;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	talk();
}

static void test_there_and_back(void **state)
{
	char got[100];

	(void)state;
	open_lane("link-renew");
	assert_true(server >= 0);
	say(client, "from outside");
	assert_int_equal(hear(server, got, sizeof got), 12);
	assert_string_equal(got, "from outside");
	say(server, "last words");
	(void)close(server);
	server = -1;
	talk();
	assert_int_equal(hear(client, got, sizeof got), 10); /* all of it, then the end */
	assert_int_equal(hear(client, got, sizeof got), 0);
	assert_int_equal(edge.joint.stats[STAT_ENDED], 1);
	(void)close(client);
	client = -1;
	talk();
	assert_int_equal(edge.trunk.n_lanes + core.trunk.n_lanes, 0);
	assert_int_equal(edge.trunk.h2.n_streams + core.trunk.h2.n_streams, 0);
}

/* Whoever does not read holds up his own sender, in bounded memory; then everything comes, in order. */
static void test_slow_reader(void **state)
{
	static char part[PART], got[PART + 1];
	size_t sent = 0, heard = 0;
	int tries = 0;

	(void)state;
	open_lane("link-renew");
	while (tries < 5) {
		for (size_t i = 0; i < sizeof part; i++)
			part[i] = (char)('a' + (sent + i) % 26);
		ssize_t n = send(client, part, sizeof part, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else
			tries++;
		talk();
		assert_true(sent < 4 << 20);
		assert_true(core.joint.owed[TRUNK_SIGNAL] <= LANE_HIGH + H2_WINDOW_SIGNAL);
	}
	assert_true(core.joint.owed[TRUNK_SIGNAL] > 0);
	for (int idle = 0; idle < 5;) {
		ssize_t n = hear(server, got, sizeof got);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(got[i], 'a' + (int)((heard + (size_t)i) % 26));
		heard += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		talk();
	}
	assert_int_equal(heard, sent);
	assert_int_equal(core.joint.owed[TRUNK_SIGNAL], 0);
}

/* When all that waits is too much, he who reads least goes, not he who gets bytes at that moment. */
static void test_the_worst_goes(void **state)
{
	static char part[PART];
	char got[PART];
	int lazy[2], other[2];

	(void)state;
	core.joint.owed_max = H2_WINDOW_SIGNAL;
	open_lane("link-renew");
	lazy[0] = client;
	lazy[1] = server;
	for (int i = 0; i < 200; i++) {
		(void)send(lazy[0], part, sizeof part, MSG_NOSIGNAL); /* until it is held up */
		talk();
	}
	size_t stuck = core.joint.owed[TRUNK_SIGNAL];
	assert_true(stuck > H2_WINDOW_SIGNAL / 2 && core.trunk.n_lanes == 1);
	open_lane("link-renew");
	other[0] = client;
	other[1] = server;
	for (int i = 0; i < 200 && core.trunk.n_lanes == 2; i++) {
		(void)send(other[0], part, sizeof part, MSG_NOSIGNAL);
		talk();
	}
	assert_int_equal(core.joint.stats[STAT_OVER_BUDGET], 1);
	assert_int_equal(core.trunk.n_lanes, 1);
	while (hear(other[1], got, sizeof got) > 0)
		talk();
	say(other[0], "still here");
	assert_int_equal(hear(other[1], got, sizeof got), 10);
	(void)close(lazy[0]);
	(void)close(lazy[1]);
}

/* A ferry is no session: it is not counted, and a connection that drains does not wait for it. */
static void test_ferry_is_no_session(void **state)
{
	static const struct meta m = { .service = "partners", .transport = "link", .tls = "TLSv1.3", .address_n = 4 };
	char got[100];
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	client = fds[0];
	assert_int_equal(lane_open_at(&edge.trunk, fds[1], &m), 0);
	talk();
	say(client, "stanzas");
	assert_int_equal(hear(server, got, sizeof got), 7);
	assert_int_equal(edge.trunk.n_lanes + core.trunk.n_lanes, 0);
	assert_int_equal(edge.joint.stats[STAT_OPENED] + core.joint.stats[STAT_OPENED], 0);
	(void)close(server);
	server = -1;
	talk();
	assert_int_equal(hear(client, got, sizeof got), 0);
	assert_int_equal(edge.joint.stats[STAT_ENDED] + edge.joint.stats[STAT_LOST], 0);
	assert_int_equal(edge.trunk.n_lanes + core.trunk.n_lanes, 0);
}

static void test_apology(void **state)
{
	char got[1000];

	(void)state;
	has_trunk = false;
	open_lane("xmpp-client");
	assert_true(hear(client, got, sizeof got) > 0);
	assert_non_null(strstr(got, "from='near.example'"));
	assert_non_null(strstr(got, "<remote-connection-failed "));
	assert_int_equal(hear(client, got, sizeof got), 0);
	assert_int_equal(edge.joint.stats[STAT_NO_CORE], 1);
}

/* The core has nobody who takes it: as if there were no core. And a program gets no XML. */
static void test_refused(void **state)
{
	char got[1000];

	(void)state;
	core.joint.is_stopping = true;
	open_lane("xmpp-client");
	assert_true(hear(client, got, sizeof got) > 0);
	assert_non_null(strstr(got, "<remote-connection-failed "));
	assert_int_equal(core.joint.stats[STAT_NO_ACCESS], 1);
	(void)close(client);
	has_trunk = false;
	open_lane("link-renew");
	assert_int_equal(hear(client, got, sizeof got), 0);
}

/* A core that has nobody for a session is passed over for a while. */
static void test_refusal_is_remembered(void **state)
{
	(void)state;
	assert_false(trunk_is_doubtful(&edge.trunk));
	core.joint.is_stopping = true;
	open_lane("xmpp-client");
	assert_true(trunk_is_doubtful(&edge.trunk));
	loop_fake_advance(loop, 2000);
	assert_false(trunk_is_doubtful(&edge.trunk));
}

/* Who has heard nothing of a core that is silent is told, where there is another to go to. */
static void test_forsaken(void **state)
{
	char got[1000];

	(void)state;
	open_lane("link-renew");
	(void)close(client);
	begin_lane("xmpp-client");
	edge.trunk.avoid_ms = loop_now(loop) + 1;
	lane_forsake(&edge.trunk);
	assert_int_equal(edge.trunk.n_lanes, 2); /* to the same one again: no */
	has_other = true;
	second.avoid_ms = loop_now(loop) + 1;
	lane_forsake(&edge.trunk);
	assert_int_equal(edge.trunk.n_lanes, 2);
	second.avoid_ms = 0;
	lane_forsake(&edge.trunk);
	assert_int_equal(edge.trunk.n_lanes, 0);
	loop_fake_advance(loop, 1);
	assert_true(hear(client, got, sizeof got) > 0);
	assert_non_null(strstr(got, "<remote-connection-failed "));
	assert_int_equal(edge.joint.stats[STAT_LOST], 2);
}

/* In the middle of a stream nothing is put between its bytes. */
static void test_connection_lost(void **state)
{
	char got[1000];

	(void)state;
	open_lane("link-renew");
	say(server, "<message>");
	assert_int_equal(hear(client, got, sizeof got), 9);
	LIST_EACH (it, &edge.trunk.lanes)
		lane_orphan(LIST_OWNER(it, struct lane, node));
	talk();
	assert_int_equal(hear(client, got, sizeof got), 0);
	assert_int_equal(edge.joint.stats[STAT_LOST], 1);
	assert_int_equal(edge.trunk.n_lanes, 0);
}

/* A client that has gone is not kept for a core that does not take its last bytes. */
static void test_linger(void **state)
{
	(void)state;
	open_lane("link-renew");
	assert_int_equal(edge.trunk.n_lanes, 1);
	(void)close(client);
	client = -1;
	loop_fake_advance(loop, 1000); /* nothing is carried */
	assert_int_equal(edge.trunk.n_lanes, 1);
	loop_fake_advance(loop, 10000);
	assert_int_equal(edge.trunk.n_lanes, 0);
	char got[10];
	talk();
	assert_int_equal(hear(server, got, sizeof got), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back), TEST(test_slow_reader), TEST(test_the_worst_goes), TEST(test_ferry_is_no_session),
		TEST(test_apology), TEST(test_refused), TEST(test_refusal_is_remembered), TEST(test_forsaken),
		TEST(test_connection_lost), TEST(test_linger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
