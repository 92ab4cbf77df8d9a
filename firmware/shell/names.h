/* names.h - names of files that the person could mean: what lies in the folder where ghsh stands, and below it. */
#ifndef SHELL_NAMES_H
#define SHELL_NAMES_H

#include "base/bytes.h"

enum { NAMES_MAX = 400 };

/* One completion. A word in <> or [] is a hint: shown, not inserted. */
struct candidate {
	char word[512], help[160];
};

/* Over SSH a person has one folder with a few below it (G-CLI-07): no name leads out. */
bool names_is_inside(const char *name);
/* Readable files and folders (these end with a slash) whose path begins with `typed`, in order, `max` at most; when there are more, the
 * last is a hint that says so. is_shut_in: as names_is_inside, and no symbolic links. Names that no terminal should show are left out. */
size_t names_list(struct bytes typed, bool is_shut_in, struct candidate *out, size_t max);
/* Does this hint of gh-conf's stand for a file of the person's (run/oper.h, CANDIDATE)? */
bool names_is_file_hint(const char *word);

#endif
