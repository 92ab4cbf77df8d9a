#include "presence/subscription.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { T = CONTACT_TO, F = CONTACT_FROM, O = CONTACT_OUT, I = CONTACT_IN };

/* RFC 6121 appendix A, row by row: state, passes?, state after. */
struct row {
	uint8_t state;
	bool passes;
	uint8_t next;
};
#define N_STATES 9
static const struct row out[SUB_KIND_COUNT][N_STATES] = {
	[SUB_SUBSCRIBE] = { /* A.2.1 */
		{ 0, 1, O }, { O, 1, O }, { I, 1, O | I }, { O | I, 1, O | I }, { T, 1, T }, { T | I, 1, T | I },
		{ F, 1, F | O }, { F | O, 1, F | O }, { T | F, 1, T | F } },
	[SUB_UNSUBSCRIBE] = { /* A.2.2 */
		{ 0, 1, 0 }, { O, 1, 0 }, { I, 1, I }, { O | I, 1, I }, { T, 1, 0 }, { T | I, 1, I },
		{ F, 1, F }, { F | O, 1, F }, { T | F, 1, F } },
	[SUB_SUBSCRIBED] = { /* A.2.3 */
		{ 0, 0, 0 }, { O, 0, O }, { I, 1, F }, { O | I, 1, F | O }, { T, 0, T }, { T | I, 1, T | F },
		{ F, 0, F }, { F | O, 0, F | O }, { T | F, 0, T | F } },
	[SUB_UNSUBSCRIBED] = { /* A.2.4 */
		{ 0, 0, 0 }, { O, 0, O }, { I, 1, 0 }, { O | I, 1, O }, { T, 0, T }, { T | I, 1, T },
		{ F, 1, 0 }, { F | O, 1, O }, { T | F, 1, T } },
};
static const struct row in[SUB_KIND_COUNT][N_STATES] = {
	[SUB_SUBSCRIBE] = { /* A.3.1 */
		{ 0, 1, I }, { O, 1, O | I }, { I, 0, I }, { O | I, 0, O | I }, { T, 1, T | I }, { T | I, 0, T | I },
		{ F, 0, F }, { F | O, 0, F | O }, { T | F, 0, T | F } },
	[SUB_UNSUBSCRIBE] = { /* A.3.2 */
		{ 0, 0, 0 }, { O, 0, O }, { I, 1, 0 }, { O | I, 1, O }, { T, 0, T }, { T | I, 1, T },
		{ F, 1, 0 }, { F | O, 1, O }, { T | F, 1, T } },
	[SUB_SUBSCRIBED] = { /* A.3.3 */
		{ 0, 0, 0 }, { O, 1, T }, { I, 0, I }, { O | I, 1, T | I }, { T, 0, T }, { T | I, 0, T | I },
		{ F, 0, F }, { F | O, 1, T | F }, { T | F, 0, T | F } },
	[SUB_UNSUBSCRIBED] = { /* A.3.4 */
		{ 0, 0, 0 }, { O, 1, 0 }, { I, 0, I }, { O | I, 1, I }, { T, 1, 0 }, { T | I, 1, I },
		{ F, 0, F }, { F | O, 1, F }, { T | F, 1, F } },
};

static void check(const struct row rows[][N_STATES], bool (*fn)(uint8_t, enum sub_kind, uint8_t *))
{
	static const uint8_t others = CONTACT_LISTED | CONTACT_APPROVED;

	for (int k = 0; k < SUB_KIND_COUNT; k++) {
		for (int i = 0; i < N_STATES; i++) {
			const struct row *r = &rows[k][i];
			uint8_t next = 0xff;
			assert_int_equal(fn(r->state, (enum sub_kind)k, &next), r->passes);
			assert_int_equal(next, r->next);
			/* Bits that are no state stay. */
			fn(r->state | others, (enum sub_kind)k, &next);
			assert_int_equal(next, r->next | others);
		}
	}
}

static void test_out(void **state)
{
	(void)state;
	check(out, subscription_out);
}

static void test_in(void **state)
{
	(void)state;
	check(in, subscription_in);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(subscription_name(O | I), "none");
	assert_string_equal(subscription_name(T | I), "to");
	assert_string_equal(subscription_name(F | O | CONTACT_LISTED), "from");
	assert_string_equal(subscription_name(T | F), "both");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out),
		cmocka_unit_test(test_in),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
