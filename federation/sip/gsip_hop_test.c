/* Next hops in trouble (ERR-15), and the order in which places are tried. */
#include "hop.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"

static struct sip_place place(const char *address, uint16_t port, enum siptransport t)
{
	struct sip_place p = { .transport = t };

	assert_int_equal(sip_sockaddr_of(bytes_of(address), port, &p.addr), 0);
	return p;
}

static void poor_and_held(void **state)
{
	struct sip_place a = place("192.0.2.1", 5061, SIPT_TLS), b = place("192.0.2.1", 5061, SIPT_TCP);
	struct hops h;

	(void)state;
	hops_init(&h);
	assert_int_equal(hops_state(&h, &a, 0), HOP_GOOD);
	assert_true(hops_failed(&h, &a, false, ERR_CONN_REFUSED, 0));
	assert_false(hops_failed(&h, &a, false, ERR_CONN_REFUSED, 1)); /* no news */
	assert_int_equal(hops_state(&h, &a, 2), HOP_POOR);
	assert_int_equal(hops_state(&h, &b, 2), HOP_GOOD); /* another transport is another place */
	/* 503 with Retry-After is stronger, at most 300 s, and what fails meanwhile does not shorten it */
	hops_hold(&h, &a, false, 4000, 1000);
	assert_false(hops_failed(&h, &a, false, ERR_TIMEOUT, 2000));
	assert_int_equal(hops_state(&h, &a, 300999), HOP_HELD);
	assert_int_equal(hops_state(&h, &a, 301000), HOP_GOOD);
	assert_int_equal(hops_due(&h, 301000, NULL, 0), 0);
	assert_int_equal(h.map.count, 0); /* what is over is forgotten */
	/* longer each time */
	assert_true(hops_failed(&h, &b, false, ERR_TIMEOUT, 0));
	assert_true(hops_failed(&h, &b, false, ERR_TIMEOUT, HOP_POOR_MS));
	assert_int_equal(hops_state(&h, &b, 3 * HOP_POOR_MS - 1), HOP_POOR);
	assert_true(hops_recovered(&h, &b));
	assert_false(hops_recovered(&h, &b));
	hops_fini(&h);
}

static void probes(void **state)
{
	struct sip_place a = place("192.0.2.1", 5061, SIPT_TLS), b = place("192.0.2.2", 5061, SIPT_TLS);
	struct hop *due[4];
	struct hops h;

	(void)state;
	hops_init(&h);
	hops_failed(&h, &a, true, ERR_TIMEOUT, 0);
	hops_failed(&h, &b, false, ERR_TIMEOUT, 0);
	assert_int_equal(hops_due(&h, HOP_PROBE_MS - 1, due, 4), 0);
	assert_int_equal(hops_due(&h, HOP_PROBE_MS, due, 4), 1);
	assert_ptr_equal(due[0], hops_find(&h, &a));
	assert_int_equal(hops_due(&h, HOP_PROBE_MS, due, 4), 0); /* one at a time */
	due[0]->is_probing = false;
	hops_failed(&h, &a, true, ERR_TIMEOUT, HOP_PROBE_MS);
	assert_int_equal(hops_due(&h, 2 * HOP_PROBE_MS, due, 4), 1);
	assert_true(hops_recovered(&h, &a));
	assert_int_equal(hops_due(&h, HOP_POOR_MS, due, 4), 0);
	assert_int_equal(h.map.count, 0);
	hops_fini(&h);
}

static void order(void **state)
{
	struct sip_place v[5];
	struct hops h;

	(void)state;
	hops_init(&h);
	for (uint16_t i = 0; i < 5; i++)
		v[i] = place("192.0.2.1", (uint16_t)(1 + i), SIPT_UDP);
	assert_int_equal(hops_order(&h, v, 5, 0), 5);
	hops_failed(&h, &v[0], false, ERR_TIMEOUT, 0);
	hops_hold(&h, &v[1], false, 5, 0);
	hops_failed(&h, &v[3], false, ERR_TIMEOUT, 0);
	assert_int_equal(hops_order(&h, v, 5, 1), 4);
	static const uint16_t want[] = { 3, 5, 1, 4 };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(sip_sockaddr_port(&v[i].addr), want[i]);
	hops_fini(&h);
}

static void flood(void **state)
{
	struct hops h;

	(void)state;
	hops_init(&h);
	for (uint32_t i = 0; i < HOPS_MAX + 10; i++) {
		struct sip_place p = place("192.0.2.1", (uint16_t)(1 + i), SIPT_UDP);
		hops_failed(&h, &p, false, ERR_TIMEOUT, 0);
	}
	assert_int_equal(h.map.count, HOPS_MAX);
	hops_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(poor_and_held), cmocka_unit_test(probes),
					    cmocka_unit_test(order), cmocka_unit_test(flood) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
