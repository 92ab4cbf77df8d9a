/* reason.h - why a peer could not be reached or was refused: the rung of the ladder, the code, and
 * what to do about it. One vocabulary for logs, error texts, `show federation` and
 * `federation check` (lessons 7, 8 and 9 of spec/xmpp.md). Pure. */
#ifndef S2S_REASON_H
#define S2S_REASON_H

#include "base/buf.h"
#include "proto/xmpp.h"

enum rung {
	RUNG_NONE,
	RUNG_POLICY,
	RUNG_DNS,
	RUNG_TCP,
	RUNG_TLS,
	RUNG_STREAM,
	RUNG_CERTIFICATE,
	RUNG_AUTH,
	RUNG_DIALBACK,
	RUNG_QUEUE,
	RUNG_COUNT
};
const char *rung_name(enum rung r);

enum { REASON_TEXT_BYTES = 120 };
struct reason {
	uint8_t rung; /* enum rung; RUNG_NONE: nothing went wrong */
	int rc;       /* ERR_* */
	char text[REASON_TEXT_BYTES]; /* more detail, may be "" ("peer says host-unknown") */
};

void reason_set(struct reason *r, enum rung rung, int rc, const char *text);
/* text from a peer: cut to size, only printable ASCII kept. */
void reason_set_peer(struct reason *r, enum rung rung, int rc, const char *what, struct bytes peer_text);
/* "certificate: certificate has expired (subject ...)", for error stanzas, records and logs. */
void reason_write(struct buf *b, const struct reason *r);
/* What the administrator can do. Never NULL. */
const char *reason_advice(const struct reason *r);
/* The stanza error that answers stanzas which cannot go for this reason. */
enum stanza_error reason_stanza_error(const struct reason *r);

#endif
