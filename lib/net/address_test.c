#include "net/address.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

enum { MAX = 50 };

static int enter(struct address_table *t, const char *text, struct address_count **out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_enter(t, (const struct sockaddr *)(const void *)&v4, MAX, out);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return address_enter(t, (const struct sockaddr *)(const void *)&v6, MAX, out);
}

/* One address takes so many places and gives them back. */
static void places_by_address(void **state)
{
	struct address_table t;
	struct address_count *one = NULL, *other = NULL;
	int n = 0;

	(void)state;
	address_table_init(&t);
	while (n < 1000 && enter(&t, "1.2.3.4", &one) == 0)
		n++;
	assert_int_equal(n, MAX);
	assert_int_equal(enter(&t, "1.2.3.4", &one), ERR_LIMIT);
	assert_int_equal(enter(&t, "1.2.3.5", &other), 0);
	address_leave(&t, other);
	assert_int_equal(t.map.count, 1);
	while (n-- > 0)
		address_leave(&t, one);
	assert_int_equal(t.map.count, 0);
	address_table_fini(&t);
}

/* An IPv6 site is one address; IPv4 addresses are none of its. */
static void a_site_is_one(void **state)
{
	struct address_table t;
	struct address_count *one, *same, *other, *v4;

	(void)state;
	address_table_init(&t);
	assert_int_equal(enter(&t, "102:305::", &one), 0);
	assert_int_equal(enter(&t, "102:305::9", &same), 0);
	assert_ptr_equal(one, same);
	assert_int_equal(enter(&t, "102:305:0:9::9", &other), 0);
	assert_ptr_not_equal(one, other);
	assert_int_equal(enter(&t, "1.2.3.5", &v4), 0);
	assert_ptr_not_equal(one, v4);
	address_leave(&t, one);
	address_leave(&t, same);
	address_leave(&t, other);
	address_leave(&t, v4);
	assert_int_equal(t.map.count, 0);
	address_table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_by_address),
		cmocka_unit_test(a_site_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
