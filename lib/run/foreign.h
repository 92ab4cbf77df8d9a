/* run/foreign.h - a daemon that is not ours (chronyd, unbound), kept by a small process with the rights for it.
 *
 *	program (fenced; settings, alarms)  --pair-->  keeper (root: another user's process and files)
 *	                                                 '-- the daemon, and its control tool, as a user of their own
 *
 * The program forks its keeper before its fence. The keeper takes verbs with checked values over the pair, writes the daemon's
 * files, and starts the daemon again when it ends. All calls but foreign_fork and foreign_folder are the keeper's own and may block. */
#ifndef RUN_FOREIGN_H
#define RUN_FOREIGN_H

#include "base/wire.h"
#include "run/proc.h"

#include <sys/types.h>
#include <time.h>

enum { FOREIGN_PAIR_FD = 3, FOREIGN_LINE_MAX = 200, FOREIGN_ARGS_MAX = 12, FOREIGN_FRAME_MAX = 192 << 10 };

/* Frames of a pair: one byte that says which, then fields. These every keeper tells its program; the others are the program's own. */
enum foreign_frame {
	FOREIGN_LINE = 0xf0, /* line bytes: the daemon said */
	FOREIGN_ENDED,       /* status u32: it ended by itself and is started again later */
	FOREIGN_DONE,        /* op u8 (the verb; none of them: the keeper cannot work at all), rc u32 (as i32), why str */
};

/* ---- foreign_pair.c ---- */

/* The path of the program's own folder: a daemon is told names, not descriptors. ERR_NOT_FOUND, ERR_SYS. */
int foreign_folder(const struct proc *p, char *out, size_t room);
/* Forks the keeper: work runs in it with nothing open but standard descriptors and FOREIGN_PAIR_FD, and does not return. *fd: the
 * program's end, not blocking. ERR_SYS. */
int foreign_fork(void (*work)(const char *folder), const char *folder, int *fd);
/* Begins a frame to the program. */
void foreign_begin(struct buf *b, uint8_t kind);
/* Sends it and frees it. A program that takes nothing is gone: the keeper ends. */
void foreign_send(struct buf *b);
void foreign_tell_done(uint8_t op, int rc, const char *why);

/* ---- foreign.c ---- */

struct foreign {
	uid_t uid; /* the daemon's user and group */
	gid_t gid;
	int cap;   /* the one capability that it keeps; -1: none */
	bool is_filtered; /* our filter of system calls: for daemons that bring none of their own */
	char *args[FOREIGN_ARGS_MAX]; /* how it is started, NULL at the end; the caller's */

	bool is_wanted; /* between restart and stop */
	pid_t pid;      /* 0: none */
	int lines;      /* its standard output and error; -1: none */
	char line[FOREIGN_LINE_MAX];
	size_t line_n;
	time_t again_s; /* monotonic: when it may be started after it ended by itself */
};

/* ERR_NOT_FOUND: there is no such user here. */
int foreign_init(struct foreign *f, const char *user);
/* Folder for root alone to change, with a folder `own` in it that is the daemon's. *fd: the folder. ERR_SYS. */
int foreign_make_folder(const struct foreign *f, const char *folder, int *fd);
/* The whole text or the old one, for the daemon to read. ERR_IO. */
int foreign_replace(const struct foreign *f, int folder_fd, const char *name, struct bytes text);
/* Ends what runs and starts it anew. ERR_SYS: it is tried again in a while. */
int foreign_restart(struct foreign *f);
/* It reads its files again. */
void foreign_reload(const struct foreign *f);
void foreign_stop(struct foreign *f);
/* One turn of the keeper: waits a second at most; tells the program the daemon's lines (whole ones, cut where they are too long, a few
 * at once) and its end, and starts it again in time. Returns the bytes of a frame of the program in `in`, 0: there is none. Where the
 * program has gone, or breaks the rules, the daemon is ended and the keeper ends. */
size_t foreign_turn(struct foreign *f, uint8_t in[static FOREIGN_FRAME_MAX]);
/* Runs a tool as that user without any right. out: what it wrote. ERR_TIMEOUT, ERR_LIMIT, ERR_SYS (it failed). */
int foreign_run(const struct foreign *f, char *const argv[], char *out, size_t room, size_t *n);

/* ---- foreign_confine.c ---- */

/* What the keeper gives up for good, with all that it starts: of root's rights stay `caps` and those of another user's process and
 * files; by Landlock nothing is written but below folder and the devices (NULL at the end). hosts: stands for /etc/hosts, by a mount where
 * that is not a link to it (NULL: the system's stays). ERR_SYS, why says at what. */
struct foreign_limits {
	const char *folder, *hosts;
	int cap; /* -1: none */
	const char *const *devices;
};
int foreign_confine(const struct foreign_limits *l, const char **why);
bool foreign_has_right(unsigned cap);
/* In a child before it executes: that user, with cap alone or nothing (-1); ends with its parent. ERR_SYS. */
int foreign_become(const struct foreign *f, int cap, pid_t parent);

#endif
