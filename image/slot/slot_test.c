/* Names of slots' programs on the ESP, and what a good start makes of them. */
#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void test_names(void **state)
{
	static const struct {
		const char *name, *version;
		int left;
	} good[] = {
		{ "gatehouse-1.2.3+3.efi", "1.2.3", 3 }, { "gatehouse-1.2.3+2-1.efi", "1.2.3", 2 },
		{ "gatehouse-1.2.3+0-3.efi", "1.2.3", 0 }, { "gatehouse-10.0.efi", "10.0", -1 },
	};
	static const char *const bad[] = { "", "gatehouse-.efi", "gatehouse-1.2.efi.tmp", "gatehouse-1.2+.efi", "gatehouse-+3.efi",
		"gatehouse-1.2+3-.efi", "gatehouse-1.2+x.efi", "other-1.2+3.efi", "gatehouse-1.2+3", "gatehouse-1/2+3.efi",
		"gatehouse-1.2+3.1.efi", "gatehouse-1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.efi" };
	char version[SLOT_VERSION], name[SLOT_NAME];
	int left;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(slot_name_parse(good[i].name, version, &left));
		assert_string_equal(version, good[i].version);
		assert_int_equal(left, good[i].left);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (slot_name_parse(bad[i], version, &left))
			fail_msg("taken: %s", bad[i]);
	slot_name_full("1.2.3", name);
	assert_string_equal(name, "gatehouse-1.2.3+3.efi");
}

static void touch(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

static void test_bless(void **state)
{
	char folder[] = "/tmp/slot-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(slot_bless(folder, "1.1.0"), -ENOENT);
	touch(dir, "gatehouse-1.0.0+3.efi");
	touch(dir, "gatehouse-1.1.0+2-1.efi");
	assert_int_equal(slot_bless(folder, "1.1.0"), 0);
	assert_true(is_there(dir, "gatehouse-1.1.0+3.efi") && !is_there(dir, "gatehouse-1.1.0+2-1.efi"));
	assert_true(is_there(dir, "gatehouse-1.0.0+3.efi"));
	/* Power was cut when both names were there; a second good start changes nothing. */
	touch(dir, "gatehouse-1.1.0+1-2.efi");
	assert_int_equal(slot_bless(folder, "1.1.0"), 0);
	assert_int_equal(slot_bless(folder, "1.1.0"), 0);
	assert_true(is_there(dir, "gatehouse-1.1.0+3.efi") && !is_there(dir, "gatehouse-1.1.0+1-2.efi"));
	/* The evidence of a failed slot stays. */
	touch(dir, "gatehouse-1.2.0+0-3.efi");
	assert_int_equal(slot_bless(folder, "1.1.0"), 0);
	assert_true(is_there(dir, "gatehouse-1.2.0+0-3.efi"));
	static const char *const all[] = { "gatehouse-1.0.0+3.efi", "gatehouse-1.1.0+3.efi", "gatehouse-1.2.0+0-3.efi" };
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(unlinkat(dir, all[i], 0), 0);
	close(dir);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_bless) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
