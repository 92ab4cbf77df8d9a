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
#define P_WORK (((1u << PROG_COUNT) - 1) & ~(P(PROG_SUPER) | P(PROG_CONF)))
/* Those with a resolver: net/dns_settings.h; and the one that is it. */
#define P_RESOLVES (P(PROG_S2S) | P(PROG_SIP) | P(PROG_LOG) | P(PROG_TIME) | P(PROG_PKI) | P(PROG_LINK) | P(PROG_DNS) | P(PROG_PUBLISH) | P(PROG_DIR) | P(PROG_SCAN) | P(PROG_STORE))
#define P_EVERY (P_WORK | P(PROG_CONF))

const char *msg_name(enum msg m);
bool msg_may(enum msg m, enum prog from, enum prog to);
bool msg_has_fd(enum msg m);
/* Do any messages pass between these two? Then gh-super joins them by a channel. */
bool msg_are_peers(enum prog a, enum prog b);

#endif
