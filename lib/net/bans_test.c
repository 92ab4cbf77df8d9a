/* Ranges, their time, and what is not taken. */
#include "net/bans.h"
#include "net/stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/err.h"

static struct peer_address at(const char *text)
{
	struct peer_address p = { .family = strchr(text, ':') ? 6 : 4 };

	assert_int_equal(inet_pton(p.family == 6 ? AF_INET6 : AF_INET, text, p.bytes), 1);
	return p;
}

static bool refuses(struct bans *b, const char *text, uint64_t now_ms)
{
	struct peer_address p = at(text);
	struct sockaddr_storage from;

	peer_address_sockaddr(&p, &from);
	bool is_kept_out = bans_refuse(b, (struct sockaddr *)&from, now_ms);
	assert_int_equal(bans_has(b, &p, now_ms), is_kept_out);
	return is_kept_out;
}

static void ranges_and_times(void **state)
{
	struct bans b;

	(void)state;
	bans_init(&b);
	assert_false(refuses(&b, "192.0.2.7", 0));
	assert_int_equal(bans_add(&b, BYTES("192.0.2.0/28"), BYTES("why"), 1000, 0), 0);
	assert_int_equal(bans_add(&b, BYTES("2001:db8::/32"), BYTES_NONE, 0, 0), 0);
	assert_true(refuses(&b, "192.0.2.15", 0));
	assert_false(refuses(&b, "192.0.2.16", 0));
	assert_true(refuses(&b, "::ffff:192.0.2.1", 999));
	assert_true(refuses(&b, "2001:db8:ffff::1", 1ull << 40));
	assert_false(refuses(&b, "192.0.2.15", 1000));
	assert_int_equal(b.v[0].refused, 2);
	assert_string_equal(b.v[0].reason, "why");
	assert_int_equal(bans_add(&b, BYTES("192.0.2.0/28"), BYTES("again"), 3000, 500), 0);
	assert_int_equal(b.n, 2); /* in the place of the one before */
	assert_true(refuses(&b, "192.0.2.15", 2999));
	bans_expire(&b, 3000);
	assert_int_equal(b.n, 1);
	bans_fini(&b);
}

static void taken_away(void **state)
{
	struct prefix p;
	struct bans b;

	(void)state;
	bans_init(&b);
	assert_int_equal(bans_add(&b, BYTES("192.0.2.7"), BYTES_NONE, 0, 0), 0);
	assert_int_equal(bans_add(&b, BYTES("192.0.2.0/24"), BYTES_NONE, 0, 0), 0);
	assert_int_equal(prefix_parse(BYTES("192.0.2.7"), &p), 0);
	assert_int_equal(bans_remove(&b, &p), 1); /* not the wider one */
	assert_true(refuses(&b, "192.0.2.7", 0));
	assert_int_equal(prefix_parse(BYTES("192.0.0.0/16"), &p), 0);
	b.v[0].is_setting = true;
	assert_int_equal(bans_remove(&b, &p), 0);
	b.v[0].is_setting = false;
	assert_int_equal(bans_remove(&b, &p), 1);
	assert_false(refuses(&b, "192.0.2.7", 0));
	bans_fini(&b);
}

static void not_taken(void **state)
{
	char text[32];
	struct bans b;

	(void)state;
	bans_init(&b);
	assert_int_equal(bans_add(&b, BYTES("0.0.0.0/0"), BYTES_NONE, 0, 0), ERR_RANGE);
	assert_int_equal(bans_add(&b, BYTES("::/0"), BYTES_NONE, 0, 0), ERR_RANGE);
	assert_int_equal(bans_add(&b, BYTES("192.0.2.1/24"), BYTES_NONE, 0, 0), ERR_SYNTAX);
	assert_int_equal(bans_add(&b, BYTES("nobody"), BYTES_NONE, 0, 0), ERR_SYNTAX);
	for (int i = 0; i < BANS_MAX; i++) {
		(void)snprintf(text, sizeof text, "10.0.%d.%d", i / 256, i % 256);
		assert_int_equal(bans_add(&b, bytes_of(text), BYTES_NONE, 0, 0), 0);
	}
	assert_int_equal(bans_add(&b, BYTES("192.0.2.1"), BYTES_NONE, 0, 0), ERR_FULL);
	bans_fini(&b);
}

static void penalties_are_shown_and_pardoned(void **state)
{
	struct strangers s;
	struct prefix p;
	struct sockaddr_storage v4, v6;
	struct peer_address a = at("192.0.2.7"), b = at("2001:db8:1:2:3::4");
	char text[STRANGER_TEXT_BYTES];
	uint64_t until_ms;
	size_t at = 0, n = 0;

	(void)state;
	peer_address_sockaddr(&a, &v4);
	peer_address_sockaddr(&b, &v6);
	strangers_init(&s);
	s.tries = 1;
	s.penalty_ms = 1000;
	assert_true(stranger_failed(&s, (struct sockaddr *)&v4, 5000));
	assert_true(stranger_failed(&s, (struct sockaddr *)&v6, 5000));
	assert_true(stranger_is_out(&s, (struct sockaddr *)&v4, 5999));
	assert_false(stranger_is_out(&s, (struct sockaddr *)&v4, 6000));
	for (; strangers_next_out(&s, &at, 5500, text, &until_ms); n++) {
		assert_int_equal(until_ms, 6000);
		assert_true(!strcmp(text, "192.0.2.7") || !strcmp(text, "2001:db8:1:2::/64"));
	}
	assert_int_equal(n, 2);
	assert_int_equal(prefix_parse(BYTES("2001:db8::/32"), &p), 0);
	assert_int_equal(strangers_pardon(&s, &p, 5500), 1);
	assert_false(stranger_is_out(&s, (struct sockaddr *)&v6, 5500));
	assert_true(stranger_is_out(&s, (struct sockaddr *)&v4, 5500));
	strangers_fini(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_and_times),
		cmocka_unit_test(taken_away),
		cmocka_unit_test(not_taken),
		cmocka_unit_test(penalties_are_shown_and_pardoned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
