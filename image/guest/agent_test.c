/* The guest agent's requests as libvirt and others write them, and what is none. */
#include "guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *two(void)
{
	return json_pack("[{s:s, s:[]}]", "name", "lo", "ip-addresses");
}

static json_t *none(void)
{
	return NULL;
}

static const struct guest_machine machine = { two }, broken = { none };

/* What is answered, as text of its own. */
static const char *say(struct guest *g, const char *text)
{
	static char said[8192];
	struct buf out;

	buf_init(&out, GUEST_OUT_MAX);
	guest_input(g, bytes_of(text), &out);
	size_t n = buf_len(&out) < sizeof said ? buf_len(&out) : sizeof said - 1;
	memcpy(said, buf_bytes(&out).p ? (const void *)buf_bytes(&out).p : "", n);
	said[n] = 0;
	buf_fini(&out);
	return said;
}

static void test_answers(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "{\"execute\":\"guest-ping\"}\n", "{\"return\":{}}\n" },
		{ "{\"execute\":\"guest-ping\",\"arguments\":{},\"id\":\"x\"}\r\n", "{\"return\":{},\"id\":\"x\"}\n" },
		{ "\n \n", "" },
		{ "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1234567890123}}\n", "{\"return\":1234567890123}\n" },
		{ "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":7}}\n", "\xff{\"return\":7}\n" },
		{ "{\"execute\":\"guest-network-get-interfaces\"}\n", "{\"return\":[{\"name\":\"lo\",\"ip-addresses\":[]}]}\n" },
		{ "{\"execute\":\"guest-ping\"}\n{\"execute\":\"guest-ping\"}\n", "{\"return\":{}}\n{\"return\":{}}\n" },
	};
	struct guest g;

	(void)state;
	guest_init(&g, &machine);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(say(&g, rows[i].in), rows[i].out);
	const char *info = say(&g, "{\"execute\":\"guest-info\"}\n");
	assert_non_null(strstr(info, "{\"name\":\"guest-shutdown\",\"enabled\":true,\"success-response\":false}"));
	assert_non_null(strstr(info, "\"version\":\"gatehouse "));
	assert_int_equal(g.end, GUEST_GOES_ON);
	guest_fini(&g);
}

static void test_refusals(void **state)
{
	static const char *const bad[] = { "x\n", "{}\n", "[]\n", "7\n", "{\"execute\":7}\n", "{\"execute\":\"guest-ping\",\"arguments\":[]}\n",
		"{\"execute\":\"guest-sync\"}\n", "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":\"7\"}}\n",
		"{\"execute\":\"guest-ping\",\"execute\":\"guest-ping\"}\n", "{\"execute\":\"guest-ping\"} {}\n",
		"{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"explode\"}}\n", "{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":1}}\n" };
	static const char *const other[] = { "guest-exec", "guest-file-open", "guest-set-user-password", "guest-set-time", "guest-fsfreeze-freeze", "" };
	char line[128];
	struct guest g;

	(void)state;
	guest_init(&g, &machine);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (strncmp(say(&g, bad[i]), "{\"error\":{\"class\":\"GenericError\"", 32) != 0)
			fail_msg("taken: %s", bad[i]);
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
		snprintf(line, sizeof line, "{\"execute\":\"%s\",\"arguments\":{}}\n", other[i]);
		assert_non_null(strstr(say(&g, line), "CommandNotFound"));
	}
	assert_int_equal(g.end, GUEST_GOES_ON);
	g.machine = &broken;
	assert_non_null(strstr(say(&g, "{\"execute\":\"guest-network-get-interfaces\"}\n"), "GenericError"));
	guest_fini(&g);
}

static void test_pieces(void **state)
{
	static char much[GUEST_LINE_MAX + 10];
	struct guest g;

	(void)state;
	guest_init(&g, &machine);
	assert_string_equal(say(&g, "{\"execute\":"), "");
	assert_string_equal(say(&g, "\"guest-ping\"}\n"), "{\"return\":{}}\n");
	/* A host that began anew: by the byte that says so, or because it was away. */
	assert_string_equal(say(&g, "{\"exec"), "");
	assert_string_equal(say(&g, "\xff{\"execute\":\"guest-ping\"}\n"), "{\"return\":{}}\n");
	assert_string_equal(say(&g, "{\"exec"), "");
	guest_forget(&g);
	assert_string_equal(say(&g, "{\"execute\":\"guest-ping\"}\n"), "{\"return\":{}}\n");
	/* A line without end takes no more memory than a line may, and the one after it counts again. */
	memset(much, 'a', sizeof much - 1);
	assert_string_equal(say(&g, much), "");
	assert_string_equal(say(&g, much), "");
	assert_true(buf_len(&g.in) <= GUEST_LINE_MAX);
	assert_non_null(strstr(say(&g, "\n"), "too long"));
	assert_string_equal(say(&g, "{\"execute\":\"guest-ping\"}\n"), "{\"return\":{}}\n");
	guest_fini(&g);
}

static void test_shutdown(void **state)
{
	static const struct {
		const char *in;
		enum guest_end end;
	} rows[] = {
		{ "{\"execute\":\"guest-shutdown\"}\n", GUEST_POWERDOWN },
		{ "{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"powerdown\"}}\n", GUEST_POWERDOWN },
		{ "{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"halt\"}}\n", GUEST_POWERDOWN },
		{ "{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"reboot\"}}\n{\"execute\":\"guest-ping\"}\n", GUEST_REBOOT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct guest g;
		guest_init(&g, &machine);
		assert_string_equal(say(&g, rows[i].in), ""); /* and nothing behind it */
		assert_int_equal(g.end, rows[i].end);
		guest_fini(&g);
	}
}

/* This machine has a loopback at least. */
static void test_interfaces(void **state)
{
	json_t *list = guest_interfaces(), *item;
	bool has_loopback = false;
	size_t i;

	(void)state;
	json_array_foreach (list, i, item) {
		json_t *first = json_array_get(json_object_get(item, "ip-addresses"), 0);
		const char *address = json_string_value(json_object_get(first, "ip-address"));
		if (address && strcmp(address, "127.0.0.1") == 0) {
			has_loopback = true;
			assert_int_equal(json_integer_value(json_object_get(first, "prefix")), 8);
			assert_string_equal(json_string_value(json_object_get(first, "ip-address-type")), "ipv4");
		}
	}
	assert_true(has_loopback);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers), cmocka_unit_test(test_refusals), cmocka_unit_test(test_pieces),
		                            cmocka_unit_test(test_shutdown), cmocka_unit_test(test_interfaces) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
