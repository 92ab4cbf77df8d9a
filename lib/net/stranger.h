/* net/stranger.h - what is known of addresses that have not proved a user: how often they ask and how often their
 * passwords were wrong. Bounded; the oldest is forgotten. The time is told. */
#ifndef NET_STRANGER_H
#define NET_STRANGER_H

#include "base/list.h"
#include "base/map.h"
#include "net/address.h"
#include "net/prefix.h"

enum { STRANGERS_MAX = 20000, STRANGER_MEMORY_MS = 600000 };

struct strangers {
	struct map map;    /* address (IPv6: its /64) -> struct stranger */
	struct list order; /* least lately seen first */
	uint32_t rate_per_s;               /* 0: no limit */
	uint32_t tries, penalty_ms;        /* tries 0: no penalty */
};
void strangers_init(struct strangers *s);
void strangers_fini(struct strangers *s);
/* May this address ask now, without proof? */
enum stranger_verdict { STRANGER_WELCOME, STRANGER_TOO_FAST, STRANGER_PENALTY };
enum stranger_verdict stranger_asks(struct strangers *s, const struct sockaddr *from, uint64_t now_ms);
/* May one that is too fast, or shut out, be told so? Once a second: by UDP the address may be another's, who then gets
 * no more from us than that. */
bool stranger_may_hear(struct strangers *s, const struct sockaddr *from, uint64_t now_ms);
/* Is it shut out, without asking for anything? */
bool stranger_is_out(const struct strangers *s, const struct sockaddr *from, uint64_t now_ms);
/* A wrong password; true: this one has brought the penalty. */
bool stranger_failed(struct strangers *s, const struct sockaddr *from, uint64_t now_ms);
/* A right one: failures are forgotten. */
void stranger_proved(struct strangers *s, const struct sockaddr *from);

/* Those that are shut out, one after another: start with *at = 0. text: "192.0.2.1", or the /64. False: no more. */
enum { STRANGER_TEXT_BYTES = PEER_TEXT_BYTES + 3 };
bool strangers_next_out(const struct strangers *s, size_t *at, uint64_t now_ms, char text[static STRANGER_TEXT_BYTES], uint64_t *until_ms);
/* Those in this range are shut out no more, and what they did is forgotten; how many there were. */
size_t strangers_pardon(struct strangers *s, const struct prefix *range, uint64_t now_ms);

#endif
