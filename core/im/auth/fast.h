/* fast.h - tokens with which a client logs in again without its password (FAST, XEP-0484). Nobody keeps a
 * token: it is made from a random seed, which gh-store keeps, the account, the client's id, the mechanism and
 * the box's secret, so it is good for nobody and nothing else (core/store/README.md). auth_fast.c is the
 * mechanism. */
#ifndef IM_FAST_H
#define IM_FAST_H

#include "run/session.h"
#include "auth/login.h"

/* One that gh-store knows. */
struct fast_row {
	uint8_t seed[STORE_FAST_SEED];
	uint8_t kind; /* enum hashed_token_kind */
	char label[STORE_APP_LABEL_MAX + 1]; /* of the application password that it stems from; "" the account's own */
	uint64_t created_ms, expires_ms;
};

/* A login by token. */
struct fast {
	uint8_t proof[HASHED_TOKEN_BYTES], answer[HASHED_TOKEN_BYTES];
	struct fast_row rows[STORE_FAST_TOKENS];
	uint8_t n_rows, which; /* which: of the rows, the one that was proved */
	uint64_t login; /* random: so that gh-store knows an ask that is sent again */
};

/* The token of this seed for the login's account and client. ERR_NOMEM. */
int fast_token(struct im *im, const struct login *l, enum hashed_token_kind kind, struct bytes seed,
	       char out[static AUTH_TOKEN_MAX + 1]);
/* A client's tokens are revoked: ends its sessions and logins. */
void fast_revoked(struct im *im, struct bytes jid, struct bytes client);

#endif
