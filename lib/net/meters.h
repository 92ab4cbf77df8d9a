/* net/meters.h - which bucket of the kernel's the flows of one group share (net/fastpath). */
#ifndef NET_METERS_H
#define NET_METERS_H

#include <stdbool.h>
#include <stdint.h>

enum { METERS_NONE = UINT32_MAX };
struct meters;
/* Numbers from first on, n of them. NULL without memory. */
struct meters *meters_new(uint32_t first, uint32_t n);
void meters_free(struct meters *m);
/* The group's number, taken once more; *is_new: nobody had it. ERR_FULL, ERR_NOMEM. */
int meters_take(struct meters *m, uint64_t group, uint32_t *number, bool *is_new);
void meters_release(struct meters *m, uint32_t number); /* METERS_NONE is fine */

#endif
