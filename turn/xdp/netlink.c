#include "netlink.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"

enum { ANSWER_BYTES = 32768, WAIT_MS = 1000 };
/* linux/netdev.h, which older headers have not */
enum { NETDEV_DEV_GET = 1, NETDEV_IFINDEX = 1, NETDEV_XDP_FEATURES = 3, NETDEV_NDO_XMIT = 1 << 2 };

/* Calls fn for each message of the answer until it says false. */
typedef bool (*message_fn)(void *arg, const struct nlmsghdr *h);

static int socket_of(int protocol, unsigned groups)
{
	const struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = groups };
	const struct timeval wait = { .tv_sec = WAIT_MS / 1000 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0), protocol);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&at, sizeof at) || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait)) {
		(void)close(fd); /* nothing was written */
		return -1;
	}
	return fd;
}

/* One read of the answer. 1: more comes; 0: it is complete. */
static int read_part(int fd, message_fn fn, void *arg)
{
	_Alignas(struct nlmsghdr) uint8_t room[ANSWER_BYTES];
	struct sockaddr_nl from = { 0 };
	socklen_t n_from = sizeof from;
	ssize_t n = recvfrom(fd, room, sizeof room, 0, (struct sockaddr *)&from, &n_from);

	if (n < 0 || from.nl_pid != 0) /* the kernel's only */
		return ERR_SYS;
	size_t left = (size_t)n;
	for (const struct nlmsghdr *h = (const void *)room; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_ERROR)
			return ERR_SYS;
		if (h->nlmsg_type == NLMSG_DONE || !fn(arg, h) || !(h->nlmsg_flags & NLM_F_MULTI))
			return 0;
	}
	return 1;
}

static int ask(int fd, const void *request, size_t n, message_fn fn, void *arg)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int rc = sendto(fd, request, n, 0, (const struct sockaddr *)&kernel, sizeof kernel) == (ssize_t)n ? 1 : ERR_SYS;

	while (rc == 1)
		rc = read_part(fd, fn, arg);
	return rc;
}

/* ---- attributes: the same in both families ---- */

static const struct rtattr *attribute(const void *first, size_t left, unsigned type)
{
	for (const struct rtattr *a = first; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

static const struct rtattr *attribute_behind(const struct nlmsghdr *h, size_t head, unsigned type)
{
	size_t before = NLMSG_LENGTH(NLMSG_ALIGN(head));

	return h->nlmsg_len < before ? NULL : attribute((const uint8_t *)h + before, h->nlmsg_len - before, type);
}

/* ---- addresses ---- */

struct walk {
	netlink_address_fn fn;
	void *arg;
};

static bool on_address(void *arg, const struct nlmsghdr *h)
{
	const struct walk *w = arg;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	size_t want = m->ifa_family == AF_INET ? 4 : 16;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof *m) || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return true;
	/* on a point-to-point interface ADDRESS is the other end's */
	const struct rtattr *a = attribute_behind(h, sizeof *m, IFA_LOCAL);
	if (!a)
		a = attribute_behind(h, sizeof *m, IFA_ADDRESS);
	if (!a || RTA_PAYLOAD(a) != want)
		return true;
	struct stunaddr at = { .family = m->ifa_family == AF_INET ? 4 : 6 };
	memcpy(at.ip, RTA_DATA(a), want);
	w->fn(w->arg, m->ifa_index, &at);
	return true;
}

int netlink_addresses(const struct netlink *n, netlink_address_fn fn, void *arg)
{
	struct walk w = { fn, arg };
	const struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
	} request = { { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		      { .ifa_family = AF_UNSPEC } };

	return ask(n->ask, &request, sizeof request, on_address, &w);
}

/* ---- names ---- */

static bool on_link(void *arg, const struct nlmsghdr *h)
{
	const struct rtattr *a = attribute_behind(h, sizeof(struct ifinfomsg), IFLA_IFNAME);

	if (a)
		(void)snprintf(arg, NETLINK_NAME_BYTES, "%.*s", (int)RTA_PAYLOAD(a), (const char *)RTA_DATA(a)); /* for the log */
	return false;
}

void netlink_name(const struct netlink *n, unsigned ifindex, char name[static NETLINK_NAME_BYTES])
{
	const struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} request = { { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
		      { .ifi_index = (int)ifindex } };

	name[0] = 0;
	(void)ask(n->ask, &request, sizeof request, on_link, name); /* gone: "" */
}

/* ---- generic netlink ---- */

struct generic_request {
	struct nlmsghdr h;
	struct genlmsghdr g;
	struct rtattr a;
	uint8_t value[8];
};

static struct generic_request request_of(uint16_t family, uint8_t command, uint16_t type, const void *value, uint16_t n)
{
	struct generic_request r = {
		.h = { .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) + RTA_SPACE(n), .nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST },
		.g = { .cmd = command, .version = 1 },
		.a = { .rta_len = RTA_LENGTH(n), .rta_type = type },
	};

	memcpy(r.value, value, n);
	return r;
}

static bool on_family(void *arg, const struct nlmsghdr *h)
{
	const struct rtattr *a = attribute_behind(h, GENL_HDRLEN, CTRL_ATTR_FAMILY_ID);

	if (a && RTA_PAYLOAD(a) == sizeof(uint16_t))
		memcpy(arg, RTA_DATA(a), sizeof(uint16_t));
	return false;
}

static bool on_features(void *arg, const struct nlmsghdr *h)
{
	const struct rtattr *a = attribute_behind(h, GENL_HDRLEN, NETDEV_XDP_FEATURES);

	if (a && RTA_PAYLOAD(a) == sizeof(uint64_t))
		memcpy(arg, RTA_DATA(a), sizeof(uint64_t));
	return false;
}

bool netlink_is_exit(const struct netlink *n, unsigned ifindex)
{
	const uint32_t index = ifindex;
	const struct generic_request r = request_of(n->netdev, NETDEV_DEV_GET, NETDEV_IFINDEX, &index, sizeof index);
	uint64_t features = 0;

	return n->netdev && ask(n->generic, &r, r.h.nlmsg_len, on_features, &features) == 0 && features & NETDEV_NDO_XMIT;
}

/* ---- life ---- */

int netlink_open(struct netlink *n)
{
	const struct generic_request r = request_of(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, "netdev", sizeof "netdev");

	*n = (struct netlink){
		.ask = socket_of(NETLINK_ROUTE, 0),
		.generic = socket_of(NETLINK_GENERIC, 0),
		.news = socket_of(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR),
	};
	if (n->ask < 0 || n->generic < 0 || n->news < 0) {
		netlink_close(n);
		return ERR_SYS;
	}
	(void)ask(n->generic, &r, r.h.nlmsg_len, on_family, &n->netdev); /* 0: an older kernel */
	return 0;
}

void netlink_close(struct netlink *n)
{
	int *const fds[] = { &n->ask, &n->generic, &n->news };

	for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]); /* nothing was written */
		*fds[i] = -1;
	}
}

void netlink_drain(const struct netlink *n)
{
	uint8_t room[8192];

	while (recv(n->news, room, sizeof room, MSG_DONTWAIT) > 0)
		continue;
}
