/* turn/relay_socket.h - the sockets of relayed transport addresses (RFC 8656 7.2): ports drawn by getrandom
 * from the administrator's range, opened, watched, read, closed. They wait in a kernel queue of their own
 * behind one descriptor of the loop, so that an allocation costs 16 bytes here, and a place in a table by port.
 *
 * Which ports this worker uses is kept in a bitmap and counted apart; both agree at any time
 * (relays_used, relays_held), so that a lost port is seen. */
#ifndef TURN_RELAY_SOCKET_H
#define TURN_RELAY_SOCKET_H

#include "batch.h"
#include "io.h"

struct relays_hooks {
	/* A datagram for the owner of r. */
	void (*peer)(void *arg, void *owner, struct turn_relay *r, const struct stunaddr *from, struct turn_packet *p);
	/* An ICMP error about what r sent to `peer`. */
	void (*icmp)(void *arg, void *owner, const struct stunaddr *peer, uint8_t type, uint8_t code, uint32_t data);
	/* A TCP connection waits at r's listening socket (RFC 6062 5.3). Optional without TCP. */
	void (*acceptable)(void *arg, void *owner, struct turn_relay *r);
};

struct relays_conf {
	struct stunaddr at[2];   /* IPv4, IPv6; family 0: none. Ports are not looked at */
	struct stunaddr seen[2]; /* what clients are told; family 0: as at */
	uint16_t port_min, port_max;
	int kernel_bytes;        /* of queue asked for each socket */
};

enum { RELAY_TRIES_MAX = 128 }; /* ports tried for one allocation */
enum relay_stat { RELAY_PORTS_USED, RELAY_STAT_COUNT };
extern const char *const relay_stat_names[RELAY_STAT_COUNT];

struct relays;
struct relays *relays_new(struct loop *l, struct batch *b, const struct relays_hooks *h, void *arg);
void relays_free(struct relays *s); /* after all were closed */
uint64_t *relays_stats(struct relays *s);
/* For those that are opened from now on. */
void relays_set(struct relays *s, const struct relays_conf *c);

/* As in struct turn_io. */
int relays_open(struct relays *s, uint8_t family, bool is_tcp, enum turn_port_want want, struct turn_relay *r,
                struct turn_relay *pair, void *owner);
/* owner NULL: a reserved one, not watched until it has an owner. */
int relays_adopt(struct relays *s, struct turn_relay *r, void *owner);
/* NULL: no relayed UDP address of this family and port has an owner here. */
void *relays_owner(const struct relays *s, uint8_t family, uint16_t port);
void relays_close(struct relays *s, struct turn_relay *r);
void relays_release(struct relays *s, struct turn_relay *r);

/* Ports in use by the count and by the bitmap. */
uint32_t relays_used(const struct relays *s);
uint32_t relays_held(const struct relays *s);

#endif
