/* RFC 8489 and RFC 5626 8, as far as a keep-alive goes. */
#include "sip/transport_stun.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/stunmsg.h"

static uint8_t out[SIPSTUN_OUT_MAX];
static const uint8_t id[16] = { 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
static const uint8_t old_id[16] = { 9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static union sip_sockaddr at(const char *host, uint16_t port)
{
	union sip_sockaddr a;

	assert_int_equal(sip_sockaddr_of(bytes_of(host), port, &a), 0);
	return a;
}

static struct bytes ask(struct stunmsg_writer *w, const char *host)
{
	const union sip_sockaddr from = at(host, 40000);

	return sipstun_answer(stunmsg_end(w), &from, out);
}

static void says_where_it_came_from(void **state)
{
	static const struct {
		const char *host;
		const uint8_t *id;
		bool has_fingerprint;
	} rows[] = { { "192.0.2.7", id, false }, { "2001:db8::7", id, true }, { "192.0.2.7", old_id, false } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t room[64];
		struct stunmsg_writer w;
		struct stunmsg m;
		char text[STUNADDR_TEXT_BYTES], want[STUNADDR_TEXT_BYTES];
		stunmsg_begin(&w, room, sizeof room, STUN_REQUEST, STUN_BINDING, rows[i].id);
		if (rows[i].has_fingerprint)
			stunmsg_put_fingerprint(&w);
		struct bytes answer = ask(&w, rows[i].host);
		assert_int_equal(stunmsg_parse(answer, &m), 0);
		assert_int_equal(m.class, STUN_SUCCESS);
		assert_int_equal(m.method, STUN_BINDING);
		assert_memory_equal(m.id, rows[i].id, 16);
		assert_int_equal(m.has_fingerprint, rows[i].has_fingerprint);
		stunaddr_text(&m.mapped, text);
		snprintf(want, sizeof want, i == 1 ? "[%s]:40000" : "%s:40000", rows[i].host);
		assert_string_equal(text, want);
		assert_true(answer.n <= 20 + 24 + 8);
	}
}

static void demands_that_are_unknown(void **state)
{
	uint8_t room[256];
	struct stunmsg_writer w;
	struct stunmsg m;

	(void)state;
	stunmsg_begin(&w, room, sizeof room, STUN_REQUEST, STUN_BINDING, id);
	for (unsigned i = 0; i < STUNMSG_UNKNOWN_MAX + 4; i++)
		stunmsg_put(&w, (enum stunmsg_attribute)(0x7000 + i), BYTES_NONE);
	struct bytes answer = ask(&w, "192.0.2.7");
	assert_int_equal(stunmsg_parse(answer, &m), 0);
	assert_int_equal(m.class, STUN_ERROR);
	assert_int_equal(m.error, 420);
}

static void silent(void **state)
{
	static const struct {
		enum stunmsg_class class;
		uint16_t method;
		size_t n;
	} rows[] = {
		{ STUN_INDICATION, STUN_BINDING, 0 }, { STUN_SUCCESS, STUN_BINDING, 0 }, { STUN_ERROR, STUN_BINDING, 0 },
		{ STUN_REQUEST, STUN_ALLOCATE, 0 }, { STUN_REQUEST, STUN_BINDING, SIPSTUN_IN_MAX },
	};
	static const uint8_t filling[SIPSTUN_IN_MAX];
	uint8_t room[SIPSTUN_IN_MAX + 64];
	struct stunmsg_writer w;
	union sip_sockaddr from = at("192.0.2.7", 1);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		stunmsg_begin(&w, room, sizeof room, rows[i].class, rows[i].method, id);
		stunmsg_put(&w, STUN_SOFTWARE, bytes_make(filling, rows[i].n));
		assert_int_equal(ask(&w, "192.0.2.7").n, 0);
	}
	stunmsg_begin(&w, room, sizeof room, STUN_REQUEST, STUN_BINDING, id);
	struct bytes whole = stunmsg_end(&w);
	for (size_t n = 0; n < whole.n; n++) /* cut off, and with something behind it */
		assert_int_equal(sipstun_answer(bytes_make(whole.p, n), &from, out).n, 0);
	assert_int_equal(sipstun_answer(bytes_make(whole.p, whole.n + 4), &from, out).n, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_where_it_came_from),
		cmocka_unit_test(demands_that_are_unknown),
		cmocka_unit_test(silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
