/* run/acceptor.h - the listening sockets of a door that takes connections, as gh-super hands them over: accepting in
 * bounded batches, only while the door wants newcomers, and with a pause when the process has no descriptor or memory
 * left, so that the loop does not go in a circle. On the loop's thread. */
#ifndef RUN_ACCEPTOR_H
#define RUN_ACCEPTOR_H

#include "base/bytes.h"
#include "base/log.h"
#include "run/loop.h"

#include <sys/socket.h>

enum { ACCEPTOR_LISTENERS_MAX = 32 };

struct acceptor;
struct acceptor_listener {
	struct acceptor *acceptor;
	char name[16]; /* of the listener's row in run/service.c */
	char addr[64];
	uint16_t port;
	int fd; /* -1: free place */
	struct loop_watch watch;
};

struct acceptor_hooks {
	/* A newcomer: fd is the door's from now on. */
	void (*accepted)(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from);
	/* why (an errno) accepting rests for a while. not_shown: NULL where no line shall be logged for this one, as a minute has
	 * had its lines; else how many went without since the last line. */
	void (*paused)(void *arg, int why, const uint32_t *not_shown);
};

struct acceptor {
	struct loop *loop;
	const struct acceptor_hooks *hooks;
	void *arg;
	struct acceptor_listener listeners[ACCEPTOR_LISTENERS_MAX];
	struct loop_timer pause;
	struct log_limit pause_log;
	bool is_wanted, is_paused;
};

/* It wants newcomers at once or not before acceptor_want. The hooks stay the caller's. */
void acceptor_init(struct acceptor *a, struct loop *loop, bool is_wanted, const struct acceptor_hooks *hooks, void *arg);
void acceptor_fini(struct acceptor *a);
/* Whether newcomers are taken; they wait in the kernel's queue while they are not. ERR_NOMEM. */
int acceptor_want(struct acceptor *a, bool is_wanted);
/* A listener comes (the descriptor is taken over, closed on failure), or goes (fd -1; nothing to do when it is not
 * there). ERR_FULL, ERR_NOMEM. */
int acceptor_change(struct acceptor *a, const char *name, const char *addr, uint16_t port, int fd);

#endif
