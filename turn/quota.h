/* turn/quota.h - how much a user, an address and the box may have: allocations, bandwidth, packets.
 * Each worker counts its own and hears the others' counts (TURN_USAGE), so that a limit holds over all
 * workers; two workers that grant in the same instant may together exceed it by one each. Addresses are
 * counted here only: the kernel spreads an address over the workers by port, so each has its part of
 * the limit, rounded up.
 * A limit of bandwidth or packets, of a user or of the box, is shared equally by the workers that have allocations of it. */
#ifndef TURN_QUOTA_H
#define TURN_QUOTA_H

#include "base/bytes.h"
#include "base/rate.h"
#include "proto/stunmsg.h"

enum { QUOTA_WORKERS_MAX = 16 };

struct quota_limits {
	uint32_t allocations, allocations_user, allocations_address; /* 0: no limit */
	uint32_t bytes_user, bytes_address, bytes_total;              /* a second, both directions */
	uint32_t packets_user, packets_address, packets_total;        /* likewise, each with its payload of any size */
	uint32_t workers;                                             /* that run */
};
struct quota;
struct quota_user;    /* one account with allocations, here or at another worker */
struct quota_address; /* one client address with allocations here */

struct quota *quota_new(unsigned worker);
void quota_free(struct quota *q);
void quota_set(struct quota *q, const struct quota_limits *l, uint64_t now_ms);

/* What an allocation holds while it lives. */
struct quota_hold {
	struct quota_user *user;
	struct quota_address *address;
};
/* One more allocation: 0; ERR_LIMIT: user or address (486); ERR_FULL: the box (508); ERR_NOMEM. */
int quota_enter(struct quota *q, struct bytes user, const struct stunaddr *client, uint64_t now_ms, struct quota_hold *out);
void quota_leave(struct quota *q, struct quota_hold *h);
struct bytes quota_user_name(const struct quota_user *u);
/* An account that has allocations at any worker; NULL: none. */
struct quota_user *quota_find(const struct quota *q, struct bytes user);
uint32_t quota_user_count(const struct quota *q, const struct quota_user *u); /* here */
uint32_t quota_count(const struct quota *q); /* allocations of the box, as far as this worker has heard */
/* Another worker's count, and its end. */
int quota_hear(struct quota *q, unsigned worker, struct bytes user, uint32_t allocations);
void quota_worker_gone(struct quota *q, unsigned worker);
/* Walks the accounts that have allocations here (to tell a worker that has just come): start with *at = 0. */
struct quota_user *quota_next(const struct quota *q, size_t *at);
/* May one packet of n bytes pass now? False: drop it (and count). */
bool quota_pass(struct quota *q, const struct quota_hold *h, uint32_t n, uint64_t now_ms);
/* The same of a stream, which has no packets. Without user, address or both only the other limits bind. */
bool quota_pass_bytes(struct quota *q, const struct quota_hold *h, uint32_t n, uint64_t now_ms);
/* Is there a limit that the kernel's path does not know, so that each packet has to pass here? */
bool quota_wants_each(const struct quota *q);
/* n bytes have passed in the kernel: those that pass here have the rest of the limit. */
void quota_charge(struct quota *q, struct quota_user *u, uint64_t n, uint64_t now_ms);
/* This worker's share of the user's and of the box's limit, bytes a second, for the kernel's path; 0: none. */
uint32_t quota_share_user(const struct quota *q, const struct quota_user *u);
uint32_t quota_share_total(const struct quota *q);

#endif
