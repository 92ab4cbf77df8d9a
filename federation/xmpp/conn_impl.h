/* conn_impl.h - inside of a connection, for the conn*.c files and sent.c only. */
#ifndef S2S_CONN_IMPL_H
#define S2S_CONN_IMPL_H

#include "conn.h"

/* ---- conn.c ---- */
/* It is no stranger any more: it has proved a domain, or is gone. */
void conn_count_proven(struct conn *c);
/* The connection is closed; why: an ERR_ code or 0. Finds the rung it was on. */
void conn_over(struct conn *c, int why);

/* ---- conn_stream.c ---- */
int conn_start_tls(struct conn *c);
/* The same, and the connection's end when it cannot begin. */
void conn_begin_tls(struct conn *c);
/* Carries out what one call into the stream said. */
void conn_carry(struct conn *c, struct stream_out *out);
/* What the stream's new state asks of the connection: sends, pauses reading, sets the timer. */
void conn_after(struct conn *c);
/* Deals with all that has come. */
void conn_pump(struct conn *c);

static inline uint64_t conn_now(const struct conn *c)
{
	return loop_now(c->s2s->loop);
}

/* One call into the stream: CONN_CALL(c, stream_x(&c->stream, ..., &out)). */
#define CONN_CALL(c, call)                                                                         \
	do {                                                                                       \
		struct stream_out out = { .bytes = link_out(&(c)->link) };                         \
		s2s_arena_enter((c)->s2s);                                                         \
		call;                                                                              \
		conn_carry(c, &out);                                                               \
		s2s_arena_leave((c)->s2s);                                                         \
		conn_after(c);                                                                     \
	} while (0)

/* ---- conn_link.c ---- */
extern const struct link_owner conn_link_owner;
void conn_on_timer(void *conn);
void conn_on_settle(void *conn);

#endif
