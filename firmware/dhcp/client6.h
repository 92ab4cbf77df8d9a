/* client6.h - one interface's DHCPv6 client for one address (RFC 8415 18.2). No I/O: events, messages and the time go in; at
 * most one message and one piece of news come out.
 *
 *     WAITING --> SOLICITING --advertise--> REQUESTING --reply--> BOUND --T1--> RENEWING --T2--> REBINDING
 *        ^            ^    | silence            |  ^                ^  ^ reply     |  reply         |
 *        |            +----|--------------------+  +-- NoBinding ---|--------------+----------------+
 *        |                 +- refusal, end of the lease, not on this link           CONFIRMING: the cable is back
 *        +-- DECLINING: another machine has the address        RELEASING --> OFF: the address is given back
 */
#ifndef DHCP_CLIENT6_H
#define DHCP_CLIENT6_H

#include "client.h"
#include "message6.h"

enum client6_state {
	CLIENT6_OFF, CLIENT6_WAITING, CLIENT6_SOLICITING, CLIENT6_REQUESTING, CLIENT6_BOUND, CLIENT6_CONFIRMING, CLIENT6_RENEWING,
	CLIENT6_REBINDING, CLIENT6_DECLINING, CLIENT6_RELEASING, CLIENT6_STATE_COUNT
};

struct client6_lease {
	bool is_there;
	uint8_t address[DHCP6_ADDRESS_BYTES];
	uint8_t from[DHCP6_ADDRESS_BYTES]; /* who sent it: the server, or the relay before it */
	uint8_t dns[DHCP6_SERVERS_MAX][DHCP6_ADDRESS_BYTES], ntp[DHCP6_SERVERS_MAX][DHCP6_ADDRESS_BYTES];
	unsigned n_dns, n_ntp;
};

struct client6 {
	enum client6_state state;
	uint32_t (*random)(void);
	uint8_t local[DHCP6_ADDRESS_BYTES]; /* our link-local address */
	struct dhcp6_duid duid, server;     /* server: whom this exchange is with; n 0: all */
	uint32_t iaid, xid;
	bool has_offer;
	uint8_t preference;                   /* of the offer that server stands for */
	bool has_about;
	uint8_t about[DHCP6_ADDRESS_BYTES];   /* what this exchange is about */
	struct client6_lease lease;
	unsigned tries, refusals;
	uint32_t sol_max_rt_s;
	uint64_t began_ms, asked_ms, rt_ms;
	uint64_t send_ms;              /* 0: not waited for */
	uint64_t t1_ms, t2_ms, end_ms; /* 0: never */
	uint64_t since_ms;             /* of the first wish for a lease */
	bool is_silence_told;
};

/* local: the address of the link that it sends from. duid: the same one on all interfaces (RFC 8415 11). iaid: the interface's
 * own. random: 32 bits that nobody can guess. */
void client6_init(struct client6 *c, const uint8_t local[static 16], const struct dhcp6_duid *duid, uint32_t iaid,
                  uint32_t (*random)(void));
/* out, of all that follow: a packet for all servers (is_broadcast), news. */
void client6_start(struct client6 *c, uint64_t now_ms, struct client_out *out);
/* What is not for us, or makes no sense, is skipped. */
void client6_input(struct client6 *c, const struct dhcp6_reply *r, const uint8_t from[static 16], uint64_t now_ms, struct client_out *out);
void client6_timer(struct client6 *c, uint64_t now_ms, struct client_out *out);
/* When client6_timer has something to do; 0: never. */
uint64_t client6_next_ms(const struct client6 *c);
/* The cable is back, perhaps in another network (RFC 8415 18.2.12). */
void client6_link_up(struct client6 *c, uint64_t now_ms, struct client_out *out);
/* Another machine has the address (RFC 8415 18.2.8): it is not used, and another one is asked for. */
void client6_in_use(struct client6 *c, uint64_t now_ms, struct client_out *out);
/* The address is given back, said until a server answers or four times; then the state is CLIENT6_OFF. */
void client6_release(struct client6 *c, uint64_t now_ms, struct client_out *out);

#endif
