#include "typing.h"

void typing_note(struct typing *t, bool is_typing, uint64_t hold_ms, uint64_t now_ms)
{
	t->is_wanted = is_typing;
	t->ends_ms = is_typing ? now_ms + hold_ms : 0;
}

void typing_message(struct typing *t)
{
	t->is_wanted = t->is_told = false;
	t->ends_ms = 0;
}

bool typing_due(struct typing *t, uint64_t now_ms, bool *is_typing)
{
	if (t->ends_ms && t->ends_ms <= now_ms) {
		t->is_wanted = false;
		t->ends_ms = 0;
	}
	if (t->is_wanted == t->is_told || now_ms < t->quiet_until_ms)
		return false;
	t->is_told = *is_typing = t->is_wanted;
	t->quiet_until_ms = now_ms + TYPING_QUIET_MS;
	return true;
}

uint64_t typing_next(const struct typing *t)
{
	uint64_t next = t->ends_ms;

	if (t->is_wanted != t->is_told && (!next || t->quiet_until_ms < next))
		next = t->quiet_until_ms;
	return next;
}
