/* net/bans.h - who is kept out of the doors of clients, by address or range, and why (mra.md M-20): by settings (`client ban`),
 * which last, and by operators' commands, which end by themselves, or with the program. Asked before TLS begins. The time is
 * told. */
#ifndef NET_BANS_H
#define NET_BANS_H

#include "net/address.h"
#include "net/prefix.h"
#include "run/settings.h"

enum { BANS_MAX = 1000, BAN_REASON_MAX = 127, BAN_RANGE_BYTES = 64 };

struct ban {
	struct prefix range;
	bool is_setting;
	uint64_t until_ms; /* 0: until it is taken away */
	uint64_t refused;  /* newcomers, since it began */
	char reason[BAN_REASON_MAX + 1];
	char text[BAN_RANGE_BYTES]; /* the range, as it was written */
};

struct bans {
	struct ban *v;
	size_t n;
};

void bans_init(struct bans *b);
void bans_fini(struct bans *b);
/* Those of the settings, in place of the ones of before; what is no range (gh-conf lets none through), or beyond BANS_MAX, is
 * one log line and is left out. */
void bans_apply(struct bans *b, const struct settings *s);
/* An operator's, in place of another one of the same range. reason is cut. ERR_SYNTAX: no range. ERR_RANGE: everybody would be
 * kept out. ERR_FULL, ERR_NOMEM. */
int bans_add(struct bans *b, struct bytes range, struct bytes reason, uint64_t until_ms, uint64_t now_ms);
/* Takes operators' bans away that lie in this range. */
size_t bans_remove(struct bans *b, const struct prefix *range);
/* Is this newcomer kept out? It is counted. */
bool bans_refuse(struct bans *b, const struct sockaddr *from, uint64_t now_ms);
/* Is it, without being a newcomer? */
bool bans_has(const struct bans *b, const struct peer_address *who, uint64_t now_ms);
/* Forgets those whose time is over. */
void bans_expire(struct bans *b, uint64_t now_ms);

#endif
