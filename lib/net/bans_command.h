/* net/bans_command.h - `client ban`, `client unban` and `show bans` of a door: read and answered the same way by all of them. */
#ifndef NET_BANS_COMMAND_H
#define NET_BANS_COMMAND_H

#include "net/bans.h"
#include "net/stranger.h"
#include "run/proc.h"

/* Who answers: a door. strangers: its penalties; NULL: it has none. */
struct bans_door {
	const char *program;
	unsigned worker;
	struct bans *bans;
	struct strangers *strangers;
	uint64_t now_ms;
};

/* RANGE [SECONDS] [REASON]...: from now on, for an hour when nothing is said; 0: until it is taken away or the program ends. False:
 * it is refused, and has its answer. Else bans_command_added answers, after the door has put out whom it had. */
bool bans_command_add(struct proc_ask *ask, const struct bytes *args, size_t n, const struct bans_door *d);
void bans_command_added(struct proc_ask *ask, const struct bytes *args, const struct bans_door *d, size_t put_out);
/* RANGE: operators' bans in it, and penalties, are over. */
void bans_command_remove(struct proc_ask *ask, const struct bytes *args, size_t n, const struct bans_door *d);
void bans_command_show(struct proc_ask *ask, const struct bans_door *d);

#endif
