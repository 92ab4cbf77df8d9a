/* run/disk.h - small files of a program's own folder: read whole, replaced whole. */
#ifndef RUN_DISK_H
#define RUN_DISK_H

#include "base/buf.h"

enum { DISK_NAME_MAX = 80 };

/* The whole content under the name, or the old content: never a part, whatever ends at any moment. What it was written
 * to before stands beside it as NAME.new when it was cut off. ERR_IO; ERR_LIMIT: a name over DISK_NAME_MAX. */
int disk_replace(int dir_fd, const char *name, struct bytes content);
/* The same, but after a loss of power the old content may be back until the next disk_replace in that folder has returned. */
int disk_replace_first(int dir_fd, const char *name, struct bytes content);
/* The same for a file that others read: it has that mode from the moment that it has its name. */
int disk_replace_as(int dir_fd, const char *name, struct bytes content, unsigned mode);
/* Appends the file. ERR_NOT_FOUND; ERR_IO; ERR_LIMIT: more than out takes. */
int disk_read(int dir_fd, const char *name, struct buf *out);
/* Writes all of it. ERR_IO. */
int disk_write(int fd, struct bytes b);

#endif
