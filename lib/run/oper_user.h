/* run/oper_user.h - the user of the system that an operator's account is over SSH. By its name alone, so that it is the same
 * on every start and every box: 65,536 numbers for at most 64 accounts. Two accounts of one number have no SSH until one of
 * them has another name; gh-sshd and gh-conf both look. Pure. */
#ifndef RUN_OPER_USER_H
#define RUN_OPER_USER_H

#include "base/bytes.h"

/* OPER_UID_FIRST to OPER_UID_LAST of run/oper.h. */
unsigned oper_user_id(struct bytes account);

#endif
