/* entry.h - from words to a setting: which row, with its keys in their one normal form, and how
 * many words the path took; the rest is the value. */
#ifndef CONF_ENTRY_H
#define CONF_ENTRY_H

#include "run/settings.h"

/* Appends the normalised path to `path`. *n_used: its words. ERR_UNKNOWN: no such setting;
 * ERR_SYNTAX: a key is not a domain or a name. *why says which, in static text. */
int entry_path(const struct bytes *words, size_t n, struct buf *path, const struct setting_row **row,
               size_t *n_used, const char **why);
/* As entry_path for the beginning of a path ("federation peer b.example"): every word must fit
 * some row. */
int entry_prefix(const struct bytes *words, size_t n, struct buf *path, const char **why);
/* Appends what is known of words that are no setting: as many words of a row as fit, keys as '*', and the first one that does not fit; of a
 * setting with a wrong value its row. For messages: no value is in it. */
void entry_describe(const struct bytes *words, size_t n, struct buf *out);
/* Path from words[0], value from the words behind it joined by single spaces; both normalised.
 * Errors of entry_path and setting_check. */
int entry_make(const struct bytes *words, size_t n, struct buf *path, struct buf *value,
               const struct setting_row **row, const char **why);
/* The same for words that another version wrote: a number outside of today's range becomes the nearest in it. *why is the range then, and
 * "" when nothing was changed. */
int entry_adapt(const struct bytes *words, size_t n, struct buf *path, struct buf *value,
                const struct setting_row **row, const char **why);

#endif
