/* session_msrp.h - the MSRP side of a session, for session_msrp.c (how it comes up and goes) and
 * session_media.c (what passes). */
#ifndef XLATE_SESSION_MSRP_H
#define XLATE_SESSION_MSRP_H

#include "proto/msrp_join.h"
#include "session_impl.h"

#define MSRP_ACCEPT "text/plain message/cpim application/im-iscomposing+xml"
#define MSRP_ACCEPT_ROOM "message/cpim"
#define MSRP_WRAPPED "text/plain"

enum { MSRP_NOTES = 16, MSRP_SID_MAX_BYTES = 128 };
/* flags of MSRP_OPEN */
enum { MSRP_OPEN_TLS = 1 << 0, MSRP_OPEN_CONNECT = 1 << 1 };

struct msrp_note { /* a message of which a receipt may come or is due */
	char message_id[MSRP_ID_MAX_BYTES + 1];
	char sid[MSRP_SID_MAX_BYTES + 1];
	size_t size;
};

struct session_msrp {
	char host[256];
	char *ours;            /* our URI */
	char *path;            /* theirs; NULL: not known yet */
	char *accept, *wrapped; /* what they take */
	uint64_t their_max;    /* of a message; 0: not said */
	bool is_tls, is_active, is_announced, is_joined;
	bool is_chatroom, has_nickname, has_private; /* what they say of the room (RFC 7701 8) */
	struct msrp_join join;
	struct msrp_note sent[MSRP_NOTES], got[MSRP_NOTES];
	unsigned n_sent, n_got;
};

/* Through gh-sip, to the other end. ERR_AGAIN. */
int msrp_put_frame(struct session *s, struct bytes frame);
bool msrp_takes(const struct session_msrp *m, const char *type);
void msrp_take_frame(struct session *s, const struct msrp_frame *f); /* the session may be gone afterwards */
void msrp_send_empty(struct session *s);
/* The response to a request of theirs, when one is due (RFC 4975 7.2). */
void msrp_answer(struct session *s, const struct msrp_frame *f, unsigned status);
/* Fills in paths, flag and id of a request of ours and sends it. id: taken when it is not "" and the body has
 * not its end-line, else made; it is told. ERR_AGAIN, ERR_LIMIT, ERR_SYNTAX. */
int msrp_put(struct session *s, struct msrp_frame *f, char id[static MSRP_ID_MAX_BYTES + 1]);
/* <delay/> for a message that was written a while ago (DLY-04); nothing for others. */
void msrp_put_delay(struct session *s, struct bytes date_time, struct buf *out);

#endif
