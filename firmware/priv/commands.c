/* What operators ask, by way of gh-conf. */
#include "priv.h"

#include <stdio.h>

static void put_addresses(struct proc_ask *ask, const struct have *h, int index)
{
	char text[512] = "", one[NET_ADDRESS_TEXT];
	size_t n = 0;

	for (size_t k = 0; k < h->n_addresses && n < sizeof text - NET_ADDRESS_TEXT - 1; k++)
		if (h->addresses[k].index == index)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", net_address_text(&h->addresses[k].address, one));
	proc_record_str(ask, "addresses", text);
}

static void put_servers(struct proc_ask *ask, const char *key, const struct net_address *v, unsigned count)
{
	char text[LEASE_SERVERS_MAX * NET_ADDRESS_TEXT] = "", one[NET_ADDRESS_TEXT];
	size_t n = 0;

	for (unsigned k = 0; k < count; k++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", net_address_text(&v[k], one));
	proc_record_str(ask, key, text);
}

static const struct lease_words {
	uint8_t af;
	const char *state, *server, *left, *dns, *ntp;
} lease_words[] = {
	[LEASE_4] = { AF_INET, "dhcp", "dhcp_server", "dhcp_left_s", "dhcp_dns", "dhcp_ntp" },
	[LEASE_6] = { AF_INET6, "dhcp6", "dhcp6_server", "dhcp6_left_s", "dhcp6_dns", "dhcp6_ntp" },
};
_Static_assert(sizeof lease_words / sizeof lease_words[0] == LEASE_FAMILY_COUNT, "one row a family");

/* Of an interface that gets an address by DHCP. */
static void put_lease(struct priv *p, struct proc_ask *ask, const struct lease *l, const struct lease_words *words)
{
	uint64_t now = loop_now(p->loop);
	char server[NET_ADDRESS_TEXT] = "";
	bool has = l->got.address.family != 0;

	proc_record_str(ask, words->state, l->why[0] ? l->why : has ? "leased" : "asking");
	if (l->server.family)
		(void)net_address_text(&l->server, server);
	proc_record_str(ask, words->server, has ? server : "");
	proc_record_int(ask, words->left, has && l->end_ms > now ? (int64_t)((l->end_ms - now) / 1000) : 0);
	put_servers(ask, words->dns, l->dns, has ? l->n_dns : 0);
	put_servers(ask, words->ntp, l->ntp, has ? l->n_ntp : 0);
}

static void put_leases(struct priv *p, struct proc_ask *ask, const struct wanted_interface *w)
{
	for (unsigned f = 0; f < LEASE_FAMILY_COUNT; f++)
		if (wanted_asks(w, lease_words[f].af))
			put_lease(p, ask, &p->leases[f][wanted_place(w)], &lease_words[f]);
}

static const char *link_state(const struct have_link *l)
{
	return !l->is_up ? "down" : l->has_carrier ? "up" : "no carrier";
}

/* Of a bond: "ens1 up, active; ens2 no carrier". They are no lines of their own: nobody else may have them. */
static void put_members(struct priv *p, struct proc_ask *ask, const struct wanted_interface *w, const struct have_link *bond)
{
	char text[NET_MEMBERS_MAX * (NET_DEVICE_MAX + BOND_TEXT + 4)] = "", one[BOND_TEXT];
	size_t n = 0;

	for (unsigned m = 0; m < w->n_members; m++) {
		const struct have_link *l = plan_card(&p->have, w->members[m]);
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s", n ? "; " : "", w->members[m], bond_member_text(bond, l, one));
	}
	proc_record_str(ask, "members", text);
}

/* With LACP: who is at the other end, and how many members are in the aggregate that carries. */
static void put_lacp(struct proc_ask *ask, const struct have_link *bond)
{
	const struct have_bond *b = &bond->bond;
	const uint8_t *m = b->partner_mac;
	char text[24] = "none";

	proc_record_str(ask, "mode", bond->is_lacp ? "802.3ad" : "active-backup");
	if (!bond->is_lacp)
		return;
	if (bond_has_partner(bond))
		snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	proc_record_str(ask, "lacp_partner", text);
	proc_record_int(ask, "lacp_partner_key", b->partner_key);
	proc_record_int(ask, "lacp_aggregator", b->aggregator);
	proc_record_int(ask, "lacp_ports", b->ports);
}

static const char *const planes[] = { "any", "dmz", "core", "management" }; /* as in the setting's row */

/* w NULL: a device without an interface. */
static void put_link(struct priv *p, struct proc_ask *ask, const struct wanted_interface *w, const struct have_link *l)
{
	struct link_about about = { 0 };
	char mac[NET_DEVICE_MAX + 1], speed[32] = "";

	proc_record_begin(ask);
	proc_record_str(ask, "interface", w ? w->name : "");
	proc_record_str(ask, "device", l->name);
	if (w)
		proc_record_str(ask, "plane", planes[w->plane]);
	proc_record_str(ask, "link", link_state(l));
	if (w && w->kind == WANTED_BOND) {
		put_members(p, ask, w, l);
		put_lacp(ask, l);
	}
	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", l->mac[0], l->mac[1], l->mac[2], l->mac[3], l->mac[4], l->mac[5]);
	proc_record_str(ask, "mac", mac);
	(void)kernel_about(p->kernel, l, &about); /* it has just gone: zeros */
	if (about.speed_mbps)
		snprintf(speed, sizeof speed, "%u Mbit/s %s", about.speed_mbps, about.is_full_duplex ? "full" : "half");
	proc_record_str(ask, "speed", speed);
	proc_record_int(ask, "mtu", l->mtu);
	put_addresses(ask, &p->have, l->index);
	if (w)
		put_leases(p, ask, w);
	proc_record_int(ask, "rx_packets", (int64_t)about.rx_packets);
	proc_record_int(ask, "tx_packets", (int64_t)about.tx_packets);
	proc_record_int(ask, "rx_errors", (int64_t)about.rx_errors);
	proc_record_int(ask, "tx_errors", (int64_t)about.tx_errors);
	proc_record_int(ask, "rx_dropped", (int64_t)about.rx_dropped);
	proc_record_int(ask, "tx_dropped", (int64_t)about.tx_dropped);
	proc_record_end(ask);
}

/* Devices without an interface come last: they are what interface * device may name. */
static void on_interfaces(void *arg, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct priv *p = arg;
	int rc = kernel_read(p->kernel, &p->have);

	(void)args, (void)n;
	for (size_t i = 0; !rc && i < p->wanted.n; i++) {
		const struct have_link *l = plan_device(&p->wanted.v[i], &p->have);
		if (l) {
			put_link(p, ask, &p->wanted.v[i], l);
			continue;
		}
		proc_record_begin(ask);
		proc_record_str(ask, "interface", p->wanted.v[i].name);
		proc_record_str(ask, "device", p->wanted.v[i].device);
		proc_record_str(ask, "link", "missing");
		proc_record_end(ask);
	}
	for (size_t k = 0; !rc && k < p->have.n_links; k++) {
		bool is_free = p->have.links[k].is_ethernet;
		for (size_t i = 0; i < p->wanted.n; i++)
			is_free &= plan_device(&p->wanted.v[i], &p->have) != &p->have.links[k];
		is_free &= p->have.links[k].master == 0;
		if (is_free)
			put_link(p, ask, NULL, &p->have.links[k]);
	}
	proc_done(ask, rc, p->refused);
}

const struct proc_command priv_commands[] = {
	{ "show interfaces", on_interfaces },
};
const size_t priv_n_commands = sizeof priv_commands / sizeof priv_commands[0];
