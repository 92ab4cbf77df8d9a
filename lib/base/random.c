#include "base/random.h"

#include "base/text.h"

#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *p, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = getrandom((char *)p + got, n - got, 0);
		if (r <= 0)
			abort();
		got += (size_t)r;
	}
}

/* The kernel is asked for many numbers at once; a number is wiped as it is given out. */
uint64_t random_u64(void)
{
	static struct {
		uint64_t v[32];
		size_t left;
	} pool;

	if (pool.left == 0) {
		random_bytes(pool.v, sizeof pool.v);
		pool.left = sizeof pool.v / sizeof pool.v[0];
	}
	uint64_t x = pool.v[--pool.left];
	pool.v[pool.left] = 0;
	return x;
}

uint32_t random_below(uint32_t bound)
{
	return (uint32_t)((random_u64() >> 32) * bound >> 32);
}

void random_hex(char *out, size_t n)
{
	uint64_t raw64[4];
	uint8_t *raw = (uint8_t *)raw64;

	if (n > 64)
		n = 64;
	for (size_t i = 0; i * sizeof raw64[0] < n / 2; i++)
		raw64[i] = random_u64();
	text_hex(bytes_make(raw, n / 2), out);
}
