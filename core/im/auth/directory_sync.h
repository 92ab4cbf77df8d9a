/* auth/directory_sync.h - accounts of people of the directory, as gh-dir finds them there (core/dir/sync.h): made, kept, locked out,
 * deleted. Each change is carried out by gh-store in one step, which looks itself whether the account is the directory's. */
#ifndef IM_DIRECTORY_SYNC_H
#define IM_DIRECTORY_SYNC_H

#include "im.h"

/* Handlers of the bus; the program is a struct im. */
int directory_on_known(void *im, struct chan *from, const struct frame *f);
int directory_on_change(void *im, struct chan *from, const struct frame *f);

#endif
