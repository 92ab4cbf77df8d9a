/* error.h - SIP statuses as stanza errors and back (RFC 7247 7, tables 2 and 3). Pure. */
#ifndef XLATE_ERROR_H
#define XLATE_ERROR_H

#include "base/arena.h"
#include "base/buf.h"
#include "proto/stanza.h"

enum { ERROR_REASON_MAX_BYTES = 128 };

/* A stanza error as it is to be sent. */
struct stanza_fault {
	enum stanza_error error;
	struct bytes text; /* may be empty */
	struct bytes uri;  /* content of gone and redirect: "xmpp:..."; may be empty */
};

/* ERR-07..10. status: 300 to 699. reason: of the response. contact: the URI of its Contact, or empty; its
 * address goes to the arena. */
struct stanza_fault error_of_status(unsigned status, struct bytes reason, struct bytes contact, struct arena *a);
/* ERR-11: nobody answered; why: ERR_* of the door. */
struct stanza_fault error_of_failure(int why);

/* A SIP refusal as it is to be sent. */
struct status_fault {
	unsigned status;
	char reason[ERROR_REASON_MAX_BYTES + 1]; /* "": the standard's (ERR-06) */
	struct bytes contact; /* URI for 301 and 302 (ERR-02, ERR-03); may be empty */
};
/* ERR-01..06. error: the <error/> of a stanza; is_full: it answers a stanza to a full JID. */
void error_of_stanza(const struct xml_node *error, bool is_full, struct arena *a, struct status_fault *out);
unsigned error_status(enum stanza_error e, bool is_full);

/* Appends the error answer to a stanza, without the stanza's own children (ERR-14). Nothing, and false, when
 * none is due: to errors and results (ERR-13). from, to: of the answer. */
bool error_write(struct buf *b, enum stanza_kind kind, enum stanza_type type, struct bytes sid, struct bytes from,
                 struct bytes to, const struct stanza_fault *f);

#endif
