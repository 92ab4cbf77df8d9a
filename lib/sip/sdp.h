/* sip/sdp.h - session descriptions for chat (RFC 4566; m=message of RFC 4975 8, RFC 6135, RFC 7701, and that
 * of Lync), parsed and printed by Sofia-SIP, whose types stay in sdp.c. Pure. */
#ifndef SIP_SDP_H
#define SIP_SDP_H

#include "base/arena.h"
#include "base/buf.h"

#define IMSDP_TYPE "application/sdp"

enum { IMSDP_MAX_BYTES = 16384, IMSDP_MEDIA_MAX = 16 };

enum imsdp_kind {
	IMSDP_NONE,  /* nothing to chat over */
	IMSDP_MSRP,  /* m=message 7654 TCP/MSRP * */
	IMSDP_MSRPS, /* m=message 7654 TCP/TLS/MSRP * */
	IMSDP_LYNC,  /* COMPAT: m=message 5060 sip null (OCS, Lync, Skype for Business): MESSAGE in the dialog */
};

enum imsdp_setup { IMSDP_SETUP_NONE, IMSDP_ACTIVE, IMSDP_PASSIVE, IMSDP_ACTPASS, IMSDP_HOLDCONN, IMSDP_SETUP_COUNT };

struct imsdp_media { /* one m= line as it stands, to be refused in an answer */
	const char *type, *proto, *formats;
};

struct imsdp {
	enum imsdp_kind kind;
	uint16_t port;           /* 0: refused */
	const char *host;        /* of c= (the medium's, else the session's); address or name */
	const char *path;        /* a=path; NULL: none */
	const char *accept;      /* a=accept-types; NULL: none */
	const char *wrapped;     /* a=accept-wrapped-types; NULL: none */
	uint64_t max_size;       /* a=max-size; 0: none */
	enum imsdp_setup setup;  /* RFC 6135 */
	bool is_inactive;
	bool is_chatroom, has_nickname, has_private; /* a=chatroom:nickname private-messages (RFC 7701 8) */
	uint64_t id, version;    /* of o= */
	/* All m= lines in their order; `chosen` is the one described above. */
	size_t n_media, chosen;
	struct imsdp_media media[IMSDP_MEDIA_MAX];
};

/* Texts go to the arena. The first m=message line that can be used is chosen. 0 with IMSDP_NONE when there is
 * none. ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int imsdp_parse(struct bytes in, struct arena *a, struct imsdp *out);
/* Offer, or with `offer` the answer to it: its other m= lines are refused (RFC 3264 6). ERR_SYNTAX: a text
 * that would break a line; ERR_NOMEM; ERR_LIMIT. Appends. */
int imsdp_print(const struct imsdp *s, const struct imsdp *offer, struct buf *out);
/* Is a type in an accept-types list, "*" counting (RFC 4975 8.6)? Parameters of the type do not count. */
bool imsdp_accepts(const char *types, struct bytes type);
/* What we are in an answer to this offer (RFC 6135 4.2: the offerer connects unless it says otherwise). */
enum imsdp_setup imsdp_answer_setup(enum imsdp_setup offered);

#endif
