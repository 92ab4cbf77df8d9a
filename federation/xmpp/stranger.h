/* stranger.h - incoming connections that have proved nothing yet, counted by address, so that one
 * address cannot take all places of strangers. */
#ifndef S2S_STRANGER_H
#define S2S_STRANGER_H

#include "base/map.h"

#include <sys/socket.h>

enum { STRANGERS_PER_ADDRESS = 50, STRANGER_KEY_BYTES = 16 };

/* What counts as one address: IPv4 whole, of IPv6 the /64. */
void stranger_key(const struct sockaddr_storage *a, uint8_t key[static STRANGER_KEY_BYTES]);
/* One more; false: there are too many from there, or no memory. */
bool stranger_add(struct map *strangers, const uint8_t key[static STRANGER_KEY_BYTES]);
/* One less: it has proved a domain, or is gone. */
void stranger_del(struct map *strangers, const uint8_t key[static STRANGER_KEY_BYTES]);

#endif
