/* turn/io.h - what the engine (turn/server.h) wants of the program around it, and in what shape packets
 * pass between them. The engine owns no descriptor and reads no clock; a test gives it a fake of this.
 *
 * Packets are never copied on the way. A packet lies in a buffer of the driver with room before and
 * behind it, so that the engine writes ChannelData's header or a Data indication around the payload in
 * place; what was handed to to_client or to_peer must not be touched again before the driver's next
 * turn, when it has been sent. */
#ifndef TURN_IO_H
#define TURN_IO_H

#include "net/fastpath.h"
#include "proto/stunmsg.h"

enum turn_transport { TURN_UDP, TURN_TCP, TURN_TLS, TURN_DTLS, TURN_TRANSPORT_COUNT };

enum {
	TURN_HEADROOM = 64, /* writable bytes before each packet: STUN header, XOR-PEER-ADDRESS, DATA */
	TURN_TAILROOM = 8,  /* and behind it: padding */
	TURN_PACKET_MAX = 65535,
};

struct turn_packet {
	uint8_t *p; /* TURN_HEADROOM before it and TURN_TAILROOM behind p + n are the engine's too */
	size_t n;
};

/* The client's side of a 5-tuple. */
struct turn_path {
	uint8_t transport; /* enum turn_transport */
	uint8_t door;      /* number of the listener: with the transport it stands for our address */
	uint32_t conn;     /* connection or DTLS association; 0: UDP */
	struct stunaddr from;
};

/* A relayed transport address: a socket of the driver's. Embedded in the allocation. */
struct turn_relay {
	int fd;               /* -1: none */
	uint8_t is_tcp;       /* RFC 6062 */
	struct stunaddr at;   /* what it is bound to */
	struct stunaddr seen; /* what clients are told: differs behind static NAT */
	uint32_t drops;       /* datagrams that the kernel dropped (SO_RXQ_OVFL) */
};

enum turn_port_want { TURN_PORT_ANY, TURN_PORT_EVEN, TURN_PORT_EVEN_PAIR };

struct turn_claim; /* turn/claim.h */

struct turn_io {
	/* One datagram or frame for the client (on streams the driver pads ChannelData to four bytes). */
	void (*to_client)(void *io, const struct turn_path *to, struct bytes data);
	/* The same from another of our addresses (RFC 5780 CHANGE-REQUEST): door is the listener to use. */
	void (*to_client_from)(void *io, const struct turn_path *to, uint8_t door, struct bytes data);
	void (*to_peer)(void *io, struct turn_relay *r, const struct stunaddr *peer, struct bytes data, bool dont_fragment);
	/* Opens a relayed address of the family on a port drawn at random by getrandom (RFC 8656 7.2).
	 * TURN_PORT_EVEN_PAIR: *pair gets the socket of the next higher port. owner comes back in
	 * turn_server_peer. 0; ERR_NOT_FOUND: the box relays no such family (440); ERR_FULL: no port is
	 * free (508); ERR_SYS, ERR_NOMEM (508). */
	int (*relay_open)(void *io, uint8_t family, bool is_tcp, enum turn_port_want want, struct turn_relay *r,
	                  struct turn_relay *pair, void *owner);
	/* A socket that came out of a reservation or from another worker now has this owner. */
	int (*relay_adopt)(void *io, struct turn_relay *r, void *owner);
	void (*relay_close)(void *io, struct turn_relay *r); /* sets fd to -1; harmless without */
	/* The descriptor leaves this worker: no longer watched, not closed. Sets r->fd to -1. */
	void (*relay_release)(void *io, struct turn_relay *r);
	/* ---- from here to client_close: NULL where turn_conf.has_tcp_relay is never set ---- */
	/* RFC 6062: connects from the relayed address; turn_server_connected tells. 0 or ERR_*. */
	int (*peer_connect)(void *io, struct turn_relay *r, const struct stunaddr *peer, uint32_t connection_id);
	void (*peer_close)(void *io, uint32_t connection_id);
	/* Gives the peer's connection away (the descriptor, or -1), and takes one that another worker gave. */
	int (*peer_release)(void *io, uint32_t connection_id);
	int (*peer_adopt)(void *io, uint32_t connection_id, int fd); /* takes fd, on failure too */
	/* Client's connection and peer's become one; what either sends passes. The client's connection is
	 * the driver's alone from then on. */
	int (*join)(void *io, const struct turn_path *client, uint32_t connection_id);
	/* Closes the client's connection (RFC 6062, or the engine has lost faith in it). */
	void (*client_close)(void *io, const struct turn_path *client);
	/* Asks another worker for what it holds (claim.h); the answer comes as turn_server_claimed. */
	int (*claim)(void *io, unsigned worker, const struct turn_claim *c);
	/* Tells the other workers how many allocations the user has here now (quota.h). */
	void (*tell_usage)(void *io, struct bytes user, uint32_t allocations);
	/* The kernel's path, as in net/fastpath.h; asked only between turn_server_kernel true and false. NULL where
	 * there never is one. */
	int (*fast_add)(void *io, const struct fastpath_flow *f, uint32_t *id);
	int (*fast_renew)(void *io, uint32_t id, const struct fastpath_flow *f);
	int (*fast_read)(void *io, uint32_t id, struct fastpath_counts *out);
	void (*fast_del)(void *io, uint32_t id, struct fastpath_counts *out);
	/* One line for the log, already in words: a refusal, with what to do about it. */
	void (*refused)(void *io, const struct turn_path *from, struct bytes user, const char *what, const char *why);
};

#endif
