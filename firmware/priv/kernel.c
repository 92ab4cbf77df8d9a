#include "kernel.h"

#include "bond.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/sockios.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vlan.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_BYTES = 1 << 20 };

struct kernel {
	struct nl_sock *ask;
	int events; /* multicasts; never parsed */
	int any;    /* a socket for SIOCETHTOOL */
};

static int open_events(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), room = EVENTS_BYTES;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room); /* what is lost makes it readable, too */
	if (bind(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		(void)close(fd); /* nothing was done with it */
		return -1;
	}
	return fd;
}

int kernel_open(struct kernel **out)
{
	struct kernel *k = calloc(1, sizeof *k);

	if (!k)
		return ERR_NOMEM;
	k->ask = nl_socket_alloc();
	k->events = open_events();
	k->any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!k->ask || k->events < 0 || k->any < 0 || nl_connect(k->ask, NETLINK_ROUTE) < 0 ||
	    fcntl(nl_socket_get_fd(k->ask), F_SETFD, FD_CLOEXEC) < 0) {
		kernel_close(k);
		return ERR_SYS;
	}
	*out = k;
	return 0;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	if (k->ask)
		nl_socket_free(k->ask);
	if (k->events >= 0)
		(void)close(k->events); /* nothing is written there */
	if (k->any >= 0)
		(void)close(k->any); /* the same */
	free(k);
}

int kernel_events(const struct kernel *k)
{
	return k->events;
}

void kernel_drain(struct kernel *k)
{
	char skipped[8192];

	while (recv(k->events, skipped, sizeof skipped, MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
		;
}

/* ---- reading ---- */

static struct net_address address_of(struct nl_addr *a, int family)
{
	struct net_address out = { .family = (uint8_t)family };

	if (!a)
		return out; /* a default route */
	out.prefix = (uint8_t)nl_addr_get_prefixlen(a);
	unsigned n = nl_addr_get_len(a);
	memcpy(out.bytes, nl_addr_get_binary_addr(a), n < sizeof out.bytes ? n : sizeof out.bytes);
	return out;
}

/* libnl does not read a bond's mode: the alias that we give it tells. */
static const char lacp_alias[] = "802.3ad", backup_alias[] = "active-backup";

/* Only devices that we made, by their names: "vlan-a". */
static enum wanted_kind kind_of(struct rtnl_link *l)
{
	const char *name = rtnl_link_get_name(l), *kind = rtnl_link_get_type(l);

	if (!name || !kind || strlen(name) != 6 || name[5] < 'a' || name[5] >= 'a' + NET_INTERFACES_MAX)
		return WANTED_CARD;
	if (strcmp(kind, "vlan") == 0 && memcmp(name, "vlan-", 5) == 0)
		return WANTED_VLAN;
	return strcmp(kind, "bond") == 0 && memcmp(name, "bond-", 5) == 0 ? WANTED_BOND : WANTED_CARD;
}

static uint32_t carrier_changes_of(struct rtnl_link *l)
{
	uint32_t n = 0;

	return rtnl_link_get_carrier_changes(l, &n) < 0 ? 0 : n;
}

static int read_links(struct kernel *k, struct have *out)
{
	struct nl_cache *c;

	if (rtnl_link_alloc_cache(k->ask, AF_UNSPEC, &c) < 0)
		return ERR_SYS;
	for (struct nl_object *o = nl_cache_get_first(c); o && out->n_links < HAVE_LINKS_MAX; o = nl_cache_get_next(o)) {
		struct rtnl_link *l = (struct rtnl_link *)o;
		struct have_link *to = &out->links[out->n_links++];
		const char *name = rtnl_link_get_name(l), *kind = rtnl_link_get_type(l);
		struct nl_addr *mac = rtnl_link_get_addr(l);
		unsigned flags = rtnl_link_get_flags(l);
		enum wanted_kind made = kind_of(l);
		*to = (struct have_link){ .index = rtnl_link_get_ifindex(l), .mtu = rtnl_link_get_mtu(l),
			.group = rtnl_link_get_group(l), .is_up = flags & IFF_UP, .has_carrier = rtnl_link_get_carrier(l),
			.carrier_changes = carrier_changes_of(l),
			.is_ethernet = rtnl_link_get_arptype(l) == ARPHRD_ETHER && (!kind || strcmp(kind, "veth") == 0) };
		to->kind = made;
		to->master = rtnl_link_get_master(l);
		if (made == WANTED_VLAN) {
			to->parent = rtnl_link_get_link(l);
			to->vlan = (uint16_t)rtnl_link_vlan_get_id(l);
		}
		const char *alias = rtnl_link_get_ifalias(l);
		to->is_lacp = made == WANTED_BOND && alias && strcmp(alias, lacp_alias) == 0;
		to->is_unfinished = made == WANTED_BOND && !alias;
		if (name)
			strncpy(to->name, name, sizeof to->name - 1);
		if (mac && nl_addr_get_len(mac) == sizeof to->mac)
			memcpy(to->mac, nl_addr_get_binary_addr(mac), sizeof to->mac);
	}
	nl_cache_free(c);
	return 0;
}

static int on_link(struct nl_msg *m, void *arg)
{
	bond_take(nlmsg_hdr(m), arg);
	return NL_OK;
}

/* What libnl's links leave out: asked once more, and only where there is a bond. */
static int read_bonds(struct kernel *k, struct have *out)
{
	bool has_bond = false;

	for (size_t i = 0; i < out->n_links; i++)
		has_bond |= out->links[i].kind == WANTED_BOND;
	if (!has_bond)
		return 0;
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!cb)
		return ERR_NOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_link, out);
	int rc = nl_rtgen_request(k->ask, RTM_GETLINK, AF_UNSPEC, NLM_F_DUMP);
	rc = rc < 0 ? rc : nl_recvmsgs(k->ask, cb);
	nl_cb_put(cb);
	return rc < 0 ? ERR_SYS : 0;
}

static int read_addresses(struct kernel *k, struct have *out)
{
	struct nl_cache *c;
	int rc = 0;

	if (rtnl_addr_alloc_cache(k->ask, &c) < 0)
		return ERR_SYS;
	for (struct nl_object *o = nl_cache_get_first(c); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)o;
		if (out->n_addresses == HAVE_ADDRESSES_MAX) {
			rc = ERR_LIMIT;
			break;
		}
		out->addresses[out->n_addresses++] = (struct have_address){ .index = rtnl_addr_get_ifindex(a),
			.address = address_of(rtnl_addr_get_local(a), rtnl_addr_get_family(a)),
			.is_permanent = rtnl_addr_get_flags(a) & IFA_F_PERMANENT,
			.is_tentative = rtnl_addr_get_flags(a) & IFA_F_TENTATIVE,
			.is_duplicate = rtnl_addr_get_flags(a) & IFA_F_DADFAILED };
	}
	nl_cache_free(c);
	return rc;
}

static int read_routes(struct kernel *k, struct have *out)
{
	struct nl_cache *c;
	int rc = 0;

	if (rtnl_route_alloc_cache(k->ask, AF_UNSPEC, 0, &c) < 0)
		return ERR_SYS;
	for (struct nl_object *o = nl_cache_get_first(c); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *r = (struct rtnl_route *)o;
		struct rtnl_nexthop *hop = rtnl_route_get_nnexthops(r) == 1 ? rtnl_route_nexthop_n(r, 0) : NULL;
		struct have_route to = { .table = rtnl_route_get_table(r), .metric = rtnl_route_get_priority(r),
			.protocol = rtnl_route_get_protocol(r) };
		int family = rtnl_route_get_family(r);
		to.to = address_of(rtnl_route_get_dst(r), family);
		if (!hop || (family != AF_INET && family != AF_INET6) || rtnl_route_get_type(r) != RTN_UNICAST ||
		    (to.protocol != NET_PROTOCOL && to.to.prefix != 0))
			continue;
		to.index = rtnl_route_nh_get_ifindex(hop);
		if (rtnl_route_nh_get_gateway(hop))
			to.gateway = address_of(rtnl_route_nh_get_gateway(hop), family);
		if (out->n_routes == HAVE_ROUTES_MAX) {
			rc = ERR_LIMIT;
			break;
		}
		out->routes[out->n_routes++] = to;
	}
	nl_cache_free(c);
	return rc;
}

static int read_rules(struct kernel *k, struct have *out)
{
	struct nl_cache *c;
	int rc = 0;

	if (rtnl_rule_alloc_cache(k->ask, AF_UNSPEC, &c) < 0)
		return ERR_SYS;
	for (struct nl_object *o = nl_cache_get_first(c); o; o = nl_cache_get_next(o)) {
		struct rtnl_rule *r = (struct rtnl_rule *)o;
		struct have_rule to = { .priority = rtnl_rule_get_prio(r), .table = rtnl_rule_get_table(r) };
		if (to.priority < NET_TABLE || to.priority >= NET_TABLE + NET_INTERFACES_MAX)
			continue;
		to.from = address_of(rtnl_rule_get_src(r), rtnl_rule_get_family(r));
		if (out->n_rules == HAVE_RULES_MAX) {
			rc = ERR_LIMIT;
			break;
		}
		out->rules[out->n_rules++] = to;
	}
	nl_cache_free(c);
	return rc;
}

int kernel_read(struct kernel *k, struct have *out)
{
	memset(out, 0, sizeof *out);
	int rc = read_links(k, out);
	if (!rc)
		rc = read_bonds(k, out);
	if (!rc)
		rc = read_addresses(k, out);
	if (!rc)
		rc = read_routes(k, out);
	return rc ? rc : read_rules(k, out);
}

/* ---- doing: an NLE_ code, as libnl's functions give them ---- */

static struct nl_addr *addr_new(const struct net_address *a)
{
	struct nl_addr *out = nl_addr_build(a->family, a->bytes, a->family == AF_INET ? 4 : 16);

	if (out)
		nl_addr_set_prefixlen(out, a->prefix);
	return out;
}

/* set: what it is to become; NULL does nothing. Takes it over. */
static int change_link(struct kernel *k, int index, struct rtnl_link *set)
{
	struct rtnl_link *who = rtnl_link_alloc();
	int rc = -NLE_NOMEM;

	if (who && set) {
		rtnl_link_set_ifindex(who, index);
		rc = rtnl_link_change(k->ask, who, set, 0);
	}
	if (who)
		rtnl_link_put(who);
	if (set)
		rtnl_link_put(set);
	return rc;
}

static int do_link(struct kernel *k, const struct have_link *l)
{
	struct rtnl_link *set = rtnl_link_alloc();

	if (set) {
		rtnl_link_set_mtu(set, l->mtu);
		rtnl_link_set_group(set, l->group);
		if (l->is_up)
			rtnl_link_set_flags(set, IFF_UP);
	}
	return change_link(k, l->index, set);
}

/* The attributes that libnl has no words for. */
static int put_bond(struct nl_msg *m, const struct have_link *l)
{
	enum { MODE_ACTIVE_BACKUP = 1, MODE_LACP = 4, LOOK_MS = 100, HASH_LAYER34 = 1 };
	struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO);
	if (!info || nla_put_string(m, IFLA_INFO_KIND, "bond") < 0)
		return -NLE_NOMEM;
	struct nlattr *data = nla_nest_start(m, IFLA_INFO_DATA);
	if (!data || nla_put_u8(m, IFLA_BOND_MODE, l->is_lacp ? MODE_LACP : MODE_ACTIVE_BACKUP) < 0 ||
	    nla_put_u32(m, IFLA_BOND_MIIMON, LOOK_MS) < 0 || (l->is_lacp && nla_put_u8(m, IFLA_BOND_XMIT_HASH_POLICY, HASH_LAYER34) < 0))
		return -NLE_NOMEM;
	nla_nest_end(m, data);
	nla_nest_end(m, info);
	return 0;
}

static int add_bond(struct kernel *k, const struct have_link *l)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	int rc = -NLE_NOMEM;

	if (m && nlmsg_append(m, &head, sizeof head, NLMSG_ALIGNTO) == 0 && nla_put_string(m, IFLA_IFNAME, l->name) == 0)
		rc = put_bond(m, l);
	if (rc) {
		nlmsg_free(m);
		return rc;
	}
	return nl_send_sync(k->ask, m); /* frees it */
}

/* An alias cannot be given at birth. */
static int name_mode(struct kernel *k, const struct have_link *l)
{
	struct rtnl_link *who = NULL, *as = rtnl_link_alloc();
	int rc = as ? rtnl_link_get_kernel(k->ask, 0, l->name, &who) : -NLE_NOMEM;

	if (!rc) {
		rtnl_link_set_ifalias(as, l->is_lacp ? lacp_alias : backup_alias);
		rc = rtnl_link_change(k->ask, who, as, 0);
	}
	if (who)
		rtnl_link_put(who);
	if (as)
		rtnl_link_put(as);
	return rc;
}

static int add_vlan(struct kernel *k, const struct have_link *l)
{
	struct rtnl_link *as = rtnl_link_vlan_alloc();
	int rc = as ? rtnl_link_vlan_set_id(as, l->vlan) : -NLE_NOMEM;

	if (!rc) {
		rtnl_link_set_name(as, l->name);
		rtnl_link_set_link(as, l->parent);
		rc = rtnl_link_add(k->ask, as, NLM_F_CREATE | NLM_F_EXCL);
	}
	if (as)
		rtnl_link_put(as);
	return rc;
}

static int do_device(struct kernel *k, const struct have_link *l, bool is_add)
{
	struct rtnl_link *who = NULL;
	int rc;

	if (is_add && l->kind == WANTED_VLAN)
		return add_vlan(k, l);
	if (is_add) {
		rc = add_bond(k, l);
		return rc ? rc : name_mode(k, l);
	}
	who = rtnl_link_alloc();
	if (!who)
		return -NLE_NOMEM;
	rtnl_link_set_ifindex(who, l->index);
	rc = rtnl_link_delete(k->ask, who);
	rtnl_link_put(who);
	return rc;
}

static int take_down(struct kernel *k, int index)
{
	struct rtnl_link *set = rtnl_link_alloc();

	if (set)
		rtnl_link_unset_flags(set, IFF_UP);
	return change_link(k, index, set);
}

/* A bond takes devices that are down, and sets them up. */
static int do_master(struct kernel *k, const struct have_link *l)
{
	if (!l->master)
		return rtnl_link_release_ifindex(k->ask, l->index);
	int rc = l->is_up ? take_down(k, l->index) : 0;
	return rc ? rc : rtnl_link_enslave_ifindex(k->ask, l->master, l->index);
}

static int do_address(struct kernel *k, const struct have_address *a, bool is_add)
{
	struct rtnl_addr *to = rtnl_addr_alloc();
	struct nl_addr *local = addr_new(&a->address);
	int rc = -NLE_NOMEM;

	if (to && local) {
		rtnl_addr_set_ifindex(to, a->index);
		rc = rtnl_addr_set_local(to, local);
		if (!rc && is_add && a->address.family == AF_INET && a->address.prefix < 31) {
			struct net_address all = a->address;
			for (unsigned bit = all.prefix; bit < 32; bit++)
				all.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			struct nl_addr *broadcast = addr_new(&all);
			if (broadcast) {
				(void)rtnl_addr_set_broadcast(to, broadcast); /* of the same family */
				nl_addr_put(broadcast);
			}
		}
		if (!rc)
			rc = is_add ? rtnl_addr_add(k->ask, to, 0) : rtnl_addr_delete(k->ask, to, 0);
	}
	if (local)
		nl_addr_put(local);
	if (to)
		rtnl_addr_put(to);
	return rc;
}

static int fill_route(struct rtnl_route *to, const struct have_route *r)
{
	struct nl_addr *dst = addr_new(&r->to), *via = r->gateway.family ? addr_new(&r->gateway) : NULL;
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	int rc = -NLE_NOMEM;

	if (dst && hop && (via || !r->gateway.family)) {
		rtnl_route_set_table(to, r->table);
		rtnl_route_set_priority(to, r->metric);
		rtnl_route_set_protocol(to, r->protocol);
		rtnl_route_set_scope(to, via || r->to.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
		rtnl_route_nh_set_ifindex(hop, r->index);
		if (via)
			rtnl_route_nh_set_gateway(hop, via);
		rc = rtnl_route_set_family(to, r->to.family);
		if (!rc)
			rc = rtnl_route_set_dst(to, dst);
		rtnl_route_add_nexthop(to, hop); /* the route's from here on */
		hop = NULL;
	}
	if (hop)
		rtnl_route_nh_free(hop);
	if (dst)
		nl_addr_put(dst);
	if (via)
		nl_addr_put(via);
	return rc;
}

static int do_route(struct kernel *k, const struct have_route *r, bool is_add)
{
	struct rtnl_route *to = rtnl_route_alloc();
	int rc = to ? fill_route(to, r) : -NLE_NOMEM;

	if (!rc)
		rc = is_add ? rtnl_route_add(k->ask, to, NLM_F_REPLACE) : rtnl_route_delete(k->ask, to, 0);
	if (to)
		rtnl_route_put(to);
	return rc;
}

static int do_rule(struct kernel *k, const struct have_rule *r, bool is_add)
{
	struct rtnl_rule *to = rtnl_rule_alloc();
	struct nl_addr *from = addr_new(&r->from);
	int rc = -NLE_NOMEM;

	if (to && from) {
		rtnl_rule_set_family(to, r->from.family);
		rtnl_rule_set_prio(to, r->priority);
		rtnl_rule_set_table(to, r->table);
		rtnl_rule_set_action(to, FR_ACT_TO_TBL);
		rc = rtnl_rule_set_src(to, from);
		if (!rc)
			rc = is_add ? rtnl_rule_add(k->ask, to, NLM_F_EXCL) : rtnl_rule_delete(k->ask, to, 0);
	}
	if (from)
		nl_addr_put(from);
	if (to)
		rtnl_rule_put(to);
	return rc;
}

int kernel_do(struct kernel *k, const struct step *s, const char **why)
{
	bool is_add = s->kind <= STEP_RULE_ADD;
	int rc = 0;

	switch (s->kind) {
	case STEP_DEVICE_ADD:
	case STEP_DEVICE_DEL:
		rc = do_device(k, &s->link, is_add);
		break;
	case STEP_MASTER:
		rc = do_master(k, &s->link);
		break;
	case STEP_LINK:
		rc = do_link(k, &s->link);
		break;
	case STEP_ADDRESS_ADD:
	case STEP_ADDRESS_DEL:
		rc = do_address(k, &s->address, is_add);
		break;
	case STEP_ROUTE_ADD:
	case STEP_ROUTE_DEL:
		rc = do_route(k, &s->route, is_add);
		break;
	case STEP_RULE_ADD:
	case STEP_RULE_DEL:
		rc = do_rule(k, &s->rule, is_add);
		break;
	}
	/* Somebody was faster: what was wanted is so. */
	if (is_add ? rc == -NLE_EXIST : rc == -NLE_OBJ_NOTFOUND || rc == -NLE_NOADDR || rc == -NLE_NODEV)
		rc = 0;
	*why = rc ? nl_geterror(rc) : "";
	return rc ? ERR_SYS : 0;
}

/* ---- about one link ---- */

static void read_speed(struct kernel *k, const char *name, struct link_about *out)
{
	struct {
		struct ethtool_link_settings head;
		uint32_t masks[3 * 127];
	} ask = { .head.cmd = ETHTOOL_GLINKSETTINGS };
	struct ifreq r = { .ifr_data = (char *)&ask };

	strncpy(r.ifr_name, name, sizeof r.ifr_name - 1);
	/* The first question is answered by how many words the masks have. */
	if (ioctl(k->any, SIOCETHTOOL, &r) < 0 || ask.head.link_mode_masks_nwords >= 0)
		return;
	ask.head.link_mode_masks_nwords = (int8_t)-ask.head.link_mode_masks_nwords;
	ask.head.cmd = ETHTOOL_GLINKSETTINGS;
	if (ioctl(k->any, SIOCETHTOOL, &r) < 0 || ask.head.speed == (uint32_t)SPEED_UNKNOWN)
		return;
	out->speed_mbps = ask.head.speed;
	out->is_full_duplex = ask.head.duplex == DUPLEX_FULL;
}

int kernel_about(struct kernel *k, const struct have_link *l, struct link_about *out)
{
	struct rtnl_link *link;

	if (rtnl_link_get_kernel(k->ask, l->index, NULL, &link) < 0)
		return ERR_NOT_FOUND;
	*out = (struct link_about){ .rx_packets = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS),
		.tx_packets = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS),
		.rx_errors = rtnl_link_get_stat(link, RTNL_LINK_RX_ERRORS),
		.tx_errors = rtnl_link_get_stat(link, RTNL_LINK_TX_ERRORS),
		.rx_dropped = rtnl_link_get_stat(link, RTNL_LINK_RX_DROPPED),
		.tx_dropped = rtnl_link_get_stat(link, RTNL_LINK_TX_DROPPED) };
	rtnl_link_put(link);
	read_speed(k, l->name, out);
	return 0;
}
