/* message6.h - DHCPv6 messages between a client and servers (RFC 8415 8, 21), and the IPv6 and UDP headers around them. Pure:
 * nothing here allocates, logs or reads a clock. Times are seconds. */
#ifndef DHCP_MESSAGE6_H
#define DHCP_MESSAGE6_H

#include "base/bytes.h"

#include <stdbool.h>

enum {
	DHCP6_CLIENT_PORT = 546,
	DHCP6_SERVER_PORT = 547,
	DHCP6_ADDRESS_BYTES = 16,
	DHCP6_DUID_MAX = 130,    /* RFC 8415 11.1: a type of 2 bytes and at most 128 more */
	DHCP6_DUID_MIN = 3,
	DHCP6_SERVERS_MAX = 4,   /* of one kind that are kept of a list */
	DHCP6_ADDRESSES_MAX = 4, /* that are kept of an IA */
	DHCP6_OPTIONS_MAX = 64,  /* of one message, those inside others too: more is no message */
};

#define DHCP6_FOREVER 0xffffffffu /* RFC 8415 7.7 */

enum dhcp6_type {
	DHCP6_SOLICIT = 1, DHCP6_ADVERTISE, DHCP6_REQUEST, DHCP6_CONFIRM, DHCP6_RENEW, DHCP6_REBIND, DHCP6_REPLY, DHCP6_RELEASE,
	DHCP6_DECLINE,
};

/* RFC 8415 21.13 */
enum dhcp6_status { DHCP6_SUCCESS, DHCP6_UNSPEC_FAIL, DHCP6_NO_ADDRS, DHCP6_NO_BINDING, DHCP6_NOT_ON_LINK, DHCP6_USE_MULTICAST };

struct dhcp6_duid {
	uint8_t n; /* 0: none */
	uint8_t bytes[DHCP6_DUID_MAX];
};
bool dhcp6_duid_eq(const struct dhcp6_duid *a, const struct dhcp6_duid *b);

struct dhcp6_address {
	uint8_t bytes[DHCP6_ADDRESS_BYTES];
	uint32_t preferred_s, valid_s;
	uint16_t status; /* its own */
};

struct dhcp6_reply {
	uint8_t type; /* DHCP6_ADVERTISE, DHCP6_REPLY */
	uint32_t xid;
	struct dhcp6_duid client, server;
	uint8_t preference;
	uint16_t status, ia_status; /* of the message; of the IA. enum dhcp6_status, or what we do not know */
	bool has_ia;                /* an IA_NA with our IAID, and times that make sense (RFC 8415 21.4) */
	uint32_t t1_s, t2_s;        /* 0: none */
	struct dhcp6_address addresses[DHCP6_ADDRESSES_MAX];
	unsigned n_addresses;
	uint8_t dns[DHCP6_SERVERS_MAX][DHCP6_ADDRESS_BYTES], ntp[DHCP6_SERVERS_MAX][DHCP6_ADDRESS_BYTES];
	unsigned n_dns, n_ntp;
	uint32_t sol_max_rt_s; /* RFC 8415 21.24; 0: none, or out of its range */
};

struct dhcp6_ask {
	enum dhcp6_type type;
	uint32_t xid; /* 24 bits */
	uint32_t iaid;
	uint16_t elapsed_cs;             /* hundredths of a second since the first of these messages */
	const struct dhcp6_duid *client;
	const struct dhcp6_duid *server; /* NULL: left out */
	const uint8_t *address;          /* in the IA; NULL: none */
};

/* Any bytes. iaid: whose IA is looked at. Options that nobody asked for are skipped: Server Unicast (21.12) and Reconfigure
 * Accept (21.20) too, so that all goes by multicast and nobody makes this client do anything. ERR_TRUNCATED, ERR_SYNTAX:
 * neither Advertise nor Reply, an option of a wrong length, or two identifiers of one kind. */
int dhcp6_decode(struct bytes message, uint32_t iaid, struct dhcp6_reply *out);

/* A whole IPv6 packet from the address `from` to all servers and relays of the link (ff02::1:2). Returns its length. */
enum { DHCP6_ASK_MAX = 48 + 4 + 2 * (4 + DHCP6_DUID_MAX) + 6 + 16 + 28 + 10 };
size_t dhcp6_encode(const struct dhcp6_ask *ask, const uint8_t from[static 16], uint8_t out[static DHCP6_ASK_MAX]);

/* The message in an IPv6 packet to port 546 of the address `to`, and who sent it. is_summed: as with dhcp_unwrap. Packets
 * with extension headers are not taken. ERR_TRUNCATED, ERR_SYNTAX, ERR_CHECKSUM. */
int dhcp6_unwrap(struct bytes packet, bool is_summed, const uint8_t to[static 16], struct bytes *message, const uint8_t **from);

#endif
