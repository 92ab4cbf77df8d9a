/* Names of slots' programs on the ESP, and what becomes of them. */
#include "esp.h"

#include "base/err.h"

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
	char version[ESP_VERSION], name[ESP_NAME];
	int left;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(esp_name_parse(good[i].name, version, &left));
		assert_string_equal(version, good[i].version);
		assert_int_equal(left, good[i].left);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (esp_name_parse(bad[i], version, &left))
			fail_msg("taken: %s", bad[i]);
	esp_name_put("1.2.3", 3, name);
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

static const struct image_version v10 = { { 1, 0, 0 } }, v11 = { { 1, 1, 0 } }, v12 = { { 1, 2, 0 } };

static void test_counters(void **state)
{
	char folder[] = "/tmp/esp-XXXXXX";
	struct image_version other;

	(void)state;
	assert_non_null(mkdtemp(folder));
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(esp_set(dir, &v11, 3), ERR_NOT_FOUND);
	assert_int_equal(esp_left(dir, &v11), ERR_NOT_FOUND);
	assert_false(esp_other(dir, &v11, &other));
	touch(dir, "gatehouse-1.0.0+3.efi");
	touch(dir, "gatehouse-1.1.0+2-1.efi");
	assert_int_equal(esp_left(dir, &v11), 2);
	assert_int_equal(esp_set(dir, &v11, 3), 0);
	assert_true(is_there(dir, "gatehouse-1.1.0+3.efi") && !is_there(dir, "gatehouse-1.1.0+2-1.efi"));
	assert_true(is_there(dir, "gatehouse-1.0.0+3.efi"));
	/* Power was cut when both names were there; a second good start changes nothing. */
	touch(dir, "gatehouse-1.1.0+1-2.efi");
	assert_int_equal(esp_set(dir, &v11, 3), 0);
	assert_int_equal(esp_set(dir, &v11, 3), 0);
	assert_true(is_there(dir, "gatehouse-1.1.0+3.efi") && !is_there(dir, "gatehouse-1.1.0+1-2.efi"));
	/* How often a version failed stays to be seen. */
	touch(dir, "gatehouse-1.2.0+0-3.efi");
	assert_int_equal(esp_set(dir, &v12, 0), 0);
	assert_true(is_there(dir, "gatehouse-1.2.0+0-3.efi"));
	assert_true(esp_other(dir, &v11, &other));
	assert_int_equal(image_version_cmp(&other, &v12), 0);
	/* What is not ours stays. */
	touch(dir, "other.efi");
	assert_int_equal(esp_keep_only(dir, &v11), 0);
	assert_false(esp_other(dir, &v11, &other));
	assert_true(is_there(dir, "other.efi") && is_there(dir, "gatehouse-1.1.0+3.efi"));
	touch(dir, "upgrade.new");
	assert_int_equal(esp_add(dir, "upgrade.new", &v10, 3), 0);
	assert_int_equal(esp_left(dir, &v10), 3);
	assert_false(is_there(dir, "upgrade.new"));
	static const char *const all[] = { "gatehouse-1.0.0+3.efi", "gatehouse-1.1.0+3.efi", "other.efi" };
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(unlinkat(dir, all[i], 0), 0);
	close(dir);
	assert_int_equal(rmdir(folder), 0);
}

/* Raised, never lowered; a cut between the new name and the old one's end counts as the higher. */
static void test_floor(void **state)
{
	static const struct image_version none = { { 0 } };
	char folder[] = "/tmp/esp-XXXXXX";
	struct image_version v;

	(void)state;
	assert_non_null(mkdtemp(folder));
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(esp_floor(dir, &v), 0);
	assert_int_equal(image_version_cmp(&v, &none), 0);
	assert_int_equal(esp_floor_raise(dir, &none), 0); /* no floor leaves no name */
	assert_false(is_there(dir, "gatehouse-floor-0.0.0"));
	assert_int_equal(esp_floor_raise(dir, &v11), 0);
	assert_int_equal(esp_floor_raise(dir, &v10), 0);
	assert_int_equal(esp_floor(dir, &v), 0);
	assert_int_equal(image_version_cmp(&v, &v11), 0);
	assert_false(is_there(dir, "gatehouse-floor-1.0.0"));
	touch(dir, "gatehouse-floor-1.2.0"); /* the cut */
	touch(dir, "gatehouse-floor-x");
	assert_int_equal(esp_floor(dir, &v), 0);
	assert_int_equal(image_version_cmp(&v, &v12), 0);
	static const struct image_version v13 = { { 1, 3, 0 } };
	assert_int_equal(esp_floor_raise(dir, &v13), 0);
	assert_true(is_there(dir, "gatehouse-floor-1.3.0") && !is_there(dir, "gatehouse-floor-1.2.0") && !is_there(dir, "gatehouse-floor-1.1.0"));
	assert_false(esp_other(dir, &v11, &v)); /* none of them is a program */
	assert_int_equal(unlinkat(dir, "gatehouse-floor-1.3.0", 0), 0);
	assert_int_equal(unlinkat(dir, "gatehouse-floor-x", 0), 0);
	close(dir);
	assert_int_equal(esp_floor(-1, &v), ERR_IO);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_counters), cmocka_unit_test(test_floor) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
