/* The pictures of the two presence machines in docs/ are those of the tables. Run from the top of the tree
 * with GATEHOUSE_UPDATE_DOCS set, this writes them anew. */
#include "base/fsm.h"
#include "presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_picture(const struct fsm *m, const char *path)
{
	static char have[65536];
	struct buf want;
	FILE *f;

	buf_init(&want, sizeof have);
	fsm_print(m, &want);
	if (getenv("GATEHOUSE_UPDATE_DOCS")) {
		f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(buf_bytes(&want).p, 1, buf_len(&want), f), buf_len(&want));
		assert_int_equal(fclose(f), 0);
	}
	f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(have, 1, sizeof have, f);
	(void)fclose(f); /* it was only read */
	assert_int_equal(n, buf_len(&want));
	assert_memory_equal(have, buf_bytes(&want).p, n);
	buf_fini(&want);
}

static void test_pictures(void **state)
{
	(void)state;
	check_picture(&watch_fsm, "docs/architecture/watch.dot");
	check_picture(&notifier_fsm, "docs/architecture/notifier.dot");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pictures) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
