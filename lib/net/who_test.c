#include "net/who.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/err.h"

static const struct row {
	const char *word, *address, *jid;
	bool is;
} rows[] = {
	{ "", "192.0.2.7", "", true },
	{ "00000000000004d2", "192.0.2.7", "", true }, /* 1234 */
	{ "00000000000004d3", "192.0.2.7", "", false },
	{ "192.0.2.7", "192.0.2.7", "", true },
	{ "192.0.2.8", "192.0.2.7", "", false },
	{ "192.0.2.0/24", "192.0.2.7", "a@b.example/c", true },
	{ "2001:db8::/32", "2001:db8::1", "", true },
	{ "2001:db8::/32", "192.0.2.7", "", false },
	{ "a@b.example", "192.0.2.7", "a@b.example/c", true },
	{ "A@B.example", "192.0.2.7", "a@b.example/c", true },
	{ "a@b.example", "192.0.2.7", "a@b.example", true }, /* logged in, not bound */
	{ "a@b.example", "192.0.2.7", "", false },
	{ "a@b.example", "192.0.2.7", "aa@b.example/c", false },
	{ "a@b.example/c", "192.0.2.7", "a@b.example/c", true },
	{ "a@b.example/c", "192.0.2.7", "a@b.example/c/d", false },
	{ "a@b.example/c", "192.0.2.7", "a@b.example", false },
};

static void is_or_is_not(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
		struct sockaddr_in v4 = { .sin_family = AF_INET };
		struct peer_address from;
		struct who w;
		bool is_v4 = inet_pton(AF_INET, rows[i].address, &v4.sin_addr) == 1;
		assert_true(is_v4 || inet_pton(AF_INET6, rows[i].address, &v6.sin6_addr) == 1);
		peer_address_of(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, &from);
		assert_int_equal(who_parse(bytes_of(rows[i].word), &a, &w), 0);
		if (who_is(&w, 1234, &from, bytes_of(rows[i].jid)) != rows[i].is)
			fail_msg("%s, %s", rows[i].word, rows[i].jid);
	}
	arena_fini(&a);
}

static void nobody(void **state)
{
	static const char *const words[] = { "juliet", "b.example", "192.0.2.7/33", "00000000000004D2", "4d2", "a@", "@b.example", "a@b.example/" };
	struct who w;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (who_parse(bytes_of(words[i]), &a, &w) != ERR_SYNTAX)
			fail_msg("%s", words[i]);
	arena_fini(&a);
}

static void number_there_and_back(void **state)
{
	char text[WHO_ID_BYTES];
	struct who w;

	(void)state;
	who_id_text(0xfedcba9876543210, text);
	assert_string_equal(text, "fedcba9876543210");
	assert_int_equal(who_parse(bytes_of(text), NULL, &w), 0);
	assert_true(w.kind == WHO_ID && w.id == 0xfedcba9876543210);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(is_or_is_not), cmocka_unit_test(nobody), cmocka_unit_test(number_there_and_back) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
