/* run/prog.h - the programs by number: on the bus, in logs, in tables. Order is part of envelope
 * ids, so new programs go to the end. */
#ifndef RUN_PROG_H
#define RUN_PROG_H

#include "base/bytes.h"

/* enum, program */
#define PROG_TABLE(X)                                                                              \
	X(PROG_SUPER, "gh-super")                                                                  \
	X(PROG_CONF, "gh-conf")                                                                    \
	X(PROG_KEYS, "gh-keys")                                                                    \
	X(PROG_SWITCH, "gh-switch")                                                                \
	X(PROG_S2S, "gh-s2s")                                                                      \
	X(PROG_ACCESS, "gh-access")                                                                \
	X(PROG_IM, "gh-im")                                                                        \
	X(PROG_STORE, "gh-store")                                                                  \
	X(PROG_SIP, "gh-sip")                                                                      \
	X(PROG_XLATE, "gh-xlate")                                                                  \
	X(PROG_LINE, "gh-line")                                                                    \
	X(PROG_TURN, "gh-turn")                                                                    \
	X(PROG_XDP, "gh-xdp")                                                                      \
	X(PROG_ADMIN, "gh-admin")                                                                  \
	X(PROG_UPDATE, "gh-update")

#define PROG_MEMBER(id, name) id,
enum prog { PROG_TABLE(PROG_MEMBER) PROG_COUNT };
#undef PROG_MEMBER

const char *prog_name(enum prog p);
int prog_of(struct bytes name, enum prog *out); /* ERR_UNKNOWN */

#endif
