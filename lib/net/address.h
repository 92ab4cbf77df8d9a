/* net/address.h - who is at the other end, and how many connections that proved nothing yet an address
 * has, so that one cannot take all places of strangers. An IPv6 client owns a whole /64, so that is
 * what is counted. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <sys/socket.h>

#include "base/map.h"

struct address_count; /* of one address or /64 */
struct address_table {
	struct map map;
};

void address_table_init(struct address_table *t);
/* After all counts were left. */
void address_table_fini(struct address_table *t);
/* Counts one more from this address. ERR_LIMIT when it has `max` already; ERR_NOMEM. */
int address_enter(struct address_table *t, const struct sockaddr *from, uint32_t max, struct address_count **out);
/* One less; the count of an address with none is forgotten. NULL is fine. */
void address_leave(struct address_table *t, struct address_count *c);

/* Who is at the other end, small. */
struct peer_address {
	uint8_t bytes[16];
	uint16_t port;
	uint8_t family; /* 4, 6; 0 unknown (a unix socket of a test) */
};
enum { PEER_TEXT_BYTES = 46 };
void peer_address_of(const struct sockaddr *from, struct peer_address *out);
/* The same again; of an unknown one AF_UNSPEC. */
void peer_address_sockaddr(const struct peer_address *p, struct sockaddr_storage *out);
/* 16 bytes, IPv4 as IPv4-mapped (RFC 4291 2.5.5.2). False: it is unknown. */
bool peer_address_raw(const struct peer_address *p, uint8_t out[static 16]);
/* "192.0.2.1" or "2001:db8::1"; "unknown". */
void peer_address_text(const struct peer_address *p, char out[static PEER_TEXT_BYTES]);

#endif
