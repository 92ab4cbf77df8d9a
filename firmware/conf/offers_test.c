/* Name servers that the network offers stand in for a setting that nobody made, and for nothing else. */
#include "offers.h"

#include "base/err.h"
#include "conf_text.h"
#include "resolver.h"
#include "run/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int read_body(struct offers *o, const char *const *dns, unsigned n_dns, bool *is_new)
{
	struct buf b;

	buf_init(&b, 4096);
	wire_put_u8(&b, (uint8_t)n_dns);
	for (unsigned i = 0; i < n_dns; i++)
		wire_put_str(&b, bytes_of(dns[i]));
	wire_put_u8(&b, 1);
	wire_put_str(&b, BYTES("10.0.0.7"));
	struct wire w = wire_of(buf_bytes(&b));
	int rc = offers_read(o, &w, is_new);
	buf_fini(&b);
	return rc;
}

static void parse(const char *text, struct rows *r)
{
	struct conf_text_error e;

	assert_int_equal(conf_text_parse(bytes_of(text), r, &e), 0);
}

static void stands_in(void **state)
{
	static const char *const two[] = { "10.0.0.1", "2001:db8::5" };
	struct offers o = { 0 };
	struct rows r = { 0 }, with = { 0 };
	bool is_new = false, is_copy = true;

	(void)state;
	assert_int_equal(offers_put(&o, &r, PROG_S2S, &with, &is_copy), 0);
	assert_false(is_copy); /* nothing is offered */
	assert_int_equal(read_body(&o, two, 2, &is_new), 0);
	assert_true(is_new);
	assert_int_equal(read_body(&o, two, 2, &is_new), 0);
	assert_false(is_new);
	assert_int_equal(o.ntp.n, 1);

	parse("set dns validates on\nset federation mode open\n", &r);
	assert_int_equal(offers_put(&o, &r, PROG_IM, &with, &is_copy), 0);
	assert_false(is_copy); /* it asks no name servers */
	assert_int_equal(offers_put(&o, &r, PROG_S2S, &with, &is_copy), 0);
	assert_true(is_copy);
	assert_true(bytes_eq_str(rows_value(&with, SET_DNS_SERVER, BYTES("dhcp-01")), "10.0.0.1"));
	assert_true(bytes_eq_str(rows_value(&with, SET_DNS_SERVER, BYTES("dhcp-02")), "2001:db8::5"));
	assert_true(bytes_eq_str(rows_value(&with, SET_DNS_VALIDATES, BYTES_NONE), "off")); /* those are not trusted so far */
	assert_true(bytes_eq_str(rows_value(&with, SET_FED_MODE, BYTES_NONE), "open"));
	rows_fini(&with);

	parse("set dns server 1 192.0.2.1\n", &r);
	assert_int_equal(offers_put(&o, &r, PROG_S2S, &with, &is_copy), 0);
	assert_false(is_copy); /* the setting wins */
	rows_fini(&r);
}

static void stands_in_for_time_servers(void **state)
{
	static const char *const one[] = { "10.0.0.1" };
	struct rows r = { 0 }, with = { 0 };
	struct offers o = { 0 };
	bool is_new, is_copy;

	(void)state;
	assert_int_equal(read_body(&o, one, 1, &is_new), 0);
	parse("set dns server 1 192.0.2.1\n", &r);
	assert_int_equal(offers_put(&o, &r, PROG_TIME, &with, &is_copy), 0);
	assert_true(is_copy);
	assert_true(bytes_eq_str(rows_value(&with, SET_TIME_SERVER, BYTES("dhcp-01")), "10.0.0.7"));
	assert_true(bytes_eq_str(rows_value(&with, SET_DNS_SERVER, BYTES("1")), "192.0.2.1"));
	assert_int_equal(rows_value(&with, SET_DNS_SERVER, BYTES("dhcp-01")).n, 0); /* somebody has set one */
	rows_fini(&with);
	rows_fini(&r);

	parse("set time server a address ntp.example\n", &r);
	assert_int_equal(offers_put(&o, &r, PROG_S2S, &with, &is_copy), 0);
	assert_true(is_copy); /* name servers are not set here */
	assert_int_equal(rows_value(&with, SET_TIME_SERVER, BYTES("dhcp-01")).n, 0);
	rows_fini(&with);
	rows_fini(&r);
}

static void refuses_what_is_no_address(void **state)
{
	static const char *const bad[] = { "10.0.0.1 53", "ns.example", "", "10.0.0.1\n", "10.0.0.1:53" };
	static const char *const good[] = { "10.0.0.1" };
	struct offers o = { 0 };
	bool is_new;

	(void)state;
	assert_int_equal(read_body(&o, good, 1, &is_new), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(read_body(&o, &bad[i], 1, &is_new), ERR_PROTOCOL);
		assert_int_equal(o.dns.n, 1); /* as before */
	}
}

/* With the box's own resolver nobody else asks anybody, whatever is set or offered; it alone gets what is. */
static void the_own_resolver_stands_in_for_all(void **state)
{
	struct rows r = { 0 }, with = { 0 };
	bool is_copy;

	(void)state;
	parse("set dns server 1 192.0.2.1\nset dns forward-zone a.example server 192.0.2.2\nset dns forward-zone a.example validates on\n", &r);
	assert_int_equal(resolver_put(&r, PROG_S2S, &with, &is_copy), 0);
	assert_false(is_copy); /* off, as long as nobody sets it */
	assert_false(resolver_is_wanted(&r));
	rows_fini(&r);
	r = (struct rows){ 0 };
	parse("set dns resolver auto\nset dns server 1 192.0.2.1\nset dns forward-zone a.example server 192.0.2.2\n", &r);
	assert_true(resolver_is_wanted(&r));
	assert_int_equal(resolver_put(&r, PROG_DNS, &with, &is_copy), 0);
	assert_false(is_copy);
	assert_int_equal(resolver_put(&r, PROG_IM, &with, &is_copy), 0);
	assert_false(is_copy); /* it asks no name servers */
	assert_int_equal(resolver_put(&r, PROG_S2S, &with, &is_copy), 0);
	assert_true(is_copy);
	assert_int_equal(rows_value(&with, SET_DNS_SERVER, BYTES("1")).n, 0);
	assert_int_equal(rows_value(&with, SET_DNS_ZONE_SERVER, BYTES("a.example")).n, 0);
	assert_true(bytes_eq_str(rows_value(&with, SET_DNS_SERVER, BYTES("own")), RESOLVER_PLACE));
	assert_true(bytes_eq_str(rows_value(&with, SET_DNS_VALIDATES, BYTES_NONE), "on"));
	rows_fini(&with);
	rows_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(stands_in), cmocka_unit_test(stands_in_for_time_servers),
		cmocka_unit_test(refuses_what_is_no_address), cmocka_unit_test(the_own_resolver_stands_in_for_all) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
