/* turn/conf.h - settings into what the engine and the sockets use. Pure. */
#ifndef TURN_CONF_H
#define TURN_CONF_H

#include "relay_socket.h"
#include "run/settings.h"
#include "server.h"

struct turn_settings {
	struct turn_conf engine;
	struct relays_conf relays;
	struct credentials *credentials; /* owned */
	struct stunaddr public[2];       /* IPv4, IPv6; family 0: none */
};

/* Is the snapshot one that can be used? ERR_RANGE with the path (in room) and why. */
enum { CONF_PATH_BYTES = 160 };
int turn_settings_check(const struct settings *s, char path[static CONF_PATH_BYTES], const char **why);
/* s must outlive it. own: addresses of the box beside those of the settings, never relayed to.
 * NULL without memory. */
struct turn_settings *turn_settings_new(const struct settings *s, const struct stunaddr *own, size_t n_own);
void turn_settings_free(struct turn_settings *c);

#endif
