/* legs.h - alarms about members of bonds that carry nothing. One is raised when the trouble has stood for a while: a leg comes up after a
 * second, and an agreement by LACP takes a few. */
#ifndef PRIV_LEGS_H
#define PRIV_LEGS_H

#include "bond.h"

enum {
	LEGS_MAX = NET_INTERFACES_MAX * NET_MEMBERS_MAX,
	LEGS_LOOK_MS = 2000,
	LEGS_PATIENCE_MS = 5000,
	LEGS_PATIENCE_LACP_MS = 40000, /* slow LACP: a PDU each 30 s (IEEE 802.1AX 6.4.2.5) */
	LEG_KEY_BYTES = NET_DEVICE_MAX + 4,
};

struct leg {
	char key[LEG_KEY_BYTES]; /* "b ens2"; "": free */
	uint64_t since_ms;       /* of its trouble; 0: none */
	bool is_raised, is_wanted;
};

struct legs {
	struct leg v[LEGS_MAX];
};

/* Says so when a leg's alarm is to be raised, again with another text, or cleared (why NULL). */
typedef void (*legs_fn)(void *arg, const char *key, const char *why);
/* What the settings want, what the kernel has, the time on the loop's clock (not 0). True: there is a bond, so look again after
 * LEGS_LOOK_MS. Pure. */
bool legs_look(struct legs *l, const struct wanted *w, const struct have *h, uint64_t now_ms, legs_fn fn, void *arg);

#endif
