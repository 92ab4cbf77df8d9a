#include "tap.h"

#include "base/err.h"

int tap_add(struct tap *t, const struct tap_sink *sink)
{
	if (t->n_sinks == TAP_SINKS_MAX)
		return ERR_FULL;
	t->sinks[t->n_sinks++] = *sink;
	return 0;
}

void tap_copy(struct tap *t, enum route_side side, const struct envelope *e)
{
	if (!t->is_on)
		return;
	for (size_t i = 0; i < t->n_sinks; i++) {
		if (t->sinks[i].copy(t->sinks[i].arg, side, e))
			t->failed++;
		else
			t->copied++;
	}
}
