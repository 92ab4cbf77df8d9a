/* stream.h - one server-to-server XML stream as an engine (RFC 6120, XEP-0178, 0198, 0220, 0288, 0344).
 * Bytes, verdicts and the time go in; bytes, actions and a wanted wake-up time come out. No I/O.
 *
 * Two machines share this struct: stream_in.c (we are the receiving server) and stream_out.c (we
 * are the initiating server). Each is a table. stream.c turns elements into events and makes the
 * steps; the actions that both have are in stream_end.c, stream_stanza.c, stream_db.c (dialback) and
 * stream_sm.c (acknowledgements).
 *
 * A stream carries domain pairs. A pair is (local, remote): stanzas come in on it when the peer has
 * proved `remote`, and go out on it when we have proved `local` to the peer; with XEP-0288 both. */
#ifndef S2S_STREAM_H
#define S2S_STREAM_H

#include "base/fsm.h"
#include "base/list.h"
#include "conf.h"
#include "feature.h"
#include "proto/stanza.h"
#include "reason.h"

enum stream_role { STREAM_IN, STREAM_OUT };

/* state, printed name */
#define STREAM_STATE_TABLE(X)                                                                      \
	X(SS_IN_HEADER, "in-header")                                                               \
	X(SS_IN_CLEAR, "in-clear")                                                                 \
	X(SS_IN_HANDSHAKE, "in-handshake")                                                         \
	X(SS_IN_TLS_HEADER, "in-tls-header")                                                       \
	X(SS_IN_PROVING, "in-proving")                                                             \
	X(SS_IN_AUTH, "in-auth")                                                                   \
	X(SS_IN_AUTHED_HEADER, "in-authed-header")                                                 \
	X(SS_OUT_START, "out-start")                                                               \
	X(SS_OUT_HEADER, "out-header")                                                             \
	X(SS_OUT_FEATURES, "out-features")                                                         \
	X(SS_OUT_STARTTLS, "out-starttls")                                                         \
	X(SS_OUT_HANDSHAKE, "out-handshake")                                                       \
	X(SS_OUT_PROVING, "out-proving")                                                           \
	X(SS_OUT_TLS_HEADER, "out-tls-header")                                                     \
	X(SS_OUT_TLS_FEATURES, "out-tls-features")                                                 \
	X(SS_OUT_CHOOSE, "out-choose")                                                             \
	X(SS_OUT_OPEN, "out-open")                                                                 \
	X(SS_OUT_AUTH, "out-auth")                                                                 \
	X(SS_OUT_AUTHED_HEADER, "out-authed-header")                                               \
	X(SS_OUT_AUTHED_FEATURES, "out-authed-features")                                           \
	X(SS_OUT_DIALBACK, "out-dialback")                                                         \
	X(SS_OUT_PROVEN, "out-proven")                                                             \
	X(SS_OUT_SM, "out-sm")                                                                     \
	X(SS_READY, "ready")                                                                       \
	X(SS_CLOSING, "closing")                                                                   \
	X(SS_DEAD, "dead")

/* event, printed name. The last group is queued by actions, to show a branch in the table. */
#define STREAM_EVENT_TABLE(X)                                                                      \
	X(SE_CONNECTED, "connected")                                                               \
	X(SE_SECURED, "tls-done")                                                                  \
	X(SE_PROOF, "certificate-verdict")                                                         \
	X(SE_DB_VERDICT, "dialback-verdict")                                                       \
	X(SE_HEADER, "header")                                                                     \
	X(SE_FEATURES, "features")                                                                 \
	X(SE_STARTTLS, "starttls")                                                                 \
	X(SE_PROCEED, "proceed")                                                                   \
	X(SE_TLS_FAILURE, "tls-failure")                                                           \
	X(SE_AUTH, "auth")                                                                         \
	X(SE_SUCCESS, "success")                                                                   \
	X(SE_FAILURE, "sasl-failure")                                                              \
	X(SE_ABORT, "sasl-abort")                                                                  \
	X(SE_DB_RESULT, "db:result")                                                               \
	X(SE_DB_VERIFY, "db:verify")                                                               \
	X(SE_DB_RESULT_ANSWER, "db:result-answer")                                                 \
	X(SE_DB_VERIFY_ANSWER, "db:verify-answer")                                                 \
	X(SE_BIDI, "bidi")                                                                         \
	X(SE_SM_ENABLE, "sm-enable")                                                               \
	X(SE_SM_ENABLED, "sm-enabled")                                                             \
	X(SE_SM_FAILED, "sm-failed")                                                               \
	X(SE_SM_R, "sm-r")                                                                         \
	X(SE_SM_A, "sm-a")                                                                         \
	X(SE_STANZA, "stanza")                                                                     \
	X(SE_UNKNOWN, "unknown-element")                                                           \
	X(SE_ERROR, "stream-error")                                                                \
	X(SE_END, "end-tag")                                                                       \
	X(SE_BAD, "bad-xml")                                                                       \
	X(SE_TIMEOUT, "timeout")                                                                   \
	X(SE_WANT_PAIR, "want-pair")                                                               \
	X(SE_ASK_TLS, "ask-tls")                                                                   \
	X(SE_ASK_EXTERNAL, "ask-external")                                                         \
	X(SE_ASK_DIALBACK, "ask-dialback")                                                         \
	X(SE_ASK_SM, "ask-sm")                                                                     \
	X(SE_OPEN, "open")                                                                         \
	X(SE_AUTH_OK, "auth-ok")                                                                   \
	X(SE_PROVEN, "pair-proven")                                                                \
	X(SE_ESTABLISHED, "established")                                                           \
	X(SE_CLOSE, "close")                                                                       \
	X(SE_FAIL, "fail")

#define STREAM_MEMBER(id, name) id,
enum stream_state { STREAM_STATE_TABLE(STREAM_MEMBER) STREAM_STATE_COUNT };
enum stream_event_kind { STREAM_EVENT_TABLE(STREAM_MEMBER) STREAM_EVENT_COUNT };
#undef STREAM_MEMBER

/* What all streams of the program share; read-only for the engine. */
struct stream_env {
	const struct s2s_conf *conf; /* the current one; the owner of the env changes it */
	struct xml_pool *pool;
	struct bytes dialback_secret; /* 32 bytes or more */
	struct arena *arena;          /* for one step; the driver resets it before each call */
	/* Transitions, for debug lines; may be NULL. */
	void (*trace)(void *arg, uint8_t from, uint8_t event, uint8_t to);
};

enum stream_pair_state {
	PAIR_ASKED,     /* out: db:result sent, no answer yet */
	PAIR_PROVING,   /* in: the certificate is being checked for this domain */
	PAIR_VERIFYING, /* in: the domain's own server is being asked */
	PAIR_PROVEN,
};
struct stream_pair {
	struct list node;
	char *local, *remote;
	char *key;     /* in: the dialback key presented */
	uint8_t state; /* enum stream_pair_state */
	bool is_in, is_out; /* stanzas may come, may go */
	const char *proof;  /* "pkix", "dane", "posh", "pin", "dialback" */
};

enum stream_act_kind {
	ACT_START_TLS,   /* after the bytes put so far */
	ACT_PROVE,       /* check the peer's certificate for `remote`; answer with stream_proof */
	ACT_VERIFY,      /* ask remote's own server about (local, remote, id, key); stream_verdict */
	ACT_VERIFIED,    /* out: the answer to a stream_verify: local, remote, id, rc */
	ACT_DELIVER,     /* a stanza came: `stanza`, `from`, `to` normalised. rc not 0: only to be
	                    answered with stanza error `error` */
	ACT_OPEN,        /* out: verify requests can be sent now */
	ACT_PAIR_READY,  /* stanzas of (local, remote) may go out here */
	ACT_PAIR_FAILED, /* (local, remote) cannot use this stream; why is in `why` */
	ACT_ACKED,       /* the peer has handled `h` of our stanzas in all */
	ACT_PONG,        /* in place of ACT_DELIVER: the answer to a ping `h64` of ours, of any stream */
	ACT_SHUTDOWN,    /* send what is queued, then close the connection */
	ACT_KIND_COUNT
};
struct stream_act {
	enum stream_act_kind kind;
	struct bytes local, remote, id, key; /* valid until the next call on the stream */
	int rc;
	uint32_t h;
	uint64_t h64;
	enum stanza_error error;
	struct stanza stanza;
	struct bytes from, to;
	struct reason why;
};

enum { STREAM_ACTS_MAX = 12 };
struct stream_out {
	struct buf *bytes; /* to send; the driver's */
	struct stream_act acts[STREAM_ACTS_MAX];
	unsigned n;
};

/* XEP-0198 counts, modulo 2^32. */
struct stream_sm {
	bool is_on;
	bool is_ack_owed;    /* the peer asked and not all is handled */
	bool is_asked;       /* our <r/> is out */
	uint32_t in, in_done; /* came; handled (the core has taken them) */
	uint32_t in_told;    /* the last h we sent */
	uint32_t out, out_acked;
	uint64_t owed_ms, asked_ms;
};

enum {
	STREAM_PAIRS_MAX = 64,        /* domain pairs on one stream */
	STREAM_PAIRS_UNPROVEN_MAX = 8, /* of them waiting for a proof */
	STREAM_ID_MAX = 256,          /* of a peer's stream id */
	STREAM_AUTH_TRIES = 3,
	STREAM_UNPROVEN_BYTES_MAX = 64 << 10, /* that a peer may send before it has proved a domain */
};

struct stream {
	const struct stream_env *env;
	struct xml_stream xml;
	struct xml_limits limits;
	uint8_t role, state;
	bool is_secure;
	bool is_header_sent;
	bool has_certificate; /* the peer presented one */
	bool is_bidi;
	bool is_end_sent;
	bool is_auth_refused;  /* out: EXTERNAL failed, only dialback is left */
	bool is_only_verify;   /* out: opened to ask about keys; no proof of ours needed yet */
	bool is_ping_out;
	uint8_t n_auth_tries;
	uint32_t unproven_bytes; /* in: came without a proof */
	int bad_rc;            /* of stream_feed, for the next stream_next */
	int8_t close_error;    /* enum stream_error, or -1: in order */
	const char *close_text;
	char *local, *remote;  /* of the headers; normalised; NULL until known */
	char *id;              /* stream id: ours (in), the peer's (out) */
	struct feature_set features; /* what the receiving side announced last */
	int proof_rc;          /* verdict on the certificate for `remote` */
	const char *proof;
	struct list pairs;
	unsigned n_pairs, n_proven;
	struct stream_sm sm;
	struct reason why;     /* the first failure */
	uint64_t begun_ms, ready_ms, last_in_ms, last_stanza_ms, close_ms, ping_ms;
	uint64_t ping_id;
	uint64_t n_stanzas_in, n_stanzas_out;
	uint8_t queued[4];     /* events queued by actions */
	uint8_t n_queued;
};

/* ---- the driver's side ---- */
void stream_init_in(struct stream *s, const struct stream_env *env, uint64_t now_ms);
/* local, remote: normalised domains; copied. ERR_NOMEM. */
int stream_init_out(struct stream *s, const struct stream_env *env, struct bytes local,
                    struct bytes remote, bool is_only_verify, uint64_t now_ms);
void stream_fini(struct stream *s);

/* The TCP connection stands, in clear (STARTTLS to come). */
void stream_connected(struct stream *s, uint64_t now_ms, struct stream_out *out);
/* TLS is done: after ACT_START_TLS, or from the start on direct TLS. */
void stream_secured(struct stream *s, bool has_certificate, uint64_t now_ms, struct stream_out *out);
/* Gives bytes; then stream_next until it returns false. 0 or ERR_*: then stream_next tells the peer. */
int stream_feed(struct stream *s, struct bytes in);
/* Deals with one element. The driver carries out `out` after each call. */
bool stream_next(struct stream *s, uint64_t now_ms, struct stream_out *out);
/* True while nothing more may be read: an answer is awaited from the driver. */
bool stream_is_waiting(const struct stream *s);
/* Verdict on the certificate (answer to ACT_PROVE). proof: static text. */
void stream_proof(struct stream *s, struct bytes remote, int rc, const char *proof, uint64_t now_ms,
                  struct stream_out *out);
/* Answer to ACT_VERIFY. 0 valid, ERR_AUTH invalid, others: could not be asked. */
void stream_verdict(struct stream *s, struct bytes local, struct bytes remote, int rc, uint64_t now_ms,
                    struct stream_out *out);
/* Sends db:verify (out streams that are open or ready). ERR_BAD_STATE. */
int stream_verify(struct stream *s, struct bytes local, struct bytes remote, struct bytes id,
                  struct bytes key, struct stream_out *out);
/* Wants stanzas of (local, s->remote) to go here: ACT_PAIR_READY or ACT_PAIR_FAILED follows.
 * ERR_BAD_STATE: cannot, open another stream. */
int stream_want_pair(struct stream *s, struct bytes local, uint64_t now_ms, struct stream_out *out);
/* Sends a stanza in neutral form; counts it. The pair must be ready. */
void stream_send_stanza(struct stream *s, struct bytes stanza, uint64_t now_ms, struct stream_out *out);
/* At the end of a batch: asks for an acknowledgement where the peer has them. */
void stream_batch_end(struct stream *s, uint64_t now_ms, struct stream_out *out);
/* n more of the stanzas delivered are safe, in order. */
void stream_handled(struct stream *s, uint32_t n, uint64_t now_ms, struct stream_out *out);
/* A ping's answer came by whatever stream. */
void stream_ponged(struct stream *s, uint64_t now_ms);
/* Ends the stream: error -1 in order (the peer's end tag is waited for), else enum stream_error. */
void stream_close(struct stream *s, int error, const char *text, uint64_t now_ms, struct stream_out *out);
void stream_timer(struct stream *s, uint64_t now_ms, struct stream_out *out);
/* When stream_timer must be called next. */
uint64_t stream_wake_ms(const struct stream *s);

/* Proven pair for stanzas going out (is_out) or any; NULL. */
struct stream_pair *stream_pair(struct stream *s, struct bytes local, struct bytes remote);
bool stream_may_send(struct stream *s, struct bytes local, struct bytes remote);
bool stream_may_verify(const struct stream *s);
const char *stream_state_name(uint8_t state);
/* Does a stream in this state hold a proof (for the limit on strangers)? */
bool stream_is_proven(const struct stream *s);
/* The tables, for docs and tests. */
extern const struct fsm stream_in_fsm, stream_out_fsm;

#endif
