/* run/tap.h - operators who watch what passes between this box and one partner (`capture federation`). The program masks
 * what it shows before it comes here (proto/mask.h). A tap ends by itself: at its time, its records, or its bytes. */
#ifndef RUN_TAP_H
#define RUN_TAP_H

#include "run/proc.h"

enum { TAPS_MAX = 4, TAP_SECONDS_MAX = 3600, TAP_RECORDS_MAX = 10000, TAP_BYTES_MAX = 8 << 20, TAP_KEY_BYTES = 32 };

struct taps;
struct tap {
	struct taps *taps;
	struct proc_ask *ask; /* NULL: this place is free */
	struct loop_timer end;
	char domain[256];
	bool is_hashed;       /* addresses are not to be shown */
	uint8_t key[TAP_KEY_BYTES]; /* of this tap's hashes */
	unsigned records;
	size_t bytes;
};

struct taps {
	struct loop *loop;
	size_t n;
	struct tap v[TAPS_MAX];
};

void taps_init(struct taps *t, struct loop *loop);
/* The command: arguments domain, seconds, and maybe "hashed". Takes ask over. */
void taps_command(struct taps *t, struct proc_ask *ask, const struct bytes *args, size_t n_args);
/* Does anybody watch? For the usual case, before anything is made for it. */
static inline bool taps_has_any(const struct taps *t)
{
	return t->n > 0;
}
/* The next tap of the domain behind `after` (NULL: the first); NULL: no more. */
struct tap *taps_next(struct taps *t, struct bytes domain, const struct tap *after);
/* One masked stanza or message. stream: 0 not known. */
void tap_put(struct tap *t, bool is_in, uint64_t stream, struct bytes masked);
/* Key for hashes; empty: addresses are shown. */
struct bytes tap_key(const struct tap *t);

#endif
