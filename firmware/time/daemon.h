/* daemon.h - chronyd: its files, its start, what chronyc asks it. Of the keeper alone; blocks. */
#ifndef TIME_DAEMON_H
#define TIME_DAEMON_H

#include "keeper.h"
#include "run/foreign.h"
#include "wanted.h"

struct daemon {
	struct foreign foreign; /* chronyd, as _chrony */
	char folder[256], conf[256 + 16], hosts[256 + 16];
	int folder_fd, hosts_fd;
	bool may_set; /* the clock: we have CAP_SYS_TIME */
};

/* Shuts itself in: /etc/hosts is ours (a link to our file, or a name space of mounts), CAP_SYS_TIME and what another user's process
 * takes, Landlock. The first of all calls. why: of ERR_SYS, ERR_NOT_FOUND. */
int daemon_open(struct daemon *d, const char *folder, const char **why);
int daemon_write(struct daemon *d, const struct time_wanted *w, const struct time_hosts *h, struct bytes anchors, bool has_system, const char **why);
int daemon_write_hosts(struct daemon *d, const struct time_hosts *h, const char **why);
int daemon_restart(struct daemon *d, const char **why);
/* Runs chronyc with an option and a command. out: KEEPER_ANSWER_MAX bytes. ERR_TIMEOUT, ERR_LIMIT, ERR_SYS. */
int daemon_ask(struct daemon *d, const char *const words[2], char *out, size_t *n);

#endif
