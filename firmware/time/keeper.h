/* keeper.h - the second process of gh-time: keeps the rights that chronyd needs, and runs it.
 *
 *	gh-time (fenced; settings, DNS, alarms)  --pair-->  keeper (root: CAP_SYS_TIME, another user's process)
 *	                                                      |-- chronyd   as _chrony, CAP_SYS_TIME, its own system-call filter
 *	                                                      '-- chronyc   as _chrony, no rights; its lines go back unread
 *
 * It sets the host name, too. The keeper takes verbs with checked values, no text for chronyd's files. It is forked before the fence. */
#ifndef TIME_KEEPER_H
#define TIME_KEEPER_H

#include "run/proc.h"

/* Frames of the pair, beside those of run/foreign.h; DONE is of RUN, HOSTS, SET and NAME. */
enum keeper_op {
	/* from gh-time */
	KEEPER_RUN = 1, /* wanted, hosts, has_system u8, anchors bytes (PEM): write the files; start chronyd, or anew */
	KEEPER_HOSTS,   /* hosts: other addresses of the same names */
	KEEPER_STOP,    /* no time server is set */
	KEEPER_ASK,     /* a REPORT is wanted */
	KEEPER_SET,     /* unix_ms u64: set the clock */
	KEEPER_NAME,    /* name str: the host name */
	/* to gh-time */
	KEEPER_READY,  /* may_set u8, raised_from_s u64 (0: the clock was good): once, at its start */
	KEEPER_REPORT, /* is_running u8, tracking bytes, sources bytes: what chronyc wrote */
};

enum { KEEPER_ANSWER_MAX = 32 << 10, KEEPER_ANCHORS_MAX = 96 << 10 };

/* Forks it. folder: a path of gh-time's own folder. *fd: gh-time's end, not blocking. ERR_SYS. */
int keeper_fork(const char *folder, int *fd);

#endif
