#include "relay_icmp.h"

#include <errno.h>
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "endpoint.h"

/* A datagram with DF that is too large for the first link gets no ICMP: the kernel itself refuses it. */
static void note_error(const struct sock_extended_err *e, uint8_t family, struct relay_icmp *out)
{
	out->type = e->ee_type;
	out->code = e->ee_code;
	if (e->ee_origin == SO_EE_ORIGIN_LOCAL && e->ee_errno == EMSGSIZE) {
		out->type = family == 4 ? ICMP_DEST_UNREACH : ICMP6_PACKET_TOO_BIG;
		out->code = family == 4 ? ICMP_FRAG_NEEDED : 0;
	} else if (e->ee_origin != SO_EE_ORIGIN_ICMP && e->ee_origin != SO_EE_ORIGIN_ICMP6) {
		out->peer.family = 0;
	}
	if (e->ee_errno == EMSGSIZE)
		out->data = e->ee_info;
}

static bool is_error_of_ip(const struct cmsghdr *c)
{
	return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
	       (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
}

bool relay_icmp_next(int fd, struct relay_icmp *out)
{
	union endpoint to = { 0 };
	union {
		struct cmsghdr align;
		uint8_t room[512];
	} beside;
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_control = &beside, .msg_controllen = sizeof beside };
	bool is_known = false;

	if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	*out = (struct relay_icmp){ 0 };
	endpoint_addr(&to, &out->peer);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct sock_extended_err e;
		if (!is_error_of_ip(c) || c->cmsg_len < CMSG_LEN(sizeof e))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof e);
		note_error(&e, out->peer.family, out);
		is_known = true;
	}
	if (!is_known)
		out->peer.family = 0;
	return true;
}
