/* client.h - one interface's DHCP client (RFC 2131 4.4, figure 5). No I/O: events, messages and the time go in; at most one
 * message and one piece of news come out.
 *
 *     SELECTING --offer--> REQUESTING --ack--> BOUND --T1--> RENEWING --T2--> REBINDING
 *         ^  ^                 | nak, silence    ^ ack          |  ack           | ack
 *         |  +-----WAITING<----+                 +--------------+----------------+
 *         +---------------------------------------- nak, end of the lease -------+
 */
#ifndef DHCP_CLIENT_H
#define DHCP_CLIENT_H

#include "message.h"

enum client_state { CLIENT_OFF, CLIENT_SELECTING, CLIENT_REQUESTING, CLIENT_BOUND, CLIENT_RENEWING, CLIENT_REBINDING, CLIENT_WAITING };

enum {
	CLIENT_LEASE_MIN_S = 10, /* shorter offers are not taken: they would keep the network busy */
	CLIENT_SILENT_MS = 10 * 1000, /* without a lease for so long: it is told */
};

struct client {
	enum client_state state;
	uint32_t (*random)(void);
	char host[DHCP_HOST_MAX + 1]; /* "": none is told */
	uint8_t mac[6], next_hop[6];  /* who sent the lease: the server, or the relay before it */
	uint32_t xid;
	struct dhcp_reply offer, lease; /* lease.address 0: none */
	unsigned tries, refusals;
	uint64_t began_ms, asked_ms, send_ms;  /* 0: not waited for */
	uint64_t t1_ms, t2_ms, end_ms; /* 0: a lease without end */
	uint64_t since_ms; /* of the first message */
	bool is_silence_told;
};

enum { CLIENT_PACKET_MAX = DHCP_ASK_MAX };
struct client_out {
	size_t n; /* 0: nothing is sent */
	bool is_broadcast; /* else to next_hop */
	uint8_t packet[CLIENT_PACKET_MAX];
	bool is_news; /* the lease has come, changed, been renewed, or gone */
	const char *why; /* why there is none: static text */
};

/* random: 32 bits that nobody can guess. */
void client_init(struct client *c, const uint8_t mac[static 6], uint32_t (*random)(void));
void client_start(struct client *c, uint64_t now_ms, struct client_out *out);
/* from: the link-layer address that sent it. What is not for us, or makes no sense, is skipped. */
void client_input(struct client *c, const struct dhcp_reply *r, const uint8_t from[static 6], uint64_t now_ms, struct client_out *out);
void client_timer(struct client *c, uint64_t now_ms, struct client_out *out);
/* When client_timer has something to do; 0: never. */
uint64_t client_next_ms(const struct client *c);
/* The cable is back, perhaps in another network: the lease is looked at again (RFC 2131 3.7). */
void client_link_up(struct client *c, uint64_t now_ms, struct client_out *out);
/* The address is given back, and nothing more is asked. */
void client_release(struct client *c, struct client_out *out);

#endif
