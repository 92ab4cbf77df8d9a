/* What operators see and do: drains, records of usage, refusals in words, answers that are saved. */
#include "server_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

static const struct stunaddr peer = { 4, 7000, { 8, 8, 8, 8 } };

static void apply(void)
{
	for (unsigned i = 0; i < PLAY_WORKERS; i++)
		turn_server_set(play.workers[i].server, &play.conf);
}

struct attribute {
	enum stunmsg_attribute type;
	struct bytes value;
};

static void put_all(struct stunmsg_writer *w, void *arg)
{
	stunmsg_put(w, STUN_REQUESTED_TRANSPORT, BYTES("\x11\0\0\0"));
	for (const struct attribute *a = arg; a && a->type; a++)
		stunmsg_put(w, a->type, a->value);
}

static struct stunmsg ask(struct play_client *c, uint16_t method, struct attribute *all)
{
	return play_ask(c, &(struct play_ask){ .method = method, .put = put_all, .arg = all });
}

#define ALL(...) (struct attribute[]){ __VA_ARGS__, { 0, BYTES_NONE } }

/* ---- drain ---- */

static void a_drain_ends_when_few_are_left(void **state)
{
	struct play_client c[3], late = play_client(&play, 9, 1000);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		c[i] = play_client(&play, (uint8_t)i, 1000);
		c[i].worker = i & 1;
		(void)play_allocate(&c[i]);
	}
	assert_int_equal(turn_server_drain(play.workers[0].server), TURN_DRAIN_OFF);
	play.conf.is_draining = true;
	play.conf.drain_threshold = 1;
	apply();
	assert_int_equal(turn_server_drain(play.workers[0].server), TURN_DRAIN_ON);
	(void)ask(&late, STUN_ALLOCATE, NULL);
	assert_int_equal(ask(&late, STUN_ALLOCATE, NULL).error, 508);
	play.conf.alternate = (struct stunaddr){ 4, 3478, { 192, 0, 2, 9 } };
	struct stunmsg m = ask(&late, STUN_ALLOCATE, NULL);
	assert_int_equal(m.error, 300);
	assert_true(stunaddr_eq(&m.alternate, &play.conf.alternate));
	struct play_client v6 = play_client(&play, 8, 1000);
	v6.path.from.family = 6;
	(void)ask(&v6, STUN_ALLOCATE, NULL);
	assert_int_equal(ask(&v6, STUN_ALLOCATE, NULL).error, 508); /* RFC 8489 10: of one family */
	assert_string_equal(play.why, "the box drains: turn drain");
	assert_int_equal(play_refresh(&c[0], 600), 0); /* what is there lives on */
	assert_int_equal(play_refresh(&c[0], 0), 0);
	assert_int_equal(play.n_drained, 0);
	assert_int_equal(play_refresh(&c[1], 0), 0); /* another worker's counts too */
	assert_int_equal(play.n_drained, PLAY_WORKERS);
	assert_int_equal(play.left, 1);
	assert_int_equal(turn_server_drain(play.workers[0].server), TURN_DRAIN_DONE);
	assert_int_equal(turn_server_drain(play.workers[1].server), TURN_DRAIN_DONE);
	assert_int_equal(play_refresh(&c[2], 0), 0);
	assert_int_equal(play.n_drained, PLAY_WORKERS); /* told once */
	play.conf.is_draining = false;
	apply();
	assert_int_equal(turn_server_drain(play.workers[0].server), TURN_DRAIN_OFF);
	assert_int_equal(ask(&late, STUN_ALLOCATE, NULL).error, 0);
}

static void a_deadline_ends_what_is_left(void **state)
{
	struct play_client c;

	(void)state;
	play.conf.lifetime_max_s = play.conf.lifetime_s = 86400;
	apply();
	for (unsigned i = 0; i < 600; i++) { /* more than one turn ends */
		c = play_client(&play, (uint8_t)i, (uint16_t)(1000 + i));
		(void)play_allocate(&c);
	}
	play.conf.is_draining = true;
	play.conf.drain_deadline_s = 3600;
	apply();
	loop_fake_advance(play.loop, 1800 * 1000);
	play.conf.drain_deadline_s = 2400; /* from the drain's begin on */
	apply();
	loop_fake_advance(play.loop, 599 * 1000);
	assert_int_equal(turn_server_count(play.workers[0].server), 600);
	loop_fake_advance(play.loop, 1000);
	assert_int_equal(turn_server_count(play.workers[0].server), 0);
	assert_int_equal(play.n_ended, 600);
	assert_string_equal(play.ended_why, "drain");
	assert_int_equal(play.n_drained, PLAY_WORKERS);
}

static void a_drain_that_is_called_off_ends_nobody(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	(void)play_allocate(&c);
	play.conf.is_draining = true;
	play.conf.drain_deadline_s = 60;
	apply();
	loop_fake_advance(play.loop, 59 * 1000);
	play.conf.is_draining = false;
	apply();
	loop_fake_advance(play.loop, 60 * 1000);
	assert_int_equal(turn_server_count(play.workers[0].server), 1);
}

/* ---- records of usage ---- */

static void an_end_is_told_with_its_traffic(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	struct stunaddr relayed = play_allocate(&c);
	assert_int_equal(play_bind(&c, 0x4001, &peer), 0);
	play_from_client(&c, BYTES("\x40\x01\0\5hello"));
	play_from_peer(&play, 0, relayed.port, &peer, BYTES("hi"));
	play_from_peer(&play, 0, relayed.port, &peer, BYTES("there"));
	loop_fake_advance(play.loop, 42 * 1000);
	assert_int_equal(play_refresh(&c, 0), 0);
	assert_int_equal(play.n_ended, 1);
	assert_string_equal(play.ended_why, "client");
	assert_true(stunaddr_eq(&play.ended.client.from, &c.path.from));
	assert_true(stunaddr_eq(&play.ended.relayed, &relayed));
	assert_int_equal(play.ended.age_s, 42);
	assert_int_equal(play.ended.to_peer_bytes, 5);
	assert_int_equal(play.ended.to_client_bytes, 7);
	assert_int_equal(play.ended.to_peer, 1);
	assert_int_equal(play.ended.to_client, 2);
}

static void reasons(void **state)
{
	struct play_client c = play_client(&play, 1, 1000), tcp = play_client(&play, 2, 1000);
	struct turn_seen seen;
	size_t at = 0;

	(void)state;
	(void)play_allocate(&c);
	loop_fake_advance(play.loop, 600 * 1000);
	assert_string_equal(play.ended_why, "expired");
	(void)play_allocate(&c);
	assert_true(turn_server_next(play.workers[0].server, &at, &seen));
	assert_int_equal(turn_server_end(play.workers[0].server, seen.number), 0);
	assert_string_equal(play.ended_why, "operator");
	tcp.path.transport = TURN_TCP;
	tcp.path.conn = 1;
	(void)play_allocate(&tcp);
	turn_server_client_gone(play.workers[0].server, &tcp.path);
	assert_string_equal(play.ended_why, "connection");
	assert_int_equal(play.n_ended, 3);
	play.has_no_port = true; /* one that never began is no usage */
	assert_int_equal(ask(&c, STUN_ALLOCATE, NULL).error, 508);
	assert_int_equal(play.n_ended, 3);
}

/* ---- refusals in words ---- */

static void a_failed_login_has_its_name(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	char longest[200];

	(void)state;
	c.user = "tybalt";
	(void)ask(&c, STUN_ALLOCATE, NULL);
	assert_int_equal(ask(&c, STUN_ALLOCATE, NULL).error, 401);
	assert_string_equal(play.refused_user, "tybalt");
	assert_string_equal(play.why, "no such user");
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = 0;
	c.user = longest;
	assert_int_equal(ask(&c, STUN_ALLOCATE, NULL).error, 401);
	assert_int_equal(strlen(play.refused_user), 64);
	c.user = "juliet";
	c.password = "wrong";
	c.by_hash = true;
	assert_int_equal(ask(&c, STUN_ALLOCATE, NULL).error, 401);
	assert_string_equal(play.refused_user, "juliet"); /* by USERHASH, which says nothing to a reader */
	c = play_client(&play, 2, 1000);
	c.user = "e\xcc\x81ric"; /* not in NFC */
	(void)ask(&c, STUN_ALLOCATE, NULL);
	assert_int_equal(ask(&c, STUN_ALLOCATE, NULL).error, 401);
	assert_non_null(strstr(play.why, "OpaqueString"));
}

/* What another worker holds and cannot be had: gone is what the standard says, trouble is 500. */
static void what_another_worker_holds(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);
	struct attribute *of_worker[] = { ALL({ STUN_RESERVATION_TOKEN, BYTES("\1abcdefg") }),
		                          ALL({ STUN_RESERVATION_TOKEN, BYTES("\x0f" "abcdefg") }) };

	(void)state;
	(void)ask(&c, STUN_ALLOCATE, NULL);
	assert_int_equal(ask(&c, STUN_ALLOCATE, of_worker[0]).error, 508); /* it has no such reservation */
	assert_non_null(strstr(play.why, "should hold it does not"));
	assert_int_equal(ask(&c, STUN_ALLOCATE, of_worker[1]).error, 508);
	assert_string_equal(play.why, "the worker that held it has ended");
	play.claim_rc = ERR_FULL;
	assert_int_equal(ask(&c, STUN_ALLOCATE, of_worker[0]).error, 500);
	assert_non_null(strstr(play.why, "cannot be reached"));
	play.claim_rc = PLAY_SILENT;
	assert_int_equal(ask(&c, STUN_ALLOCATE, of_worker[0]).class, STUN_REQUEST); /* nothing yet */
	loop_fake_advance(play.loop, 2000);
	struct stunmsg m;
	assert_int_equal(stunmsg_parse(bytes_make(play_last(&play)->bytes, play_last(&play)->n), &m), 0);
	assert_int_equal(m.error, 500);
	assert_non_null(strstr(play.why, "two seconds"));
	assert_int_equal(ask(&c, STUN_ALLOCATE, ALL({ STUN_RESERVATION_TOKEN, BYTES("\0abcdefg") })).error, 508);
	assert_non_null(strstr(play.why, "reservation has expired"));
}

/* ---- answers that are saved ---- */

/* What is logged while the clock goes on, NUL-terminated. */
static void log_of(uint64_t ms, char *out, size_t room)
{
	int was = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);

	assert_true(was >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
	loop_fake_advance(play.loop, ms);
	assert_true(dup2(was, STDERR_FILENO) >= 0);
	ssize_t n = pread(file, out, room - 1, 0);
	assert_true(n >= 0);
	out[n] = 0;
	close(was);
	close(file);
}

static void saved_answers_are_one_line_a_minute(void **state)
{
	uint64_t *stats = turn_server_stats(play.workers[0].server);
	struct play_client c = play_client(&play, 1, 1000);
	char text[1024];

	(void)state;
	play.conf.answers_per_s = 1;
	apply();
	for (unsigned i = 0; i < 20; i++)
		(void)play_ask(&c, &(struct play_ask){ .method = STUN_ALLOCATE, .is_unsigned = true });
	assert_int_equal(stats[TURN_STAT_BUDGET], 18);
	log_of(59 * 1000, text, sizeof text);
	assert_string_equal(text, "");
	log_of(1000, text, sizeof text);
	assert_non_null(strstr(text, "turn.answers.saved prefix=9.9.9.0/24 answers=18 seconds=60"));
	assert_ptr_equal(strchr(text, '\n') + 1, text + strlen(text));
	log_of(600 * 1000, text, sizeof text);
	assert_string_equal(text, "");
}

/* ---- what clients are told ---- */

static void third_parties_are_named_with_401(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	assert_int_equal(ask(&c, STUN_ALLOCATE, NULL).authorization.n, 0);
	play.conf.server_name = BYTES("turn.example.org");
	c.nonce_n = 0;
	struct stunmsg m = ask(&c, STUN_ALLOCATE, NULL);
	assert_int_equal(m.error, 401);
	assert_true(bytes_eq_str(m.authorization, "turn.example.org"));
}

static void channels_of_rfc_5766(void **state)
{
	struct play_client c = play_client(&play, 1, 1000);

	(void)state;
	struct stunaddr relayed = play_allocate(&c);
	assert_int_equal(play_bind(&c, 0x7ffe, &peer), 400);
	play.conf.has_old_channels = true;
	assert_int_equal(play_bind(&c, 0x7fff, &peer), 400);
	assert_int_equal(play_bind(&c, 0x8000, &peer), 400);
	assert_int_equal(play_bind(&c, 0x7ffe, &peer), 0);
	play_clear(&play);
	play_from_client(&c, BYTES("\x7f\xfe\0\1x"));
	assert_int_equal(play_last(&play)->what, OUT_PEER);
	play_from_peer(&play, 0, relayed.port, &peer, BYTES("y"));
	assert_memory_equal(play_last(&play)->bytes, "\x7f\xfe\0\1y", 5);
	play.conf.has_old_channels = false;
	play_clear(&play);
	play_from_client(&c, BYTES("\x7f\xfe\0\1x"));
	assert_null(play_last(&play));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, play_up, play_down)
	const struct CMUnitTest tests[] = {
		T(a_drain_ends_when_few_are_left), T(a_deadline_ends_what_is_left), T(a_drain_that_is_called_off_ends_nobody),
		T(an_end_is_told_with_its_traffic), T(reasons), T(a_failed_login_has_its_name), T(what_another_worker_holds),
		T(saved_answers_are_one_line_a_minute), T(third_parties_are_named_with_401), T(channels_of_rfc_5766),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
