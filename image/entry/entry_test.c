/* What counts as a choice in the boot menu, what settings forbid, and the files that are left. */
#include "entry.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static enum entry of(uint32_t attributes, const char *name, size_t n)
{
	uint8_t content[300] = { (uint8_t)attributes, (uint8_t)(attributes >> 8), (uint8_t)(attributes >> 16), (uint8_t)(attributes >> 24) };

	for (size_t i = 0; i < n; i++)
		content[4 + 2 * i] = (uint8_t)name[i];
	return entry_of_variable(bytes_make(content, 4 + 2 * n));
}

static void test_variable(void **state)
{
	static const char reset[] = "factory-reset.conf", password[] = "lost-password.conf", ordinary[] = "gatehouse-1.2.3.efi";
	uint8_t wide[4 + 2 * sizeof reset] = { 6 };

	(void)state;
	assert_int_equal(of(6, reset, sizeof reset), ENTRY_RESET);
	assert_int_equal(of(6, password, sizeof password), ENTRY_PASSWORD);
	assert_int_equal(of(6, ordinary, sizeof ordinary), ENTRY_ORDINARY);
	/* One that a running system could have made: it is non-volatile, or has other rights. */
	assert_int_equal(of(7, reset, sizeof reset), ENTRY_ORDINARY);
	assert_int_equal(of(2, reset, sizeof reset), ENTRY_ORDINARY);
	assert_int_equal(of(0x10006, reset, sizeof reset), ENTRY_ORDINARY);
	/* No end, two ends, nothing, half a character, a longer name, a wide character. */
	assert_int_equal(of(6, reset, sizeof reset - 1), ENTRY_ORDINARY);
	assert_int_equal(of(6, "factory-reset.conf\0", sizeof reset + 1), ENTRY_ORDINARY);
	assert_int_equal(of(6, "", 0), ENTRY_ORDINARY);
	assert_int_equal(of(6, "", 1), ENTRY_ORDINARY);
	assert_int_equal(of(6, "factory-reset.confx", sizeof reset + 1), ENTRY_ORDINARY);
	assert_int_equal(entry_of_variable(bytes_make(wide, 3)), ENTRY_ORDINARY);
	for (size_t i = 0; i < sizeof reset; i++)
		wide[4 + 2 * i] = (uint8_t)reset[i];
	assert_int_equal(entry_of_variable(bytes_make(wide, sizeof wide)), ENTRY_RESET);
	assert_int_equal(entry_of_variable(bytes_make(wide, sizeof wide - 1)), ENTRY_ORDINARY);
	wide[5] = 1;
	assert_int_equal(entry_of_variable(bytes_make(wide, sizeof wide)), ENTRY_ORDINARY);
	static uint8_t long_one[4 + 2 * 200] = { 6 };
	memset(long_one + 4, 'a', sizeof long_one - 4);
	assert_int_equal(entry_of_variable(bytes_make(long_one, sizeof long_one)), ENTRY_ORDINARY);
}

static void test_allowed(void **state)
{
	(void)state;
	static const struct {
		const char *word;
		bool may_reset, may_password;
	} rows[] = { { "", true, true }, { "on\n", true, true }, { "reset\n", true, false }, { "off\n", false, false }, { "off", false, false } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(entry_is_allowed(ENTRY_RESET, bytes_of(rows[i].word)), rows[i].may_reset);
		assert_int_equal(entry_is_allowed(ENTRY_PASSWORD, bytes_of(rows[i].word)), rows[i].may_password);
	}
}

static void test_files(void **state)
{
	char top[] = "/tmp/entry-XXXXXX", room[16], path[64];
	struct bytes word = BYTES("x");

	(void)state;
	assert_non_null(mkdtemp(top));
	assert_int_equal(entry_read_word(top, room, sizeof room, &word), 0); /* a box that never had settings */
	assert_int_equal(word.n, 0);
	assert_int_equal(entry_tell_conf(top, "password\n"), -ENOENT);
	snprintf(path, sizeof path, "%s/conf", top);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(entry_tell_conf(top, "password\n"), 0);
	snprintf(path, sizeof path, "%s/conf/recovery", top);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 9);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof path, "%s/conf/boot-menu", top);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "off\n", 4), 4);
	close(fd);
	assert_int_equal(entry_read_word(top, room, sizeof room, &word), 0);
	assert_true(bytes_eq_str(word, "off\n"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(entry_mark_reset(top), 0);
	snprintf(path, sizeof path, "%s/reset", top);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof path, "%s/conf", top);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(top), 0);
	assert_int_equal(entry_mark_reset(top), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_variable), cmocka_unit_test(test_allowed), cmocka_unit_test(test_files) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
