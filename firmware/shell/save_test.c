/* Files for the person: never over one that is there, never outside the folder, nobody else's to read. */
#include "save.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/save-test-XXXXXX";

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

static int save(struct bytes name, struct bytes content)
{
	struct save s;

	save_init(&s);
	int rc = save_part(&s, name, content);
	return rc ? rc : save_end(&s, true);
}

static void assert_content(const char *name, const char *wanted)
{
	char back[32] = "";
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	assert_true(fread(back, 1, sizeof back - 1, f) > 0);
	assert_string_equal(back, wanted);
	fclose(f);
}

static void test_written_once(void **state)
{
	struct stat st;
	struct save s;

	(void)state;
	save_init(&s);
	assert_int_equal(save_part(&s, BYTES("a.csr"), BYTES("hel")), 0);
	assert_int_equal(access("a.csr", F_OK), -1); /* half of it has no name */
	assert_int_equal(save_part(&s, BYTES("a.csr"), BYTES("lo")), 0);
	assert_int_equal(save_end(&s, true), 0);
	assert_content("a.csr", "hello");
	assert_int_equal(stat("a.csr", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(save(BYTES("a.csr"), BYTES("other")), ERR_EXISTS);
	assert_content("a.csr", "hello");
}

static void test_cut_off(void **state)
{
	struct save s;

	(void)state;
	save_init(&s);
	assert_int_equal(save_part(&s, BYTES("b.pcap"), BYTES("half")), 0);
	assert_int_equal(save_end(&s, false), 0);
	assert_int_equal(access("b.pcap", F_OK), -1);
	assert_int_equal(access(".b.pcap.part", F_OK), -1);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".profile", "-rf", "a/b", "/etc/passwd", "../x", "a b", "a\nb", "a\x1b[2J" };
	char name[SAVE_NAME_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(save(bytes_of(bad[i]), BYTES("x")), ERR_SYNTAX);
	memset(name, 'a', sizeof name);
	assert_int_equal(save(bytes_make(name, sizeof name), BYTES("x")), ERR_SYNTAX);
	assert_int_equal(save(bytes_make("a\0b", 3), BYTES("x")), ERR_SYNTAX);
}

static void test_no_link_is_followed(void **state)
{
	(void)state;
	assert_int_equal(symlink("victim", "link"), 0);
	assert_int_equal(save(BYTES("link"), BYTES("x")), ERR_EXISTS);
	assert_int_equal(access("victim", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_once),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_link_is_followed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
