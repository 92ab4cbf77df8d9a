/* child.h - programs that the demo runs. All of them end with it, also when it is killed. */
#ifndef DEMO_CHILD_H
#define DEMO_CHILD_H

#include "base/buf.h"

#include <sys/types.h>

struct child {
	pid_t pid; /* 0: not running */
};

/* Starts argv[0] (a path) with its output appended to the file. ERR_SYS. */
int child_start(struct child *c, const char *const *argv, const char *log_path);
/* Is it still there? */
bool child_is_running(struct child *c);
/* Asks it to end, waits up to grace_ms, then ends it. */
void child_stop(struct child *c, unsigned grace_ms);
/* Runs argv to its end with `input` as its standard input; what it writes goes to out (both standard
 * output and error). *code: its exit code. ERR_SYS, ERR_TIMEOUT. */
int child_run(const char *const *argv, struct bytes input, unsigned limit_ms, struct buf *out, int *code);

#endif
