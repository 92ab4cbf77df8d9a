/* wanted.h - what unbound is to do: from the settings, over the pair to the keeper, into unbound's file. Pure. */
#ifndef RESOLVER_WANTED_H
#define RESOLVER_WANTED_H

#include "base/wire.h"
#include "run/settings.h"

enum { WANTED_SERVERS_MAX = 8, WANTED_ZONES_MAX = 64, WANTED_ANCHORS_MAX = 16, WANTED_NAME_BYTES = 256, WANTED_DIGEST_MAX = 48 };

/* Places in the range of `dns resolver`. */
enum wanted_mode { MODE_OFF, MODE_AUTO, MODE_FORWARD, MODE_RECURSE, MODE_COUNT };

struct wanted_server {
	char address[46];
	uint16_t port;
};

struct wanted_zone {
	char domain[WANTED_NAME_BYTES]; /* A-labels */
	struct wanted_server servers[WANTED_SERVERS_MAX];
	size_t n;
	bool validates; /* signed from the root or an anchor down; otherwise its answers are believed unsigned */
};

/* A DS record (RFC 4034 5) that is believed. */
struct wanted_anchor {
	char domain[WANTED_NAME_BYTES]; /* "." of the root, which then takes the place of Debian's anchor */
	uint16_t tag;
	uint8_t algorithm, type, digest[WANTED_DIGEST_MAX];
	size_t digest_n;
};

struct wanted {
	enum wanted_mode mode;
	struct wanted_server servers[WANTED_SERVERS_MAX];
	size_t n_servers;
	struct wanted_zone zones[WANTED_ZONES_MAX];
	size_t n_zones;
	struct wanted_anchor anchors[WANTED_ANCHORS_MAX];
	size_t n_anchors;
};

struct wanted_error {
	char path[128];
	const char *why;
};

/* ERR_RANGE: e says what is wrong. Large: keep *out static. */
int wanted_read(const struct settings *s, struct wanted *out, struct wanted_error *e);
void wanted_put(const struct wanted *w, struct buf *out);
/* What the keeper takes: everything is looked at again. ERR_PROTOCOL. */
int wanted_get(struct wire *in, struct wanted *out);
/* Letters, digits, dashes, underscores and dots: a domain that may stand in unbound's file. */
bool wanted_is_domain(const char *name);
/* Does it ask the servers that are set (or offered) for what no zone has? */
bool wanted_forwards(const struct wanted *w);

/* ---- text.c ---- */

/* unbound's file. folder: of the keeper, with unbound's own folder `own` in it. */
void text_conf(const struct wanted *w, const char *folder, struct buf *out);

#endif
