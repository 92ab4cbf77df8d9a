/* prove.h - is the peer's certificate the domain's? The chain and name by tls_verify, with what DNS
 * (DANE, RFC 7673) and the domain's web server (POSH, RFC 7711) add to it where settings allow. */
#ifndef S2S_PROVE_H
#define S2S_PROVE_H

#include "conn.h"

/* Begins; conn_proof follows, perhaps before this returns. */
void prove_begin(struct conn *c, struct bytes remote);
/* Ends all of a connection without answering. */
void prove_cancel(struct conn *c);

#endif
