/* composing.h - application/im-iscomposing+xml (RFC 3994) and chat states (XEP-0085). Pure. */
#ifndef XLATE_COMPOSING_H
#define XLATE_COMPOSING_H

#include "base/arena.h"
#include "base/buf.h"
#include "proto/xml.h"

enum { COMPOSING_REFRESH_S = 120, COMPOSING_IDLE_S = 15, COMPOSING_REFRESH_MAX_S = 3600 };

enum chat_state { CHAT_NO_STATE, CHAT_ACTIVE, CHAT_COMPOSING, CHAT_PAUSED, CHAT_INACTIVE, CHAT_GONE, CHAT_STATE_COUNT };
const char *chat_state_name(enum chat_state s); /* "composing"; "" for none */
/* The chat state in a message, or none. */
enum chat_state chat_state_of(const struct xml_node *message);

/* An isComposing document: *is_active, and the seconds until which an active one holds (CMP-05). Elements that
 * are not known are fine (CMP-10). ERR_XML_*, ERR_SYNTAX, ERR_NOMEM. */
int composing_read(struct bytes in, struct arena *a, bool *is_active, uint32_t *refresh_s);
/* refresh_s: 0: none is written. */
void composing_write(struct buf *out, bool is_active, uint32_t refresh_s);
/* What a chat state is called over there (CMP-02): false: nothing is said of it. */
bool composing_of_state(enum chat_state s, bool *is_active);

#endif
