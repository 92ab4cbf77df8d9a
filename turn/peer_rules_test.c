#include "peer_rules.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/random.h"

static struct stunaddr address(const char *text)
{
	struct stunaddr a = { .family = 4, .port = 9 };

	if (inet_pton(AF_INET, text, a.ip) == 1)
		return a;
	a.family = 6;
	assert_int_equal(inet_pton(AF_INET6, text, a.ip), 1);
	return a;
}

static void add(struct peer_ranges *r, const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(bytes_of(text), &p), 0);
	assert_int_equal(peer_rules_add(r, &p), 0);
}

static const char *rule_of(const struct peer_rules *r, const char *peer)
{
	struct stunaddr a = address(peer);
	const char *rule;

	return peer_rules_permit(r, &a, &rule) ? "" : rule;
}

/* turn.md 4: CVE-2018-4058, CVE-2020-26262, CVE-2026-27624 and what came after them. */
static void every_disguise_is_refused(void **state)
{
	static const char *const closed[] = {
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.169.254", "224.0.0.1", "239.1.2.3",
		"255.255.255.255", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
		"100.127.255.255", "192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.9", "198.18.0.1", "198.19.255.1",
		"240.0.0.1", "192.88.99.1",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "fe80::1", "febf::1", "ff02::1", "fc00::1", "fdff::1", "fec0::1",
		"100::1", "2001:db8::1", "3fff::1", "2001:2::1", "2001:10::1", "2001:20::1", "5f00::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:255.255.255.255",
		"::ffff:0:127.0.0.1", "::ffff:0:10.0.0.1",
		"2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2002:c0a8:101::1",
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::10.0.0.1",
		"2001:0:7f00:1::1", "2001:0:808:808::80ff:fffe", "2001:0:808:808::f5ff:fffe",
		"2a00::5efe:127.0.0.1", "2a00::200:5efe:10.0.0.1",
	};
	static const struct peer_rules none;

	(void)state;
	for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
		if (rule_of(&none, closed[i])[0] == '\0')
			fail_msg("%s was let through", closed[i]);
}

static void the_world_is_open(void **state)
{
	static const char *const open[] = { "8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1",
		                            "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "126.255.255.255",
		                            "2a00:1450::1", "2606:4700::1111", "2002:808:808::1", "64:ff9b::8.8.8.8",
		                            "2001:0:808:808::fefe:fefe", "::ffff:8.8.8.8", "2a00::5efe:8.8.8.8" };
	static const struct peer_rules none;

	(void)state;
	for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
		assert_string_equal(rule_of(&none, open[i]), "");
}

static void settings_open_and_close(void **state)
{
	static struct peer_rules r;

	(void)state;
	add(&r.allow, "10.0.0.0/8");
	add(&r.allow, "127.0.0.0/8");
	add(&r.allow, "0.0.0.0/0");
	add(&r.allow, "::/0");
	add(&r.deny, "10.9.0.0/16");
	add(&r.deny, "9.9.9.9");
	add(&r.deny, "2a01::/16");
	add(&r.own, "203.0.113.1");
	assert_string_equal(rule_of(&r, "10.0.0.1"), "");
	assert_string_equal(rule_of(&r, "::ffff:10.0.0.1"), "");
	assert_string_equal(rule_of(&r, "fd00::1"), "");
	assert_string_equal(rule_of(&r, "10.9.0.1"), "turn deny-peer");
	assert_string_equal(rule_of(&r, "2002:a09:1::1"), "turn deny-peer");
	assert_string_equal(rule_of(&r, "9.9.9.9"), "turn deny-peer");
	assert_string_equal(rule_of(&r, "2a01::7"), "turn deny-peer");
	assert_string_equal(rule_of(&r, "203.0.113.1"), "address of this box");
	assert_string_equal(rule_of(&r, "203.0.113.2"), "");
	assert_string_equal(rule_of(&r, "127.0.0.1"), "loopback");
	assert_string_equal(rule_of(&r, "::ffff:127.0.0.1"), "loopback");
	assert_string_equal(rule_of(&r, "224.0.0.1"), "multicast");
	assert_string_equal(rule_of(&r, "169.254.169.254"), "link-local");
	assert_string_equal(rule_of(&r, "ff02::1"), "multicast");
}

static void a_mapped_peer_becomes_ipv4(void **state)
{
	static const struct peer_rules none;
	struct stunaddr a = address("::ffff:8.8.4.4"), want = address("8.8.4.4");
	const char *rule;

	(void)state;
	assert_true(peer_rules_permit(&none, &a, &rule));
	assert_true(stunaddr_eq(&a, &want));
}

/* Whatever IPv4 address is closed is closed in each disguise, and what is open in it is not closed by it. */
static void disguises_say_what_they_carry(void **state)
{
	static const struct peer_rules none;
	const char *rule;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct stunaddr plain = { .family = 4 }, six = { .family = 6, .ip = { 0x20, 2 } },
		                nat = { .family = 6, .ip = { 0, 0x64, 0xff, 0x9b } };
		random_bytes(plain.ip, 4);
		memcpy(six.ip + 2, plain.ip, 4);
		memcpy(nat.ip + 12, plain.ip, 4);
		bool is_open = peer_rules_permit(&none, &plain, &rule);
		assert_int_equal(peer_rules_permit(&none, &six, &rule), is_open);
		assert_int_equal(peer_rules_permit(&none, &nat, &rule), is_open);
	}
}

static unsigned common_bits(const uint8_t a[static 16], const uint8_t b[static 16])
{
	unsigned n = 0;

	while (n < 128 && (a[n / 8] >> (7 - n % 8) & 1) == (b[n / 8] >> (7 - n % 8) & 1))
		n++;
	return n;
}

/* Another relay compared IPv6 ranges octet by octet: here bit by bit, by an oracle. */
static void an_ipv6_range_is_a_number(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct peer_rules r = { .deny = { .n = 1 } };
		struct prefix *p = &r.deny.ranges[0];
		struct stunaddr a = { .family = 6 };
		const char *rule = NULL;
		random_bytes(a.ip, 16);
		a.ip[0] = 0x2a; /* nothing else forbids it */
		memset(a.ip + 8, 1, 4);
		memcpy(p->bytes, a.ip, 16);
		p->bits = (uint8_t)(9 + random_below(120));
		unsigned flipped = random_below(128);
		p->bytes[flipped / 8] ^= (uint8_t)(0x80 >> flipped % 8);
		for (unsigned bit = p->bits; bit < 128; bit++)
			p->bytes[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
		bool is_in = common_bits(p->bytes, a.ip) >= p->bits;
		assert_int_equal(peer_rules_permit(&r, &a, &rule), !is_in);
	}
}

static void ranges_are_bounded(void **state)
{
	static struct peer_ranges r;
	struct prefix p = { .bits = 128 };

	(void)state;
	for (unsigned i = 0; i < PEER_RULES_MAX; i++)
		assert_int_equal(peer_rules_add(&r, &p), 0);
	assert_int_equal(peer_rules_add(&r, &p), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_disguise_is_refused),     cmocka_unit_test(the_world_is_open),
		cmocka_unit_test(settings_open_and_close),       cmocka_unit_test(a_mapped_peer_becomes_ipv4),
		cmocka_unit_test(disguises_say_what_they_carry), cmocka_unit_test(ranges_are_bounded),
		cmocka_unit_test(an_ipv6_range_is_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
