#include "plan.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

static struct step *add(struct plan *p, enum step_kind kind)
{
	static struct step over; /* nobody reads it: the plan is full */

	struct step *s = p->n < PLAN_STEPS_MAX ? &p->v[p->n++] : &over;
	memset(s, 0, sizeof *s);
	s->kind = kind;
	return s;
}

/* ---- devices ---- */

static bool has_mac(const struct have_link *l, const char *text)
{
	char own[NET_DEVICE_MAX + 1];

	snprintf(own, sizeof own, "%02x:%02x:%02x:%02x:%02x:%02x", l->mac[0], l->mac[1], l->mac[2], l->mac[3], l->mac[4], l->mac[5]);
	return strcasecmp(own, text) == 0;
}

const struct have_link *plan_card(const struct have *h, const char *device)
{
	for (size_t k = 0; k < h->n_links; k++)
		if (h->links[k].is_ethernet && (strcmp(h->links[k].name, device) == 0 || has_mac(&h->links[k], device)))
			return &h->links[k];
	return NULL;
}

/* The one with the next higher index, place times. */
static const struct have_link *card_at(const struct have *h, unsigned place)
{
	const struct have_link *found = NULL;
	int last = 0;

	for (unsigned n = 0; n <= place; n++) {
		found = NULL;
		for (size_t k = 0; k < h->n_links; k++) {
			const struct have_link *l = &h->links[k];
			if (l->is_ethernet && l->index > last && (!found || l->index < found->index))
				found = l;
		}
		if (!found)
			return NULL;
		last = found->index;
	}
	return found;
}

/* Of devices that we make. */
static const struct have_link *made(const struct have *h, const char *name)
{
	for (size_t k = 0; k < h->n_links; k++)
		if (h->links[k].kind != WANTED_CARD && strcmp(h->links[k].name, name) == 0)
			return &h->links[k];
	return NULL;
}

static const struct have_link *parent_of(const struct wanted_interface *i, const struct have *h)
{
	const struct have_link *bond = made(h, i->device);

	return bond && bond->kind == WANTED_BOND ? bond : plan_card(h, i->device);
}

static struct have_link as_wanted(const struct wanted_interface *i, const struct have *h)
{
	struct have_link l = { .kind = i->kind, .is_lacp = i->kind == WANTED_BOND && i->is_lacp };

	snprintf(l.name, sizeof l.name, "%s-%s", i->kind == WANTED_VLAN ? "vlan" : "bond", i->name);
	if (i->kind == WANTED_VLAN) {
		const struct have_link *parent = parent_of(i, h);
		l.parent = parent ? parent->index : 0;
		l.vlan = i->vlan;
	}
	return l;
}

const struct have_link *plan_device(const struct wanted_interface *i, const struct have *h)
{
	if (i->kind == WANTED_CARD)
		return i->device[0] ? plan_card(h, i->device) : card_at(h, wanted_place(i));
	const struct have_link want = as_wanted(i, h), *l = made(h, want.name);
	bool is_right = l && l->kind == want.kind && l->parent == want.parent && l->vlan == want.vlan && l->is_lacp == want.is_lacp && !l->is_unfinished;
	return is_right ? l : NULL;
}

const struct have_link *plan_find(const struct have *h, int index)
{
	for (size_t k = 0; index && k < h->n_links; k++)
		if (h->links[k].index == index)
			return &h->links[k];
	return NULL;
}

static const struct wanted_interface *wanted_of(const struct wanted *w, const struct plan *p, int index)
{
	for (size_t i = 0; index && i < w->n; i++)
		if (p->device[i] == index)
			return &w->v[i];
	return NULL;
}

static bool is_our_group(unsigned group)
{
	return group >= NET_GROUP && group < NET_GROUP + NET_INTERFACES_MAX;
}

/* Bonds and VLANs that are not there; those whose parent is missing wait for it. One that is there and not as wanted goes
 * first. */
static void plan_new_devices(const struct wanted *w, const struct have *h, struct plan *p)
{
	for (size_t i = 0; i < w->n; i++) {
		struct have_link l = as_wanted(&w->v[i], h);
		if (w->v[i].kind == WANTED_CARD || p->device[i] || made(h, l.name))
			continue;
		if (l.kind == WANTED_BOND || l.parent)
			add(p, STEP_DEVICE_ADD)->link = l;
	}
}

static void plan_old_devices(const struct wanted *w, const struct have *h, struct plan *p)
{
	for (size_t k = 0; k < h->n_links; k++)
		if (h->links[k].kind != WANTED_CARD && !wanted_of(w, p, h->links[k].index))
			add(p, STEP_DEVICE_DEL)->link = h->links[k];
}

/* The bond that a card shall be in; 0: none. */
static int master_of(const struct wanted *w, const struct have *h, const struct plan *p, const struct have_link *card)
{
	for (size_t i = 0; i < w->n; i++)
		for (unsigned m = 0; p->device[i] && m < w->v[i].n_members; m++)
			if (plan_card(h, w->v[i].members[m]) == card)
				return p->device[i];
	return 0;
}

static bool is_our_bond(const struct have *h, int index)
{
	const struct have_link *l = plan_find(h, index);

	return l && l->kind == WANTED_BOND;
}

static void plan_members(const struct wanted *w, const struct have *h, struct plan *p)
{
	for (size_t k = 0; k < h->n_links; k++) {
		struct have_link l = h->links[k];
		int master = l.is_ethernet ? master_of(w, h, p, &h->links[k]) : 0;
		if (l.master == master || (!master && !is_our_bond(h, l.master)))
			continue;
		l.master = master;
		add(p, STEP_MASTER)->link = l;
	}
}

/* What a VLAN is on is up, though it may be no interface of its own. */
static bool carries_vlan(const struct wanted *w, const struct have *h, const struct have_link *l)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].kind == WANTED_VLAN && parent_of(&w->v[i], h) == l)
			return true;
	return false;
}

static void plan_links(const struct wanted *w, const struct have *h, struct plan *p)
{
	for (size_t k = 0; k < h->n_links; k++) {
		const struct have_link *l = &h->links[k];
		const struct wanted_interface *i = wanted_of(w, p, l->index);
		struct have_link as = *l;
		as.is_up |= carries_vlan(w, h, l);
		if (i) {
			as.is_up = true;
			as.mtu = i->mtu;
			as.group = NET_GROUP + wanted_place(i);
		} else if (is_our_group(l->group)) {
			as.group = 0;
		}
		if (as.is_up != l->is_up || as.mtu != l->mtu || as.group != l->group)
			add(p, STEP_LINK)->link = as;
	}
}

/* ---- addresses ---- */

static bool has_address(const struct have *h, int index, const struct net_address *a)
{
	for (size_t k = 0; k < h->n_addresses; k++)
		if (h->addresses[k].index == index && net_address_eq(&h->addresses[k].address, a))
			return true;
	return false;
}

static void plan_new_addresses(const struct wanted *w, const struct have *h, struct plan *p)
{
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; p->device[i] && k < w->v[i].n_addresses; k++)
			if (!has_address(h, p->device[i], &w->v[i].addresses[k]))
				add(p, STEP_ADDRESS_ADD)->address = (struct have_address){ .index = p->device[i],
					.address = w->v[i].addresses[k], .is_permanent = true };
}

static bool is_wanted_address(const struct wanted_interface *i, const struct have_address *a)
{
	if (net_is_link_local(&a->address) || (i->ipv6 == WANTED_AUTO && a->address.family == AF_INET6 && !a->is_permanent))
		return true;
	for (size_t k = 0; k < i->n_addresses; k++)
		if (net_address_eq(&i->addresses[k], &a->address))
			return true;
	return false;
}

/* Was it ours, before its rows were deleted? */
static bool is_left_over(const struct have *h, int index)
{
	for (size_t k = 0; k < h->n_links; k++)
		if (h->links[k].index == index)
			return is_our_group(h->links[k].group);
	return false;
}

static void plan_old_addresses(const struct wanted *w, const struct have *h, struct plan *p)
{
	for (size_t k = 0; k < h->n_addresses; k++) {
		const struct have_address *a = &h->addresses[k];
		const struct wanted_interface *i = wanted_of(w, p, a->index);
		if (i ? !is_wanted_address(i, a) : is_left_over(h, a->index) && !net_is_link_local(&a->address))
			add(p, STEP_ADDRESS_DEL)->address = *a;
	}
}

/* ---- routes and rules ---- */

enum { WANTED_ROUTES_MAX = NET_INTERFACES_MAX * (NET_ADDRESSES_MAX + 4 + 2 * NET_ROUTES_MAX) };
struct routing {
	struct have_route routes[WANTED_ROUTES_MAX];
	struct have_rule rules[NET_INTERFACES_MAX * NET_ADDRESSES_MAX];
	size_t n_routes, n_rules;
};

static void want_default(struct routing *r, int index, const struct net_address *gateway, uint32_t table, uint32_t metric)
{
	r->routes[r->n_routes++] = (struct have_route){ .index = index, .table = table, .metric = metric,
		.protocol = NET_PROTOCOL, .to = { .family = gateway->family }, .gateway = *gateway };
}

/* A gateway outside the subnets (a lease is not there yet, or is another) would be refused by the kernel. */
static bool is_reachable(const struct wanted_interface *i, const struct net_address *gateway)
{
	bool is_near = gateway->family == AF_INET6 && i->ipv6 != WANTED_OFF && net_is_link_local(gateway);

	for (size_t k = 0; k < i->n_addresses; k++)
		is_near |= net_is_same_subnet(&i->addresses[k], gateway);
	return is_near;
}

static void want_static(struct routing *r, const struct wanted_interface *i, int index, uint8_t family)
{
	struct have_route route = { .index = index, .protocol = NET_PROTOCOL };

	for (size_t k = 0; k < i->n_routes; k++) {
		route.to = i->routes[k].to;
		route.gateway = i->routes[k].gateway;
		if (route.to.family != family || !is_reachable(i, &route.gateway))
			continue;
		route.table = RT_TABLE_MAIN;
		route.metric = NET_METRIC + wanted_place(i);
		r->routes[r->n_routes++] = route;
		route.table = NET_TABLE + wanted_place(i);
		route.metric = NET_METRIC;
		r->routes[r->n_routes++] = route;
	}
}

/* An answer leaves by the interface that has its source address (G-NET-07): the rule leads to a table that knows the
 * interface's own subnets, its routes and its gateway. */
static void want_family(struct routing *r, const struct wanted_interface *i, int index, uint8_t family)
{
	const struct net_address *gateway = family == AF_INET ? &i->gateway4 : &i->gateway6;
	uint32_t table = NET_TABLE + wanted_place(i);
	size_t before = r->n_routes;

	if (gateway->family) {
		want_default(r, index, gateway, RT_TABLE_MAIN, NET_METRIC + wanted_place(i));
		want_default(r, index, gateway, table, NET_METRIC);
	}
	want_static(r, i, index, family);
	for (size_t k = 0; r->n_routes > before && k < i->n_addresses; k++) {
		const struct net_address *a = &i->addresses[k];
		if (a->family != family)
			continue;
		struct have_route subnet = { .index = index, .table = table, .metric = NET_METRIC, .protocol = NET_PROTOCOL,
					     .to = net_subnet(a) };
		bool is_there = false;
		for (size_t n = 0; n < r->n_routes; n++)
			is_there |= r->routes[n].table == table && net_address_eq(&r->routes[n].to, &subnet.to);
		if (!is_there)
			r->routes[r->n_routes++] = subnet;
		struct have_rule rule = { .priority = table, .table = table, .from = *a };
		rule.from.prefix = a->family == AF_INET ? 32 : 128;
		r->rules[r->n_rules++] = rule;
	}
}

static void want_routing(const struct wanted *w, const struct plan *p, struct routing *r)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!p->device[i])
			continue;
		want_family(r, &w->v[i], p->device[i], AF_INET);
		want_family(r, &w->v[i], p->device[i], AF_INET6);
	}
}

static bool is_same_route(const struct have_route *a, const struct have_route *b)
{
	bool has_gateway = a->gateway.family != 0;

	return a->index == b->index && a->table == b->table && a->metric == b->metric && a->protocol == b->protocol &&
	       net_address_eq(&a->to, &b->to) && has_gateway == (b->gateway.family != 0) &&
	       (!has_gateway || net_address_eq(&a->gateway, &b->gateway));
}

static bool is_same_rule(const struct have_rule *a, const struct have_rule *b)
{
	return a->priority == b->priority && a->table == b->table && net_address_eq(&a->from, &b->from);
}

static bool has_route(const struct have_route *v, size_t n, const struct have_route *r)
{
	for (size_t k = 0; k < n; k++)
		if (is_same_route(&v[k], r))
			return true;
	return false;
}

static bool has_rule(const struct have_rule *v, size_t n, const struct have_rule *r)
{
	for (size_t k = 0; k < n; k++)
		if (is_same_rule(&v[k], r))
			return true;
	return false;
}

/* Ours that nobody wants, and default routes that somebody else put on one of our devices; those of advertisements
 * and the kernel's own are not in the way. */
static bool is_old_route(const struct wanted *w, const struct plan *p, const struct have_route *r)
{
	if (r->protocol == NET_PROTOCOL)
		return true;
	return r->to.prefix == 0 && r->table == RT_TABLE_MAIN && r->protocol != RTPROT_RA && r->protocol != RTPROT_KERNEL &&
	       wanted_of(w, p, r->index);
}

static void plan_routing(const struct wanted *w, const struct have *h, struct plan *p)
{
	struct routing r = { 0 };

	want_routing(w, p, &r);
	for (size_t k = 0; k < r.n_routes; k++)
		if (!has_route(h->routes, h->n_routes, &r.routes[k]))
			add(p, STEP_ROUTE_ADD)->route = r.routes[k];
	for (size_t k = 0; k < r.n_rules; k++)
		if (!has_rule(h->rules, h->n_rules, &r.rules[k]))
			add(p, STEP_RULE_ADD)->rule = r.rules[k];
	for (size_t k = 0; k < h->n_rules; k++)
		if (!has_rule(r.rules, r.n_rules, &h->rules[k]))
			add(p, STEP_RULE_DEL)->rule = h->rules[k];
	for (size_t k = 0; k < h->n_routes; k++)
		if (is_old_route(w, p, &h->routes[k]) && !has_route(r.routes, r.n_routes, &h->routes[k]))
			add(p, STEP_ROUTE_DEL)->route = h->routes[k];
}

void plan_make(const struct wanted *w, const struct have *h, struct plan *out)
{
	out->n = 0;
	for (size_t i = 0; i < NET_INTERFACES_MAX; i++) {
		const struct have_link *l = i < w->n ? plan_device(&w->v[i], h) : NULL;
		out->device[i] = l ? l->index : 0;
	}
	for (size_t i = 1; i < w->n; i++) /* a device that two mean is the first one's */
		for (size_t k = 0; k < i; k++)
			if (out->device[i] == out->device[k])
				out->device[i] = 0;
	plan_new_devices(w, h, out);
	plan_members(w, h, out);
	plan_links(w, h, out);
	plan_new_addresses(w, h, out);
	plan_routing(w, h, out);
	plan_old_addresses(w, h, out);
	plan_old_devices(w, h, out);
}
