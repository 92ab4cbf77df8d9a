/* proto/envelope.h - how a stanza travels between processes.
 *
 *  id:u64 trace:u64 door:u8 kind:u8 type:u8 hops:u8 facts:u32 from:str16 to:str16 sid:str16 bytes:str32
 *
 * `from` was verified by the door that let it in, and nobody else may set it. `trace` is in every
 * log line about it. `id` names this envelope between its origin and whoever takes responsibility
 * for it; ROUTE_DONE carries it back. */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include "base/buf.h"
#include "proto/stanza.h"

enum envelope_door { DOOR_CORE, DOOR_ACCESS, DOOR_S2S, DOOR_SIP, DOOR_COUNT };
enum { ENVELOPE_HOPS_MAX = 8 };

struct envelope {
	uint64_t id; /* program << 56 | instance << 48 | sequence, of the origin; 0: no answer wanted */
	uint64_t trace;
	uint8_t door; /* enum envelope_door */
	uint8_t kind; /* enum stanza_kind */
	uint8_t type; /* enum stanza_type */
	uint8_t hops;
	uint32_t facts;
	struct bytes from, to; /* normalised JIDs (proto/jid.h); to may be empty on the client side */
	struct bytes sid;      /* the stanza's id attribute, for error answers */
	struct bytes stanza;   /* neutral form, with from and to in place */
};

void envelope_encode(struct buf *b, const struct envelope *e);
/* Views into `in`. ERR_TRUNCATED, ERR_SYNTAX (left-over bytes), ERR_RANGE (enum out of range). */
int envelope_decode(struct bytes in, struct envelope *out);

#endif
