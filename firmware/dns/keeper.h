/* keeper.h - the second process of gh-dns: writes unbound's file and runs it (run/foreign.h). unbound and unbound-control run as
 * `unbound` without any right of root, shut in by Landlock and a filter of system calls. */
#ifndef RESOLVER_KEEPER_H
#define RESOLVER_KEEPER_H

/* Frames of the pair, beside those of run/foreign.h; DONE is of RUN and FLUSH. */
enum keeper_op {
	/* from gh-dns */
	KEEPER_RUN = 1, /* wanted: write the file; start unbound, or let it read the file again */
	KEEPER_ASK,     /* a REPORT is wanted */
	KEEPER_FLUSH,   /* domain str: forget it and all below it; "." everything */
	/* to gh-dns */
	KEEPER_REPORT, /* is_running u8, text bytes: what unbound-control wrote */
};

enum { KEEPER_ANSWER_MAX = 32 << 10 };

/* Forks it. folder: a path of gh-dns' own folder. *fd: gh-dns' end, not blocking. ERR_SYS. */
int keeper_fork(const char *folder, int *fd);

#endif
