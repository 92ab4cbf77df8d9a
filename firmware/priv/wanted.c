#include "wanted.h"

#include "base/err.h"

#include <net/if.h>
#include <stdio.h>

static int refuse(struct wanted_error *e, const char *name, const char *what, const char *why)
{
	snprintf(e->path, sizeof e->path, "interface %s %s", name, what);
	e->why = why;
	return ERR_RANGE;
}

unsigned wanted_place(const struct wanted_interface *i)
{
	return (unsigned)(i->name[0] - 'a');
}

bool wanted_is_unicast(const struct net_address *a)
{
	static const uint8_t none[16];

	if (memcmp(a->bytes, none, sizeof none) == 0)
		return false;
	if (a->family == AF_INET)
		return a->bytes[0] != 0 && a->bytes[0] != IN_LOOPBACKNET && a->bytes[0] < 224;
	return a->bytes[0] != 0xff && memcmp(a->bytes, &in6addr_loopback, sizeof in6addr_loopback) != 0;
}

/* Of one family, spaces between. */
static int read_addresses(struct bytes text, uint8_t family, struct wanted_interface *i, struct wanted_error *e)
{
	const char *what = family == AF_INET ? "ipv4-address" : "ipv6-address";

	while (text.n > 0) {
		size_t n = bytes_find(text, ' ');
		struct bytes word = bytes_make(text.p, n);
		text = bytes_skip(text, n + 1);
		if (n == 0)
			continue;
		if (i->n_addresses == NET_ADDRESSES_MAX)
			return refuse(e, i->name, what, "at most twelve addresses of both families");
		struct net_address *a = &i->addresses[i->n_addresses];
		if (net_address_read(word, family, true, a) || !wanted_is_unicast(a))
			return refuse(e, i->name, what, family == AF_INET ? "an address and its prefix, as 192.0.2.1/24" :
							"an address and its prefix, as 2001:db8::1/64");
		for (size_t k = 0; k < i->n_addresses; k++)
			if (i->addresses[k].family == family && memcmp(i->addresses[k].bytes, a->bytes, sizeof a->bytes) == 0)
				return refuse(e, i->name, what, "an address is there twice");
		i->n_addresses++;
	}
	return 0;
}

static int read_gateway(struct bytes text, uint8_t family, struct wanted_interface *i, struct wanted_error *e)
{
	const char *what = family == AF_INET ? "ipv4-gateway" : "ipv6-gateway";
	struct net_address *g = family == AF_INET ? &i->gateway4 : &i->gateway6;

	if (text.n == 0)
		return 0;
	if (net_address_read(text, family, false, g) || !wanted_is_unicast(g))
		return refuse(e, i->name, what, "an address without prefix");
	bool is_near = net_is_link_local(g);
	for (size_t k = 0; k < i->n_addresses; k++) {
		if (i->addresses[k].family == family && memcmp(i->addresses[k].bytes, g->bytes, sizeof g->bytes) == 0)
			return refuse(e, i->name, what, "it is the interface's own address");
		is_near |= net_is_same_subnet(&i->addresses[k], g);
	}
	return is_near ? 0 : refuse(e, i->name, what, "not in a subnet of the interface's addresses");
}

/* The next word of text, which is then behind it; empty: no more. */
static struct bytes next_word(struct bytes *text)
{
	while (text->n && *text->p == ' ')
		*text = bytes_skip(*text, 1);
	struct bytes word = bytes_make(text->p, bytes_find(*text, ' '));
	*text = bytes_skip(*text, word.n);
	return word;
}

/* "10.0.0.0/8 via 192.0.2.9", again and again. */
static int read_routes(struct bytes text, struct wanted_interface *i, struct wanted_error *e)
{
	for (;;) {
		struct bytes to = next_word(&text), via = next_word(&text), gateway = next_word(&text);
		if (to.n == 0)
			return 0;
		if (i->n_routes == NET_ROUTES_MAX)
			return refuse(e, i->name, "routes", "at most sixteen");
		struct wanted_route *r = &i->routes[i->n_routes];
		uint8_t family = bytes_find(to, ':') < to.n ? AF_INET6 : AF_INET;
		if (!bytes_eq_str(via, "via") || net_address_read(to, family, true, &r->to) || net_address_read(gateway, family, false, &r->gateway) ||
		    !wanted_is_unicast(&r->gateway))
			return refuse(e, i->name, "routes", "a subnet, via, a gateway, as 10.0.0.0/8 via 192.0.2.9");
		struct net_address subnet = net_subnet(&r->to);
		if (!net_address_eq(&subnet, &r->to) || !wanted_is_unicast(&r->to))
			return refuse(e, i->name, "routes", "the bits of a subnet behind its prefix are 0");
		for (size_t k = 0; k < i->n_routes; k++)
			if (net_address_eq(&i->routes[k].to, &r->to))
				return refuse(e, i->name, "routes", "a subnet is there twice");
		i->n_routes++;
	}
}

/* Where addresses are known beforehand, the gateways must be in their subnets. */
static int check_routes(const struct wanted_interface *i, struct wanted_error *e)
{
	for (size_t k = 0; k < i->n_routes; k++) {
		const struct net_address *g = &i->routes[k].gateway;
		enum wanted_mode mode = g->family == AF_INET ? i->ipv4 : i->ipv6;
		bool is_near = net_is_link_local(g) || (mode == WANTED_AUTO && g->family == AF_INET); /* a lease may come */
		for (size_t n = 0; n < i->n_addresses; n++)
			is_near |= net_is_same_subnet(&i->addresses[n], g);
		if (!is_near && mode != WANTED_OFF)
			return refuse(e, i->name, "routes", "a gateway is not in a subnet of the interface's addresses");
	}
	return 0;
}

static bool is_device(struct bytes d)
{
	if (d.n == NET_DEVICE_MAX) { /* a MAC address */
		for (size_t k = 0; k < d.n; k++)
			if (k % 3 == 2 ? d.p[k] != ':' : !strchr("0123456789abcdefABCDEF", d.p[k]))
				return false;
		return true;
	}
	for (size_t k = 0; k < d.n; k++)
		if (d.p[k] <= ' ' || d.p[k] == '/' || d.p[k] == ':' || d.p[k] >= 0x7f)
			return false;
	return d.n < IF_NAMESIZE && !bytes_eq_str(d, ".") && !bytes_eq_str(d, "..") && !bytes_eq_str(d, "lo");
}

/* Names of devices that we make are ours. */
static bool is_made_by_us(struct bytes d)
{
	return bytes_starts(d, BYTES("bond-")) || bytes_starts(d, BYTES("vlan-"));
}

static int read_kind(const struct settings *s, struct bytes key, struct wanted_interface *i, struct wanted_error *e)
{
	struct bytes members = settings_text_at(s, SET_IF_BOND_MEMBERS, key), device = settings_text_at(s, SET_IF_DEVICE, key), word;

	i->vlan = (uint16_t)settings_int_at(s, SET_IF_VLAN, key);
	i->is_lacp = settings_enum_at(s, SET_IF_BOND_MODE, key) == 1;
	i->kind = members.n ? WANTED_BOND : i->vlan ? WANTED_VLAN : WANTED_CARD;
	if (i->kind == WANTED_BOND && (i->vlan || device.n))
		return refuse(e, i->name, "bond-members", "a bond has no device and no vlan: another interface may be a VLAN of it");
	if (i->kind == WANTED_VLAN && !device.n)
		return refuse(e, i->name, "vlan", "set device too: what the VLAN is on");
	if (i->kind == WANTED_CARD && is_made_by_us(device))
		return refuse(e, i->name, "device", "that is the device of an interface: set vlan too");
	while ((word = next_word(&members)).n) {
		if (i->n_members == NET_MEMBERS_MAX)
			return refuse(e, i->name, "bond-members", "at most four");
		/* Members of a bond have its MAC address, so that their own says nothing. */
		if (!is_device(word) || is_made_by_us(word) || word.n >= IF_NAMESIZE)
			return refuse(e, i->name, "bond-members", "names of devices");
		for (unsigned k = 0; k < i->n_members; k++)
			if (bytes_eq_nocase(word, bytes_of(i->members[k])))
				return refuse(e, i->name, "bond-members", "a device is there twice");
		snprintf(i->members[i->n_members++], NET_DEVICE_MAX + 1, "%.*s", BYTES_FMT(word));
	}
	return 0;
}

static int read_interface(const struct settings *s, struct bytes key, struct wanted_interface *i, struct wanted_error *e)
{
	struct bytes device = settings_text_at(s, SET_IF_DEVICE, key);
	struct bytes ipv4 = settings_text_at(s, SET_IF_IPV4_ADDRESS, key), ipv6 = settings_text_at(s, SET_IF_IPV6_ADDRESS, key);

	i->name[0] = (char)key.p[0];
	if (!is_device(device))
		return refuse(e, i->name, "device", "the name of a device, or six pairs of digits with colons between");
	snprintf(i->device, sizeof i->device, "%.*s", BYTES_FMT(device));
	i->plane = settings_enum_at(s, SET_IF_PLANE, key);
	int rc = read_kind(s, key, i, e);
	if (rc)
		return rc;
	i->ipv4 = (enum wanted_mode)settings_enum_at(s, SET_IF_IPV4, key);
	i->ipv6 = (enum wanted_mode)settings_enum_at(s, SET_IF_IPV6, key);
	i->mtu = (unsigned)settings_int_at(s, SET_IF_MTU, key);
	i->has_dhcp_dns = settings_bool_at(s, SET_IF_DHCP_DNS, key);
	if (i->ipv4 == WANTED_STATIC && ipv4.n == 0)
		return refuse(e, i->name, "ipv4", "static wants ipv4-address");
	if (i->ipv6 == WANTED_STATIC && ipv6.n == 0)
		return refuse(e, i->name, "ipv6", "static wants ipv6-address");
	/* What a mode does not use is looked at all the same: it may be switched on in haste. */
	rc = read_addresses(ipv4, AF_INET, i, e);
	if (!rc)
		rc = read_addresses(ipv6, AF_INET6, i, e);
	if (!rc && ipv4.n)
		rc = read_gateway(settings_text_at(s, SET_IF_IPV4_GATEWAY, key), AF_INET, i, e);
	if (!rc && ipv6.n)
		rc = read_gateway(settings_text_at(s, SET_IF_IPV6_GATEWAY, key), AF_INET6, i, e);
	if (!rc)
		rc = read_routes(settings_text_at(s, SET_IF_ROUTES, key), i, e);
	return rc ? rc : check_routes(i, e);
}

/* Addresses and gateways of a family that is off, or that come from elsewhere, are not used. */
static void drop_unused(struct wanted_interface *i)
{
	size_t n = 0;

	for (size_t k = 0; k < i->n_addresses; k++) {
		enum wanted_mode mode = i->addresses[k].family == AF_INET ? i->ipv4 : i->ipv6;
		if (mode == WANTED_STATIC || (mode != WANTED_OFF && i->addresses[k].family == AF_INET6))
			i->addresses[n++] = i->addresses[k];
	}
	i->n_addresses = n;
	if (i->ipv4 != WANTED_STATIC)
		i->gateway4.family = 0;
	if (i->ipv6 == WANTED_OFF)
		i->gateway6.family = 0;
}

static int check_subnets(const struct wanted *w, struct wanted_error *e)
{
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < i; k++)
			for (size_t x = 0; x < w->v[i].n_addresses; x++)
				for (size_t y = 0; y < w->v[k].n_addresses; y++) {
					const struct net_address *a = &w->v[i].addresses[x];
					if (net_is_same_subnet(a, &w->v[k].addresses[y]))
						return refuse(e, w->v[i].name, a->family == AF_INET ? "ipv4-address" : "ipv6-address",
							      "another interface is in the same subnet (G-NET-04)");
				}
	return 0;
}

const char *wanted_take_lease(struct wanted *w, size_t at, const struct wanted_lease *lease)
{
	struct wanted_interface *to = &w->v[at];

	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; i != at && k < w->v[i].n_addresses; k++)
			if (net_is_same_subnet(&w->v[i].addresses[k], &lease->address))
				return "the address that the server gives is in the subnet of another interface (G-NET-04)";
	if (to->n_addresses == NET_ADDRESSES_MAX)
		return "the interface has as many addresses as it may have";
	to->addresses[to->n_addresses++] = lease->address;
	if (lease->address.family == AF_INET)
		to->gateway4 = lease->gateway; /* of IPv6 routers tell (RFC 8415 4.1) */
	return NULL;
}

bool wanted_asks(const struct wanted_interface *i, uint8_t family)
{
	return family == AF_INET ? i->ipv4 == WANTED_AUTO : i->ipv6 == WANTED_DHCP6;
}

static bool is_device_taken(const struct wanted_interface *i, const char *device)
{
	if (i->kind == WANTED_CARD)
		return strcasecmp(i->device, device) == 0;
	for (unsigned k = 0; k < i->n_members; k++)
		if (strcasecmp(i->members[k], device) == 0)
			return true;
	return false;
}

static int check_device(const struct wanted *w, size_t at, struct wanted_error *e)
{
	const struct wanted_interface *i = &w->v[at];

	for (size_t k = 0; k < w->n; k++) {
		const struct wanted_interface *other = &w->v[k];
		if (k == at)
			continue;
		if (i->kind != WANTED_CARD && other->kind == WANTED_CARD && !other->device[0])
			return refuse(e, other->name, "device", "beside bonds and VLANs each interface names its device");
		for (unsigned m = 0; m < i->n_members; m++)
			if (is_device_taken(other, i->members[m]))
				return refuse(e, i->name, "bond-members", "another interface has one of these devices");
		if (k > at)
			continue;
		bool is_same = i->device[0] && strcasecmp(i->device, other->device) == 0;
		if (is_same && i->kind == other->kind && i->vlan == other->vlan)
			return refuse(e, i->name, "device", "another interface has this device");
	}
	return 0;
}

static int check_devices(const struct wanted *w, struct wanted_error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < w->n; i++)
		rc = check_device(w, i, e);
	return rc;
}

int wanted_read(const struct settings *s, struct wanted *out, struct wanted_error *e)
{
	struct wanted w = { 0 };
	struct bytes key;
	int rc = 0;

	for (size_t at = 0; !rc && settings_next_key(s, SET_IF_DEVICE, &at, &key);) {
		if (key.n != 1 || key.p[0] < 'a' || key.p[0] >= 'a' + NET_INTERFACES_MAX) {
			snprintf(e->path, sizeof e->path, "interface %.*s", (int)(key.n > 16 ? 16 : key.n), (const char *)key.p);
			e->why = "interfaces are a, b, c and d";
			return ERR_RANGE;
		}
		rc = read_interface(s, key, &w.v[w.n], e);
		drop_unused(&w.v[w.n++]);
	}
	if (!rc)
		rc = check_devices(&w, e);
	if (!rc)
		rc = check_subnets(&w, e);
	if (!rc)
		*out = w;
	return rc;
}
