/* entry.h - gh-entry: what was chosen in the boot menu beside an ordinary start: a factory reset, or a new password for admin. It runs
 * once at each start, before gh-super, and does nothing unless one of those entries was chosen; then the consoles ask, because standing
 * there is the proof. All entries start the same signed program with the same command line: the choice is a variable of the boot loader,
 * which the running system cannot make (variable.c). It reads nothing else from outside. */
#ifndef IMAGE_ENTRY_H
#define IMAGE_ENTRY_H

#include "base/bytes.h"

#include <stdbool.h>

enum entry { ENTRY_ORDINARY, ENTRY_RESET, ENTRY_PASSWORD, ENTRY_COUNT };

/* variable.c, pure: the content of LoaderEntrySelected as efivarfs shows it: attributes (u32, little-endian), then the entry's name
 * in UTF-16 (Boot Loader Interface). Anything that is not exactly one of ours, or could have been written by a running system, is an
 * ordinary start. */
enum entry entry_of_variable(struct bytes content);

/* allowed.c, pure: by the word that gh-conf leaves for this (setting `operators boot-menu`). No word, or none that is known: a box
 * whose settings never said otherwise; all is allowed. */
bool entry_is_allowed(enum entry e, struct bytes word);

/* ask.c: asks on all consoles that are there for the word, and waits up to wait_s for the first line from any of them. */
bool entry_confirm(enum entry e, unsigned wait_s);
/* Says it on all consoles. */
void entry_say(const char *text);

/* act.c. state: gh-super's folder. Negative errno. */
/* gh-conf's word for us; empty when there is none. Into room bytes. */
int entry_read_word(const char *state, char *out, size_t room, struct bytes *word);
/* The next start of gh-super wipes (firmware/super/end.c). */
int entry_mark_reset(const char *state);
/* gh-conf hears of it when it starts (firmware/conf/recovery.c): "password", or "refused" of what was not allowed. -ENOENT: this box
 * has had no settings yet. */
int entry_tell_conf(const char *state, const char *what);

#endif
