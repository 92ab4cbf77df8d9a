/* message_build.h - what page mode sends to a SIP user, and the MESSAGE that carries it (RFC 7572 table 1). */
#ifndef XLATE_MESSAGE_BUILD_H
#define XLATE_MESSAGE_BUILD_H

#include "address.h"
#include "conversation.h"
#include "mime.h"
#include "stanza_in.h"

struct request_out;

enum word_kind {
	WORD_STANZA, /* an XMPP user's message */
	WORD_STATE,  /* isComposing */
	WORD_NOTICE, /* an IMDN document: text */
	WORD_TEXT    /* the gateway's: text */
};

struct word {
	struct list node; /* of the conversation's queue */
	struct conversation *c;
	enum word_kind kind;
	struct stanza_in *s; /* WORD_STANZA */
	bool is_sent, is_cpim, is_active, was_redirected;
	unsigned wanted;     /* enum cpim_disposition */
	struct buf target;   /* Request-URI instead of the SIP user's own; empty: that */
	struct request_out *request;
	size_t text_n;
	uint8_t text[];
};

/* Which reports a message asks for (RCP-06, RCP-07). */
unsigned message_wanted(const struct stanza_in *s);
/* Has it something that becomes a MESSAGE: a body, or a subject where that may stand alone (MSG-X05)? */
bool message_has_text(const struct stanza_in *s);
/* The request; the caller's. ERR_NOMEM, ERR_LIMIT, ERR_SYNTAX. */
int message_build(struct word *w, struct sipmsg **out);

#endif
