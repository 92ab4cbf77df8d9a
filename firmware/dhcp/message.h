/* message.h - DHCP messages (RFC 2131 2, RFC 2132), and the IPv4 and UDP headers around them. Pure: nothing here allocates,
 * logs or reads a clock. Addresses are numbers in the host's order, 0: none; times are seconds. */
#ifndef DHCP_MESSAGE_H
#define DHCP_MESSAGE_H

#include "base/bytes.h"

#include <stdbool.h>

enum {
	DHCP_SERVER_PORT = 67,
	DHCP_CLIENT_PORT = 68,
	DHCP_SERVERS_MAX = 4,    /* of one kind that are kept of a list */
	DHCP_HOST_MAX = 63,      /* one label */
	DHCP_PACKET_MAX = 1500,  /* longer ones are not read */
	DHCP_TAKES_MAX = 1252,   /* we say that we take no longer message: it fits the smallest MTU that may be set */
};

#define DHCP_FOREVER 0xffffffffu /* a lease without end (RFC 2131 3.3) */

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK, DHCP_RELEASE };

struct dhcp_reply {
	uint8_t type; /* enum dhcp_type */
	uint32_t xid;
	uint8_t mac[6];
	uint32_t address, server; /* yiaddr; option 54 */
	uint8_t prefix;           /* of option 1; 0: none, or one that is no prefix */
	uint32_t router;          /* the first one */
	uint32_t dns[DHCP_SERVERS_MAX], ntp[DHCP_SERVERS_MAX]; /* unused: 0 */
	uint32_t lease_s, t1_s, t2_s; /* 0: none */
};

struct dhcp_ask {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t seconds; /* since the first of these messages */
	uint8_t mac[6];
	uint32_t client;            /* ciaddr: the address that we have */
	uint32_t requested, server; /* options 50 and 54; 0: left out */
	const char *host;           /* option 12; "": left out */
};

/* Any bytes. ERR_TRUNCATED, ERR_SYNTAX: no reply of a server to an Ethernet client, or an option of a wrong length. */
int dhcp_decode(struct bytes message, struct dhcp_reply *out);

/* A whole IPv4 packet to port 67. Returns its length. */
enum { DHCP_ASK_MAX = 28 + 400 };
size_t dhcp_encode(const struct dhcp_ask *ask, uint32_t from, uint32_t to, uint8_t out[static DHCP_ASK_MAX]);

/* The message in an IPv4 packet to port 68. is_summed: the sender was another machine, so that the UDP checksum is there
 * (it is not on packets that never left this one). ERR_TRUNCATED, ERR_SYNTAX, ERR_CHECKSUM. */
int dhcp_unwrap(struct bytes packet, bool is_summed, struct bytes *message);

#endif
