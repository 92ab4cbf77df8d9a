#include "conf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "net/prefix.h"
#include "net/tls_settings.h"
#include "proto/turncred.h"

enum { ALGORITHMS_BOTH, ALGORITHMS_SHA256, ALGORITHMS_MD5 }; /* places in the range of the setting */
enum {
	LIFETIME_S = 600,       /* RFC 8656 7.2 */
	PERMISSIONS_MAX = 64, CHANNELS_MAX = 64,
	KERNEL_BYTES = 256 << 10,
};

static const enum setting address_rows[] = { SET_TURN_RELAY_ADDRESS, SET_TURN_PUBLIC_ADDRESS };
static const enum setting range_rows[] = { SET_TURN_ALLOW_PEER, SET_TURN_DENY_PEER };

/* ---- checking ---- */

static int refuse(char path[static CONF_PATH_BYTES], const char **why, const char *words, struct bytes key, const char *text)
{
	(void)snprintf(path, CONF_PATH_BYTES, "%s %.*s", words, BYTES_FMT(key.n ? key : BYTES(""))); /* a cut path still says which */
	*why = text;
	return ERR_RANGE;
}

static int read_address(const struct settings *s, enum setting id, struct bytes key, struct stunaddr *out)
{
	char host[256];
	uint16_t port;
	int rc = setting_split_host(settings_text_at(s, id, key), 0, host, &port);

	return rc ? rc : endpoint_parse(host, port, out);
}

static int check_addresses(const struct settings *s, enum setting id, char path[static CONF_PATH_BYTES], const char **why)
{
	const char *words = id == SET_TURN_RELAY_ADDRESS ? "turn relay-address" : "turn public-address";
	bool has[2] = { false };
	struct stunaddr a;
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, id, &at, &key);) {
		if (read_address(s, id, key, &a))
			return refuse(path, why, words, key, "a numeric address is wanted");
		if (has[a.family == 6])
			return refuse(path, why, words, key, "one address of each family");
		has[a.family == 6] = true;
	}
	return 0;
}

static int check_ranges(const struct settings *s, enum setting id, char path[static CONF_PATH_BYTES], const char **why)
{
	const char *words = id == SET_TURN_ALLOW_PEER ? "turn allow-peer" : "turn deny-peer";
	struct prefix p;
	struct bytes key;
	size_t n = 0;

	for (size_t at = 0; settings_next_key(s, id, &at, &key);) {
		if (prefix_parse(settings_text_at(s, id, key), &p))
			return refuse(path, why, words, key, "an address or a range like 192.0.2.0/24 is wanted, with no bits behind the range");
		if (++n > PEER_RULES_MAX)
			return refuse(path, why, words, key, "too many ranges");
	}
	return 0;
}

static bool has_any(const struct settings *s, enum setting id)
{
	struct bytes key;
	size_t at = 0;

	return settings_next_key(s, id, &at, &key);
}

static struct bytes server_name(const struct settings *s)
{
	return settings_text(s, settings_is_set(s, SET_TURN_SERVER_NAME, BYTES_NONE) ? SET_TURN_SERVER_NAME : SET_TURN_REALM);
}

/* Names that clients hash as they prepare them (RFC 8489 14.3, 14.9). */
static int check_names(const struct settings *s, char path[static CONF_PATH_BYTES], const char **why)
{
	struct bytes key;

	if (!turncred_is_prepared(settings_text(s, SET_TURN_REALM)))
		return refuse(path, why, "turn realm", BYTES_NONE, "has characters that no realm may have, or not in their normal form (RFC 8265 4.2)");
	for (size_t at = 0; settings_next_key(s, SET_TURN_USER_KEY, &at, &key);)
		if (!turncred_is_prepared(key))
			return refuse(path, why, "turn user", key, "has characters that no user's name may have, or not in their normal form (RFC 8265 4.2): turn user add");
	return 0;
}

/* Every account, secret and key is tried into a table that is thrown away. */
static int add_credentials(struct credentials *c, const struct settings *s, enum setting id, struct bytes *key)
{
	int rc = 0;

	for (size_t at = 0; !rc && settings_next_key(s, id, &at, key);) {
		struct bytes value = settings_text_at(s, id, *key);
		if (id == SET_TURN_USER_KEY)
			rc = credentials_add_user(c, *key, value);
		else
			rc = id == SET_TURN_SECRET ? credentials_add_secret(c, value) : credentials_add_oauth(c, *key, value);
	}
	return rc;
}

static int check_credentials(const struct settings *s, char path[static CONF_PATH_BYTES], const char **why)
{
	struct credentials *c = credentials_new(settings_text(s, SET_TURN_REALM));
	struct bytes key = BYTES_NONE;
	int rc = 0;

	if (!c)
		return refuse(path, why, "turn realm", BYTES_NONE, "out of memory");
	if (add_credentials(c, s, SET_TURN_USER_KEY, &key))
		rc = refuse(path, why, "turn user", key, "md5=<32 hex digits> sha256=<64 hex digits> are wanted, the digest of user:realm:password: turn user add makes them");
	else if (add_credentials(c, s, SET_TURN_SECRET, &key))
		rc = refuse(path, why, "turn secret", key, "too many secrets, or an empty one");
	else if (add_credentials(c, s, SET_TURN_OAUTH_KEY, &key))
		rc = refuse(path, why, "turn oauth-key", key, "16 or 32 bytes in base64 are wanted");
	credentials_free(c);
	return rc;
}

static void read_addresses(const struct settings *s, enum setting id, struct stunaddr out[2])
{
	struct stunaddr a;
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, id, &at, &key);)
		if (read_address(s, id, key, &a) == 0)
			out[a.family == 6] = a;
}

/* Doors for datagrams, with what is seen of them: their own public address, or that of the family. */
static size_t read_doors(const struct settings *s, struct discovery_door out[static TURN_DOORS_MAX])
{
	struct stunaddr public[2] = { 0 };
	struct bytes key;
	size_t n = 0;

	read_addresses(s, SET_TURN_PUBLIC_ADDRESS, public);
	for (size_t at = 0; n < TURN_DOORS_MAX && settings_next_key(s, SET_TURN_LISTEN_UDP, &at, &key);) {
		struct discovery_door *d = &out[n];
		if (read_address(s, SET_TURN_LISTEN_UDP, key, &d->at))
			continue;
		d->seen = public[d->at.family == 6].family ? public[d->at.family == 6] : d->at;
		if (settings_is_set(s, SET_TURN_DISCOVERY_ADDRESS, key))
			(void)read_address(s, SET_TURN_DISCOVERY_ADDRESS, key, &d->seen); /* numeric by its type */
		d->seen.port = d->at.port;
		n++;
	}
	return n;
}

static int read_discovery(const struct settings *s, struct discovery *out, struct stunaddr *where, const char **why)
{
	struct discovery_door doors[TURN_DOORS_MAX];

	return discovery_find(doors, read_doors(s, doors), out, where, why);
}

static int check_discovery(const struct settings *s, char path[static CONF_PATH_BYTES], const char **why)
{
	char text[STUNADDR_TEXT_BYTES] = "";
	struct discovery d;
	struct stunaddr where;
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_TURN_DISCOVERY_ADDRESS, &at, &key);)
		if (!settings_is_set(s, SET_TURN_LISTEN_UDP, key))
			return refuse(path, why, "turn discovery-address", key, "there is no turn listen-udp row of this name");
	if (!settings_bool(s, SET_TURN_DISCOVERY) || read_discovery(s, &d, &where, why) == 0)
		return 0;
	if (where.family)
		stunaddr_text(&where, text);
	return refuse(path, why, "turn discovery", bytes_of(text), *why);
}

/* OpenSSL 3.0 has no DTLS 1.3 (net/dtls.h). */
static int check_dtls(const struct settings *s, char path[static CONF_PATH_BYTES], const char **why)
{
	char host[256];
	uint16_t port;
	struct bytes key;

	if (settings_enum(s, SET_TLS_MINIMUM) != TLS_13)
		return 0;
	for (size_t at = 0; settings_next_key(s, SET_TURN_LISTEN_DTLS, &at, &key);)
		if (setting_split_host(settings_text_at(s, SET_TURN_LISTEN_DTLS, key), 0, host, &port) == 0)
			return refuse(path, why, "turn listen-dtls", key, "there is no DTLS 1.3 here: set tls minimum 1.2, or this off");
	return 0;
}

int turn_settings_check(const struct settings *s, char path[static CONF_PATH_BYTES], const char **why)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < 2; i++)
		rc = check_addresses(s, address_rows[i], path, why);
	for (size_t i = 0; !rc && i < 2; i++)
		rc = check_ranges(s, range_rows[i], path, why);
	if (!rc)
		rc = check_dtls(s, path, why);
	if (!rc && settings_int(s, SET_TURN_PORT_MIN) >= settings_int(s, SET_TURN_PORT_MAX))
		rc = refuse(path, why, "turn port-max", BYTES_NONE, "must be above turn port-min");
	if (!rc)
		rc = check_discovery(s, path, why);
	if (!rc)
		rc = check_names(s, path, why);
	return rc ? rc : check_credentials(s, path, why);
}

/* ---- taking over: what was checked ---- */

static void add_ranges(struct peer_ranges *r, const struct settings *s, enum setting id)
{
	struct prefix p;
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, id, &at, &key);)
		if (prefix_parse(settings_text_at(s, id, key), &p) == 0)
			(void)peer_rules_add(r, &p); /* checked: it fits */
}

/* ERR_LIMIT is for more addresses than a box has. */
static void add_own(struct peer_ranges *r, const struct stunaddr *a)
{
	if (a->family)
		(void)peer_rules_add_address(r, a);
}

static unsigned algorithms_of(const struct settings *s)
{
	static const unsigned bits[] = {
		[ALGORITHMS_BOTH] = 1 << STUN_ALGORITHM_MD5 | 1 << STUN_ALGORITHM_SHA256,
		[ALGORITHMS_SHA256] = 1 << STUN_ALGORITHM_SHA256,
		[ALGORITHMS_MD5] = 1 << STUN_ALGORITHM_MD5,
	};

	return bits[settings_enum(s, SET_TURN_ALGORITHMS)];
}

static uint32_t number(const struct settings *s, enum setting id)
{
	return (uint32_t)settings_int(s, id);
}

static void read_engine(struct turn_conf *e, const struct settings *s)
{
	char host[256];
	uint16_t port;

	*e = (struct turn_conf){
		.realm = settings_text(s, SET_TURN_REALM),
		.algorithms = algorithms_of(s),
		.binding = (enum turn_binding)settings_enum(s, SET_TURN_BINDING),
		.lifetime_s = LIFETIME_S, .lifetime_max_s = number(s, SET_TURN_LIFETIME_MAX),
		.permissions_max = PERMISSIONS_MAX, .channels_max = CHANNELS_MAX, .new_peers_per_s = number(s, SET_TURN_NEW_PEERS),
		.has_mobility = settings_bool(s, SET_TURN_MOBILITY), .has_tcp_relay = settings_bool(s, SET_TURN_TCP_RELAY),
		.peer_connections_allocation = number(s, SET_TURN_TCP_CONNECTIONS_ALLOCATION),
		.limits = {
			.allocations = number(s, SET_TURN_ALLOCATIONS_MAX), .allocations_user = number(s, SET_TURN_ALLOCATIONS_USER),
			.allocations_address = number(s, SET_TURN_ALLOCATIONS_ADDRESS),
			.bytes_user = number(s, SET_TURN_BANDWIDTH_USER), .bytes_address = number(s, SET_TURN_BANDWIDTH_ADDRESS),
			.bytes_total = number(s, SET_TURN_BANDWIDTH_TOTAL),
			.packets_user = number(s, SET_TURN_PACKETS_USER), .packets_address = number(s, SET_TURN_PACKETS_ADDRESS),
			.packets_total = number(s, SET_TURN_PACKETS_TOTAL),
			.workers = settings_bool(s, SET_TURN_HIGH_CAPACITY) ? number(s, SET_TURN_WORKERS) : 1,
		},
		.answers_per_s = number(s, SET_TURN_ANSWERS),
		.has_old_channels = settings_bool(s, SET_TURN_OLD_CHANNELS),
		.server_name = has_any(s, SET_TURN_OAUTH_KEY) ? server_name(s) : BYTES_NONE,
		.is_draining = settings_bool(s, SET_TURN_DRAIN),
		.drain_deadline_s = number(s, SET_TURN_DRAIN_DEADLINE) * 60, .drain_threshold = number(s, SET_TURN_DRAIN_THRESHOLD),
		.discovery = { { 0xff, 0xff }, { 0xff, 0xff } },
	};
	if (settings_is_set(s, SET_TURN_ALTERNATE, BYTES_NONE) &&
	    setting_split_host(settings_text(s, SET_TURN_ALTERNATE), 3478, host, &port) == 0)
		(void)endpoint_parse(host, port, &e->alternate); /* canonical: it is numeric */
}

/* What the box may have is shared equally by the workers, rounded up. */
static uint32_t share(const struct turn_conf *e, uint32_t all)
{
	return all ? (all - 1) / e->limits.workers + 1 : UINT32_MAX;
}

struct turn_settings *turn_settings_new(const struct settings *s, const struct stunaddr *own, size_t n_own)
{
	struct turn_settings *c = calloc(1, sizeof *c);
	struct stunaddr where;
	const char *why;
	struct bytes key;

	if (!c || !(c->credentials = credentials_new(settings_text(s, SET_TURN_REALM)))) {
		turn_settings_free(c);
		return NULL;
	}
	read_engine(&c->engine, s);
	c->connections = share(&c->engine, number(s, SET_TURN_CONNECTIONS_MAX));
	c->engine.peer_connections = share(&c->engine, number(s, SET_TURN_TCP_CONNECTIONS_MAX));
	c->connections_address = share(&c->engine, number(s, SET_TURN_CONNECTIONS_ADDRESS));
	read_addresses(s, SET_TURN_RELAY_ADDRESS, c->relays.at);
	read_addresses(s, SET_TURN_PUBLIC_ADDRESS, c->public);
	memcpy(c->relays.seen, c->public, sizeof c->relays.seen);
	c->relays.port_min = (uint16_t)number(s, SET_TURN_PORT_MIN);
	c->relays.port_max = (uint16_t)number(s, SET_TURN_PORT_MAX);
	c->relays.kernel_bytes = KERNEL_BYTES;
	memcpy(c->engine.own_relays.at, c->relays.at, sizeof c->relays.at);
	memcpy(c->engine.own_relays.seen, c->relays.seen, sizeof c->relays.seen);
	c->engine.own_relays.port_min = c->relays.port_min;
	c->engine.own_relays.port_max = c->relays.port_max;
	c->rest_us = number(s, SET_TURN_COALESCE);
	add_ranges(&c->engine.rules.allow, s, SET_TURN_ALLOW_PEER);
	add_ranges(&c->engine.rules.deny, s, SET_TURN_DENY_PEER);
	for (size_t i = 0; i < 2; i++) {
		add_own(&c->engine.rules.own, &c->relays.at[i]);
		add_own(&c->engine.rules.own, &c->public[i]);
	}
	for (size_t i = 0; i < n_own; i++)
		add_own(&c->engine.rules.own, &own[i]);
	if (settings_bool(s, SET_TURN_DISCOVERY))
		(void)read_discovery(s, &c->discovery, &where, &why); /* checked: it is found */
	for (size_t i = 0; c->discovery.is_on && i < 2; i++)
		add_own(&c->engine.rules.own, &c->discovery.door[i][0].seen);
	c->engine.credentials = c->credentials;
	c->logs_usage = settings_bool(s, SET_TURN_USAGE_LOG);
	if (credentials_set_server(c->credentials, server_name(s)) ||
	    add_credentials(c->credentials, s, SET_TURN_USER_KEY, &key) || add_credentials(c->credentials, s, SET_TURN_SECRET, &key) ||
	    add_credentials(c->credentials, s, SET_TURN_OAUTH_KEY, &key)) { /* checked: only memory is left to fail */
		turn_settings_free(c);
		return NULL;
	}
	return c;
}

void turn_settings_free(struct turn_settings *c)
{
	if (!c)
		return;
	credentials_free(c->credentials);
	free(c);
}
