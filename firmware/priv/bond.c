#include "bond.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

/* Bits of a port's state (IEEE 802.1AX 6.4.2.3): it agrees with its aggregate, takes frames, gives frames. */
enum { PORT_SYNCHRONISED = 0x08, PORT_COLLECTING = 0x10, PORT_DISTRIBUTING = 0x20,
       PORT_CARRIES = PORT_SYNCHRONISED | PORT_COLLECTING | PORT_DISTRIBUTING };

static struct have_link *link_of(struct have *h, int index)
{
	for (size_t k = 0; k < h->n_links; k++)
		if (h->links[k].index == index)
			return &h->links[k];
	return NULL;
}

/* ---- attributes ---- */

/* The values of a nest by number, up to most; what is shorter than its value is not there. */
static void walk(const struct rtattr *a, int room, const struct rtattr **v, unsigned most)
{
	for (; RTA_OK(a, room); a = RTA_NEXT(a, room)) {
		unsigned type = a->rta_type & NLA_TYPE_MASK;
		if (type <= most)
			v[type] = a;
	}
}

static void walk_nest(const struct rtattr *nest, const struct rtattr **v, unsigned most)
{
	if (nest)
		walk(RTA_DATA(nest), (int)RTA_PAYLOAD(nest), v, most);
}

static uint32_t number(const struct rtattr *a, size_t n)
{
	uint8_t one;
	uint16_t two;
	uint32_t four;

	if (!a || RTA_PAYLOAD(a) < n)
		return 0;
	memcpy(&one, RTA_DATA(a), sizeof one);
	if (n == 1)
		return one;
	memcpy(&two, RTA_DATA(a), sizeof two);
	if (n == 2)
		return two;
	memcpy(&four, RTA_DATA(a), sizeof four);
	return four;
}

static bool is_kind(const struct rtattr *a, const char *kind)
{
	return a && RTA_PAYLOAD(a) == strlen(kind) + 1 && memcmp(RTA_DATA(a), kind, strlen(kind) + 1) == 0;
}

static void take_bond(const struct rtattr *data, struct have_bond *out)
{
	const struct rtattr *v[IFLA_BOND_MAX + 1] = { 0 }, *ad[IFLA_BOND_AD_INFO_MAX + 1] = { 0 };

	walk_nest(data, v, IFLA_BOND_MAX);
	walk_nest(v[IFLA_BOND_AD_INFO], ad, IFLA_BOND_AD_INFO_MAX);
	out->active = (int)number(v[IFLA_BOND_ACTIVE_SLAVE], 4);
	out->aggregator = (uint16_t)number(ad[IFLA_BOND_AD_INFO_AGGREGATOR], 2);
	out->ports = (uint16_t)number(ad[IFLA_BOND_AD_INFO_NUM_PORTS], 2);
	out->partner_key = (uint16_t)number(ad[IFLA_BOND_AD_INFO_PARTNER_KEY], 2);
	const struct rtattr *mac = ad[IFLA_BOND_AD_INFO_PARTNER_MAC];
	if (mac && RTA_PAYLOAD(mac) >= sizeof out->partner_mac)
		memcpy(out->partner_mac, RTA_DATA(mac), sizeof out->partner_mac);
}

static void take_member(const struct rtattr *data, struct have_member *out)
{
	const struct rtattr *v[IFLA_BOND_SLAVE_MAX + 1] = { 0 };

	walk_nest(data, v, IFLA_BOND_SLAVE_MAX);
	out->failures = number(v[IFLA_BOND_SLAVE_LINK_FAILURE_COUNT], 4);
	out->aggregator = (uint16_t)number(v[IFLA_BOND_SLAVE_AD_AGGREGATOR_ID], 2);
	out->state = (uint8_t)number(v[IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE], 1);
}

void bond_take(const struct nlmsghdr *message, struct have *h)
{
	const struct rtattr *v[IFLA_LINKINFO + 1] = { 0 }, *info[IFLA_INFO_MAX + 1] = { 0 };
	struct ifinfomsg head;

	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof head))
		return;
	memcpy(&head, NLMSG_DATA(message), sizeof head);
	struct have_link *l = link_of(h, head.ifi_index);
	if (!l)
		return;
	walk((const struct rtattr *)(const void *)((const char *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof head)),
	     (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof head)), v, IFLA_LINKINFO);
	walk_nest(v[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	if (is_kind(info[IFLA_INFO_KIND], "bond"))
		take_bond(info[IFLA_INFO_DATA], &l->bond);
	if (is_kind(info[IFLA_INFO_SLAVE_KIND], "bond"))
		take_member(info[IFLA_INFO_SLAVE_DATA], &l->member);
}

/* ---- what it means ---- */

bool bond_has_partner(const struct have_link *bond)
{
	static const uint8_t nobody[6];

	return memcmp(bond->bond.partner_mac, nobody, sizeof nobody) != 0;
}

static bool carries(const struct have_link *bond, const struct have_link *card)
{
	return card->member.aggregator == bond->bond.aggregator && (card->member.state & PORT_CARRIES) == PORT_CARRIES;
}

const char *bond_member_trouble(const struct have_link *bond, const struct have_link *card)
{
	if (card->master != bond->index)
		return "is no member yet";
	if (!card->is_up)
		return "is down";
	if (!card->has_carrier)
		return "has no carrier: look at its cable and at the switch's port";
	if (!bond->is_lacp)
		return NULL;
	if (!bond_has_partner(bond))
		return "hears no LACP: its port of the switch is in no LACP group";
	return carries(bond, card) ? NULL : "is not in the aggregate: the switch has its port in another LACP group, or in none";
}

const char *bond_member_text(const struct have_link *bond, const struct have_link *card, char out[static BOND_TEXT])
{
	if (!card)
		return "missing";
	if (!card->is_up || !card->has_carrier)
		return card->is_up ? "no carrier" : "down";
	if (!bond->is_lacp)
		return bond->bond.active == card->index ? "up, active" : "up";
	if (carries(bond, card))
		snprintf(out, BOND_TEXT, "up, aggregator %u", card->member.aggregator);
	else if (!bond_has_partner(bond))
		return "up, hears no LACP";
	else
		snprintf(out, BOND_TEXT, "up, not in the aggregate (aggregator %u)", card->member.aggregator);
	return out;
}
