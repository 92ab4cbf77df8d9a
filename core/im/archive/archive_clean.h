/* archive_clean.h - what is too old (im archive-life), or was dropped, goes from the archives a piece at a time, with a pause after
 * each, so that messages never wait for it. */
#ifndef IM_ARCHIVE_CLEAN_H
#define IM_ARCHIVE_CLEAN_H

#include "im.h"

enum { ARCHIVE_CLEAN_EVERY_MS = 10000, ARCHIVE_CLEAN_PAUSE_MS = 200, ARCHIVE_CLEAN_ROWS = 200 };

void archive_clean_init(struct im *im);
/* Settings are there: it begins. */
void archive_clean_apply(struct im *im);
/* There is something to do now. */
void archive_clean_soon(struct im *im);
void archive_clean_fini(struct im *im);

#endif
