/* box.h - the machine below: interfaces (IF-MIB, RFC 2863), memory, disk, processors (HOST-RESOURCES-MIB, RFC 2790) and the
 * engine's own counters (RFC 3418, 3411, 3414). Everything is opened before the fence and only read after it. */
#ifndef SNMP_BOX_H
#define SNMP_BOX_H

#include "mib.h"

struct box;
/* Before the fence. dir_fd: on the disk of the box; the caller's. What cannot be opened is not shown. NULL without memory. */
struct box *box_open(int dir_fd);
void box_close(struct box *b);
/* Every few seconds: how busy the processors were. */
void box_sample(struct box *b);
/* now_ms: monotonic; wall_ms: clock. */
void box_put(struct box *b, struct mib *m, uint64_t wall_ms);

/* Pure, for tests. The number behind "Name:" of /proc/meminfo, KiB; 0: none. */
uint64_t box_meminfo(struct bytes text, const char *name);
/* Ticks of processor `which` in /proc/stat. False: no such one. */
bool box_stat(struct bytes text, unsigned which, uint64_t *busy, uint64_t *all);

#endif
