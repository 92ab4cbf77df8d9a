/* words.h - the words of a text as PostgreSQL keeps and finds them (tsvector, tsquery). The server's own parser is not used: what it takes for
 * a word depends on its locale. Ours are those of SQLite's unicode61 with remove_diacritics: runs of letters and digits, without case
 * and accents. Pure functions. */
#ifndef STORE_WORDS_H
#define STORE_WORDS_H

#include "base/buf.h"
#include "base/bytes.h"

enum { WORD_BYTES_MAX = 255, WORDS_BYTES_MAX = 512 << 10 };

/* The text of a tsvector: each word with its place, and one of the owner. Longer words are cut, and what goes beyond WORDS_BYTES_MAX is not
 * found. Bytes that are no UTF-8 divide words. ERR_NOMEM. */
int words_vector(struct bytes text, int64_t owner, struct buf *out);
/* The text of a tsquery: all that stands between spaces is there, what has several words as a phrase. At most n of them: ERR_LIMIT;
 * ERR_NOMEM. One without a letter or digit finds nothing. */
int words_query(struct bytes text, int64_t owner, unsigned n, struct buf *out);

#endif
