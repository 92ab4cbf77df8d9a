/* The pictures of the two machines in docs/ are those of the tables. Run from the top of the tree
 * with GATEHOUSE_UPDATE_DOCS set, this writes them anew. */
#include "stream.h"

#include "base/fsm_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_pictures(void **state)
{
	(void)state;
	fsm_check_picture(&stream_in_fsm, "docs/federation/stream_in.dot");
	fsm_check_picture(&stream_out_fsm, "docs/federation/stream_out.dot");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_pictures) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
