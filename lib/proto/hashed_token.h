/* proto/hashed_token.h - the SASL mechanisms HT-* of FAST (XEP-0484, draft-schmaus-kitten-sasl-ht 09): a
 * token that both sides have, proved by a keyed hash over what the connection is bound to. Pure. */
#ifndef PROTO_HASHED_TOKEN_H
#define PROTO_HASHED_TOKEN_H

#include "base/bytes.h"

/* What the proof is bound to. The numbers are kept on disk: new ones come at the end. */
enum hashed_token_kind { HASHED_TOKEN_NONE, HASHED_TOKEN_END_POINT, HASHED_TOKEN_EXPORTER, HASHED_TOKEN_UNIQUE, HASHED_TOKEN_COUNT };
enum { HASHED_TOKEN_BYTES = 32 };

/* "HT-SHA-256-EXPR", and the type of its channel binding ("tls-exporter"); "" for HT-SHA-256-NONE. */
const char *hashed_token_name(enum hashed_token_kind kind);
const char *hashed_token_binding(enum hashed_token_kind kind);
/* The mechanism of this name. ERR_NOT_FOUND. */
int hashed_token_find(struct bytes name, enum hashed_token_kind *kind);

/* Initiator message: authcid NUL hash. Both point into `in`. ERR_SYNTAX, also when the hash has not
 * HASHED_TOKEN_BYTES. */
int hashed_token_read(struct bytes in, struct bytes *authcid, struct bytes *hash);

/* The hash of one side over `binding`, the data of the channel binding. ERR_LIMIT: that is too long;
 * ERR_NOMEM. */
enum hashed_token_side { HASHED_TOKEN_INITIATOR, HASHED_TOKEN_RESPONDER };
int hashed_token_make(struct bytes token, enum hashed_token_side side, struct bytes binding,
		      uint8_t out[static HASHED_TOKEN_BYTES]);

#endif
