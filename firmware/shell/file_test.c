/* Files for the person: never over one that is there, never outside the folder, nobody else's to read. */
#include "file.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/file-test-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink("a.csr");
	(void)unlink("link");
	(void)unlink("victim");
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void test_written_once(void **state)
{
	char text[256], back[16];
	struct stat st;

	(void)state;
	assert_int_equal(file_save(BYTES("a.csr"), BYTES("hello"), text, sizeof text), 0);
	assert_string_equal(text, "written: a.csr");
	assert_int_equal(stat("a.csr", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(file_save(BYTES("a.csr"), BYTES("other"), text, sizeof text), ERR_EXISTS);
	FILE *f = fopen("a.csr", "r");
	assert_non_null(f);
	assert_string_equal(fgets(back, sizeof back, f), "hello");
	fclose(f);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".profile", "a/b", "/etc/passwd", "../x", "a b", "a\nb", "a\x1b[2J" };
	char text[256], name[200];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(file_save(bytes_of(bad[i]), BYTES("x"), text, sizeof text), ERR_PROTOCOL);
	memset(name, 'a', sizeof name);
	assert_int_equal(file_save(bytes_make(name, sizeof name), BYTES("x"), text, sizeof text), ERR_PROTOCOL);
	assert_int_equal(file_save(bytes_make("a\0b", 3), BYTES("x"), text, sizeof text), ERR_PROTOCOL);
}

static void test_no_link_is_followed(void **state)
{
	char text[256];

	(void)state;
	assert_int_equal(symlink("victim", "link"), 0);
	assert_int_equal(file_save(BYTES("link"), BYTES("x"), text, sizeof text), ERR_EXISTS);
	assert_int_equal(access("victim", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_once),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_link_is_followed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
