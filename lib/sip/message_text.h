/* sip/message_text.h - the text of a message before Sofia-SIP sees it: start line, fields, framing.
 *
 * Only what the parser behind cannot be trusted with is looked at here: where fields and the message end
 * (RFC 3261 7.5, 18.3), folding, octets that no header may have, and counts that would cost too much. */
#ifndef SIP_MESSAGE_TEXT_H
#define SIP_MESSAGE_TEXT_H

#include "base/buf.h"
#include "base/bytes.h"
#include "sip/message.h"

/* Takes the next field off the front of *rest: name without white space before the colon, value without
 * white space around it, still folded. False at the empty line or the end, which stay in *rest. A line
 * without a colon is a name with an empty value and *is_bad. */
bool message_text_field(struct bytes *rest, struct bytes *name, struct bytes *value, bool *is_bad);

enum message_length { LENGTH_NONE, LENGTH_OK, LENGTH_BAD };
/* Content-Length among the fields that start at `fields`: LENGTH_BAD when it is no number or there are two. */
enum message_length message_text_length(struct bytes fields, uint32_t *out);

struct message_start {
	bool is_request;
	struct bytes method, uri; /* as they stand, also of a bad line */
	uint16_t status;
	struct bytes reason;
	struct sipmsg_fault fault;
};
/* The start line (RFC 3261 7.1, 7.2). ERR_SYNTAX: not SIP at all, or a response to be dropped. */
int message_text_start(struct bytes line, struct message_start *out);

/* RFC 3261 25.1 token. */
bool message_text_is_token(struct bytes v);

struct message_fields {
	struct bytes body; /* what follows the empty line */
	bool is_ended;     /* the empty line was there */
	bool is_rough;     /* octets that no header may have; they have become '?' */
	bool is_foreign;   /* a value is not UTF-8; what is no ASCII in it has become '?' */
	bool is_flood;     /* more than SIPMSG_HEADERS_MAX: only what an answer needs was copied */
	bool is_nameless;  /* a line without a colon */
};
/* Copies the fields, unfolded, with the empty line behind. */
void message_text_copy(struct bytes fields, struct buf *out, struct message_fields *f);

/* Gives a message whose length cannot be known the fault to be answered with. rc: ERR_SYNTAX or ERR_LIMIT. */
void message_lost_framing(struct sipmsg *m, int rc);

#endif
