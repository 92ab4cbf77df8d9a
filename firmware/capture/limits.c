#include "limits.h"

#include "base/err.h"

#include <stdio.h>

static const struct {
	const char *name;
	uint64_t min, max;
} words[] = {
	{ "seconds=", 1, LIMITS_SECONDS_MAX },
	{ "packets=", 1, UINT32_MAX },
	{ "megabytes=", 1, LIMITS_MEGABYTES_MAX },
	{ "files=", 1, LIMITS_FILES_MAX },
	{ "snap=", LIMITS_SNAP_MIN, LIMITS_SNAP_MAX },
};
enum { WORD_SECONDS, WORD_PACKETS, WORD_MEGABYTES, WORD_FILES, WORD_SNAP, WORD_COUNT };
_Static_assert(sizeof words / sizeof words[0] == WORD_COUNT, "one row a word");

/* Which limit is the word? WORD_COUNT: none, the filter begins. */
static unsigned word_of(struct bytes word)
{
	unsigned i = 0;

	while (i < WORD_COUNT && !bytes_starts(word, bytes_of(words[i].name)))
		i++;
	return i;
}

static void set(struct limits *l, unsigned which, uint64_t value)
{
	switch (which) {
	case WORD_SECONDS:
		l->seconds = value;
		return;
	case WORD_PACKETS:
		l->packets = value;
		return;
	case WORD_MEGABYTES:
		l->bytes = value << 20;
		return;
	case WORD_FILES:
		l->files = value;
		return;
	default:
		l->snap_length = (uint32_t)value;
	}
}

int limits_read(struct bytes *text, struct limits *out, char why[static LIMITS_WHY_MAX])
{
	struct limits l = { .seconds = LIMITS_SECONDS, .bytes = (uint64_t)LIMITS_MEGABYTES << 20, .files = 1,
			    .snap_length = LIMITS_SNAP_MAX };
	struct bytes rest = *text;
	uint64_t value;

	while (rest.n > 0) {
		struct bytes word = bytes_make(rest.p, bytes_find(rest, ' '));
		unsigned which = word_of(word);
		if (which == WORD_COUNT)
			break;
		struct bytes number = bytes_skip(word, strlen(words[which].name));
		if (bytes_to_u64(number, words[which].max, &value) || value < words[which].min) {
			snprintf(why, LIMITS_WHY_MAX, "%s wants a number from %llu to %llu", words[which].name,
			         (unsigned long long)words[which].min, (unsigned long long)words[which].max);
			return ERR_RANGE;
		}
		set(&l, which, value);
		rest = bytes_skip(rest, word.n + 1);
	}
	*text = rest;
	*out = l;
	return 0;
}
