/* bulk/bulk.h - lists of contacts of many people, from and to files (run/bulk.h; D-BAT, D-REN, D-CEX, D-CIM). A piece of a file is dealt
 * with in slices: the people of a slice are loaded, its rows are written, and when all of them are on disk the next slice begins. So the
 * rest of gh-im has its turns, and nothing grows with the file. One piece at a time. */
#ifndef IM_BULK_BULK_H
#define IM_BULK_BULK_H

#include "im.h"

/* The commands BULK_FEED and BULK_PAGE. */
void bulk_feed(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void bulk_page(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void bulk_fini(struct im *im);

#endif
