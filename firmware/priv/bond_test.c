/* Members of bonds: what the kernel's messages say of them, what is shown, and when an alarm is raised and cleared. */
#include "legs.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* ---- messages as the kernel makes them ---- */

struct message {
	_Alignas(4) char bytes[512];
	size_t n;
};

static size_t begin(struct message *m, unsigned type)
{
	size_t at = m->n;
	struct rtattr a = { .rta_type = (unsigned short)type };

	memcpy(m->bytes + at, &a, sizeof a);
	m->n += sizeof a;
	return at;
}

static void end(struct message *m, size_t at)
{
	unsigned short n = (unsigned short)(m->n - at);

	memcpy(m->bytes + at, &n, sizeof n); /* rta_len is first */
	m->n = (m->n + 3) & ~(size_t)3;
}

static void put(struct message *m, unsigned type, const void *v, size_t n)
{
	size_t at = begin(m, type);

	memcpy(m->bytes + m->n, v, n);
	m->n += n;
	end(m, at);
}

static void put_number(struct message *m, unsigned type, uint32_t v, size_t n)
{
	put(m, type, &v, n); /* little endian, as this machine is */
}

static struct message head(int index)
{
	struct message m = { .n = NLMSG_HDRLEN };
	struct ifinfomsg i = { .ifi_index = index };

	memcpy(m.bytes + m.n, &i, sizeof i);
	m.n += NLMSG_ALIGN(sizeof i);
	return m;
}

static void take(struct message *m, struct have *h)
{
	struct nlmsghdr n = { .nlmsg_len = (uint32_t)m->n, .nlmsg_type = RTM_NEWLINK };

	memcpy(m->bytes, &n, sizeof n);
	bond_take((const struct nlmsghdr *)(const void *)m->bytes, h);
}

static const uint8_t switch_mac[6] = { 2, 0, 0, 0, 0, 9 };

static struct message bond_message(int index, int active, unsigned aggregator, const uint8_t partner[6])
{
	struct message m = head(index);
	size_t info = begin(&m, IFLA_LINKINFO);

	put(&m, IFLA_INFO_KIND, "bond", 5);
	size_t data = begin(&m, IFLA_INFO_DATA);
	if (active)
		put_number(&m, IFLA_BOND_ACTIVE_SLAVE, (uint32_t)active, 4);
	if (aggregator) {
		size_t ad = begin(&m, IFLA_BOND_AD_INFO | NLA_F_NESTED);
		put_number(&m, IFLA_BOND_AD_INFO_AGGREGATOR, aggregator, 2);
		put_number(&m, IFLA_BOND_AD_INFO_NUM_PORTS, 2, 2);
		put_number(&m, IFLA_BOND_AD_INFO_PARTNER_KEY, 15, 2);
		put(&m, IFLA_BOND_AD_INFO_PARTNER_MAC, partner, 6);
		end(&m, ad);
	}
	end(&m, data);
	end(&m, info);
	return m;
}

static struct message member_message(int index, unsigned aggregator, unsigned state)
{
	struct message m = head(index);
	size_t info = begin(&m, IFLA_LINKINFO);

	put(&m, IFLA_INFO_SLAVE_KIND, "bond", 5);
	size_t data = begin(&m, IFLA_INFO_SLAVE_DATA);
	put_number(&m, IFLA_BOND_SLAVE_LINK_FAILURE_COUNT, 3, 4);
	put_number(&m, IFLA_BOND_SLAVE_AD_AGGREGATOR_ID, aggregator, 2);
	put_number(&m, IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE, state, 1);
	end(&m, data);
	end(&m, info);
	return m;
}

/* ---- a world of one bond and two cards ---- */

enum { ONE = 2, TWO = 3, BOND = 5 };

static struct wanted wanted_bond(bool is_lacp)
{
	struct wanted w = { .n = 1, .v = { { .name = "b", .kind = WANTED_BOND, .members = { "ens1", "ens2" }, .n_members = 2, .is_lacp = is_lacp } } };

	return w;
}

static struct have world(bool is_lacp)
{
	struct have h = { .n_links = 3, .links = {
		{ .index = ONE, .name = "ens1", .is_ethernet = true, .is_up = true, .has_carrier = true, .master = BOND },
		{ .index = TWO, .name = "ens2", .is_ethernet = true, .is_up = true, .has_carrier = true, .master = BOND },
		{ .index = BOND, .name = "bond-b", .kind = WANTED_BOND, .is_lacp = is_lacp, .is_up = true, .has_carrier = true } } };

	return h;
}

static void agree(struct have *h, unsigned second)
{
	struct message bond = bond_message(BOND, 0, 1, switch_mac), one = member_message(ONE, 1, 0x3d), two = member_message(TWO, second, 0x3d);

	take(&bond, h);
	take(&one, h);
	take(&two, h);
}

static void messages_are_read(void **state)
{
	struct have h = world(true);

	(void)state;
	agree(&h, 1);
	assert_int_equal(h.links[2].bond.aggregator, 1);
	assert_int_equal(h.links[2].bond.ports, 2);
	assert_int_equal(h.links[2].bond.partner_key, 15);
	assert_memory_equal(h.links[2].bond.partner_mac, switch_mac, 6);
	assert_int_equal(h.links[0].member.aggregator, 1);
	assert_int_equal(h.links[0].member.state, 0x3d);
	assert_int_equal(h.links[0].member.failures, 3);
	struct message backup = bond_message(BOND, TWO, 0, NULL), stranger = member_message(77, 1, 0x3d);
	h = world(false);
	take(&backup, &h);
	assert_int_equal(h.links[2].bond.active, TWO);
	take(&stranger, &h); /* a link that came in between */
}

/* Cut anywhere, and with each byte another one: never read behind its end (the sanitizers look). */
static void broken_messages_are_harmless(void **state)
{
	(void)state;
	const struct message good[] = { bond_message(BOND, TWO, 1, switch_mac), member_message(ONE, 1, 0x3d) };

	for (size_t g = 0; g < 2; g++) {
		for (size_t i = NLMSG_HDRLEN; i <= good[g].n; i++) {
			struct have h = world(true);
			struct message m = good[g];
			m.n = i;
			take(&m, &h);
			m = good[g];
			if (i < m.n)
				m.bytes[i] = (char)(m.bytes[i] ^ 0xff);
			take(&m, &h);
		}
	}
}

static void assert_text(const struct have *h, unsigned card, const char *want)
{
	char text[BOND_TEXT];

	assert_string_equal(bond_member_text(&h->links[2], &h->links[card], text), want);
}

static void members_are_shown(void **state)
{
	struct have h = world(false);
	char text[BOND_TEXT];

	(void)state;
	h.links[2].bond.active = ONE;
	assert_text(&h, 0, "up, active");
	assert_text(&h, 1, "up");
	h.links[1].has_carrier = false;
	assert_text(&h, 1, "no carrier");
	assert_string_equal(bond_member_text(&h.links[2], NULL, text), "missing");
	h = world(true);
	assert_text(&h, 0, "up, hears no LACP");
	agree(&h, 2);
	assert_text(&h, 0, "up, aggregator 1");
	assert_text(&h, 1, "up, not in the aggregate (aggregator 2)");
}

/* ---- alarms ---- */

struct told {
	unsigned raised, cleared;
	char key[LEG_KEY_BYTES], why[128];
};

static void on_leg(void *arg, const char *key, const char *why)
{
	struct told *t = arg;

	t->raised += why != NULL;
	t->cleared += why == NULL;
	snprintf(t->key, sizeof t->key, "%s", key);
	snprintf(t->why, sizeof t->why, "%s", why ? why : "");
}

static void a_dead_leg_is_told_of_after_a_while(void **state)
{
	struct wanted w = wanted_bond(false), none = { 0 };
	struct have h = world(false);
	struct told t = { 0 };
	struct legs l = { 0 };

	(void)state;
	assert_true(legs_look(&l, &w, &h, 1000, on_leg, &t));
	h.links[1].has_carrier = false;
	(void)legs_look(&l, &w, &h, 2000, on_leg, &t);
	(void)legs_look(&l, &w, &h, 6999, on_leg, &t);
	assert_int_equal(t.raised, 0);
	(void)legs_look(&l, &w, &h, 7000, on_leg, &t);
	assert_int_equal(t.raised, 1);
	assert_string_equal(t.key, "b ens2");
	assert_non_null(strstr(t.why, "no carrier"));
	h.links[1].has_carrier = true;
	(void)legs_look(&l, &w, &h, 8000, on_leg, &t);
	assert_int_equal(t.cleared, 1);
	/* one that flaps begins anew each time; one that goes with its settings goes with its alarm */
	h.links[0].is_up = false;
	(void)legs_look(&l, &w, &h, 9000, on_leg, &t);
	(void)legs_look(&l, &w, &h, 14000, on_leg, &t);
	assert_int_equal(t.raised, 2);
	assert_string_equal(t.key, "b ens1");
	assert_false(legs_look(&l, &none, &h, 15000, on_leg, &t));
	assert_int_equal(t.cleared, 2);
	for (size_t i = 0; i < LEGS_MAX; i++)
		assert_int_equal(l.v[i].key[0], 0);
}

static void lacp_gets_its_time(void **state)
{
	struct wanted w = wanted_bond(true);
	struct have h = world(true);
	struct told t = { 0 };
	struct legs l = { 0 };

	(void)state;
	(void)legs_look(&l, &w, &h, 1000, on_leg, &t);
	(void)legs_look(&l, &w, &h, 40999, on_leg, &t);
	assert_int_equal(t.raised, 0);
	(void)legs_look(&l, &w, &h, 41000, on_leg, &t);
	assert_int_equal(t.raised, 2); /* nobody speaks LACP: both */
	assert_non_null(strstr(t.why, "hears no LACP"));
	agree(&h, 1);
	(void)legs_look(&l, &w, &h, 42000, on_leg, &t);
	assert_int_equal(t.cleared, 2);
	agree(&h, 2);
	(void)legs_look(&l, &w, &h, 43000, on_leg, &t);
	(void)legs_look(&l, &w, &h, 83000, on_leg, &t);
	assert_int_equal(t.raised, 3);
	assert_string_equal(t.key, "b ens2");
	assert_non_null(strstr(t.why, "another LACP group"));
	/* its cable is out, too: the text follows */
	h.links[1].has_carrier = false;
	(void)legs_look(&l, &w, &h, 84000, on_leg, &t);
	assert_non_null(strstr(t.why, "no carrier"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_read),         cmocka_unit_test(broken_messages_are_harmless),
		cmocka_unit_test(members_are_shown),         cmocka_unit_test(a_dead_leg_is_told_of_after_a_while),
		cmocka_unit_test(lacp_gets_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
