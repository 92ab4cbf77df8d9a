/* run/msg.h - the numbers of the messages in run/msg.def, and who may send which. */
#ifndef RUN_MSG_H
#define RUN_MSG_H

#include "run/prog.h"

#define MSG(name, from, to, fd, body) MSG_##name,
enum msg {
#include "run/msg.def"
	MSG_COUNT
};
#undef MSG

#define P(prog) (1u << (prog))
/* All programs below gh-super and gh-conf. */
#define P_WORK                                                                                     \
	(P(PROG_KEYS) | P(PROG_SWITCH) | P(PROG_S2S) | P(PROG_ACCESS) | P(PROG_IM) | P(PROG_STORE) |       \
	 P(PROG_SIP) | P(PROG_XLATE) | P(PROG_LINE) | P(PROG_TURN) | P(PROG_XDP) | P(PROG_ADMIN) | \
	 P(PROG_UPDATE))
#define P_EVERY (P_WORK | P(PROG_CONF))

const char *msg_name(enum msg m);
bool msg_may(enum msg m, enum prog from, enum prog to);
bool msg_has_fd(enum msg m);
/* Do any messages pass between these two? Then gh-super joins them by a channel. */
bool msg_are_peers(enum prog a, enum prog b);

#endif
