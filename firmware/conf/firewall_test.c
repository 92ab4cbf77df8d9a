/* The packet filter of the settings: what is open, and that nothing else is. */
#include "firewall.h"

#include "base/err.h"
#include "conf_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* The rules that settings add to those that always stand. */
static void assert_adds(const char *settings, const char *want)
{
	static const char before[] = "burst 100 packets accept\n\t\ttcp flags ";
	struct conf_text_error e;
	struct rows none = { 0 }, r = { 0 };
	struct buf plain, out, wanted;

	buf_init(&plain, 8192);
	buf_init(&out, 8192);
	buf_init(&wanted, 8192);
	assert_int_equal(firewall_put(&none, &plain), 0);
	assert_int_equal(conf_text_parse(bytes_of(settings), &r, &e), 0);
	assert_int_equal(firewall_put(&r, &out), 0);
	const char *text = buf_cstr(&plain), *at = strstr(text, before);
	assert_non_null(at);
	at += sizeof "burst 100 packets accept\n" - 1; /* before the chain's last rule */
	buf_put(&wanted, text, (size_t)(at - text));
	buf_put_str(&wanted, want);
	buf_put_str(&wanted, at);
	assert_string_equal(buf_cstr(&out), buf_cstr(&wanted));
	buf_fini(&plain);
	buf_fini(&out);
	buf_fini(&wanted);
	rows_fini(&r);
}

static void nothing_is_open_by_itself(void **state)
{
	struct rows none = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 8192);
	assert_int_equal(firewall_put(&none, &out), 0);
	assert_null(strstr(buf_cstr(&out), "dport"));
	assert_non_null(strstr(buf_cstr(&out), "hook input priority filter; policy drop;"));
	assert_non_null(strstr(buf_cstr(&out), "hook forward priority filter; policy drop;"));
	assert_non_null(strstr(buf_cstr(&out), "tcp flags & (syn | rst) == 0 limit rate 100/second burst 200 packets reject with tcp reset\n\t}"));
	buf_fini(&out);
}

static void listeners_are_open_on_their_address(void **state)
{
	(void)state;
	assert_adds("set federation listen a 192.0.2.1 5269\n"
		    "set federation listen b [2001:db8::1]:5269\n"
		    "set sip listen-udp a 0.0.0.0 5060\n"
		    "set sip listen-udp b [::]:5060\n",
		    "\t\tip daddr 192.0.2.1 tcp dport 5269 accept comment \"s2s\"\n"
		    "\t\tip6 daddr 2001:db8::1 tcp dport 5269 accept comment \"s2s\"\n"
		    "\t\tmeta nfproto ipv4 udp dport 5060 accept comment \"sip-udp\"\n"
		    "\t\tmeta nfproto ipv6 udp dport 5060 accept comment \"sip-udp\"\n");
}

static void what_is_off_is_not_open(void **state)
{
	(void)state;
	assert_adds("set federation mode off\nset federation listen a 192.0.2.1 5269\n", "");
	assert_adds("set federation listen a off\n", "");
	assert_adds("set federation listen a 127.0.0.2 5269\nset access listen a [::1]:5222\n", "");
}

/* system role: what runs elsewhere is shut here, and strangers reach no core. */
static void a_role_opens_its_own_part(void **state)
{
	static const char all[] = "set federation listen a 192.0.2.1 5269\nset sip listen-udp a 192.0.2.1 5060\n"
				  "set access listen a 192.0.2.1 5222\nset line listen-udp a 192.0.2.1 5070\n"
				  "set proxy listen a 192.0.2.1 443\nset acme listen a 192.0.2.1 80\nset web listen a 192.0.2.1 8443\n"
				  "set turn listen-udp a 192.0.2.1 3478\nset turn relay-address a 192.0.2.1\nset turn port-min 50000\nset turn port-max 50100\n";
	char text[1024];

	(void)state;
	snprintf(text, sizeof text, "set system role core\n%s", all);
	assert_adds(text, "\t\tip daddr 192.0.2.1 tcp dport 5222 accept comment \"c2s\"\n"
			  "\t\tip daddr 192.0.2.1 udp dport 5070 accept comment \"line-udp\"\n"
			  "\t\tip daddr 192.0.2.1 tcp dport 8443 accept comment \"web\"\n");
	snprintf(text, sizeof text, "set system role edge\n%s", all);
	assert_adds(text, "\t\tip daddr 192.0.2.1 tcp dport 80 accept comment \"acme\"\n"
			  "\t\tip daddr 192.0.2.1 tcp dport 5269 accept comment \"s2s\"\n"
			  "\t\tip daddr 192.0.2.1 tcp dport 443 accept comment \"https\"\n"
			  "\t\tip daddr 192.0.2.1 udp dport 5060 accept comment \"sip-udp\"\n"
			  "\t\tip daddr 192.0.2.1 udp dport 3478 accept comment \"turn-udp\"\n"
			  "\t\tip daddr 192.0.2.1 tcp dport 8443 accept comment \"web\"\n"
			  "\t\tip daddr 192.0.2.1 udp dport 50000-50100 accept comment \"relay\"\n");
}

static void relay_ports_are_open_with_the_relay(void **state)
{
	(void)state;
	assert_adds("set turn relay-address a 192.0.2.1\n", "");
	assert_adds("set turn relay-address a 192.0.2.1\nset turn listen-udp a 192.0.2.1 3478\nset turn port-min 50000\n",
		    "\t\tip daddr 192.0.2.1 udp dport 3478 accept comment \"turn-udp\"\n"
		    "\t\tip daddr 192.0.2.1 udp dport 50000-65535 accept comment \"relay\"\n");
	assert_adds("set turn relay-address a 2001:db8::1\nset turn listen-tcp a 192.0.2.1 3478\nset turn tcp-relay on\n",
		    "\t\tip daddr 192.0.2.1 tcp dport 3478 accept comment \"turn-tcp\"\n"
		    "\t\tip6 daddr 2001:db8::1 meta l4proto { 6, 17 } th dport 49152-65535 accept comment \"relay\"\n");
}

/* Interfaces are known by the groups of their devices: 100 is a. */
static void planes_are_held_apart(void **state)
{
	static const char all[] = "set federation listen a 0.0.0.0 5269\nset access listen a 192.0.2.1 5222\nset ssh listen a 0.0.0.0 22\n";
	static const struct {
		const char *planes, *s2s, *c2s, *ssh;
	} rows[] = {
		{ "set interface a plane any\n", "", "", "" },
		{ "set interface a plane dmz\nset interface b plane core\nset interface c plane management\n", "meta iifgroup { 100 } ",
		  "meta iifgroup { 101 } ", "meta iifgroup { 102 } " },
		{ "set interface a plane dmz\nset interface b ipv4 off\n", "meta iifgroup { 100, 101 } ", "meta iifgroup { 101 } ", "meta iifgroup { 101 } " },
		{ "set interface a plane any\nset interface d plane management\n", "meta iifgroup { 100 } ", "meta iifgroup { 100 } ", "meta iifgroup { 103 } " },
		{ "set interface b plane dmz\n", "meta iifgroup { 101 } ", NULL, NULL },
	};
	char settings[512], want[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t n = 0;
		snprintf(settings, sizeof settings, "%s%s", all, rows[i].planes);
		want[0] = 0;
		if (rows[i].c2s)
			n += (size_t)snprintf(want + n, sizeof want - n, "\t\t%sip daddr 192.0.2.1 tcp dport 5222 accept comment \"c2s\"\n", rows[i].c2s);
		n += (size_t)snprintf(want + n, sizeof want - n, "\t\t%smeta nfproto ipv4 tcp dport 5269 accept comment \"s2s\"\n", rows[i].s2s);
		if (rows[i].ssh)
			(void)snprintf(want + n, sizeof want - n, "\t\t%smeta nfproto ipv4 tcp dport 22 accept comment \"ssh\"\n", rows[i].ssh);
		assert_adds(settings, want);
	}
	assert_adds("set turn relay-address a 192.0.2.1\nset turn listen-udp a 192.0.2.1 3478\nset interface a plane core\nset interface b plane dmz\n",
		    "\t\tmeta iifgroup { 101 } ip daddr 192.0.2.1 udp dport 3478 accept comment \"turn-udp\"\n"
		    "\t\tmeta iifgroup { 101 } ip daddr 192.0.2.1 udp dport 49152-65535 accept comment \"relay\"\n");
}

static void a_full_buffer_is_an_error(void **state)
{
	struct rows none = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	assert_int_equal(firewall_put(&none, &out), ERR_LIMIT);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_open_by_itself),
		cmocka_unit_test(listeners_are_open_on_their_address),
		cmocka_unit_test(what_is_off_is_not_open),
		cmocka_unit_test(a_role_opens_its_own_part),
		cmocka_unit_test(relay_ports_are_open_with_the_relay),
		cmocka_unit_test(planes_are_held_apart),
		cmocka_unit_test(a_full_buffer_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
