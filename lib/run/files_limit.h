/* run/files_limit.h - how many descriptors a program may hold, and whether that is what its settings promise. */
#ifndef RUN_FILES_LIMIT_H
#define RUN_FILES_LIMIT_H

#include <stdint.h>

/* The kernel's own most for one process (fs.nr_open), as it is when nobody changes it: rows of run/service.c for programs whose
 * number of connections is a setting. */
enum { FILES_LIMIT_MOST = 1 << 20 };

/* gh-super: lets its programs have all that it may hold itself. How much that is says who starts it (LimitNOFILE= of the unit): it
 * has no right of root to change that, and a lower limit may be meant. */
void files_limit_raise(void);
/* Says in the log when `connections` of `each` descriptors are more than this program may hold (less some of its own). setting: whose
 * value it is. Call it when that changes. */
void files_limit_promise(const char *setting, uint64_t connections, unsigned each);

#endif
