/* support_archive.h - named texts as one file to be sent, tar.gz (POSIX 1003.1 ustar; RFC 1952), made in memory by
 * libarchive, the only file that includes it. */
#ifndef CONF_SUPPORT_ARCHIVE_H
#define CONF_SUPPORT_ARCHIVE_H

#include "base/buf.h"

#include <stdint.h>

struct support_archive;
/* The bytes of the archive are appended to out, the caller's, who may take them out whenever he likes. NULL: no memory. */
struct support_archive *support_archive_new(struct buf *out);
/* A whole file, mode 0600. name: with folders, ASCII. ERR_NOMEM, also when out is full. */
int support_archive_put(struct support_archive *a, const char *name, struct bytes content, uint64_t wall_ms);
/* Writes the end of the archive. ERR_NOMEM. */
int support_archive_end(struct support_archive *a);
/* NULL is fine. */
void support_archive_free(struct support_archive *a);

#endif
