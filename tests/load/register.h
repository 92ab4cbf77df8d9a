/* register.h - the registration of a SIP client (RFC 3261 10.2) with a digest (RFC 8760, SHA-256) over a flow of its own (RFC 5626),
 * for the load generator. */
#ifndef LOAD_REGISTER_H
#define LOAD_REGISTER_H

#include "base/buf.h"

struct registering {
	const char *user, *domain, *password;
	unsigned number; /* tells clients of one user apart */
};

/* The first REGISTER, which is going to be challenged. */
void register_first(const struct registering *r, struct buf *out);
/* The second, with the answer to what came. ERR_SYNTAX: no challenge that we know. */
int register_answer(const struct registering *r, struct bytes response, struct buf *out);

#endif
