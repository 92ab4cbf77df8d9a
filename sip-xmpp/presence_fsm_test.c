/* The pictures of the two presence machines in docs/ are those of the tables. Run from the top of the tree
 * with GATEHOUSE_UPDATE_DOCS set, this writes them anew. */
#include "presence.h"

#include "base/fsm_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_pictures(void **state)
{
	(void)state;
	fsm_check_picture(&watch_fsm, "docs/architecture/watch.dot");
	fsm_check_picture(&notifier_fsm, "docs/architecture/notifier.dot");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pictures) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
