/* dialog.h - one end of a SIP dialog (RFC 3261 12): what its requests carry. Pure but for the random tag and
 * Call-ID of a new one. Who has it finds it by Call-ID and local tag (dialog_key). */
#ifndef XLATE_DIALOG_H
#define XLATE_DIALOG_H

#include "base/wire.h"
#include "sip/message.h"

enum { DIALOG_BYTES_MAX = 8192, DIALOG_TAG_BYTES = 17 };

struct dialog {
	struct buf text; /* all texts below lie here, by offset */
	struct dialog_text { uint32_t at, n; } call_id, local_tag, remote_tag, local_uri, remote_uri, target, route, remote_params;
	uint32_t local_cseq, remote_cseq;
	bool has_remote_cseq;
};

void dialog_init(struct dialog *d);
void dialog_fini(struct dialog *d);
struct bytes dialog_get(const struct dialog *d, struct dialog_text t);
/* A tag: 16 hex digits and a NUL. */
void dialog_new_tag(char out[static DIALOG_TAG_BYTES]);

/* We begin: From and To URIs. call_id: "" for a fresh one; local_tag NULL for a fresh one. ERR_LIMIT. */
int dialog_begin(struct dialog *d, struct bytes local_uri, struct bytes remote_uri, struct bytes call_id, const char *local_tag);
/* Has it begun? */
static inline bool dialog_is_begun(const struct dialog *d)
{
	return d->call_id.n > 0;
}
/* The other side began with this request (12.1.1); parameters of its From other than the tag come back in our
 * To (epid of Lync); local_tag: that of our answer. ERR_SYNTAX without a
 * Contact; ERR_LIMIT. */
int dialog_of_request(struct dialog *d, const struct sipmsg *request, const char *local_tag);
/* The other side has answered (12.1.2), or its NOTIFY came first: remote tag, target, route set. ERR_SYNTAX
 * (no tag; or no Contact: then only the target stays as it was), ERR_LIMIT. */
int dialog_of_response(struct dialog *d, const struct sipmsg *response);
int dialog_of_first_notify(struct dialog *d, const struct sipmsg *notify);
/* Has it a remote tag? Else its requests are still outside a dialog. */
static inline bool dialog_is_confirmed(const struct dialog *d)
{
	return d->remote_tag.n > 0;
}
/* Is a request of the other side in this dialog? While that has no tag, any is right. */
bool dialog_has(const struct dialog *d, const struct sipmsg *request);
/* A request in the dialog came: its CSeq must grow (12.2.2: else answer 500), its Contact is the new target. */
int dialog_take_request(struct dialog *d, const struct sipmsg *request);
/* A target refresh's response (12.2.1.2). */
int dialog_set_target(struct dialog *d, const struct sipmsg *m);

/* The next request: Request-URI, Route, From, To, Call-ID, CSeq, Max-Forwards 70, Contact (URI without
 * brackets; empty: none). The caller's; NULL without memory. */
struct sipmsg *dialog_request(struct dialog *d, const char *method, struct bytes contact);
/* ACK to the 2xx of an INVITE: the INVITE's CSeq number (BUG-04). */
struct sipmsg *dialog_ack(const struct dialog *d, uint32_t cseq);

/* All of it, for the store. Decoding: d as after dialog_init; ERR_TRUNCATED, ERR_LIMIT. */
void dialog_encode(struct buf *b, const struct dialog *d);
int dialog_decode(struct wire *w, struct dialog *d);

/* "call-id local-tag": of a dialog; of a request that came in one (its To tag); of a response or our own
 * request (its From tag). Appends. */
void dialog_key(const struct dialog *d, struct buf *out);
void dialog_key_of(const struct sipmsg *m, bool is_ours, struct buf *out);
/* The tag of From or To; empty: none. */
struct bytes dialog_tag(const struct sipmsg *m, enum siphdr h);

#endif
