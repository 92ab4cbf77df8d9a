/* audited.h - up to which generation the audit trail has a line for each changed setting: the file "trail-generation" of gh-conf's folder. A commit
 * is in force before its lines are written; what ends gh-conf in between would leave a change without a line. At the next start the file
 * names an older generation, and the lines that are missing are written then. */
#ifndef CONF_AUDITED_H
#define CONF_AUDITED_H

#include "base/buf.h"
#include "trail.h"

/* false: there is no such file, or no number in it. */
bool audited_read(int dir_fd, uint32_t *generation);
/* Not synced, so that a commit does not wait for it: after a loss of power it may say less than is so. The caller logs a failure. ERR_IO. */
int audited_write(int dir_fd, uint32_t generation);
/* Paths of settings that the newest files of the trail have a line of, for that generation, not older than `at` (as store_about has it).
 * Each with a newline before and behind it. ERR_IO, ERR_LIMIT. */
int audited_paths(const struct trail *t, uint32_t generation, struct bytes at, struct buf *out);
bool audited_has(struct bytes paths, struct bytes path);

#endif
