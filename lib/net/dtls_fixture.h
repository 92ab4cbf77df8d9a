/* net/dtls_fixture.h - a door and OpenSSL's own clients on a virtual clock, with a network between that may
 * lose, double and reorder datagrams. */
#ifndef NET_DTLS_FIXTURE_H
#define NET_DTLS_FIXTURE_H

#include "net/dtls.h"
#include "net/dtls_impl.h"

#include <netinet/in.h>

enum { GUEST_PACKETS_MAX = 256, GUEST_DATAGRAM_MAX = 2048 };

struct guest_net;
/* One client, and what the door's side knows of it. */
struct guest {
	struct guest_net *net;
	SSL *ssl;
	struct sockaddr_in at;
	struct bytes in; /* the datagram that it reads next */
	struct buf got;  /* plain text that came to it */
	bool is_done, is_failed, is_shut;
	/* the door's side */
	struct dtls *t;
	struct buf heard; /* plain text that came from it */
	bool is_secured, is_closed;
	int why;
	unsigned n_closed, n_records;
	size_t longest; /* datagram of the door to it */
	uint64_t bytes_in, bytes_out; /* before and while there was no association */
	void (*on_data)(struct guest *g);
};

struct guest_packet {
	struct guest *of;
	bool to_door;
	size_t n;
	uint8_t p[GUEST_DATAGRAM_MAX];
};
struct guest_net {
	struct loop *loop;
	struct dtls_door *door;
	SSL_CTX *ctx; /* of the clients */
	struct guest_packet packets[GUEST_PACKETS_MAX]; /* a ring */
	unsigned first, n;
	/* The network's quality, in per cent. */
	unsigned loses, doubles, swaps;
	uint32_t dice;
	uint32_t handshake_ms;
	/* In place of the fixture's own door: a program's. What it answers goes to guest_hear. */
	void (*to_program)(struct guest *g, struct bytes datagram);
};

void guest_net_up(struct guest_net *net, struct loop *l, struct tls_store *s, const char *const *alpn);
void guest_net_down(struct guest_net *net);
void guest_up(struct guest *g, struct guest_net *net, uint16_t port);
/* Both sides; nothing is said. */
void guest_down(struct guest *g);
/* Another client at the same address, which knows nothing of the one before. */
void guest_restart(struct guest *g);
/* Delivers all that is under way, moving no clock. */
void guest_net_settle(struct guest_net *net);
/* The client's next flight, then until both sides are through or this much virtual time is over. */
bool guest_connect(struct guest *g, uint64_t ms);
/* Lets time pass for all. */
void guest_pass(struct guest *g, uint64_t ms);
void guest_say(struct guest *g, struct bytes plain);
/* A datagram reaches the door from this address: what a program does with it. */
int guest_to_door(struct guest *g, struct bytes datagram);
/* A datagram of the door's is on its way to the client. */
void guest_hear(struct guest *g, struct bytes datagram);
/* The clock of OpenSSL's retransmission, which is the wall's: with a fake loop, that one's. */
void guest_clock(struct loop *l);

#endif
