/* token.h - what this gh-line tells a client in words that only itself can read: a flow (RFC 5626 5.2), a client (a temporary
 * GRUU, RFC 5627 A.2). Sealed with a key that is made at start; no two are alike. Pure but for the random nonce. */
#ifndef LINE_TOKEN_H
#define LINE_TOKEN_H

#include "base/bytes.h"

enum token_kind {
	TOKEN_FLOW = 1, /* a connection */
	TOKEN_CLIENT,   /* a registration as it began */
	TOKEN_WAY,      /* one flow of a registration, by UDP */
	TOKEN_DIALOG,   /* the flow that a dialog began on */
};
enum {
	TOKEN_KEY_BYTES = 32,
	TOKEN_CHARS = 88, /* hex of nonce, number, mark and tag */
};

struct token {
	uint64_t number; /* a connection, or a registration */
	uint64_t mark;   /* of a connection when the token ends, in ms; of a client its epoch; else the number of the flow */
};
/* ERR_NOMEM. */
int token_seal(const uint8_t key[static TOKEN_KEY_BYTES], enum token_kind kind, const struct token *t, char out[static TOKEN_CHARS + 1]);
/* Any bytes. ERR_AUTH: it is none of ours, or of another kind, or changed. ERR_NOMEM. */
int token_open(const uint8_t key[static TOKEN_KEY_BYTES], enum token_kind kind, struct bytes text, struct token *out);

#endif
