/* daemon.h - chronyd: its files, its start and end, what chronyc asks it. Of the keeper alone; blocks. */
#ifndef TIME_DAEMON_H
#define TIME_DAEMON_H

#include "keeper.h"
#include "wanted.h"

#include <sys/types.h>
#include <time.h>

struct daemon {
	char folder[256];
	int folder_fd, hosts_fd;
	uid_t uid; /* _chrony */
	gid_t gid;
	bool may_set;   /* the clock: we have CAP_SYS_TIME */
	bool is_wanted; /* between restart and stop */
	pid_t pid;      /* 0: none */
	int lines;      /* -1: none; chronyd's standard error */
	char line[KEEPER_LINE_MAX];
	size_t line_n;
	time_t again_s; /* monotonic: when it may be started after it ended by itself */
};

/* Shuts itself in: a name space of mounts in which /etc/hosts is ours, CAP_SYS_TIME and what another user's process
 * takes, Landlock. The first of all calls. why: of ERR_SYS, ERR_NOT_FOUND. */
int daemon_open(struct daemon *d, const char *folder, const char **why);
int daemon_write(struct daemon *d, const struct time_wanted *w, const struct time_hosts *h, struct bytes anchors, bool has_system, const char **why);
int daemon_write_hosts(struct daemon *d, const struct time_hosts *h, const char **why);
int daemon_restart(struct daemon *d, const char **why);
void daemon_stop(struct daemon *d);
/* Has it ended by itself since? Starts it again in time. */
bool daemon_look(struct daemon *d, int *status);
/* Whole lines, cut where they are too long. */
void daemon_read_lines(struct daemon *d, void (*fn)(void *arg, struct bytes line), void *arg);
/* Runs chronyc with an option and a command. out: KEEPER_ANSWER_MAX bytes. ERR_TIMEOUT, ERR_LIMIT, ERR_SYS. */
int daemon_ask(struct daemon *d, const char *const words[2], char *out, size_t *n);

#endif
