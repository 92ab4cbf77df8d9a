/* run/fence.h - the sandbox of a program: an empty root (or its own folder as root), own user,
 * no new privileges, no capabilities, Landlock, a system-call filter and resource limits, all from
 * the program's row of the service table. */
#ifndef RUN_FENCE_H
#define RUN_FENCE_H

#include "run/service.h"

struct fence_place {
	const char *state; /* state folder: the row's own folder lies below it */
	const char *empty; /* an empty folder to be the root of programs without one */
	unsigned uid;      /* user and group to become when root; 0: stay */
};

/* Applies the row; there is no way back. As root: chroot, user, capabilities dropped. As an
 * ordinary user: the same inside a user namespace where the kernel allows, otherwise without
 * chroot. Landlock and the filter always. A step the kernel refuses, apart from those named, is an
 * error (*step names it): the program must not go on. */
int fence_apply(const struct service *row, const struct fence_place *place, const char **step);

/* For rows with FENCE_BIND, once the first settings are known: a second filter gives up bind() unless
 * needs_bind, and the means to load filters in any case. There is no way back. ERR_NOMEM, ERR_SYS. */
int fence_narrow(bool needs_bind);

/* For rows with FENCE_YIELDS, once it is known that no more connections are wanted: a second filter gives up new sockets and connect(), and the
 * means to load filters. What is open stays open. There is no way back. ERR_NOMEM, ERR_SYS. */
int fence_give_up_network(void);

/* For programs that a person types into: no execve, fork, ptrace, or typing into the terminal for others, from here on and for
 * ever; everything else as it was. ERR_NOMEM, ERR_SYS: then the program must not go on. */
int fence_no_programs(void);

/* In a child that is to execute somebody else's daemon (run/foreign.h): system calls that no server needs fail with EPERM, in it and all
 * that it starts. It must have no new privileges already. ERR_SYS. */
int fence_foreign(void);

/* Tries what must not work (open a file, a socket of another family, execute, fork, ptrace, kill)
 * and gives one line each: "name ok" or "name OPEN". Narrows first, as far as it goes. For the tests; returns how many were open. */
struct buf;
unsigned fence_probe(const struct service *row, struct buf *report);

#endif
