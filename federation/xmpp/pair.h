/* pair.h - a stream for each domain pair that has something to send: one that stands, or a new one;
 * one attempt at a time (lesson 13 of spec/xmpp.md). struct pair is in peer.h. */
#ifndef S2S_PAIR_H
#define S2S_PAIR_H

#include "conn.h"

/* The pair, made when missing. NULL: no memory. */
struct pair *pair_of(struct s2s *s, struct bytes local, struct bytes remote);
/* Finds a stream for what waits, or opens one. */
void pair_go(struct s2s *s, struct pair *p);
/* Opens a stream only to ask about a key. */
void pair_dial_verify(struct s2s *s, struct peer *p, const char *local);
/* The peer has just proved itself to us: no need to wait before trying it. */
void pair_peer_alive(struct s2s *s, struct bytes remote);

/* ---- what streams say ---- */
/* A pair can use this stream; or cannot. */
void pair_ready(struct conn *c, struct bytes local, struct bytes remote);
void pair_failed(struct conn *c, const struct stream_act *a);
/* The connection is over: what was sent and is not safe goes once more, or back. */
void pair_conn_lost(struct conn *c, const struct reason *why);

#endif
