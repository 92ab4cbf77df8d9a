/* RFC 3261 10.2, 10.3 and RFC 5626 6; penalties of strangers. */
#include "location.h"
#include "net/stranger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "base/err.h"

static struct location l;
static char news[512]; /* what the owner heard, in order */

static void note(char sign, const char *contact, int n)
{
	size_t at = strlen(news);

	(void)snprintf(news + at, sizeof news - at, "%c%s:%d ", sign, contact, n);
}

static void placed(void *arg, const struct binding *b, bool is_new)
{
	(void)arg;
	note(is_new ? '+' : '=', b->flows[0].contact, 0);
}

static void gone(void *arg, const struct binding *b, enum line_gone why)
{
	(void)arg;
	note('-', b->flows[0].contact, (int)why);
}

static const struct location_owner owner = { placed, gone };

static int start(void **state)
{
	(void)state;
	location_init(&l, &owner, NULL, 100);
	l.per_user_max = 3;
	l.max = 4;
	news[0] = '\0';
	return 0;
}

static int stop(void **state)
{
	(void)state;
	location_fini(&l);
	return 0;
}

static struct sip_source by_flow(uint64_t flow)
{
	return (struct sip_source){ .transport = SIPT_TLS, .flow = flow };
}

static struct sip_source by_udp(uint16_t port)
{
	struct sip_source s = { .transport = SIPT_UDP };

	s.addr.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(0x7f000001) } };
	return s;
}

struct one {
	const char *jid, *call_id, *uri, *instance;
	uint32_t cseq, expires_s;
	uint64_t flow;
	uint32_t reg_id;
};

static int put(const struct one *o, uint64_t now_ms)
{
	const struct location_contact c = { bytes_of(o->uri), bytes_of(o->instance), o->reg_id, o->expires_s, 1000, 0 };
	const struct location_update u = { .jid = bytes_of(o->jid), .call_id = bytes_of(o->call_id), .cseq = o->cseq,
					   .from = by_flow(o->flow), .n = 1, .contacts = &c };

	return location_update(&l, &u, now_ms);
}

static void comes_stays_and_goes(void **state)
{
	(void)state;
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@h:1", "", 1, 60, 7, 0 }, 0), 0);
	const struct binding *b = location_next(&l, BYTES("a@x"), NULL);
	uint64_t reg = b->reg;
	assert_int_equal(reg, 102); /* its flow has the number before */
	assert_int_equal(strncmp(b->resource, "sip-", 4), 0);
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@H:1", "", 2, 60, 8, 0 }, 30000), 0); /* 19.1.4: the same */
	assert_ptr_equal(location_of_reg(&l, reg), location_next(&l, BYTES("a@x"), NULL));
	assert_int_equal(location_of_reg(&l, reg)->flows[0].from.flow, 8);
	location_expire(&l, 89999);
	assert_non_null(location_of_reg(&l, reg));
	location_expire(&l, 90000);
	assert_null(location_of_reg(&l, reg));
	assert_string_equal(news, "+sip:a@h:1:0 =sip:a@H:1:0 -sip:a@H:1:1 ");
	assert_int_equal(l.users.count, 0);
}

static void old_ones_change_nothing(void **state)
{
	(void)state;
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@h:1", "", 5, 60, 7, 0 }, 0), 0);
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@h:1", "", 5, 60, 7, 0 }, 0), ERR_BAD_STATE); /* 10.3 7 */
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@h:1", "", 4, 0, 7, 0 }, 0), ERR_BAD_STATE);
	assert_int_equal(put(&(struct one){ "a@x", "c2", "sip:a@h:1", "", 1, 60, 7, 0 }, 0), 0); /* it has started anew */
	assert_int_equal(location_count(&l, BYTES("a@x")), 1);
}

/* One bad contact of several: none is taken. */
static void all_or_nothing(void **state)
{
	const struct location_contact two[] = { { BYTES("sip:new@h"), BYTES_NONE, 0, 60, 1000, 0 },
						{ BYTES("sip:a@h:1"), BYTES_NONE, 0, 60, 1000, 0 } };
	const struct location_update u = { .jid = BYTES("a@x"), .call_id = BYTES("c1"), .cseq = 5, .n = 2, .contacts = two };

	(void)state;
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@h:1", "", 5, 60, 7, 0 }, 0), 0);
	assert_int_equal(location_update(&l, &u, 0), ERR_BAD_STATE);
	assert_int_equal(location_count(&l, BYTES("a@x")), 1);
}

static void star_takes_all(void **state)
{
	const struct location_update u = { .jid = BYTES("a@x"), .call_id = BYTES("c9"), .cseq = 1, .removes_all = true };

	(void)state;
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@h:1", "", 1, 60, 7, 0 }, 0), 0);
	assert_int_equal(put(&(struct one){ "a@x", "c2", "sip:a@h:2", "", 1, 60, 8, 0 }, 0), 0);
	assert_int_equal(put(&(struct one){ "b@x", "c3", "sip:b@h:2", "", 1, 60, 9, 0 }, 0), 0);
	assert_int_equal(location_update(&l, &u, 0), 0);
	assert_int_equal(location_count(&l, BYTES("a@x")), 0);
	assert_int_equal(location_count(&l, BYTES("b@x")), 1);
}

/* RFC 5626 6: a client that comes back by another connection, with another contact, is the same one. */
static void an_instance_is_one_client(void **state)
{
	(void)state;
	assert_int_equal(put(&(struct one){ "a@x", "c1", "sip:a@h:1", "urn:uuid:1", 1, 60, 7, 0 }, 0), 0);
	uint64_t reg = location_next(&l, BYTES("a@x"), NULL)->reg;
	assert_int_equal(put(&(struct one){ "a@x", "c2", "sip:a@other:9", "urn:uuid:1", 1, 60, 8, 0 }, 0), 0);
	assert_int_equal(location_count(&l, BYTES("a@x")), 1);
	assert_string_equal(location_of_reg(&l, reg)->flows[0].contact, "sip:a@other:9");
	assert_ptr_equal(location_of_resource(&l, BYTES("a@x"), BYTES("urn:uuid:1")), location_of_reg(&l, reg));
	location_flow_gone(&l, 7); /* the old connection: not its way any more */
	assert_non_null(location_of_reg(&l, reg));
	location_flow_gone(&l, 8);
	assert_null(location_of_reg(&l, reg));
}

/* RFC 5626 6: flows with reg-ids stand side by side, the newest first; what is lost leaves the others. */
static void an_instance_has_several_flows(void **state)
{
	struct one first = { "a@x", "c1", "sip:a@h:1", "urn:uuid:1", 1, 60, 7, 1 };
	struct one second = { "a@x", "c2", "sip:a@h:2", "urn:uuid:1", 1, 90, 8, 2 };

	(void)state;
	assert_int_equal(put(&first, 0), 0);
	assert_int_equal(put(&second, 0), 0);
	assert_int_equal(location_count(&l, BYTES("a@x")), 1);
	struct binding *b = location_next(&l, BYTES("a@x"), NULL);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->flows[0].reg_id, 2);
	assert_int_equal(put(&first, 0), ERR_BAD_STATE);
	first.cseq = 2;
	assert_int_equal(put(&first, 10000), 0); /* it comes again: the newest, on the connection it had */
	assert_int_equal(b->flows[0].reg_id, 1);
	assert_int_equal(b->flows[0].since_ms, 0);
	location_flow_gone(&l, 7);
	assert_string_equal(location_next(&l, BYTES("a@x"), NULL)->flows[0].contact, "sip:a@h:2");
	assert_int_equal(put(&first, 10000), 0);
	location_expire(&l, 70000);
	assert_int_equal(location_next(&l, BYTES("a@x"), NULL)->n, 1);
	location_expire(&l, 90000);
	assert_null(location_next(&l, BYTES("a@x"), NULL));
	assert_string_equal(news, "+sip:a@h:1:0 =sip:a@h:2:0 =sip:a@h:1:0 =sip:a@h:2:0 =sip:a@h:1:0 =sip:a@h:2:0 -sip:a@h:2:1 ");
}

static void a_flow_goes_alone(void **state)
{
	struct one o = { "a@x", "c", "sip:a@h", "urn:uuid:1", 1, 60, 7, 1 };
	const struct sip_source way = by_flow(9);

	(void)state;
	for (uint32_t i = 1; i <= LOCATION_FLOWS_MAX + 1; i++, o.flow++) {
		o.reg_id = i;
		o.call_id = i % 2 ? "odd" : "even";
		o.cseq = i;
		assert_int_equal(put(&o, 0), 0);
	}
	struct binding *b = location_next(&l, BYTES("a@x"), NULL);
	assert_int_equal(b->n, LOCATION_FLOWS_MAX); /* the oldest had to go */
	assert_int_equal(b->flows[b->n - 1].reg_id, 2);
	o = (struct one){ "a@x", "even", "sip:a@h", "urn:uuid:1", 9, 0, 8, 2 };
	assert_int_equal(put(&o, 0), 0); /* unregisters one */
	assert_int_equal(b->n, LOCATION_FLOWS_MAX - 1);
	assert_ptr_equal(location_way_lost(&l, b, &way), b);
	assert_int_equal(b->n, LOCATION_FLOWS_MAX - 2);
	o = (struct one){ "a@x", "new", "sip:a@h", "urn:uuid:1", 1, 60, 20, 0 };
	assert_int_equal(put(&o, 0), 0); /* it does not know reg-ids any more */
	assert_int_equal(b->n, 1);
	const struct sip_source last = by_flow(20);
	assert_null(location_way_lost(&l, b, &last));
}

/* RFC 5626 4.4.2 */
static void silence_by_udp(void **state)
{
	const struct location_contact c = { .uri = BYTES("sip:a@h:1"), .instance = BYTES("urn:i"), .reg_id = 1, .expires_s = 600,
					    .silent_ms = 1000, .q_milli = 1000 };
	const struct location_contact plain = { .uri = BYTES("sip:a@h:2"), .expires_s = 600, .q_milli = 1000 };
	struct location_update u = { .jid = BYTES("a@x"), .call_id = BYTES("c1"), .cseq = 1, .from = by_udp(1), .n = 1, .contacts = &c };
	const struct sip_source other = by_udp(2);

	(void)state;
	assert_int_equal(location_update(&l, &u, 0), 0);
	u.call_id = BYTES("c2");
	u.contacts = &plain;
	assert_int_equal(location_update(&l, &u, 0), 0); /* by the same way, and it promised nothing */
	assert_int_equal(l.ways.count, 1);
	location_heard(&l, &u.from, 900);
	location_heard(&l, &other, 1800); /* somebody else's */
	location_expire(&l, 1899);
	assert_int_equal(location_count(&l, BYTES("a@x")), 2);
	location_expire(&l, 1900);
	assert_int_equal(location_count(&l, BYTES("a@x")), 1);
	assert_non_null(strstr(news, "-sip:a@h:1:2 ")); /* its flow is lost */
	assert_int_equal(l.ways.count, 1);
	location_expire(&l, 600000);
	assert_int_equal(l.ways.count, 0);
}

static void a_way_is_told_once_a_second(void **state)
{
	struct way *w = way_take(&l.ways, &(struct sip_source){ .flow = 7 }, 0);
	const struct sip_source udp = by_udp(7);

	(void)state;
	assert_null(way_of(&l.ways, &udp));
	assert_true(way_may_tell(w, 5000));
	assert_false(way_may_tell(w, 5999));
	assert_true(way_may_tell(w, 6000));
	way_give(&l.ways, w);
	assert_int_equal(l.ways.count, 0);
}

static void has_limits(void **state)
{
	struct one o = { "a@x", "c", "sip:a@h:1", "", 1, 60, 7, 0 };
	const char *uris[] = { "sip:a@h:1", "sip:a@h:2", "sip:a@h:3", "sip:a@h:4" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		o.uri = uris[i];
		assert_int_equal(put(&o, 0), i < 3 ? 0 : ERR_FULL);
	}
	assert_int_equal(put(&(struct one){ "b@x", "c", "sip:b@h", "", 1, 60, 7, 0 }, 0), 0);
	assert_int_equal(put(&(struct one){ "c@x", "c", "sip:c@h", "", 1, 60, 7, 0 }, 0), ERR_LIMIT);
	assert_int_equal(location_count(&l, BYTES("c@x")), 0);
	o.uri = uris[0];
	o.cseq = 2;
	assert_int_equal(put(&o, 0), 0); /* who is there may stay */
}

static void knows_who_sends(void **state)
{
	const struct location_contact c = { BYTES("sip:u@h"), BYTES_NONE, 0, 60, 1000, 0 };
	struct location_update u = { .jid = BYTES("u@x"), .call_id = BYTES("c"), .cseq = 1, .from = by_udp(5060), .n = 1, .contacts = &c };
	struct sip_source here = by_udp(5060), there = by_udp(5061), flow = by_flow(7);

	(void)state;
	assert_int_equal(location_update(&l, &u, 0), 0);
	assert_non_null(location_of_source(&l, BYTES("u@x"), &here));
	assert_null(location_of_source(&l, BYTES("u@x"), &there));
	assert_null(location_of_source(&l, BYTES("u@x"), &flow));
	assert_null(location_of_source(&l, BYTES("v@x"), &here));
}

static void strangers_are_slowed_and_shut_out(void **state)
{
	const struct sip_source a = by_udp(1), b = by_udp(2);
	struct strangers s;

	(void)state;
	strangers_init(&s);
	s.rate_per_s = 2;
	s.tries = 3;
	s.penalty_ms = 1000;
	for (int i = 0; i < 4; i++)
		assert_int_equal(stranger_asks(&s, &a.addr.any, 1000), STRANGER_WELCOME);
	assert_int_equal(stranger_asks(&s, &a.addr.any, 1000), STRANGER_TOO_FAST);
	assert_int_equal(stranger_asks(&s, &b.addr.any, 1000), STRANGER_TOO_FAST); /* another port is the same one */
	assert_int_equal(stranger_asks(&s, &a.addr.any, 1600), STRANGER_WELCOME);
	assert_false(stranger_failed(&s, &a.addr.any, 2000));
	assert_false(stranger_failed(&s, &a.addr.any, 2000));
	stranger_proved(&s, &a.addr.any);
	assert_false(stranger_failed(&s, &a.addr.any, 2000));
	assert_false(stranger_failed(&s, &a.addr.any, 2000));
	assert_true(stranger_failed(&s, &a.addr.any, 2000));
	assert_int_equal(stranger_asks(&s, &a.addr.any, 2999), STRANGER_PENALTY);
	assert_int_equal(stranger_asks(&s, &a.addr.any, 3000), STRANGER_WELCOME);
	strangers_fini(&s);
}

/* By UDP the address may be another's: it hears once a second that it is too fast. */
static void strangers_hear_little(void **state)
{
	const struct sip_source a = by_udp(1);
	struct sip_source b = by_udp(1);
	struct strangers s;

	(void)state;
	strangers_init(&s);
	b.addr.v4.sin_addr.s_addr = htonl(0x0a000001);
	assert_true(stranger_may_hear(&s, &a.addr.any, 5000));
	assert_false(stranger_may_hear(&s, &a.addr.any, 5999));
	assert_true(stranger_may_hear(&s, &b.addr.any, 5999));
	assert_true(stranger_may_hear(&s, &a.addr.any, 6000));
	strangers_fini(&s);
}

static void strangers_are_bounded(void **state)
{
	struct sip_source a = by_udp(1);
	struct strangers s;

	(void)state;
	strangers_init(&s);
	for (uint32_t i = 0; i < STRANGERS_MAX + 10; i++) {
		a.addr.v4.sin_addr.s_addr = htonl(0x0a000000 + i);
		(void)stranger_asks(&s, &a.addr.any, i);
	}
	assert_int_equal(s.map.count, STRANGERS_MAX);
	strangers_fini(&s);
}

int main(void)
{
#define PLAY(fn) cmocka_unit_test_setup_teardown(fn, start, stop)
	const struct CMUnitTest tests[] = {
		PLAY(comes_stays_and_goes), PLAY(old_ones_change_nothing), PLAY(all_or_nothing), PLAY(star_takes_all),
		PLAY(an_instance_is_one_client), PLAY(an_instance_has_several_flows), PLAY(a_flow_goes_alone), PLAY(silence_by_udp),
		PLAY(a_way_is_told_once_a_second), PLAY(has_limits), PLAY(knows_who_sends),
		cmocka_unit_test(strangers_are_slowed_and_shut_out), cmocka_unit_test(strangers_hear_little), cmocka_unit_test(strangers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
