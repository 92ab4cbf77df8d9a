#include "switch.h"

#include "base/err.h"

int hub_tap_add(struct hub *h, switch_tap_fn fn, void *arg)
{
	for (size_t i = 0; i < SWITCH_TAPS_MAX; i++) {
		if (h->taps[i].fn)
			continue;
		h->taps[i] = (struct switch_tap){ fn, arg };
		return 0;
	}
	return ERR_FULL;
}

void hub_tap_del(struct hub *h, switch_tap_fn fn, void *arg)
{
	for (size_t i = 0; i < SWITCH_TAPS_MAX; i++)
		if (h->taps[i].fn == fn && h->taps[i].arg == arg)
			h->taps[i] = (struct switch_tap){ 0 };
}

void hub_tap_all(struct hub *h, const struct envelope *e, enum route_verdict v)
{
	for (size_t i = 0; i < SWITCH_TAPS_MAX; i++)
		if (h->taps[i].fn)
			h->taps[i].fn(h->taps[i].arg, e, v);
}
