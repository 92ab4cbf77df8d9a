/* confine.h - what the keeper of chronyd gives up, and what its children get. */
#ifndef TIME_CONFINE_H
#define TIME_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

/* For this process and all that it starts, for good: `hosts` stands for /etc/hosts; of root's rights stay the clock's, and those
 * of a user's process and files; by Landlock nothing is written but below folder. *may_set: the clock can be set.
 * ERR_SYS, why says at what. */
int confine(const char *folder, const char *hosts, bool *may_set, const char **why);
/* In a child before it executes: that user, with CAP_SYS_TIME alone or nothing; ends with its parent. ERR_SYS. */
int confine_become(uid_t uid, gid_t gid, bool keeps_time, pid_t parent);

#endif
