/* gateway/access/stream.h - one client stream as an engine (RFC 6120, XEP-0388, 0386, 0484, 0198, 0352).
 * It does no I/O: bytes, answers of the core and the time go in; bytes for the client and actions
 * for the driver come out. Credentials pass through it to the core unread.
 *
 *   bytes ---> stream_feed, stream_next ---> out->send    bytes for the client
 *   gh-im ---> stream_event             ---> out->actions what the driver does
 *
 * The driver feeds bytes and calls stream_next until it returns false; each call deals with one
 * element and gives at most STREAM_ACTIONS_MAX actions, valid until the next call. Its table of
 * states is printed in docs from stream.c. */
#ifndef ACCESS_STREAM_H
#define ACCESS_STREAM_H

#include "base/fsm.h"
#include "proto/envelope.h"
#include "proto/xml.h"
#include "proto/xmpp.h"

enum stream_state {
	S_HEADER,         /* wait for the first header */
	S_FEATURES_CLEAR, /* no TLS yet, TLS offered */
	S_TLS,            /* <proceed/> sent: the handshake runs */
	S_HEADER_TLS,     /* wait for the header inside TLS */
	S_AUTH,           /* mechanisms offered */
	S_AUTH_ASKED,     /* the core thinks about what the client sent */
	S_AUTH_CLIENT,    /* challenge sent */
	S_HEADER_AUTHED,  /* wait for the header after SASL */
	S_BIND,           /* bind or resume offered */
	S_BIND_ASKED,
	S_RESUME_ASKED,
	S_BIND2_ASKED,    /* as part of SASL2 */
	S_RESUME2_ASKED,
	S_SESSION,
	S_CLOSED,         /* said good-bye; what comes is not read */
	STREAM_STATE_COUNT
};

enum stream_event {
	/* read from the client */
	E_STANZA,       /* message, presence, iq */
	E_SM_R,
	E_SM_A,
	E_ACTIVE,       /* XEP-0352 */
	E_INACTIVE,
	E_HEADER,
	E_END,          /* </stream:stream> */
	E_STARTTLS,
	E_AUTH,         /* classic SASL */
	E_RESPONSE,
	E_ABORT,
	E_AUTH2,        /* SASL2 */
	E_RESPONSE2,
	E_ABORT2,
	E_BIND,         /* iq with <bind/> */
	E_SM_ENABLE,
	E_SM_RESUME,
	E_OTHER,        /* any other element */
	/* from the driver */
	E_SECURED,      /* handshake done */
	E_CHALLENGE,    /* data */
	E_AUTH_OK,      /* text: bare JID, data: additional data, token and expires_ms: for FAST */
	E_AUTH2_OK,     /* the same for SASL2: nothing asked beside it, */
	E_AUTH2_OK_BIND,    /* a bind, */
	E_AUTH2_OK_RESUME,  /* a resumption */
	E_AUTH_FAILED,  /* condition, text */
	E_OPENED,       /* text: full JID, data: sm id, number: max_s */
	E_REFUSED,      /* condition, text */
	E_RESUMED,      /* text: full JID, number: h */
	E_RESUME_FAILED,      /* has_number, number: h, condition */
	E_RESUME_FAILED_BIND, /* the same in SASL2 with a bind asked for as well */
	E_SM_ENABLED,   /* data: sm id, number: max_s */
	E_SM_ANSWER,    /* number: h */
	E_CORE_GONE,    /* gh-im died */
	E_SILENT,       /* the ping time is over */
	E_TIMEOUT,      /* not logged in in time; or no sign of life */
	E_KILL,         /* error, text, data: close with this stream error, and an element of its own in it */
	STREAM_EVENT_COUNT
};

/* What the driver reports with stream_event. Unused members are zero. */
struct stream_input {
	enum stream_event event;
	enum stream_error error;
	struct bytes condition, text, data, token;
	uint64_t expires_ms;
	uint32_t number;
	bool has_number;
	/* E_SECURED: what TLS can bind to */
	bool has_exporter, has_end_point, has_unique;
};

enum stream_act {
	ACT_START_TLS,      /* text: the domain */
	ACT_AUTH_START,     /* text: mechanism, data: initial response, flags: AUTH_*; domain in stream_domain */
	ACT_AUTH_RESPONSE,  /* data */
	ACT_AUTH_ABORT,
	ACT_LOGGED_IN,      /* SASL done: text: bare JID */
	ACT_SESSION_OPEN,   /* text: resource, data: tag, flags: SESSION_*, number: sm_max_s */
	ACT_SESSION_RESUME, /* text: sm id, number: h */
	ACT_SM_ENABLE,      /* flags: 1 resumption wanted, number: max_s */
	ACT_SM_REQUEST,
	ACT_SM_ACK,         /* number: h */
	ACT_CSI,            /* flags: 1 active */
	ACT_STANZA,         /* out->envelope */
	ACT_COUNTED,        /* a stanza was answered here: it counts for h */
	ACT_SESSION_READY,  /* text: full JID; flags: 1 resumed */
	ACT_CLOSE,          /* send what is queued and close; text: reason word; flags: 1 the session is over */
	STREAM_ACT_COUNT
};
enum { STREAM_CLOSE_OVER = 1 };

struct stream_action {
	enum stream_act act;
	struct bytes text, data;
	uint32_t flags, number;
};

enum { STREAM_ACTIONS_MAX = 4 };
struct stream_out {
	struct buf *send;    /* the client's queue */
	struct buf *scratch; /* bytes of out->envelope; cleared per element */
	struct arena *arena; /* reset per element */
	struct envelope envelope;
	struct stream_action actions[STREAM_ACTIONS_MAX];
	unsigned n_actions;
};

/* What may be withheld from clients outside (im authorise). */
enum stream_token { STREAM_TOKEN_OAUTH, STREAM_TOKEN_FAST, STREAM_TOKEN_COUNT };

/* What all streams of a worker share; replaced as a whole when settings change. */
struct stream_rules {
	bool is_tls_required;
	bool offers_plain;
	bool hides_sha256; /* it is taken, but not offered: accounts were imported without it */
	bool hides_scram; /* SCRAM is taken, but not offered: clients would take it first, and whose password the directory knows fails */
	bool offers_fast; /* XEP-0484 */
	bool offers_oauth; /* OAUTHBEARER */
	bool is_draining; /* who has not logged in is sent away */
	uint32_t auth_tries;
	struct xml_limits limits; /* after authentication; before it stream_limits_unauthed */
	/* Is this normalised domain hosted? */
	bool (*is_hosted)(void *arg, struct bytes domain);
	/* Does this hosted domain take such a token from outside? NULL: each. */
	bool (*takes_outside)(void *arg, struct bytes domain, enum stream_token token);
	/* Hash of what a hosted domain says of itself (XEP-0115), NULL or "": not announced. */
	const char *(*caps_of)(void *arg, struct bytes domain);
	void *arg;
};
/* Before authentication: RFC 6120 13.12 lets no limit be below 10000 bytes. */
extern const struct xml_limits stream_limits_unauthed;
/* Most bytes in all before authentication; beyond it policy-violation. */
enum { STREAM_UNAUTHED_BYTES_MAX = 64 << 10 };

struct stream_login; /* what is known only until the session is there */

struct stream {
	struct xml_stream xml;
	const struct stream_rules *rules;
	struct stream_login *login; /* NULL in S_SESSION */
	char *jid;                  /* full, once there is a session; else the bare one after SASL */
	uint16_t jid_bare_n, jid_n;
	uint8_t state; /* enum stream_state */
	bool is_tls : 1, is_header_sent : 1, is_sm : 1, is_sm_asked : 1, is_inactive : 1;
	bool is_pinged : 1;
	bool is_outside : 1;  /* it came through gh-proxy, here or at an edge */
	bool is_shut_out : 1; /* its address has guessed too often: its header is refused */
	uint32_t stanzas_in;
};

/* rules, pool: the worker's. is_tls: direct TLS, E_SECURED comes before the first byte.
 * ERR_NOMEM. */
int stream_init(struct stream *s, const struct stream_rules *rules, struct xml_pool *pool, bool is_tls);
void stream_fini(struct stream *s);

/* Gives bytes; they are kept until read. An error closes the stream by its name. */
void stream_feed(struct stream *s, struct bytes in, struct stream_out *out);
/* Reads and answers one element. False: nothing (more) to do now. */
bool stream_next(struct stream *s, struct stream_out *out);
/* Tells an event. The caller then goes on with stream_next: bytes may have waited for it. */
void stream_event(struct stream *s, const struct stream_input *in, struct stream_out *out);

/* Does it wait for the core or TLS, so that nothing it is fed is read? */
bool stream_is_waiting(const struct stream *s);
static inline bool stream_has_session(const struct stream *s)
{
	return s->state == S_SESSION;
}
/* Is the client still unknown? */
bool stream_is_unauthed(const struct stream *s);
/* The hosted domain of the header; "" before. Until the session is there. */
struct bytes stream_domain(const struct stream *s);
/* Who the client's program says it is, and what it wants of FAST; for ACT_AUTH_START. */
struct stream_agent {
	struct bytes id, name;   /* of <user-agent/> (XEP-0388) */
	struct bytes wanted;     /* mechanism of the token that it asks for */
	uint64_t count;          /* of <fast/>; 0: none */
};
struct stream_agent stream_agent(const struct stream *s);
/* Mechanism in use; "" before. Until the session is there. */
struct bytes stream_mechanism(const struct stream *s);

extern const struct fsm stream_fsm;

#endif
