#include "sender.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rate.h"

enum { MINUTE_S = 60, SWEEP_MAX = 64 };

struct sender {
	struct rate rate;
	struct log_limit log;
	size_t key_n;
	uint8_t key[];
};

static uint32_t per_s(uint32_t burst)
{
	return (burst + MINUTE_S - 1) / MINUTE_S;
}

static struct sender *sender_of(struct map *senders, struct bytes bare, uint32_t burst, uint64_t now_ms)
{
	struct sender *x = map_get(senders, bare);

	if (x && x->rate.burst == burst)
		return x;
	if (x) { /* the setting has changed */
		rate_init(&x->rate, per_s(burst), burst, now_ms);
		return x;
	}
	x = calloc(1, sizeof *x + bare.n);
	if (!x)
		return NULL;
	x->key_n = bare.n;
	memcpy(x->key, bare.p, bare.n);
	rate_init(&x->rate, per_s(burst), burst, now_ms);
	if (map_add(senders, bytes_make(x->key, x->key_n), x) == 0)
		return x;
	free(x);
	return NULL;
}

bool sender_take(struct map *senders, struct bytes bare, uint32_t burst, uint64_t now_ms, uint32_t *held)
{
	struct sender *x = burst && bare.n ? sender_of(senders, bare, burst, now_ms) : NULL;
	uint32_t since;

	*held = UINT32_MAX;
	if (!burst || !bare.n)
		return true;
	if (x && rate_take(&x->rate, 1, now_ms))
		return true;
	if (x && log_limit_pass(&x->log, 1, now_ms, &since))
		*held = since;
	return false;
}

void sender_sweep(struct map *senders, uint64_t now_ms)
{
	struct sender *idle[SWEEP_MAX], *x;
	size_t at = 0, n = 0;

	while (n < SWEEP_MAX && (x = map_next(senders, &at)))
		if (rate_wait_ms(&x->rate, x->rate.burst, now_ms) == 0)
			idle[n++] = x;
	for (size_t i = 0; i < n; i++) {
		(void)map_del(senders, bytes_make(idle[i]->key, idle[i]->key_n)); /* it is idle[i] */
		free(idle[i]);
	}
}
