/* post.h - stanzas between the bus and the streams: which stream a stanza takes, what waits, what
 * goes back. */
#ifndef S2S_POST_H
#define S2S_POST_H

#include "conn.h"

/* ---- from the bus ---- */
int post_route(void *program, struct chan *from, const struct frame *f);
int post_route_done(void *program, struct chan *from, const struct frame *f);
/* gh-switch is there (again): what is on its way goes once more. */
void post_switch_up(struct s2s *s);

/* ---- from the streams ---- */
/* A stanza came (ACT_DELIVER, ACT_PONG). */
void post_deliver(struct conn *c, const struct stream_act *a);
/* A pair can use this stream; or cannot. */
void post_pair_ready(struct conn *c, struct bytes local, struct bytes remote);
void post_pair_failed(struct conn *c, const struct stream_act *a);
/* The peer has handled everything up to h; or what is written without XEP-0198 is believed. */
void post_acked(struct conn *c, uint32_t h);
void post_written(struct conn *c);
/* The connection is over: what was sent and is not safe goes once more, or back. */
void post_conn_lost(struct conn *c, const struct reason *why);

/* ---- queues ---- */
/* Finds a stream for what waits, or opens one. */
void post_go(struct s2s *s, struct pair *p);
/* Opens a stream only to ask about a key. */
void post_dial_verify(struct s2s *s, struct peer *p, const char *local);
/* The peer has just proved itself to us: no need to wait before trying it. */
void post_peer_alive(struct s2s *s, struct bytes remote);
/* Everything that waits for this peer goes back. */
void post_bounce_all(struct s2s *s, struct pair *p, const struct reason *why);
/* Old stanzas, due retries. */
void post_tick(struct s2s *s);
/* Sends again what the switch did not take. */
void post_flights_tick(struct s2s *s);

#endif
