/* gateway/switch/elsewhere.h - domains without a row that turned out to speak SIP (ADR-27): gh-s2s found no XMPP
 * server, or they wrote to us by SIP. Forgotten after some minutes, so that DNS is asked again. Bounded. */
#ifndef SWITCH_ELSEWHERE_H
#define SWITCH_ELSEWHERE_H

#include "base/list.h"
#include "base/map.h"

enum { ELSEWHERE_MAX = 10000, ELSEWHERE_MS = 300000 };

struct elsewhere {
	struct map by_name;
	struct list order; /* oldest first; zero: empty */
};

/* Notes one, or notes it anew; the oldest goes when it is full. Without memory nothing is noted. */
void elsewhere_add(struct elsewhere *e, struct bytes domain, uint64_t now_ms);
bool elsewhere_has(const struct elsewhere *e, struct bytes domain, uint64_t now_ms);
void elsewhere_fini(struct elsewhere *e);

#endif
