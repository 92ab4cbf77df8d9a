/* gateway/link/ferry_stanza.h - what a core believes of a stanza that an edge brings: nothing but its bytes. The edge's door has parsed
 * it and behind the core's gh-link nobody will, and the edge may be another's by now. So the core reads it as a door does, and writes
 * it anew: what goes on is one stanza, from and to whom its envelope says. Does no I/O. */
#ifndef LINK_FERRY_STANZA_H
#define LINK_FERRY_STANZA_H

#include "base/arena.h"
#include "proto/envelope.h"

/* Replaces kind, type, facts, id and bytes of the envelope by those of the stanza in it, its door by a partner's: views into the arena and `out`, which is
 * cleared. ERR_XML_*, ERR_LIMIT: not one well-formed stanza; ERR_SYNTAX, ERR_UNKNOWN, ERR_XML_NAMESPACE: an element that is no stanza;
 * ERR_DENIED: other addresses than the envelope's, or addresses that are none; ERR_NOMEM. */
int ferry_stanza_judge(struct envelope *e, struct xml_pool *pool, struct arena *a, struct buf *out);

#endif
