/* archive_prefs.h - what a person wants archived (XEP-0441). */
#ifndef IM_ARCHIVE_PREFS_H
#define IM_ARCHIVE_PREFS_H

#include "user.h"

/* As gh-store keeps them (STORE_PREFS_KEY): default u8, n u16, n of jid str (always), n u16, n of jid str (never). */
enum archive_default { ARCHIVE_ALWAYS, ARCHIVE_ROSTER, ARCHIVE_NEVER, ARCHIVE_DEFAULT_COUNT };
enum { ARCHIVE_PREFS_JIDS_MAX = 500, ARCHIVE_PREFS_BYTES_MAX = 64 << 10 };

/* Is what is said with this address (normalised) to be kept? */
bool archive_prefs_want(const struct user *u, struct bytes peer);
/* Takes them over from gh-store or a client; what is no preferences is left. ERR_SYNTAX, ERR_NOMEM. */
int archive_prefs_set(struct user *u, struct bytes prefs);

#endif
