/* stream_impl.h - inside of the stream engine, for the stream_*.c files only. */
#ifndef S2S_STREAM_IMPL_H
#define S2S_STREAM_IMPL_H

#include "stream.h"

/* What goes along with an event into an action. */
struct stream_event {
	uint64_t now_ms;
	struct stream_out *out;
	const struct xml_event *xml; /* the element, for events that have one */
	struct bytes local, remote;
	int rc;
	const char *proof;
};

/* ---- stream.c ---- */
struct stream_act *act_add(struct stream_out *out, enum stream_act_kind kind);
void stream_step(struct stream *s, enum stream_event_kind kind, struct stream_event *ev);
void stream_queue(struct stream *s, enum stream_event_kind kind);
/* For actions: the stream ends with this error (-1 in order); returns a negative code. */
int stream_fail(struct stream *s, int error, enum rung rung, int rc, const char *text);

/* ---- stream_pair.c ---- */
struct stream_pair *stream_pair_add(struct stream *s, struct bytes local, struct bytes remote);
void stream_pair_del(struct stream *s, struct stream_pair *p);
void stream_pair_prove(struct stream *s, struct stream_pair *p, const char *proof, uint64_t now_ms,
                       struct stream_out *out);
/* The domains of a db: element or stream header. ERR_SYNTAX. */
int stream_read_pair(struct stream *s, const struct xml_node *n, struct bytes *from, struct bytes *to);
struct policy_rule stream_rule(const struct stream *s, struct bytes remote);
/* Has the peer proved this domain on this stream, in whatever pair? */
bool stream_is_proven_remote(struct stream *s, struct bytes remote);

/* ---- stream_stanza.c ---- */
int act_stanza(void *machine, void *event);

/* ---- stream_ping.c ---- */
void stream_put_ping(struct stream *s, uint64_t now_ms, struct stream_out *out);
/* Is this stanza the answer to a ping of ours? Then its number. */
bool stream_read_pong(const struct stream_act *a, uint64_t *ping_id);

/* ---- stream_end.c ---- */
void stream_put_header(struct stream *s, struct stream_out *out);
void stream_put_end(struct stream *s, struct stream_out *out);
int act_end(void *machine, void *event);
int act_ended(void *machine, void *event);
int act_peer_error(void *machine, void *event);
int act_bad(void *machine, void *event);
int act_unknown(void *machine, void *event);
int act_timeout(void *machine, void *event);
int act_close(void *machine, void *event);
int act_fail(void *machine, void *event);

/* ---- stream_db.c ---- */
int act_db_result(void *machine, void *event);
int act_db_verify(void *machine, void *event);
int act_db_proof(void *machine, void *event);
int act_db_verdict(void *machine, void *event);
int act_db_verify_answer(void *machine, void *event);
int act_db_result_answer(void *machine, void *event);
int act_db_result_refuse(void *machine, void *event);
void stream_put_db_result(struct stream *s, struct bytes local, struct bytes remote, struct stream_out *out);

/* ---- stream_sm.c ---- */
int act_sm_enable(void *machine, void *event);
int act_sm_on(void *machine, void *event);
int act_sm_r(void *machine, void *event);
int act_sm_a(void *machine, void *event);
void stream_put_ack(struct stream *s, struct stream_out *out);

/* ---- rows of the tables ---- */
/* Rows that every state of a living stream has. */
#define STREAM_ALWAYS(state)                                                                       \
	{ state, SE_ERROR, act_peer_error, SS_DEAD }, { state, SE_END, act_end, SS_DEAD },         \
	{ state, SE_BAD, act_bad, state }, { state, SE_TIMEOUT, act_timeout, state },              \
	{ state, SE_CLOSE, act_close, SS_CLOSING }, { state, SE_FAIL, act_fail, SS_DEAD }
/* And every established one. */
#define STREAM_READY_ROWS(state)                                                                   \
	{ state, SE_STANZA, act_stanza, state }, { state, SE_SM_R, act_sm_r, state },              \
	{ state, SE_SM_A, act_sm_a, state }

#endif
