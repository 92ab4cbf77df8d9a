/* The tables and sums that need no running gh-im: delivery, carbons, stream management, stamps. */
#include "delivery/carbons.h"
#include "delivery/deliver.h"
#include "delivery/offline.h"
#include "delivery/partner.h"
#include "delivery/sm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* RFC 6121 8.5.4, table 1: S silently ignored (or an error), O offline, D delivered, A to all, E error. */
static const struct {
	enum target target;
	enum reach reach;
	const char *acts; /* normal, chat, groupchat, headline */
} table[] = {
	{ TARGET_BARE, REACH_NO_ACCOUNT, "SSES" },
	{ TARGET_FULL_NO_MATCH, REACH_NO_ACCOUNT, "SSSS" },
	{ TARGET_BARE, REACH_NONE, "OOES" },
	{ TARGET_FULL_NO_MATCH, REACH_NONE, "SOSS" },
	{ TARGET_BARE, REACH_NEGATIVE, "OOES" },
	{ TARGET_FULL_MATCH, REACH_NEGATIVE, "DDDD" },
	{ TARGET_FULL_NO_MATCH, REACH_NEGATIVE, "SOSS" },
	{ TARGET_BARE, REACH_AVAILABLE, "AAEA" },
	{ TARGET_FULL_MATCH, REACH_AVAILABLE, "DDDD" },
	{ TARGET_FULL_NO_MATCH, REACH_AVAILABLE, "SASS" },
};

static bool fits(char want, enum deliver_act got)
{
	switch (want) {
	case 'S':
		return got == DELIVER_IGNORE || got == DELIVER_REFUSE;
	case 'E':
		return got == DELIVER_REFUSE;
	case 'O':
		return got == DELIVER_STORE;
	case 'D':
		return got == DELIVER_EXACT;
	default:
		return got == DELIVER_ALL;
	}
}

static void test_table_1(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		for (int t = TYPE_NORMAL; t <= TYPE_HEADLINE; t++)
			assert_true(fits(table[i].acts[t], deliver_rule((enum stanza_type)t, table[i].target, table[i].reach)));
}

/* XEP-0352: who is not looking is woken by words, not by typing. */
static void test_urgency(void **state)
{
	static const struct {
		struct envelope e;
		bool is_urgent;
	} rows[] = {
		{ { .kind = STANZA_IQ, .type = TYPE_GET }, true },
		{ { .kind = STANZA_PRESENCE, .type = TYPE_AVAILABLE }, false },
		{ { .kind = STANZA_MESSAGE, .type = TYPE_CHAT, .facts = FACT_BODY | FACT_PAYLOAD }, true },
		{ { .kind = STANZA_MESSAGE, .type = TYPE_HEADLINE, .facts = FACT_BODY }, true },
		{ { .kind = STANZA_MESSAGE, .type = TYPE_HEADLINE, .facts = FACT_PAYLOAD }, false },
		{ { .kind = STANZA_MESSAGE, .type = TYPE_CHAT, .facts = FACT_CHAT_STATE }, false },
		{ { .kind = STANZA_MESSAGE, .type = TYPE_NORMAL, .facts = FACT_PAYLOAD }, true }, /* a call, an invitation */
		{ { .kind = STANZA_MESSAGE, .type = TYPE_CHAT, .facts = FACT_STORE }, true },
		{ { .kind = STANZA_MESSAGE, .type = TYPE_ERROR }, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(item_is_urgent(&rows[i].e), rows[i].is_urgent);
}

static void test_names(void **state)
{
	struct names n = { 0 };

	(void)state;
	assert_false(names_del(&n, BYTES("a")));
	for (const char *p = "abcab"; *p; p++)
		names_add(&n, bytes_make((const uint8_t *)p, 1), 2);
	assert_int_equal(n.n, 2); /* the oldest made room */
	assert_true(names_has(&n, BYTES("a")) && names_has(&n, BYTES("b")));
	assert_true(names_del(&n, BYTES("a")));
	assert_false(names_has(&n, BYTES("a")));
	assert_true(names_del(&n, BYTES("b")));
	assert_null(n.v);
}

static void test_bounces_are_known(void **state)
{
	struct envelope e = { .kind = STANZA_IQ, .type = TYPE_ERROR, .stanza = BYTES("<iq><error><remote-server-timeout/></error></iq>") };

	(void)state;
	assert_true(partner_is_bounce(&e));
	e.stanza = BYTES("<iq><error><not-allowed/></error></iq>");
	e.door = DOOR_CORE;
	assert_true(partner_is_bounce(&e));
	e.door = DOOR_S2S; /* the partner itself does not allow it: it lives */
	assert_false(partner_is_bounce(&e));
	e.stanza = BYTES("<iq><error><remote-server-timeout/></error></iq>");
	e.type = TYPE_RESULT;
	assert_false(partner_is_bounce(&e));
	e = (struct envelope){ .type = TYPE_ERROR, .stanza = BYTES("<iq><error><service-unavailable/></error></iq>") };
	assert_false(partner_is_bounce(&e)); /* somebody has answered */
}

static void test_errors_are_not_answered(void **state)
{
	(void)state;
	for (int reach = 0; reach < REACH_COUNT; reach++) {
		assert_int_equal(deliver_rule(TYPE_ERROR, TARGET_BARE, (enum reach)reach), DELIVER_IGNORE);
		assert_int_equal(deliver_rule(TYPE_ERROR, TARGET_FULL_NO_MATCH, (enum reach)reach), DELIVER_IGNORE);
	}
	assert_int_equal(deliver_rule(TYPE_ERROR, TARGET_FULL_MATCH, REACH_AVAILABLE), DELIVER_EXACT);
}

static void test_carbons(void **state)
{
	static const struct {
		enum stanza_type type;
		uint32_t facts;
		bool copied;
	} rows[] = { /* XEP-0280 6.1 */
		{ TYPE_CHAT, FACT_BODY | FACT_PAYLOAD, true },
		{ TYPE_CHAT, FACT_CHAT_STATE, true },
		{ TYPE_NORMAL, FACT_BODY | FACT_PAYLOAD, true },
		{ TYPE_NORMAL, FACT_PAYLOAD, false },
		{ TYPE_NORMAL, FACT_RECEIPT | FACT_PAYLOAD, true },
		{ TYPE_GROUPCHAT, FACT_BODY, false },
		{ TYPE_HEADLINE, FACT_BODY, false },
		{ TYPE_ERROR, FACT_BODY, false },
		{ TYPE_CHAT, FACT_BODY | FACT_NO_COPY, false },
		{ TYPE_CHAT, FACT_CARBON | FACT_PAYLOAD, false },
		{ TYPE_CHAT, FACT_BODY | FACT_MUC_USER, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(carbons_is_eligible(rows[i].type, rows[i].facts), rows[i].copied);
}

/* XEP-0198 4: counters wrap at 2^32. */
static void test_sm_sums(void **state)
{
	(void)state;
	assert_true(sm_is_plausible(0, 0, 0));
	assert_true(sm_is_plausible(3, 10, 3));
	assert_true(sm_is_plausible(3, 10, 10));
	assert_false(sm_is_plausible(3, 10, 11));
	assert_false(sm_is_plausible(3, 10, 2));
	assert_true(sm_is_plausible(UINT32_MAX - 1, 3, UINT32_MAX));
	assert_true(sm_is_plausible(UINT32_MAX - 1, 3, 0));
	assert_true(sm_is_plausible(UINT32_MAX - 1, 3, 3));
	assert_false(sm_is_plausible(UINT32_MAX - 1, 3, 4));
	assert_true(sm_reached(UINT32_MAX, 0));
	assert_true(sm_reached(5, 5));
	assert_false(sm_reached(0, UINT32_MAX));
}

static void test_stamp(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_true(offline_stamp(&b, BYTES("<message to='a@b'><body>x</body></message>"), BYTES("b"), 1700000000000));
	assert_string_equal(buf_cstr(&b), "<message to='a@b'><body>x</body><delay xmlns='urn:xmpp:delay' from='b' "
					  "stamp='2023-11-14T22:13:20.000Z'/></message>");
	buf_clear(&b);
	assert_false(offline_stamp(&b, BYTES("<message/>"), BYTES("b"), 0));
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_1),  cmocka_unit_test(test_errors_are_not_answered),
		cmocka_unit_test(test_carbons),  cmocka_unit_test(test_sm_sums),
		cmocka_unit_test(test_stamp),    cmocka_unit_test(test_urgency),
		cmocka_unit_test(test_names),    cmocka_unit_test(test_bounces_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
