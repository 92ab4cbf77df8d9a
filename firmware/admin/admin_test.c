#include "admin_play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"

#define LOGIN "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 45\r\n\r\n" \
	"{\"user\":\"anna\",\"password\":\"pw\",\"token\":true }"

struct world {
	struct play play;
	struct buf got, frame;
	char token[SESSION_TOKEN_HEX + 1];
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	assert_true(play_open(&w->play));
	buf_init(&w->got, 64 << 20);
	buf_init(&w->frame, 64 << 10);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	play_close(&w->play);
	buf_fini(&w->got);
	buf_fini(&w->frame);
	free(w);
	return 0;
}

static void say(int client, const char *text)
{
	assert_int_equal(send(client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static const char *hear(struct world *w, int client)
{
	buf_clear(&w->got);
	(void)play_read(&w->play, client, &w->got); /* its end is asked for where it matters */
	return buf_cstr(&w->got);
}

/* The operator's next frame is this. */
static void expect(struct world *w, unsigned i, unsigned type)
{
	play_run(&w->play, 0);
	assert_int_equal(play_take(&w->play, i, &w->frame), type);
}

/* Logged in by a token; gives its operator's number. */
static unsigned log_in(struct world *w, int client)
{
	unsigned i = w->play.n_pairs;

	say(client, LOGIN);
	play_run(&w->play, 0);
	assert_int_equal(w->play.n_pairs, i + 1);
	assert_int_equal(w->play.likes[i], 0);
	expect(w, i, OPER_HELLO);
	play_done(&w->play, i, 0, "");
	expect(w, i, OPER_LOGIN);
	play_done(&w->play, i, 0, "");
	const char *token = strstr(hear(w, client), "\"token\":\"");
	assert_non_null(token);
	memcpy(w->token, token + 9, SESSION_TOKEN_HEX);
	return i;
}

static void ask(struct world *w, int client, const char *line, const char *more)
{
	char text[1024];

	snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n%s\r\n", line, w->token, more);
	say(client, text);
	play_run(&w->play, 0);
}

static void record(struct world *w, unsigned i, const char *value)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	wire_put_u16(&b, 1);
	wire_put_str(&b, BYTES("k"));
	wire_put_bytes(&b, bytes_of(value));
	play_put(&w->play, i, OPER_RECORD, buf_bytes(&b));
	buf_fini(&b);
}

static void logs_in(void **state)
{
	static const struct {
		int rc;
		const char *status, *code;
	} rows[] = { { ERR_AUTH, " 401 ", "login-failed" }, { ERR_AGAIN, " 429 ", "again" }, { ERR_RANGE, " 422 ", "range" } };
	struct world *w = *state;
	int c = play_client(&w->play);

	log_in(w, c);
	assert_non_null(strstr(buf_cstr(&w->got), "201 Created"));
	assert_null(strstr(buf_cstr(&w->got), "Set-Cookie")); /* a token was wanted */
	for (unsigned i = 0; i < 3; i++) {
		unsigned n = w->play.n_pairs;
		say(c, LOGIN);
		expect(w, n, OPER_HELLO);
		play_done(&w->play, n, 0, "");
		expect(w, n, OPER_LOGIN);
		play_done(&w->play, n, rows[i].rc, "no");
		hear(w, c);
		assert_non_null(strstr(buf_cstr(&w->got), rows[i].status));
		assert_non_null(strstr(buf_cstr(&w->got), rows[i].code));
		assert_int_equal(play_take(&w->play, n, &w->frame), 0);
	}
	assert_int_equal(w->play.admin.n_sessions, 1);
	/* gh-conf says nothing: the request ends, and so does the half session. */
	say(c, LOGIN);
	play_run(&w->play, 31000);
	assert_non_null(strstr(hear(w, c), " 504 "));
	assert_int_equal(w->play.admin.n_sessions, 1);
	/* gh-conf has no place. */
	say(c, LOGIN);
	play_run(&w->play, 0);
	close(w->play.pairs[w->play.n_pairs - 1]);
	w->play.pairs[w->play.n_pairs - 1] = -1;
	assert_non_null(strstr(hear(w, c), " 503 "));
	close(c);
}

/* Two clients, one operator: the second question waits for the first one's answer. */
static void asks_one_after_another(void **state)
{
	struct world *w = *state;
	int c = play_client(&w->play), d = play_client(&w->play);
	unsigned i = log_in(w, c);

	ask(w, c, "GET /api/v1/show/one", "");
	ask(w, d, "GET /api/v1/show/two", "");
	expect(w, i, OPER_ASK);
	assert_non_null(memmem(buf_bytes(&w->frame).p, buf_len(&w->frame), "one", 3));
	assert_int_equal(play_take(&w->play, i, &w->frame), 0);
	record(w, i, "1\xff");
	play_done(&w->play, i, 0, "done");
	assert_non_null(strstr(hear(w, c), "{\"records\":[{\"k\":\"1\xef\xbf\xbd\"}],\"notes\":[],\"message\":\"done\",\"changes\":0,\"secret\":false}"));
	expect(w, i, OPER_ASK);
	assert_non_null(memmem(buf_bytes(&w->frame).p, buf_len(&w->frame), "two", 3));
	play_done(&w->play, i, ERR_DENIED, "your role may not do this");
	assert_non_null(strstr(hear(w, d), " 403 "));
	close(c);
	close(d);
}

/* Whoever has gone does not hold up the others, and gets nobody else's answer. */
static void stops_what_nobody_waits_for(void **state)
{
	struct world *w = *state;
	int c = play_client(&w->play), d = play_client(&w->play);
	unsigned i = log_in(w, d);

	ask(w, c, "GET /api/v1/show/one", "");
	expect(w, i, OPER_ASK);
	ask(w, d, "GET /api/v1/show/two", "");
	close(c);
	expect(w, i, OPER_ABORT);
	record(w, i, "late");
	play_done(&w->play, i, ERR_BAD_STATE, "");
	expect(w, i, OPER_ASK);
	record(w, i, "right");
	play_done(&w->play, i, 0, "");
	hear(w, d);
	assert_non_null(strstr(buf_cstr(&w->got), "right"));
	assert_null(strstr(buf_cstr(&w->got), "late"));
	close(d);
}

/* A client that does not read stops gh-conf's answer, and all of it comes when it does. */
static void waits_for_slow_clients(void **state)
{
	enum { RECORDS = 600, SIZE = 10000 };
	struct world *w = *state;
	int c = play_client(&w->play);
	unsigned i = log_in(w, c), n = 0, stuck = 0;
	char *value = malloc(SIZE + 1);

	assert_non_null(value);
	memset(value, 'x', SIZE);
	value[SIZE] = 0;
	ask(w, c, "GET /api/v1/show/much", "");
	buf_clear(&w->got);
	while (n < RECORDS) {
		int room = 0;
		socklen_t size = sizeof room;
		assert_int_equal(getsockopt(w->play.pairs[i], SOL_SOCKET, SO_SNDBUF, &room, &size), 0);
		struct buf b;
		buf_init(&b, SIZE + 100);
		wire_put_u32(&b, SIZE + 10);
		wire_put_u8(&b, OPER_RECORD);
		wire_put_u16(&b, 1);
		wire_put_str(&b, BYTES("k"));
		wire_put_bytes(&b, bytes_of(value));
		ssize_t put = send(w->play.pairs[i], buf_bytes(&b).p, buf_len(&b), MSG_NOSIGNAL | MSG_DONTWAIT);
		size_t left = put < 0 ? buf_len(&b) : buf_len(&b) - (size_t)put;
		while (left) { /* it has stopped reading: only now the client reads */
			stuck++;
			assert_true(stuck < 100000);
			(void)play_read(&w->play, c, &w->got);
			struct bytes rest = bytes_skip(buf_bytes(&b), buf_len(&b) - left);
			put = send(w->play.pairs[i], rest.p, rest.n, MSG_NOSIGNAL | MSG_DONTWAIT);
			left -= put > 0 ? (size_t)put : 0;
		}
		buf_fini(&b);
		play_run(&w->play, 0);
		n++;
	}
	assert_true(stuck > 0);
	play_run(&w->play, 0);
	(void)play_read(&w->play, c, &w->got);
	play_done(&w->play, i, ERR_IO, "broke");
	(void)play_read(&w->play, c, &w->got);
	assert_true(buf_len(&w->got) > (size_t)RECORDS * SIZE);
	assert_non_null(strstr(buf_cstr(&w->got), "\"error\":{"));
	assert_non_null(strstr(buf_cstr(&w->got), "broke"));
	assert_true(bytes_eq_str(bytes_skip(buf_bytes(&w->got), buf_len(&w->got) - 5), "0\r\n\r\n"));
	free(value);
	close(c);
}

static void ends_sessions(void **state)
{
	struct world *w = *state;
	int c = play_client(&w->play);
	unsigned i = log_in(w, c);

	close(c);
	play_run(&w->play, 890000);
	c = play_client(&w->play);
	ask(w, c, "GET /api/v1/session", "X-Background: 1\r\n"); /* no use */
	assert_non_null(strstr(hear(w, c), " 200 "));
	close(c);
	play_run(&w->play, 20000);
	c = play_client(&w->play);
	ask(w, c, "GET /api/v1/session", "");
	assert_non_null(strstr(hear(w, c), " 401 "));
	char end;
	while (recv(w->play.pairs[i], &end, 1, MSG_DONTWAIT) > 0)
		continue;
	assert_int_equal(recv(w->play.pairs[i], &end, 1, MSG_DONTWAIT), 0); /* gh-conf is told */
	/* Used all the time, it ends nevertheless. */
	close(c);
	c = play_client(&w->play);
	log_in(w, c);
	for (unsigned n = 0; n < 5; n++) {
		close(c);
		play_run(&w->play, 700000);
		c = play_client(&w->play);
		ask(w, c, "GET /api/v1/session", "");
		assert_non_null(strstr(hear(w, c), " 200 "));
	}
	close(c);
	play_run(&w->play, 200000);
	c = play_client(&w->play);
	ask(w, c, "GET /api/v1/session", "");
	assert_non_null(strstr(hear(w, c), " 401 "));
	close(c);
}

/* Events have an operator of their own, named after the session's, and it ends with them. */
static void follows_live(void **state)
{
	struct world *w = *state;
	int c = play_client(&w->play), d = play_client(&w->play);
	unsigned i = log_in(w, d);

	ask(w, c, "GET /api/v1/events/trace/domain/a.example", "");
	assert_int_equal(w->play.n_pairs, i + 2);
	assert_int_equal(w->play.likes[i + 1], w->play.numbers[i]);
	expect(w, i + 1, OPER_HELLO);
	play_done(&w->play, i + 1, 0, "");
	expect(w, i + 1, OPER_ASK);
	record(w, i + 1, "passes");
	assert_non_null(strstr(hear(w, c), "event: record\ndata: {\"record\":{\"k\":\"passes\"}}\n\n"));
	play_run(&w->play, 16000);
	assert_non_null(strstr(hear(w, c), ": still here"));
	for (unsigned n = 1; n < ADMIN_STREAMS_MAX; n++)
		ask(w, play_client(&w->play), "GET /api/v1/events/show/version", ""); /* its end stays with this test's process */
	ask(w, d, "GET /api/v1/events/show/version", "");
	assert_non_null(strstr(hear(w, d), " 503 "));
	close(c);
	play_run(&w->play, 0);
	assert_int_equal(w->play.admin.n_streams, ADMIN_STREAMS_MAX - 1);
	close(d);
}

static void ends_slow_requests(void **state)
{
	struct world *w = *state;
	int c = play_client(&w->play);

	say(c, "GET / HTTP/1.1\r\nHost");
	play_run(&w->play, 5000);
	say(c, ": a\r\n");
	play_run(&w->play, 5500);
	buf_clear(&w->got);
	assert_false(play_read(&w->play, c, &w->got) && buf_len(&w->got) == 0);
	int d = play_client(&w->play);
	say(d, "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
	play_run(&w->play, 121000);
	buf_clear(&w->got);
	(void)play_read(&w->play, d, &w->got);
	close(c);
	close(d);
	play_run(&w->play, 5000);
	assert_int_equal(w->play.admin.n_conns, 0);
	assert_int_equal(w->play.admin.stats[STAT_TIMEOUT], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(logs_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asks_one_after_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stops_what_nobody_waits_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_slow_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_sessions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(follows_live, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_slow_requests, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
