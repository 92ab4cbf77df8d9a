/* gateway/access/stream_int.h - what the files of the stream engine share. */
#ifndef ACCESS_STREAM_INT_H
#define ACCESS_STREAM_INT_H

#include "stream.h"

#include "base/err.h"
#include "base/secret.h"
#include "proto/jid.h"
#include "proto/stanza.h"
#include "run/session.h"

enum { LOGIN_ID_MAX = 64, LOGIN_NAME_MAX = 96, LOGIN_MECHANISM_MAX = 24, LOGIN_CONDITION_MAX = 40 };

/* What a client wants of FAST (XEP-0484), and gets. */
struct stream_fast {
	char client[LOGIN_ID_MAX + 1], name[LOGIN_NAME_MAX + 1]; /* of its <user-agent/> */
	char wanted[LOGIN_MECHANISM_MAX];
	uint64_t count;
	bool is_used, invalidates; /* is_used: <fast/> stands there */
	char token[AUTH_TOKEN_MAX + 1]; /* "" none */
	uint64_t expires_ms;
};

struct stream_login {
	char *domain;     /* normalised, hosted */
	char *iq_id;      /* of the bind request that waits for its answer */
	struct buf extra; /* SASL2: additional data of a success that waits for bind or resume */
	uint32_t bytes;   /* read so far */
	uint32_t tries;   /* failed logins */
	uint32_t session_flags, sm_max_s, resume_h; /* asked inside SASL2 */
	uint32_t failed_h;
	char mechanism[LOGIN_MECHANISM_MAX];
	char tag[LOGIN_ID_MAX + 1], previd[LOGIN_ID_MAX + 1];
	char failed[LOGIN_CONDITION_MAX]; /* SASL2: the resumption failed so, "" not */
	bool is_sasl2, has_bind, has_resume, has_failed_h;
	bool has_exporter, has_end_point, has_unique;
	struct stream_fast fast;
};

/* One element or event on its way through the machine. */
struct step {
	const struct xml_event *xml;
	const struct stanza *stanza;
	bool is_malformed; /* E_STANZA: type or id is not as it must be; the answer is due here */
	const struct stream_input *in;
	struct stream_out *out;
};

/* ---- stream.c ---- */
struct stream_action *stream_act(struct stream_out *out, enum stream_act act);
/* Says why and closes; returns ERR_CLOSED, for actions to return. */
int stream_fail(struct stream *s, struct stream_out *out, enum stream_error e, const char *text);
int stream_close(struct stream *s, struct stream_out *out, const char *reason, uint32_t flags);
/* to: the bare JID that the client said it is, or empty. */
void stream_send_header(struct stream *s, struct stream_out *out, struct bytes to);
/* Keeps a JID; ERR_NOMEM. */
int stream_set_jid(struct stream *s, struct bytes jid);
/* Is the JID it keeps a full one? */
static inline bool stream_is_bound(const struct stream *s)
{
	return s->jid_bare_n < s->jid_n;
}
/* A true boolean of XML Schema. */
static inline bool stream_is_true(struct bytes v)
{
	return bytes_eq(v, BYTES("true")) || bytes_eq(v, BYTES("1"));
}
void stream_login_free(struct stream_login *l);
/* A name of a condition that may be written as an element. */
const char *stream_condition(struct bytes name, const char *otherwise, char out[static LOGIN_CONDITION_MAX]);

/* ---- features.c ---- */
void features_write(const struct stream *s, struct buf *b);
/* Is this mechanism offered on this stream as it is now? */
bool features_has_mechanism(const struct stream *s, struct bytes name);
/* The same for those of FAST. */
bool features_has_fast(const struct stream *s, struct bytes name);

/* ---- fast.c ---- */
/* Takes what an <authenticate/> says of the program and of FAST. ERR_SYNTAX. */
int fast_take(struct stream_fast *f, const struct xml_node *authenticate);
/* Keeps a token for the <success/>. */
void fast_keep_token(struct stream_fast *f, const struct stream_input *in);
/* <token/>, if there is one. */
void fast_write_token(const struct stream_fast *f, struct buf *b);

/* ---- actions: login.c ---- */
int act_header(void *stream, void *step);
int act_starttls(void *stream, void *step);
int act_secured(void *stream, void *step);
int act_auth(void *stream, void *step);
int act_auth2(void *stream, void *step);
int act_challenge(void *stream, void *step);
int act_response(void *stream, void *step);
int act_abort(void *stream, void *step);
int act_auth_ok(void *stream, void *step);
int act_auth2_ok(void *stream, void *step);
int act_auth2_bind(void *stream, void *step);
int act_auth2_resume(void *stream, void *step);
int act_auth_failed(void *stream, void *step);
int act_auth_gone(void *stream, void *step);

/* Keeps what a <resume/> asks. ERR_SYNTAX. */
int stream_take_resume(struct stream_login *l, const struct xml_node *resume);

/* ---- actions: bind.c ---- */
int act_bind(void *stream, void *step);
int act_opened(void *stream, void *step);
int act_refused(void *stream, void *step);
int act_resume(void *stream, void *step);
int act_resumed(void *stream, void *step);
int act_resume_failed(void *stream, void *step);
int act_opened2(void *stream, void *step);
int act_refused2(void *stream, void *step);
int act_resumed2(void *stream, void *step);
int act_resume2_failed(void *stream, void *step);
int act_resume2_bind(void *stream, void *step);
/* "<success/>" of SASL2 around what `inside` holds. */
void sasl2_success(struct stream *s, struct stream_out *out, struct bytes inside);

/* ---- actions: session.c ---- */
int act_stanza(void *stream, void *step);
int act_sm_enable(void *stream, void *step);
int act_sm_enabled(void *stream, void *step);
int act_sm_request(void *stream, void *step);
int act_sm_answer(void *stream, void *step);
int act_sm_ack(void *stream, void *step);
int act_sm_unexpected(void *stream, void *step);
int act_csi(void *stream, void *step);
int act_silent(void *stream, void *step);
void sm_write_enabled(struct buf *b, struct bytes id, uint32_t max_s);
void sm_write_failed(struct buf *b, bool has_h, uint32_t h, const char *condition);

#endif
