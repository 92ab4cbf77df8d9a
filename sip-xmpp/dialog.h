/* dialog.h - one side of a SIP dialog (RFC 3261 12), as either role, for subscriptions and sessions alike:
 * what must be known to make and to judge the requests in it. Small: all its texts are one block of
 * memory. Does no I/O; whoever has it sends what it makes. */
#ifndef XLATE_DIALOG_H
#define XLATE_DIALOG_H

#include "base/wire.h"
#include "sip/message.h"

enum dialog_field {
	DIALOG_CALL_ID,
	DIALOG_LOCAL_TAG,
	DIALOG_REMOTE_TAG, /* empty: the other side has not answered yet */
	DIALOG_LOCAL,      /* From or To of ours, without its tag: "<sip:juliet@example.com>" */
	DIALOG_REMOTE,     /* the other's; further parameters (epid of Lync) are kept */
	DIALOG_TARGET,     /* the other's Contact; before it is known the Request-URI */
	DIALOG_ROUTES,     /* the route set, a line each */
	DIALOG_FIELD_COUNT
};

enum { DIALOG_MAX_BYTES = 8192, DIALOG_TAG_BYTES = 17 };

struct dialog {
	char *text; /* the fields, one behind the other; NULL: no dialog */
	uint16_t n[DIALOG_FIELD_COUNT];
	uint32_t local_seq;  /* of the last request made */
	uint32_t remote_seq; /* of the last one seen; 0: none */
};

void dialog_fini(struct dialog *d); /* all zero again */
static inline bool dialog_is_begun(const struct dialog *d)
{
	return d->text != NULL;
}
struct bytes dialog_get(const struct dialog *d, enum dialog_field f);
/* ERR_LIMIT over DIALOG_MAX_BYTES; ERR_NOMEM. */
int dialog_set(struct dialog *d, enum dialog_field f, struct bytes v);
static inline bool dialog_is_confirmed(const struct dialog *d)
{
	return d->n[DIALOG_REMOTE_TAG] != 0;
}

/* Ours to begin (RFC 3261 8.1.1): new Call-ID and tag. Addresses as in From and To without tags; uri: the
 * Request-URI. call_id: NULL for a new one. */
int dialog_begin(struct dialog *d, struct bytes local, struct bytes remote, struct bytes uri, const char *call_id);
/* Another's request that begins one (12.1.1); a new local tag. ERR_SYNTAX: it has no Contact. */
int dialog_accept(struct dialog *d, const struct sipmsg *request);
/* The 2xx (or provisional answer with a tag) to what we began (12.1.2). */
int dialog_confirm(struct dialog *d, const struct sipmsg *response);
/* The other's request that is there before its 2xx (RFC 6665 4.1.3): it confirms as well. */
int dialog_confirm_by_request(struct dialog *d, const struct sipmsg *request);
/* A later 2xx, or a request in the dialog that may move the target (12.2). */
void dialog_retarget(struct dialog *d, const struct sipmsg *m);

/* Is the request in this dialog? Its To tag is the local one, its From tag the remote one (any while
 * that is not known). */
bool dialog_has(const struct dialog *d, const struct sipmsg *request);
/* Judges the CSeq of a request in the dialog, and remembers it: 0, or the status that refuses it (500 for
 * one that is behind, 12.2.2). ACK is not counted. */
unsigned dialog_see(struct dialog *d, const struct sipmsg *request);

/* A request in the dialog, or the one that begins it (12.2.1.1, 8.1.1): From, To, Call-ID, next CSeq (ACK:
 * seq of its INVITE, which must be given), Max-Forwards, Route, Contact. contact may be empty. NULL
 * without memory. The caller's. */
struct sipmsg *dialog_request(struct dialog *d, enum sipmsg_method method, struct bytes contact, uint32_t ack_seq);

/* For the store. */
void dialog_encode(struct buf *b, const struct dialog *d);
int dialog_decode(struct wire *w, struct dialog *d); /* d must be empty */

/* A tag or Call-ID of ours: 16 hex digits. */
void dialog_new_tag(char out[static DIALOG_TAG_BYTES]);

#endif
