/* disk.h - files of gh-conf's folder: read whole, replaced whole. */
#ifndef CONF_DISK_H
#define CONF_DISK_H

#include "base/buf.h"

/* The whole content under the name, or the old content: never a part, whatever ends at any moment. ERR_IO. */
int disk_replace(int dir_fd, const char *name, struct bytes content);
/* Appends the file. ERR_NOT_FOUND; ERR_IO; ERR_LIMIT: more than out takes. */
int disk_read(int dir_fd, const char *name, struct buf *out);
/* Writes all of it. ERR_IO. */
int disk_write(int fd, struct bytes b);

#endif
