/* What is answered for a person to one who asks to see them (D-AUT-02 to 10), case by case. */
#include "presence/authorise.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void cases(void **state)
{
	static const struct {
		struct authorise_case c;
		enum authorise_verdict want;
	} rows[] = {
		{ { .is_local = true, .is_local_approved = true }, AUTHORISE_APPROVES },
		{ { .is_local = true, .is_local_approved = true, .otherwise = AUTHORISE_ASK }, AUTHORISE_APPROVES },
		{ { .is_local = true, .is_local_approved = true, .otherwise = AUTHORISE_BLOCK }, AUTHORISE_REFUSES }, /* C-AVL-17 */
		{ { .is_local = true, .is_local_approved = true, .is_contact = true, .otherwise = AUTHORISE_BLOCK }, AUTHORISE_APPROVES },
		{ { .is_local = true }, AUTHORISE_ASKS },
		{ { .is_local = true, .otherwise = AUTHORISE_ALLOW }, AUTHORISE_APPROVES },
		{ { .is_local = true, .otherwise = AUTHORISE_BLOCK }, AUTHORISE_REFUSES },
		{ { .is_local_approved = true }, AUTHORISE_ASKS },
		{ { .is_local_approved = true, .otherwise = AUTHORISE_ASK }, AUTHORISE_ASKS },
		{ { .is_local_approved = true, .otherwise = AUTHORISE_BLOCK }, AUTHORISE_REFUSES },
		{ { .otherwise = AUTHORISE_ALLOW }, AUTHORISE_APPROVES },
		{ { .is_allowed = true, .otherwise = AUTHORISE_BLOCK }, AUTHORISE_APPROVES },
		{ { .is_allowed = true, .otherwise = AUTHORISE_ASK }, AUTHORISE_APPROVES },
		{ { .is_contact = true, .otherwise = AUTHORISE_BLOCK }, AUTHORISE_APPROVES },
		{ { .is_contact = true }, AUTHORISE_APPROVES },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(authorise_decide(&rows[i].c), rows[i].want);
}

static void put(struct buf *b, uint8_t otherwise, const char *const *jids, uint16_t n)
{
	buf_clear(b);
	wire_put_u8(b, otherwise);
	wire_put_u16(b, n);
	for (uint16_t i = 0; i < n; i++)
		wire_put_str(b, bytes_of(jids[i]));
}

static void what_is_no_policy_changes_nothing(void **state)
{
	static const char *const jids[] = { "b.example" };
	struct user u = { .policy = NULL };
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	put(&b, AUTHORISE_BLOCK, jids, 1);
	assert_int_equal(authorise_set(&u, buf_bytes(&b)), 0);
	uint8_t *before = u.policy;
	assert_int_equal(authorise_set(&u, bytes_make(buf_bytes(&b).p, buf_len(&b) - 1)), ERR_SYNTAX);
	wire_put_u8(&b, 0);
	assert_int_equal(authorise_set(&u, buf_bytes(&b)), ERR_SYNTAX);
	put(&b, AUTHORISE_DEFAULT_COUNT, jids, 1);
	assert_int_equal(authorise_set(&u, buf_bytes(&b)), ERR_SYNTAX);
	assert_ptr_equal(u.policy, before);
	assert_int_equal(authorise_set(&u, BYTES_NONE), 0);
	assert_int_equal(u.policy_n, 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(what_is_no_policy_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
