#include "session_typing.h"

void session_typing_note(struct session_typing *t, bool is_typing, uint64_t hold_ms, uint64_t now_ms)
{
	t->is_wanted = is_typing;
	t->ends_ms = is_typing ? now_ms + hold_ms : 0;
}

void session_typing_message(struct session_typing *t)
{
	t->is_wanted = t->is_told = false;
	t->ends_ms = 0;
}

bool session_typing_due(struct session_typing *t, uint64_t now_ms, bool *is_typing)
{
	if (t->ends_ms && t->ends_ms <= now_ms) {
		t->is_wanted = false;
		t->ends_ms = 0;
	}
	if (t->is_wanted == t->is_told || now_ms < t->quiet_until_ms)
		return false;
	t->is_told = *is_typing = t->is_wanted;
	t->quiet_until_ms = now_ms + SESSION_QUIET_MS;
	return true;
}

uint64_t session_typing_next(const struct session_typing *t)
{
	uint64_t next = t->ends_ms;

	if (t->is_wanted != t->is_told && (!next || t->quiet_until_ms < next))
		next = t->quiet_until_ms;
	return next;
}
