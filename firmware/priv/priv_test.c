/* What is wanted of the network, and the steps to it. Every plan is tried to its end on a small model of the kernel. */
#include "duid.h"
#include "plan.h"

#include "base/err.h"
#include "run/settings.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int read_text(const char *text, struct wanted *w, struct wanted_error *e)
{
	struct settings *s;
	unsigned line;

	assert_int_equal(settings_parse(bytes_of(text), &s, &line), 0);
	int rc = wanted_read(s, w, e);
	settings_free(s);
	return rc;
}

static void want(const char *text, struct wanted *w)
{
	struct wanted_error e = { .why = "" };

	if (read_text(text, w, &e))
		fail_msg("%s: %s", e.path, e.why);
}

static struct net_address address(const char *text, uint8_t family, bool has_prefix)
{
	struct net_address a;

	assert_int_equal(net_address_read(bytes_of(text), family, has_prefix, &a), 0);
	return a;
}

static void refuses_what_is_no_network(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "interface e ipv4 = off\n", "interface e" },
		{ "interface ab ipv4 = off\n", "interface ab" },
		{ "interface A mtu = 1500\n", "interface A" },
		{ "interface a ipv4 = static\n", "interface a ipv4" },
		{ "interface a ipv6 = static\n", "interface a ipv6" },
		{ "interface a device = lo\n", "interface a device" },
		{ "interface a device = ../eth0\n", "interface a device" },
		{ "interface a device = 00:11:22:33:44:5g\n", "interface a device" },
		{ "interface a device = averylongdevice0\n", "interface a device" },
		{ "interface a device = eth0\ninterface b device = ETH0\n", "interface b device" },
		{ "interface a ipv4-address = 192.0.2.1\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 192.0.2.1/33\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 192.0.2.1/0\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 192.0.2.1/-1\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 192.0.2.1/24/24\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 192.0.2.1/24,192.0.2.2/24\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 192.0.2.1/24 192.0.2.1/25\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 127.0.0.1/8\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 224.0.0.1/8\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 0.0.0.0/8\n", "interface a ipv4-address" },
		{ "interface a ipv4-address = 2001:db8::1/64\n", "interface a ipv4-address" },
		{ "interface a ipv6-address = ::1/128\n", "interface a ipv6-address" },
		{ "interface a ipv6-address = ff02::1/64\n", "interface a ipv6-address" },
		{ "interface a ipv6-address = 2001:db8::1/129\n", "interface a ipv6-address" },
		{ "interface a ipv4-address = 192.0.2.1/24\ninterface a ipv4-gateway = 192.0.3.1\n", "interface a ipv4-gateway" },
		{ "interface a ipv4-address = 192.0.2.1/24\ninterface a ipv4-gateway = 192.0.2.1\n", "interface a ipv4-gateway" },
		{ "interface a ipv4-address = 192.0.2.1/24\ninterface a ipv4-gateway = 192.0.2.2/24\n", "interface a ipv4-gateway" },
		/* G-NET-04, whichever prefix is shorter */
		{ "interface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24\n"
		  "interface b ipv4 = static\ninterface b ipv4-address = 192.0.2.2/24\n", "interface b ipv4-address" },
		{ "interface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24\n"
		  "interface c ipv4 = static\ninterface c ipv4-address = 192.0.77.2/16\n", "interface c ipv4-address" },
		{ "interface a ipv6 = static\ninterface a ipv6-address = 2001:db8::1/64\n"
		  "interface b ipv6 = slaac\ninterface b ipv6-address = 2001:db8::2/64\n", "interface b ipv6-address" },
		{ "interface a routes = 10.0.0.0/8\n", "interface a routes" },
		{ "interface a routes = 10.0.0.0/8 by 192.0.2.9\n", "interface a routes" },
		{ "interface a routes = 10.0.0.1/8 via 192.0.2.9\n", "interface a routes" },
		{ "interface a routes = 0.0.0.0/0 via 192.0.2.9\n", "interface a routes" },
		{ "interface a routes = 10.0.0.0/8 via 2001:db8::1\n", "interface a routes" },
		{ "interface a routes = 10.0.0.0/8 via 192.0.2.9 10.0.0.0/8 via 192.0.2.8\n", "interface a routes" },
		{ "interface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24\ninterface a routes = 10.0.0.0/8 via 192.0.3.9\n", "interface a routes" },
		{ "interface a ipv6 = slaac\ninterface a routes = 2001:db8:5::/48 via 2001:db8::9\n", "interface a routes" },
		{ "interface a vlan = 7\n", "interface a vlan" },
		{ "interface a device = bond-b\n", "interface a device" },
		{ "interface a device = ens1\ninterface a bond-members = ens2 ens3\n", "interface a bond-members" },
		{ "interface a bond-members = ens2 ens2\n", "interface a bond-members" },
		{ "interface a bond-members = ens2 00:11:22:33:44:55\n", "interface a bond-members" },
		{ "interface a bond-members = ens2 bond-b\n", "interface a bond-members" },
		{ "interface a bond-members = a1 a2 a3 a4 a5\n", "interface a bond-members" },
		{ "interface a bond-members = ens1 ens2\ninterface b device = ENS2\n", "interface a bond-members" },
		{ "interface a bond-members = ens1 ens2\ninterface b bond-members = ens2 ens3\n", "interface a bond-members" },
		{ "interface a bond-members = ens1 ens2\ninterface b ipv4 = off\n", "interface b device" },
		{ "interface a device = ens1\ninterface a vlan = 7\ninterface b device = ens1\ninterface b vlan = 7\n", "interface b device" },
	};
	struct wanted w = { .n = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct wanted_error e = { .why = "" };
		if (!read_text(rows[i].text, &w, &e))
			fail_msg("taken: %s", rows[i].text);
		assert_string_equal(e.path, rows[i].path);
		assert_true(e.why[0]);
		assert_int_equal(w.n, 77); /* nothing of it */
	}
}

static void reads_interfaces(void **state)
{
	struct wanted w;

	(void)state;
	want("interface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24  192.0.2.2/24\ninterface a ipv4-gateway = 192.0.2.254\n"
	     "interface d device = 00:11:22:33:44:5f\ninterface d ipv4-address = 192.0.2.9/24\ninterface d mtu = 9000\n"
	     "interface d ipv6 = slaac\ninterface d ipv6-gateway = fe80::1\n", &w);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.v[0].n_addresses, 2);
	assert_int_equal(w.v[0].gateway4.family, AF_INET);
	assert_int_equal(w.v[0].mtu, 1500);
	assert_int_equal(wanted_place(&w.v[1]), 3);
	assert_int_equal(w.v[1].n_addresses, 0); /* IPv4 is off there: no clash of subnets either */
	assert_int_equal(w.v[1].mtu, 9000);
	want("", &w);
	assert_int_equal(w.n, 0);
}

/* ---- a kernel ---- */

static void remove_at(void *v, size_t *n, size_t i, size_t size)
{
	memmove((char *)v + i * size, (char *)v + (i + 1) * size, (--*n - i) * size);
}

static void do_step(struct have *h, const struct step *s)
{
	switch (s->kind) {
	case STEP_DEVICE_ADD:
		h->links[h->n_links] = s->link;
		h->links[h->n_links].index = 100 + (int)h->n_links;
		h->links[h->n_links++].mtu = 1500;
		break;
	case STEP_DEVICE_DEL: /* and what was on it or in it */
		for (size_t k = h->n_links; k-- > 0;)
			if (h->links[k].index == s->link.index || h->links[k].parent == s->link.index)
				remove_at(h->links, &h->n_links, k, sizeof s->link);
			else if (h->links[k].master == s->link.index)
				h->links[k].master = 0;
		break;
	case STEP_MASTER:
	case STEP_LINK:
		for (size_t k = 0; k < h->n_links; k++)
			if (h->links[k].index == s->link.index)
				h->links[k] = s->link;
		break;
	case STEP_ADDRESS_ADD:
		h->addresses[h->n_addresses++] = s->address;
		break;
	case STEP_ROUTE_ADD:
		h->routes[h->n_routes++] = s->route;
		break;
	case STEP_RULE_ADD:
		h->rules[h->n_rules++] = s->rule;
		break;
	case STEP_RULE_DEL:
		for (size_t k = 0; k < h->n_rules; k++)
			if (memcmp(&h->rules[k], &s->rule, sizeof s->rule) == 0)
				remove_at(h->rules, &h->n_rules, k, sizeof s->rule);
		break;
	case STEP_ROUTE_DEL:
		for (size_t k = 0; k < h->n_routes; k++)
			if (memcmp(&h->routes[k], &s->route, sizeof s->route) == 0)
				remove_at(h->routes, &h->n_routes, k, sizeof s->route);
		break;
	case STEP_ADDRESS_DEL:
		for (size_t k = 0; k < h->n_addresses; k++)
			if (memcmp(&h->addresses[k], &s->address, sizeof s->address) == 0)
				remove_at(h->addresses, &h->n_addresses, k, sizeof s->address);
		break;
	}
}

static size_t converge_wanted(const struct wanted *w, struct have *h, unsigned passes)
{
	static struct plan p;
	size_t n = 0;

	for (unsigned pass = 0; pass < passes; pass++) {
		plan_make(w, h, &p);
		n += p.n;
		bool is_going = false;
		for (size_t i = 0; i < p.n; i++) {
			assert_false(is_going && p.v[i].kind == STEP_ADDRESS_ADD);
			is_going |= p.v[i].kind >= STEP_RULE_DEL;
			do_step(h, &p.v[i]);
		}
	}
	plan_make(w, h, &p);
	assert_int_equal(p.n, 0);
	return n;
}

/* After it nothing is left to do. Returns how many steps it took. */
static size_t converge(const char *text, struct have *h)
{
	struct wanted w;

	want(text, &w);
	return converge_wanted(&w, h, 1);
}

static void fresh(struct have *h)
{
	static const struct have_link links[] = {
		{ .index = 1, .name = "lo", .is_up = true, .mtu = 65536 },
		{ .index = 5, .name = "br0", .mtu = 1500 },
		{ .index = 7, .name = "ens2", .mac = { 2, 0, 0, 0, 0, 0xb }, .is_ethernet = true, .mtu = 1500 },
		{ .index = 3, .name = "ens1", .mac = { 2, 0, 0, 0, 0, 0xa }, .is_ethernet = true, .mtu = 1500 },
	};

	memset(h, 0, sizeof *h);
	memcpy(h->links, links, sizeof links);
	h->n_links = 4;
	h->addresses[h->n_addresses++] = (struct have_address){ .index = 1, .address = address("127.0.0.1/8", AF_INET, true), .is_permanent = true };
	h->addresses[h->n_addresses++] = (struct have_address){ .index = 3, .address = address("fe80::2/64", AF_INET6, true), .is_permanent = true };
}

static bool has(const struct have *h, int index, const char *text)
{
	struct net_address a = address(text, strchr(text, ':') ? AF_INET6 : AF_INET, true);

	for (size_t k = 0; k < h->n_addresses; k++)
		if (h->addresses[k].index == index && net_address_eq(&h->addresses[k].address, &a))
			return true;
	return false;
}

static const char two[] =
	"interface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24 192.0.2.2/24\ninterface a ipv4-gateway = 192.0.2.254\n"
	"interface b device = 02:00:00:00:00:0B\ninterface b ipv4 = static\ninterface b ipv4-address = 198.51.100.1/24\n"
	"interface b ipv4-gateway = 198.51.100.254\ninterface b mtu = 9000\n"
	"interface b ipv6 = static\ninterface b ipv6-address = 2001:db8::1/64\ninterface b ipv6-gateway = 2001:db8::ff\n";

static void converges(void **state)
{
	static struct have h;

	(void)state;
	fresh(&h);
	assert_true(converge(two, &h) > 0);
	assert_true(has(&h, 3, "192.0.2.1/24") && has(&h, 3, "192.0.2.2/24") && has(&h, 7, "198.51.100.1/24") && has(&h, 7, "2001:db8::1/64"));
	assert_true(has(&h, 1, "127.0.0.1/8") && has(&h, 3, "fe80::2/64"));
	assert_true(h.links[2].is_up && h.links[2].mtu == 9000 && h.links[2].group == NET_GROUP + 1);
	assert_true(h.links[3].is_up && h.links[3].group == NET_GROUP);
	assert_false(h.links[1].is_up); /* nobody's */
	assert_int_equal(h.n_rules, 4);
	assert_int_equal(converge(two, &h), 0);
}

static void removes_what_is_foreign(void **state)
{
	static struct have h;

	(void)state;
	fresh(&h);
	converge(two, &h);
	h.addresses[h.n_addresses++] = (struct have_address){ .index = 3, .address = address("203.0.113.5/24", AF_INET, true), .is_permanent = true };
	h.addresses[h.n_addresses++] = (struct have_address){ .index = 7, .address = address("2001:db8:9::5/64", AF_INET6, true) };
	h.addresses[h.n_addresses++] = (struct have_address){ .index = 5, .address = address("203.0.113.6/24", AF_INET, true), .is_permanent = true };
	h.routes[h.n_routes++] = (struct have_route){ .index = 3, .table = RT_TABLE_MAIN, .protocol = RTPROT_BOOT,
		.to = { .family = AF_INET }, .gateway = address("192.0.2.77", AF_INET, false) };
	h.routes[h.n_routes++] = (struct have_route){ .index = 5, .table = RT_TABLE_MAIN, .protocol = RTPROT_BOOT,
		.to = { .family = AF_INET }, .gateway = address("203.0.113.1", AF_INET, false) };
	assert_int_equal(converge(two, &h), 3); /* what is on the bridge is not ours */
	assert_true(has(&h, 5, "203.0.113.6/24") && !has(&h, 3, "203.0.113.5/24") && !has(&h, 7, "2001:db8:9::5/64"));
	/* Advertised addresses stay where they are wanted. */
	h.addresses[h.n_addresses++] = (struct have_address){ .index = 3, .address = address("2001:db8:9::5/64", AF_INET6, true) };
	converge("interface a ipv6 = slaac\n", &h);
	assert_true(has(&h, 3, "2001:db8:9::5/64"));
	assert_false(has(&h, 3, "192.0.2.1/24"));
	/* b's rows have gone: its device is left with nothing of ours. */
	assert_false(has(&h, 7, "198.51.100.1/24") || has(&h, 7, "2001:db8::1/64"));
	assert_int_equal(h.links[2].group, 0);
	assert_int_equal(h.n_rules, 0);
	assert_int_equal(h.n_routes, 1);
}

static void finds_devices(void **state)
{
	static struct have h;
	static struct plan p;
	struct wanted w;

	(void)state;
	fresh(&h);
	want("interface b ipv4 = off\ninterface c ipv4 = off\n", &w);
	plan_make(&w, &h, &p);
	assert_int_equal(p.device[0], 7); /* the second by index, not by the order of the list */
	assert_int_equal(p.device[1], 0);
	want("interface a device = br0\ninterface c device = ens2\ninterface b ipv4 = off\n", &w);
	plan_make(&w, &h, &p);
	assert_int_equal(p.device[0], 0); /* no card */
	assert_int_equal(p.device[1], 7);
	assert_int_equal(p.device[2], 0); /* b has it */
}

static const struct have_link *link_of(const struct have *h, const char *name)
{
	for (size_t k = 0; k < h->n_links; k++)
		if (strcmp(h->links[k].name, name) == 0)
			return &h->links[k];
	return NULL;
}

static const char bonded[] =
	"interface a bond-members = ens1 ens2\ninterface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24\n"
	"interface b device = bond-a\ninterface b vlan = 7\ninterface b ipv4 = static\ninterface b ipv4-address = 198.51.100.1/24\n";

static void bonds_and_vlans(void **state)
{
	static struct have h;
	struct wanted w;

	(void)state;
	fresh(&h);
	converge("interface a device = ens1\ninterface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24\n", &h);
	want(bonded, &w);
	assert_true(converge_wanted(&w, &h, 3) > 0);
	const struct have_link *bond = link_of(&h, "bond-a"), *vlan = link_of(&h, "vlan-b");
	assert_non_null(bond);
	assert_non_null(vlan);
	assert_true(bond->is_up && bond->group == NET_GROUP && !bond->is_lacp);
	assert_true(vlan->is_up && vlan->group == NET_GROUP + 1 && vlan->parent == bond->index && vlan->vlan == 7);
	assert_true(link_of(&h, "ens1")->master == bond->index && link_of(&h, "ens2")->master == bond->index);
	assert_int_equal(link_of(&h, "ens1")->group, 0);
	assert_true(has(&h, bond->index, "192.0.2.1/24") && has(&h, vlan->index, "198.51.100.1/24") && !has(&h, 3, "192.0.2.1/24"));
	/* Another mode is another bond, and the VLAN follows. */
	w.v[0].is_lacp = true;
	converge_wanted(&w, &h, 4);
	assert_true(link_of(&h, "bond-a")->is_lacp);
	assert_int_equal(link_of(&h, "vlan-b")->parent, link_of(&h, "bond-a")->index);
	/* Another VLAN on a card; the bond goes. */
	want("interface a device = ens1\ninterface a vlan = 9\ninterface b device = ens1\n", &w);
	converge_wanted(&w, &h, 3);
	assert_null(link_of(&h, "bond-a"));
	assert_null(link_of(&h, "vlan-b"));
	assert_int_equal(link_of(&h, "vlan-a")->parent, 3);
	assert_int_equal(link_of(&h, "ens2")->master, 0);
	/* A bond that somebody else made is theirs. */
	h.links[3].master = 5;
	converge("", &h);
	assert_int_equal(h.links[3].master, 5);
}

static void a_vlan_waits_for_its_device(void **state)
{
	static struct have h;
	static struct plan p;
	struct wanted w;

	(void)state;
	fresh(&h);
	want("interface a device = ens9\ninterface a vlan = 9\ninterface b bond-members = ens9 ens2\n", &w);
	converge_wanted(&w, &h, 3);
	plan_make(&w, &h, &p);
	assert_int_equal(p.device[0], 0);
	assert_null(link_of(&h, "vlan-a"));
	assert_int_equal(link_of(&h, "ens2")->master, p.device[1]); /* with one of its members */
}

static const struct have_route *route_of(const struct have *h, uint32_t table, const char *to)
{
	char text[NET_ADDRESS_TEXT];

	for (size_t k = 0; k < h->n_routes; k++)
		if (h->routes[k].table == table && strcmp(net_address_text(&h->routes[k].to, text), to) == 0)
			return &h->routes[k];
	return NULL;
}

static void static_routes(void **state)
{
	static struct have h;
	struct wanted w;

	(void)state;
	fresh(&h);
	want("interface a ipv4 = static\ninterface a ipv4-address = 192.0.2.1/24\n"
	     "interface a routes = 10.0.0.0/8 via 192.0.2.9  2001:db8:5::/48 via fe80::1\ninterface b ipv4 = dhcp\n"
	     "interface b routes = 172.16.0.0/12 via 198.51.100.9\n", &w);
	converge_wanted(&w, &h, 1);
	assert_non_null(route_of(&h, RT_TABLE_MAIN, "10.0.0.0/8"));
	assert_non_null(route_of(&h, NET_TABLE, "10.0.0.0/8"));
	assert_non_null(route_of(&h, NET_TABLE, "192.0.2.0/24"));
	assert_null(route_of(&h, RT_TABLE_MAIN, "2001:db8:5::/48")); /* IPv6 is off there */
	assert_null(route_of(&h, RT_TABLE_MAIN, "172.16.0.0/12"));   /* no lease so far */
	assert_int_equal(h.n_rules, 1);
	struct wanted with = w;
	const struct wanted_lease lease = { address("198.51.100.7/24", AF_INET, true), address("198.51.100.254", AF_INET, false) };
	assert_null(wanted_take_lease(&with, 1, &lease));
	converge_wanted(&with, &h, 1);
	assert_non_null(route_of(&h, NET_TABLE + 1, "172.16.0.0/12"));
	assert_true(has(&h, 7, "198.51.100.7/24"));
	converge_wanted(&w, &h, 1); /* it has ended */
	assert_null(route_of(&h, NET_TABLE + 1, "172.16.0.0/12"));
	assert_false(has(&h, 7, "198.51.100.7/24"));
	const struct wanted_lease near = { address("192.0.2.77/24", AF_INET, true), { 0 } };
	with = w;
	assert_non_null(wanted_take_lease(&with, 1, &near)); /* a's subnet (G-NET-04) */
	assert_int_equal(with.v[1].n_addresses, 0);
}

/* RFC 8415: one address without a subnet; SLAAC's are not wanted, the way out is the routers' to tell. */
static void leases_of_ipv6(void **state)
{
	static struct have h;
	struct wanted w;

	(void)state;
	fresh(&h);
	want("interface a ipv6 = dhcp\ninterface a ipv6-address = 2001:db8:1::1/64\n"
	     "interface b ipv6 = static\ninterface b ipv6-address = 2001:db8:2::1/64\n", &w);
	assert_true(wanted_asks(&w.v[0], AF_INET6) && !wanted_asks(&w.v[0], AF_INET) && !wanted_asks(&w.v[1], AF_INET6));
	h.addresses[h.n_addresses++] = (struct have_address){ .index = 3, .address = address("2001:db8:9::5/64", AF_INET6, true) };
	h.routes[h.n_routes++] = (struct have_route){ .index = 3, .table = RT_TABLE_MAIN, .protocol = RTPROT_RA,
		.to = { .family = AF_INET6 }, .gateway = address("fe80::1", AF_INET6, false) };
	struct wanted with = w;
	const struct wanted_lease lease = { address("2001:db8:3::7", AF_INET6, false), { 0 } };
	assert_null(wanted_take_lease(&with, 0, &lease));
	converge_wanted(&with, &h, 1);
	assert_true(has(&h, 3, "2001:db8:3::7/128") && has(&h, 3, "2001:db8:1::1/64") && has(&h, 3, "fe80::2/64"));
	assert_false(has(&h, 3, "2001:db8:9::5/64"));
	assert_int_equal(h.n_routes, 1); /* the advertised one stays */
	converge_wanted(&w, &h, 1); /* it has ended */
	assert_false(has(&h, 3, "2001:db8:3::7/128"));
	const struct wanted_lease near = { address("2001:db8:2::7", AF_INET6, false), { 0 } };
	assert_non_null(wanted_take_lease(&w, 0, &near)); /* b's subnet (G-NET-04) */
}

static void is_the_same_client_always(void **state)
{
	static struct have h;
	struct duid a, b, c, card;

	(void)state;
	duid_of_number("00112233-4455-6677-8899-aabbccddeeff", &a);
	duid_of_number("00112233-4455-6677-8899-aabbccddeeff", &b);
	duid_of_number("00112233-4455-6677-8899-aabbccddee00", &c);
	assert_true(a.n == 18 && a.bytes[1] == 4 && a.bytes[8] >> 4 == 8 && a.bytes[10] >> 6 == 2); /* RFC 6355, RFC 9562 */
	assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
	assert_memory_not_equal(a.bytes, c.bytes, sizeof a.bytes);
	fresh(&h);
	duid_of_card(&h, &card);
	assert_int_equal(card.n, 10);
	assert_memory_equal(card.bytes, "\0\3\0\1\2\0\0\0\0\x0a", 10); /* ens1 is the first */
	h.n_links = 2;
	duid_of_card(&h, &card);
	assert_int_equal(card.n, 0);
}

static void knows_subnets(void **state)
{
	char text[NET_ADDRESS_TEXT];

	(void)state;
	struct net_address a = address("192.0.2.200/25", AF_INET, true), b = address("192.0.2.1/25", AF_INET, true);
	assert_false(net_is_same_subnet(&a, &b));
	struct net_address s = net_subnet(&a);
	assert_string_equal(net_address_text(&s, text), "192.0.2.128/25");
	s = address("2001:db8::1", AF_INET6, false);
	assert_string_equal(net_address_text(&s, text), "2001:db8::1");
	struct net_address l = address("febf::1", AF_INET6, false), m = address("fec0::1", AF_INET6, false);
	assert_true(net_is_link_local(&l));
	assert_false(net_is_link_local(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_network), cmocka_unit_test(reads_interfaces), cmocka_unit_test(converges),
		cmocka_unit_test(removes_what_is_foreign),    cmocka_unit_test(finds_devices),   cmocka_unit_test(knows_subnets),
		cmocka_unit_test(bonds_and_vlans),    cmocka_unit_test(a_vlan_waits_for_its_device), cmocka_unit_test(static_routes),
		cmocka_unit_test(leases_of_ipv6),     cmocka_unit_test(is_the_same_client_always),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
