/* logd.h - gh-log: lines, alarms, counters of all programs. The program's one struct. */
#ifndef LOGD_LOGD_H
#define LOGD_LOGD_H

#include "book.h"
#include "files.h"
#include "line.h"
#include "remotes.h"
#include "run/proc.h"
#include "run/stats.h"

struct logd {
	struct proc *proc;
	struct loop *loop;
	int dir_fd; /* the program's own folder */
	struct book book;
	struct files files;
	struct keyproxy *keys;
	struct remotes remotes;
	struct loop_timer tick; /* once a second */
	struct loop_defer flush; /* lines of this turn to the disk */
	struct restarts *restarts;
	unsigned disk_free;  /* percent; 0: no settings yet */
	unsigned ticks;
	uint64_t missed_until_ms; /* the alarm about lines that did not come; 0: does not stand */
	struct list sources, readers;
	size_t n_readers;
	struct buf taken; /* the line that is being taken */
	uint64_t file_counts[FILES_COUNTS];
	struct stats stats, alarm_stats;
};

struct book_time logd_time(const struct logd *l);
/* A line of any program: to the files, to who follows. */
void logd_line(struct logd *l, const struct line *line);

/* restarts.c: the alarm about programs that end by themselves, from what gh-super says of its children. */
int restarts_open(struct logd *l);
void restarts_close(struct logd *l);
int restarts_on_process(void *program, struct chan *from, const struct frame *f);
void restarts_tick(struct logd *l);

/* conditions.c: alarms about the disk and about lines that did not come. */
void conditions_disk(struct logd *l);
void conditions_line(struct logd *l, const struct line *line);
void conditions_tick(struct logd *l);

/* sources.c: the pipes on which lines come. */
int sources_on_source(void *program, struct chan *from, const struct frame *f);
/* After taking what is in them. */
void sources_close(struct logd *l);

/* cmd_alarms.c */
void cmd_show_alarms(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
void cmd_show_history(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);

/* cmd_syslog.c */
void cmd_show_syslog(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);

/* cmd_log.c */
void cmd_show_log(void *program, struct proc_ask *ask, const struct bytes *args, size_t n);
/* For who follows. */
void readers_line(struct logd *l, const struct line *line);
/* gh-conf has gone: nobody waits any more. */
void readers_down(struct logd *l);

#endif
