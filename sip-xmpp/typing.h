/* typing.h - one direction of "is typing" in a conversation: how often it is told (CMP-11), and how long it
 * holds without news (CMP-05, CMP-06). Pure. */
#ifndef XLATE_TYPING_H
#define XLATE_TYPING_H

#include <stdbool.h>
#include <stdint.h>

enum { TYPING_QUIET_MS = 10000 };

struct typing {
	bool is_wanted, is_told;
	uint64_t quiet_until_ms; /* nothing more is told before */
	uint64_t ends_ms;        /* is_wanted ends then; 0: it is not */
};

/* News: holds for hold_ms. */
void typing_note(struct typing *t, bool is_typing, uint64_t hold_ms, uint64_t now_ms);
/* A message came: that says it (CMP-07). */
void typing_message(struct typing *t);
/* Is something to be told now? Then it counts as told; *is_typing says what. */
bool typing_due(struct typing *t, uint64_t now_ms, bool *is_typing);
/* When to ask again; 0: not before news. */
uint64_t typing_next(const struct typing *t);

#endif
