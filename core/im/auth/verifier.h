/* auth/verifier.h - what an account keeps of a password: verifiers of SCRAM (RFC 5803, XEP-0227) and HA1 of SIP (RFC 7616), made and
 * brought from elsewhere, in the form of STORE_ACCOUNT_PUT. */
#ifndef IM_AUTH_VERIFIER_H
#define IM_AUTH_VERIFIER_H

#include "im.h"
#include "proto/scram.h"
#include "sip/digest.h"

enum { VERIFIERS_BYTES_MAX = 1024, VERIFIER_ROUNDS_MAX = 10000000 };

/* "SCRAM-SHA-256$4096:SALT$STORED:SERVER", the three in base64 (RFC 5803 4). ERR_UNKNOWN: a hash that we do not have; ERR_SYNTAX, ERR_RANGE. */
int verifier_read(struct bytes in, enum scram_hash *hash, struct scram_verifier *v);
/* <scram-credentials mechanism=''> of XEP-0227 (iter-count, salt, stored-key, server-key). The same errors. */
int verifier_of_pie(const struct xml_node *n, enum scram_hash *hash, struct scram_verifier *v);
/* Appends such an element, from what gh-store gives (STORE_AUTH_GET). */
void verifier_put_pie(struct buf *b, enum scram_hash hash, uint32_t rounds, struct bytes salt, struct bytes stored, struct bytes server);
/* Appends one of those of STORE_ACCOUNT_PUT. */
void verifier_put(struct buf *b, enum scram_hash hash, const struct scram_verifier *v);
/* Makes all that this box keeps of a password, and appends them with their number. What it needs meanwhile is in im->arena.
 * ERR_SYNTAX: no password by RFC 8265 4.2; ERR_NOMEM. */
int verifier_put_all(struct im *im, struct buf *b, struct bytes jid, struct bytes password);
/* HA1 of a password: SHA-256, and MD5 where `line digest` has it. *n: how many. */
int verifier_digests(const struct im *im, struct bytes jid, struct bytes password, struct digest_ha1 out[static DIGEST_ALGORITHM_COUNT], int *n);

#endif
