/* logd.h - gh-log: lines, alarms, counters of all programs. The program's one struct. */
#ifndef LOGD_LOGD_H
#define LOGD_LOGD_H

#include "book.h"
#include "run/proc.h"

struct logd {
	struct proc *proc;
	struct loop *loop;
	int dir_fd; /* the program's own folder */
	struct book book;
	struct loop_timer tick; /* once a second */
	struct restarts *restarts;
};

struct book_time logd_time(const struct logd *l);

/* restarts.c: the alarm about programs that end by themselves, from what gh-super says of its children. */
int restarts_open(struct logd *l);
void restarts_close(struct logd *l);
int restarts_on_process(void *program, struct chan *from, const struct frame *f);
void restarts_tick(struct logd *l);

/* cmd_alarms.c */
void cmd_show_alarms(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_show_history(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
