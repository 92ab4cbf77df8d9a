/* line.h - one log line as its parts. Pure functions.
 *	2026-11-24T19:00:00.123Z warn gh-s2s[0] s2s.out.failed domain=b.example reason=timeout */
#ifndef LOGD_LINE_H
#define LOGD_LINE_H

#include "base/buf.h"
#include "base/log.h"
#include "run/prog.h"

enum { LINE_TEXT_MAX = 2048 + 512, LINE_STAMP_BYTES = 24 };

struct line {
	struct bytes whole; /* all of it, without a line feed */
	struct bytes stamp; /* 24 bytes */
	uint64_t wall_ms;
	enum log_level level;
	struct bytes who;    /* "gh-s2s[0]" */
	struct bytes event, pairs; /* "s2s.out.failed"; what follows it, may be empty */
};

/* Views into text. ERR_SYNTAX: no line of ours. */
int line_parse(struct bytes text, struct line *out);
/* The next pair of `pairs`: true and views (a quoted value without its quotes, escapes as they are); false at the end. */
bool line_pair(struct bytes *pairs, struct bytes *key, struct bytes *value);

/* What a program wrote, as it may be kept: when it is a line of that program it is taken as it is, otherwise it is put
 * into a line log.raw of that program, cut and escaped. out: emptied first; never a control byte or bad UTF-8 in it. */
void line_take(struct bytes raw, enum prog prog, unsigned instance, uint64_t wall_ms, struct buf *out);

/* "2026-11-24T19:00:00.123Z", milliseconds since 1970. ERR_SYNTAX. */
int line_time(struct bytes stamp, uint64_t *wall_ms);

const char *line_level_name(enum log_level l);
int line_level_of(struct bytes name, enum log_level *out); /* ERR_UNKNOWN */

#endif
