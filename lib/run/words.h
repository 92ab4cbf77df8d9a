/* run/words.h - a command line or a line of a settings file taken apart into words, and words put
 * back. A word with spaces, quotes or line ends stands in double quotes, where \" and \\ are escapes
 * and a line end is itself: a certificate can be pasted. '#' begins a comment where a word could
 * begin. Shared by gh-conf (files) and ghsh (lines). Pure. */
#ifndef RUN_WORDS_H
#define RUN_WORDS_H

#include "base/arena.h"
#include "base/buf.h"

enum { WORDS_MAX = 64 };

struct words {
	struct bytes v[WORDS_MAX]; /* in the arena or in the text */
	size_t n;                  /* 0: the line is empty or a comment */
};

/* Takes one logical line off *text and adds to *line the line ends it passed, that of its own end
 * too. ERR_SYNTAX: a control byte or a quote inside a word; ERR_TRUNCATED: a quote that does not end
 * (the shell asks for more); ERR_LIMIT: too many words; ERR_NOMEM. */
int words_next(struct bytes *text, unsigned *line, struct arena *a, struct words *out);

/* One word, quoted where it must be. */
void words_put(struct buf *out, struct bytes word);
/* A text that words_next followed by joining with single spaces gives back: quoted only where that
 * would not be so. */
void words_put_text(struct buf *out, struct bytes text);

#endif
