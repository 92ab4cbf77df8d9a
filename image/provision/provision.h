/* provision.h - gh-provision: a fresh box is set up by lines for the operators' shell that the hypervisor or a disk has. Who can
 * attach a disk to the machine can do anything with it; what is read is taken with the rights of the console's administrator all the
 * same only while the box is fresh. Runs as root in a sandbox of its own, reads nothing from a network. */
#ifndef IMAGE_PROVISION_H
#define IMAGE_PROVISION_H

#include "base/buf.h"

#include <stdbool.h>

enum { PROVISION_MAX = 256 << 10 };

/* source.c: the first source that has lines, into `lines`. The folder that file names in them are meant from is the working folder
 * afterwards. Waits for nothing. ERR_NOT_FOUND: there is none; ERR_LIMIT: too long; ERR_SYNTAX: properties that cannot be read. */
int source_read(struct buf *lines, const char **name);

/* ovf.c: an OVF environment (DSP0243 9.5) into lines. What is not ours in it is passed over. A value with a control character or a
 * quote, a broken document: ERR_SYNTAX. No property of ours: nothing is put. */
int ovf_lines(struct bytes document, struct buf *lines);

/* shell.c: has the box never had a commit? False, too, when it does not answer within wait_s. */
bool shell_is_fresh(unsigned wait_s);
/* ghsh takes the lines; the first that fails ends them. Its exit code; negative: it could not be started. */
int shell_take(struct bytes lines);

#endif
