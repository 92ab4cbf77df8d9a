#include "iq/extdisco.h"

/* From the relay's own listeners: clients find them under one host name, each port once. */
static void add_doors(struct extdisco *x, const struct settings *s, enum setting id, const struct extdisco_door *kind)
{
	struct bytes key;
	char addr[256];
	uint16_t port;

	for (size_t at = 0; settings_next_key(s, id, &at, &key);) {
		bool is_known = setting_split_host(settings_text_at(s, id, key), 0, addr, &port) < 0;
		for (size_t i = 0; i < x->n_doors; i++) {
			const struct extdisco_door *d = &x->doors[i];
			is_known |= d->port == port && d->transport == kind->transport && d->is_secure == kind->is_secure;
		}
		if (is_known || x->n_doors == EXTDISCO_DOORS_MAX)
			continue;
		x->doors[x->n_doors] = *kind;
		x->doors[x->n_doors++].port = port;
	}
}

/* The last word of `turn secret`, in order: the one that follows the others, if they are named so. */
static struct bytes newest_secret(const struct settings *s)
{
	struct bytes key, value = BYTES_NONE;

	for (size_t at = 0; settings_next_key(s, SET_TURN_SECRET, &at, &key);)
		value = settings_text_at(s, SET_TURN_SECRET, key);
	return value;
}

void extdisco_apply(struct extdisco *x, const struct settings *s)
{
	static const char udp[] = "udp", tcp[] = "tcp";
	struct bytes host = settings_is_set(s, SET_TURN_SERVICE_HOST, BYTES_NONE) ? settings_text(s, SET_TURN_SERVICE_HOST) : BYTES_NONE;

	extdisco_fini(x);
	if (host.n == 0 || host.n >= sizeof x->host)
		return;
	memcpy(x->host, host.p, host.n);
	x->host[host.n] = 0;
	x->has_stun = settings_enum(s, SET_TURN_BINDING) == 0;
	x->lifetime_s = (uint32_t)settings_int(s, SET_TURN_SERVICE_LIFETIME) * 3600;
	add_doors(x, s, SET_TURN_LISTEN_UDP, &(struct extdisco_door){ udp, false, 0 });
	add_doors(x, s, SET_TURN_LISTEN_TCP, &(struct extdisco_door){ tcp, false, 0 });
	add_doors(x, s, SET_TURN_LISTEN_TLS, &(struct extdisco_door){ tcp, true, 0 });
	add_doors(x, s, SET_TURN_LISTEN_DTLS, &(struct extdisco_door){ udp, true, 0 });
	(void)secret_set(&x->secret, newest_secret(s)); /* without memory: as without a secret */
}

void extdisco_fini(struct extdisco *x)
{
	secret_fini(&x->secret);
	x->host[0] = 0;
	x->n_doors = 0;
}
