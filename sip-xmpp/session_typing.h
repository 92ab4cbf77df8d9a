/* session_typing.h - one direction of "is typing" in a conversation: how often it is told (CMP-11), and how long it
 * holds without news (CMP-05, CMP-06). Pure. */
#ifndef XLATE_SESSION_TYPING_H
#define XLATE_SESSION_TYPING_H

#include <stdbool.h>
#include <stdint.h>

enum { SESSION_QUIET_MS = 10000 };

struct session_typing {
	bool is_wanted, is_told;
	uint64_t quiet_until_ms; /* nothing more is told before */
	uint64_t ends_ms;        /* is_wanted ends then; 0: it is not */
};

/* News: holds for hold_ms. */
void session_typing_note(struct session_typing *t, bool is_typing, uint64_t hold_ms, uint64_t now_ms);
/* A message came: that says it (CMP-07). */
void session_typing_message(struct session_typing *t);
/* Is something to be told now? Then it counts as told; *is_typing says what. */
bool session_typing_due(struct session_typing *t, uint64_t now_ms, bool *is_typing);
/* When to ask again; 0: not before news. */
uint64_t session_typing_next(const struct session_typing *t);

#endif
