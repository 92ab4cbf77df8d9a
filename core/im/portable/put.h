/* portable/put.h - what a person has as XEP-0227 writes it. Pure: everything is appended to b. */
#ifndef IM_PORTABLE_PUT_H
#define IM_PORTABLE_PUT_H

#include "base/buf.h"
#include "user.h"

/* 4.5, 4.7: the roster without what groups of the directory say, and requests that wait. */
void put_roster(struct buf *b, const struct user *u);
void put_requests(struct buf *b, const struct user *u);
/* The list of XEP-0191. */
void put_blocks(struct buf *b, const struct user *u);
/* 4.9: configurations of all nodes, and who is affiliated. */
void put_nodes(struct buf *b, const struct user *u);
/* A message of ours (neutral form) as one of jabber:client; at_ms 0: with no time put in. */
void put_message(struct buf *b, struct bytes stanza, struct bytes domain, uint64_t at_ms);
/* 4.10 */
void put_archived(struct buf *b, struct bytes id, uint64_t at_ms, struct bytes stanza);
/* What is inside private XML as gh-store has it; empty: nothing. */
struct bytes put_private_inner(struct bytes value);

#endif
