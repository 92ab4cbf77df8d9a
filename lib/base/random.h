/* base/random.h - random numbers from the kernel. A kernel that gives none ends the process. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
/* Uniform in 0..bound-1; bound at least 1. */
uint32_t random_below(uint32_t bound);
/* n lower-case hex digits (n even, at most 64) and a NUL: stream ids, resume ids. */
void random_hex(char *out, size_t n);

#endif
