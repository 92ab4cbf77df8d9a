#include "trunk.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* A core's dialling with a virtual clock; connections are what the test says. */

enum { DIALS_MAX = 400 };

static struct joint j;
static struct settings *settings;
static struct dial {
	struct trunk *trunk;
	uint64_t at_ms;
	char address[INET_ADDRSTRLEN];
	uint16_t port;
	enum trunk_kind kind;
} dials[DIALS_MAX];
static size_t n_dials;
static unsigned n_dropped;
static int dial_rc;

/* ---- in place of trunk.c ---- */

int trunk_dial(struct joint *joint, struct edge *e, enum trunk_kind kind, const struct sockaddr *to, socklen_t to_n, struct trunk **out)
{
	struct dial *d = &dials[n_dials++];
	const struct sockaddr_in *in = (const struct sockaddr_in *)to;

	assert_true(n_dials < DIALS_MAX);
	assert_int_equal(to_n, sizeof *in);
	*d = (struct dial){ .trunk = calloc(1, sizeof(struct trunk)), .at_ms = loop_now(joint->loop), .port = ntohs(in->sin_port), .kind = kind };
	assert_non_null(inet_ntop(AF_INET, &in->sin_addr, d->address, sizeof d->address));
	d->trunk->edge = e;
	if (dial_rc)
		return dial_rc;
	*out = d->trunk;
	return 0;
}

void trunk_drop(struct trunk *t, const char *reason)
{
	(void)reason;
	n_dropped++;
	dial_lost(t->edge, t, reason);
}

/* ---- the world ---- */

static void apply(const char *text)
{
	unsigned line = 0;
	struct settings *s;

	assert_int_equal(settings_parse(bytes_of(text), &s, &line), 0);
	dial_apply(&j, s);
	settings_free(settings);
	settings = s;
}

static void pass(uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += 10)
		loop_fake_advance(j.loop, 10);
}

static int setup(void **state)
{
	(void)state;
	j = (struct joint){ .loop = loop_new(LOOP_FAKE) };
	j.dns = dns_new(j.loop);
	n_dials = n_dropped = 0;
	dial_rc = 0;
	settings = NULL;
	apply("link edge one address = 192.0.2.1 7443\n");
	pass(20);
	assert_int_equal(n_dials, 4);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dial_fini(&j);
	for (size_t i = 0; i < n_dials; i++)
		free(dials[i].trunk);
	dns_free(j.dns);
	loop_free(j.loop);
	settings_free(settings);
	return 0;
}

static void test_two_of_each_kind(void **state)
{
	unsigned n[TRUNK_KIND_COUNT] = { 0 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(dials[i].address, "192.0.2.1");
		assert_int_equal(dials[i].port, 7443);
		n[dials[i].kind]++;
	}
	assert_int_equal(n[TRUNK_SIGNAL], 2);
	assert_int_equal(n[TRUNK_BULK], 2);
	pass(60000); /* while they are on their way, or there, nothing is dialled */
	assert_int_equal(n_dials, 4);
}

/* How long after it is lost the first connection is dialled again. */
static uint64_t lose(bool was_up)
{
	struct trunk *t = dials[n_dials == 4 ? 0 : n_dials - 1].trunk;
	uint64_t at = loop_now(j.loop);
	size_t n = n_dials;

	if (was_up) {
		t->is_up = true;
		dial_up(t->edge, t);
	}
	dial_lost(t->edge, t, "conn-refused");
	for (unsigned i = 0; i < 600 && n_dials == n; i++)
		pass(10);
	assert_int_equal(n_dials, n + 1);
	return dials[n].at_ms - at;
}

static void test_back_off(void **state)
{
	static const unsigned most[] = { 1000, 2000, 4000, 5000, 5000, 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof most / sizeof most[0]; i++)
		assert_in_range(lose(false), most[i] / 2, most[i] + 20);
	assert_in_range(lose(true), 250, 520); /* it was there: soon again */
	assert_in_range(lose(false), 500, 1020);
}

/* No route, no descriptor: as a connection that fails. */
static void test_cannot_even_begin(void **state)
{
	struct edge_place place;
	size_t at = 0;

	(void)state;
	dial_rc = ERR_CONN_UNREACHABLE;
	apply("link edge two address = 192.0.2.2 1\n");
	pass(60000);
	assert_in_range(n_dials, 4 + 4 * 11, 4 + 4 * 27); /* each 2.5 to 5 s in the end */
	assert_true(dial_next(&j, &at, &place));
	assert_string_equal(place.edge, "two");
	assert_string_equal(place.why, "conn-unreachable");
	assert_null(place.trunk);
}

static void test_settings_change(void **state)
{
	(void)state;
	apply("link edge one address = 192.0.2.1 7443\nlink edge two address = 192.0.2.2 7443\n");
	pass(20);
	assert_int_equal(n_dials, 8); /* one goes on as it is */
	assert_int_equal(n_dropped, 0);
	apply("link edge one address = 192.0.2.9 7443\nlink edge two address = 192.0.2.2 7443\n");
	pass(20);
	assert_int_equal(n_dropped, 4);
	assert_int_equal(n_dials, 12);
	assert_string_equal(dials[11].address, "192.0.2.9");
	apply("link edge one pin = 1111111111111111111111111111111111111111111111111111111111111111\nlink edge one address = 192.0.2.9 7443\n");
	pass(20);
	assert_int_equal(n_dropped, 12); /* two is gone, one must prove itself anew */
	assert_int_equal(n_dials, 16);
	apply("");
	pass(60000);
	assert_int_equal(n_dropped, 16);
	assert_int_equal(n_dials, 16);
}

static void test_only_so_many_edges(void **state)
{
	char text[2000];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "link edge e%02u address = 192.0.2.1 %u\n", i, 1000 + i);
	apply(text);
	pass(20);
	assert_int_equal(n_dials, 4 + 4 * LINK_EDGES_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_of_each_kind), TEST(test_back_off), TEST(test_cannot_even_begin), TEST(test_settings_change),
		TEST(test_only_so_many_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
