#include <arpa/inet.h>

#include "base/err.h"
#include "xdp.h"

/* Addresses of one row; those on all interfaces are left out (turn/flow.c: whom a client of such a listener speaks to
 * is not known). */
static void add(struct xdp_conf *c, const struct settings *s, enum setting id)
{
	static const uint8_t none[16];
	char host[256];
	uint16_t port;
	struct bytes key;

	for (size_t at = 0; c->n_addresses < XDP_ADDRESSES_MAX && settings_next_key(s, id, &at, &key);) {
		struct stunaddr *a = &c->addresses[c->n_addresses];
		*a = (struct stunaddr){ 0 };
		if (setting_split_host(settings_text_at(s, id, key), 0, host, &port))
			continue;
		a->family = inet_pton(AF_INET, host, a->ip) == 1 ? 4 : inet_pton(AF_INET6, host, a->ip) == 1 ? 6 : 0;
		if (a->family && memcmp(a->ip, none, sizeof none) != 0)
			c->n_addresses++;
	}
}

void xdp_conf_read(struct xdp_conf *c, const struct settings *s)
{
	*c = (struct xdp_conf){ .mode = (enum xdp_mode)settings_enum(s, SET_TURN_FAST_PATH), .workers = 1 };
	if (settings_bool(s, SET_TURN_HIGH_CAPACITY))
		c->workers = (uint32_t)settings_int(s, SET_TURN_WORKERS);
	add(c, s, SET_TURN_LISTEN_UDP);
	add(c, s, SET_TURN_RELAY_ADDRESS);
}
