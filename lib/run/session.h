/* run/session.h - flags of SESSION_OPEN, shared by the client doors and the core. */
#ifndef RUN_SESSION_H
#define RUN_SESSION_H

enum session_flag {
	SESSION_SM = 1 << 0,        /* enable XEP-0198 */
	SESSION_SM_RESUME = 1 << 1, /* and allow resumption */
	SESSION_CARBONS = 1 << 2,   /* XEP-0280 on from the start (bind2) */
	SESSION_CSI_INACTIVE = 1 << 3,
	SESSION_TLS = 1 << 4,
	SESSION_PHONE = 1 << 5,     /* of the call manager: nobody sits at it */
};

/* Set in `conn` of sessions that gh-xlate carries. */
#define SESSION_CONN_SIP (1ull << 63)

/* Flags of USER_ONLINE. */
enum online_flag {
	ONLINE_NOW = 1 << 0,   /* else: offline */
	ONLINE_AMONG = 1 << 1, /* one of all who are: what is done for each is to be spread */
};

/* Flags of AUTH_START and DELIVER. */
enum auth_flag {
	AUTH_HAS_INITIAL = 1 << 0,
	AUTH_TLS = 1 << 1,
	AUTH_SASL2 = 1 << 2,
	AUTH_OUTSIDE = 1 << 3,         /* through gh-proxy, here or at an edge */
	AUTH_FAST = 1 << 4,            /* the mechanism is one of FAST (XEP-0484) */
	AUTH_FAST_INVALIDATE = 1 << 5, /* and its token shall be good no more */
};
/* Most bytes of a token for FAST. */
enum { AUTH_TOKEN_MAX = 95 };
enum { DELIVER_TELL = 1, DELIVER_URGENT = 2 };
/* How a session closed. */
enum { SESSION_OVER = 0, SESSION_LOST = 1 };
/* STANZA of this kind only counts (see run/msg.def). */
enum { STANZA_KIND_COUNTED = 255 };

#endif
