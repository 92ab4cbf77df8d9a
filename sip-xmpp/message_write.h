/* message_write.h - message stanzas of what came from SIP (RFC 7572 table 2). Pure but for the id. */
#ifndef XLATE_MESSAGE_WRITE_H
#define XLATE_MESSAGE_WRITE_H

#include "composing.h"
#include "letter.h"
#include "xlate.h"

enum { MESSAGE_SID_BYTES = 20 };
/* A stanza id that no other has (MSG-S06). */
void message_new_sid(struct xlate *x, char out[static MESSAGE_SID_BYTES]);

struct message_head {
	enum stanza_type type;
	struct bytes sid, from, to, lang, thread;
};
struct message_more {
	bool has_xhtml, has_receipts;
	uint64_t at_ms;        /* 0: no delay */
	struct bytes delay_by; /* the gateway's domain */
};
/* Append a stanza in neutral form. The facts of its envelope (enum stanza_fact) come back. */
uint32_t message_write_letter(struct buf *b, const struct message_head *h, const struct letter *l, const struct message_more *more);
void message_write_state(struct buf *b, const struct message_head *h, enum chat_state s);
/* <received/> or <displayed/> (RCP-11). */
uint32_t message_write_receipt(struct buf *b, const struct message_head *h, bool is_displayed, struct bytes id);

#endif
