/* base/rate.h - token bucket. Time comes from the caller (monotonic milliseconds). */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint32_t per_s; /* 0: no limit */
	uint32_t burst; /* most tokens it holds */
	uint64_t tokens_milli, owed_milli;
	uint64_t last_ms;
};

/* Starts full. burst 0 means per_s. */
void rate_init(struct rate *r, uint32_t per_s, uint32_t burst, uint64_t now_ms);
/* Takes n tokens if there are as many; false leaves it as it was. n above burst never succeeds. */
bool rate_take(struct rate *r, uint32_t n, uint64_t now_ms);
/* Takes n tokens that are gone already; what is not there is owed, a second's worth at most, and paid
 * before new ones come. */
void rate_charge(struct rate *r, uint64_t n, uint64_t now_ms);
/* Milliseconds until n tokens are there; 0: now. */
uint64_t rate_wait_ms(struct rate *r, uint32_t n, uint64_t now_ms);

#endif
