/* run/fence_impl.h - the parts of the fence: fence.c (order, root, user, limits), fence_landlock.c,
 * fence_filter.c. Nobody else includes it. */
#ifndef RUN_FENCE_IMPL_H
#define RUN_FENCE_IMPL_H

#include "run/fence.h"

/* No files at all, or those below the folder that is open as folder_fd (-1: none). No new TCP
 * ports; no TCP connections where the row has no FENCE_CONNECT; no signals or abstract sockets to
 * the outside: each as far as the kernel's version of Landlock goes.
 * ERR_UNSUPPORTED: the kernel has no Landlock. ERR_SYS. Needs no-new-privileges. */
int fence_landlock(const struct service *row, int folder_fd);
/* The system-call filter of the row. ERR_NOMEM, ERR_SYS. */
int fence_filter(const struct service *row);

#endif
