/* One presence of many, case by case. */
#include "proto/composed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define DEVICE(s, prio, at) { .shown = SHOWN_##s, .priority = prio, .at_ms = at }
#define IDLE(s, prio, at) { .shown = SHOWN_##s, .priority = prio, .is_idle = true, .at_ms = at }
#define PHONE(s, at) { .shown = SHOWN_##s, .priority = -1, .at_ms = at }

static void cases(void **state)
{
	static const struct {
		const char *what;
		size_t n;
		struct composed_input in[4];
		enum shown shown;
		enum composed_by by;
		size_t which;
	} rows[] = {
		{ "nobody is there", 0, { DEVICE(AWAY, 0, 0) }, SHOWN_OFFLINE, COMPOSED_NOBODY, 0 },
		{ "one device", 1, { DEVICE(XA, 0, 1) }, SHOWN_XA, COMPOSED_DEVICE, 0 },
		/* */
		{ "the most available, whatever its priority", 2, { DEVICE(AWAY, 5, 2), DEVICE(AVAILABLE, 0, 1) }, SHOWN_AVAILABLE, COMPOSED_DEVICE, 1 },
		{ "away before xa", 2, { DEVICE(XA, 0, 2), DEVICE(AWAY, 0, 1) }, SHOWN_AWAY, COMPOSED_DEVICE, 1 },
		{ "of equals the higher priority", 2, { DEVICE(AVAILABLE, 1, 9), DEVICE(AVAILABLE, 2, 1) }, SHOWN_AVAILABLE, COMPOSED_DEVICE, 1 },
		{ "then the newest", 3, { DEVICE(AVAILABLE, 1, 1), DEVICE(AVAILABLE, 1, 3), DEVICE(AVAILABLE, 1, 2) }, SHOWN_AVAILABLE, COMPOSED_DEVICE, 1 },
		{ "then the first", 2, { DEVICE(AVAILABLE, 1, 0), DEVICE(AVAILABLE, 1, 0) }, SHOWN_AVAILABLE, COMPOSED_DEVICE, 0 },
		{ "away by hand before away by a timer", 2, { IDLE(AWAY, 9, 9), DEVICE(AWAY, 0, 1) }, SHOWN_AWAY, COMPOSED_DEVICE, 1 },
		{ "an idle device that is available before one that is away", 2, { DEVICE(AWAY, 0, 1), IDLE(AVAILABLE, 0, 1) }, SHOWN_AVAILABLE, COMPOSED_DEVICE, 1 },
		/* */
		{ "do not disturb beats other devices", 2, { DEVICE(AVAILABLE, 5, 9), DEVICE(DND, 0, 1) }, SHOWN_DND, COMPOSED_MANUAL, 1 },
		{ "the newest word is the one", 3, { DEVICE(DND, 0, 1), DEVICE(CHAT, 0, 2), DEVICE(AVAILABLE, 0, 3) }, SHOWN_CHAT, COMPOSED_MANUAL, 1 },
		{ "and the other way", 2, { DEVICE(DND, 0, 2), DEVICE(CHAT, 0, 1) }, SHOWN_DND, COMPOSED_MANUAL, 0 },
		{ "ready to talk beats the phone", 2, { PHONE(DND, 9), DEVICE(CHAT, 0, 1) }, SHOWN_CHAT, COMPOSED_MANUAL, 1 },
		{ "it was cleared: the others are left", 2, { DEVICE(AVAILABLE, 0, 1), DEVICE(AWAY, 0, 2) }, SHOWN_AVAILABLE, COMPOSED_DEVICE, 0 },
		/* */
		{ "a phone in use", 2, { DEVICE(AVAILABLE, 0, 9), PHONE(DND, 1) }, SHOWN_DND, COMPOSED_PHONE, 1 },
		{ "a phone in use of somebody who is away", 2, { DEVICE(AWAY, 0, 9), PHONE(DND, 1) }, SHOWN_DND, COMPOSED_PHONE, 1 },
		{ "a free phone says nothing", 2, { PHONE(AVAILABLE, 9), DEVICE(AWAY, 0, 1) }, SHOWN_AWAY, COMPOSED_DEVICE, 1 },
		{ "but of who has no more than it", 1, { PHONE(AVAILABLE, 9) }, SHOWN_AVAILABLE, COMPOSED_PHONE, 0 },
		{ "of two lines the busy one", 3, { PHONE(AVAILABLE, 9), PHONE(DND, 1), DEVICE(AVAILABLE, 0, 5) }, SHOWN_DND, COMPOSED_PHONE, 1 },
		{ "do not disturb of a phone is none of a person", 2, { PHONE(DND, 5), DEVICE(DND, 0, 1) }, SHOWN_DND, COMPOSED_MANUAL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct composed c = composed_of(rows[i].in, rows[i].n);
		if (c.shown != rows[i].shown || c.by != rows[i].by || (c.by && c.which != rows[i].which))
			fail_msg("%s: %s by %s (%zu)", rows[i].what, shown_name(c.shown), composed_by_name(c.by), c.which);
	}
}

/* Whatever there is, one of them is it, and a further device that is less never changes it. */
static void one_of_any(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct composed_input in[6];
		size_t n = 1 + (unsigned)round % 5;
		for (size_t i = 0; i <= n; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = (struct composed_input){ .shown = (uint8_t)(seed >> 28) % SHOWN_OFFLINE, .priority = (int16_t)((seed >> 20 & 7) - 2),
							 .is_idle = seed >> 19 & 1, .at_ms = seed >> 14 & 3 };
		}
		struct composed c = composed_of(in, n);
		assert_true(c.by != COMPOSED_NOBODY && c.which < n && c.shown == in[c.which].shown);
		in[n] = (struct composed_input){ .shown = SHOWN_XA, .is_idle = true };
		struct composed more = composed_of(in, n + 1);
		bool had_device = false;
		for (size_t i = 0; i < n; i++)
			had_device |= in[i].priority >= 0;
		if (had_device)
			assert_true(more.which == c.which && more.by == c.by);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(one_of_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
