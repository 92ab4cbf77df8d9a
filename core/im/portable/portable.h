/* portable/portable.h - people from and to files of XEP-0227 (run/portable.h). A file is read a piece at a time, a part at a time: what a
 * part asks of gh-store is on its way while the next ones are read, and after some of them the rest of gh-im has its turn. What is there
 * already stays as it is, so that the same file twice changes nothing. One file in and one file out at a time. */
#ifndef IM_PORTABLE_PORTABLE_H
#define IM_PORTABLE_PORTABLE_H

#include "im.h"

/* The commands PORTABLE_FEED and PORTABLE_PAGE. */
void portable_feed(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
void portable_page(void *im, struct proc_ask *ask, const struct bytes *args, size_t n);
/* After ask_fini. */
void portable_fini(struct im *im);
void portable_out_fini(struct im *im);

#endif
