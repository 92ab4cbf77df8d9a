/* hop.h - which places to send to are in trouble, and until when. A place that is not here is good. Pure.
 *
 * POOR: it failed; others are tried before it. HELD: it asked to be left alone (503 with Retry-After, ERR-15);
 * it is not tried. */
#ifndef GSIP_HOP_H
#define GSIP_HOP_H

#include "base/map.h"
#include "sip/place.h"

enum hop_state { HOP_GOOD, HOP_POOR, HOP_HELD };
enum { HOPS_MAX = 10000, HOP_HOLD_MAX_S = 300, HOP_POOR_MS = 30000, HOP_POOR_MAX_MS = 300000, HOP_PROBE_MS = 10000 };

struct hop {
	uint8_t key[20]; /* transport, family, port, address */
	struct sip_place place;
	enum hop_state state;
	bool is_probed;  /* a static route's next hop: asked with OPTIONS whether it is back */
	bool is_probing;
	uint64_t until_ms; /* forgotten then */
	uint64_t probe_ms;
	uint32_t failures;
	int rc; /* of the last failure; 0: it asked for a pause */
};
struct hops {
	struct map map;
};

void hops_init(struct hops *h);
void hops_fini(struct hops *h);
enum hop_state hops_state(struct hops *h, const struct sip_place *p, uint64_t now_ms);
/* True when this is news: it was good before. Full, or without memory: it stays good. */
bool hops_failed(struct hops *h, const struct sip_place *p, bool is_probed, int rc, uint64_t now_ms);
bool hops_hold(struct hops *h, const struct sip_place *p, bool is_probed, uint32_t retry_after_s, uint64_t now_ms);
/* True when it was not good. */
bool hops_recovered(struct hops *h, const struct sip_place *p);
struct hop *hops_find(struct hops *h, const struct sip_place *p);
/* Everything is good again. */
void hops_forget_all(struct hops *h);
/* Forgets what is over; gives up to `room` hops whose probe is due, marked as probing. */
size_t hops_due(struct hops *h, uint64_t now_ms, struct hop **out, size_t room);
/* Puts the good before the poor, each in their order, and leaves out the held. Returns how many remain. */
size_t hops_order(struct hops *h, struct sip_place *v, size_t n, uint64_t now_ms);

#endif
