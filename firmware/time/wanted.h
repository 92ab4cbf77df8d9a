/* wanted.h - what chronyd is to do: from the settings, over the pair to the keeper, into chronyd's files. Pure. */
#ifndef TIME_WANTED_H
#define TIME_WANTED_H

#include "base/wire.h"
#include "run/settings.h"

enum {
	TIME_SERVERS_MAX = 16,
	TIME_KEYS_MAX = 16,
	TIME_SECRET_MAX = 64,  /* bytes of a key */
	TIME_ADDRESSES_MAX = 4, /* of one server's name that are used */
	TIME_HOSTS_MAX = TIME_SERVERS_MAX * TIME_ADDRESSES_MAX,
	TIME_HOST_BYTES = 256,
	TIME_ADDRESS_BYTES = 46,
	TIME_NAME_BYTES = 64,
};

/* Places in the range of `time key * type`. */
enum time_key_type { TIME_AES128, TIME_AES256, TIME_SHA1, TIME_SHA256, TIME_SHA512, TIME_KEY_TYPE_COUNT };

struct time_server {
	char name[TIME_NAME_BYTES]; /* its key in the settings; does not travel to the keeper */
	char host[TIME_HOST_BYTES]; /* A-labels or a numeric address */
	uint16_t port;
	uint32_t key; /* 0: none */
	bool has_nts, has_burst, is_numeric;
	uint8_t poll_min, poll_max; /* log2 of seconds */
};

struct time_key {
	uint32_t id;
	enum time_key_type type;
	uint8_t secret[TIME_SECRET_MAX];
	size_t secret_n;
};

struct time_wanted {
	struct time_server servers[TIME_SERVERS_MAX];
	size_t n_servers;
	struct time_key keys[TIME_KEYS_MAX];
	size_t n_keys;
};

struct time_error {
	char path[128];
	const char *why;
};

/* out is untouched on ERR_RANGE, with what is wrong in e. */
int wanted_read(const struct settings *s, struct time_wanted *out, struct time_error *e);
void wanted_put(const struct time_wanted *w, struct buf *out);
/* What the keeper takes: everything is looked at again. ERR_PROTOCOL. */
int wanted_get(struct wire *in, struct time_wanted *out);

/* A name of a server and an address of it, as for /etc/hosts. */
struct time_host {
	char address[TIME_ADDRESS_BYTES], host[TIME_HOST_BYTES];
};
struct time_hosts {
	struct time_host v[TIME_HOSTS_MAX];
	size_t n;
};
void hosts_put(const struct time_hosts *h, struct buf *out);
int hosts_get(struct wire *in, struct time_hosts *out);

/* ---- text.c: chronyd's files ---- */

/* folder: of the keeper, where conf, keys and anchors lie; has_anchors: authorities of ours for NTS besides (or, without
 * has_system, instead of) the system's. */
struct time_places {
	const char *folder;
	bool has_anchors, has_system;
};
void text_conf(const struct time_wanted *w, const struct time_places *p, struct buf *out);
void text_keys(const struct time_wanted *w, struct buf *out);
void text_hosts(const struct time_hosts *h, struct buf *out);

#endif
