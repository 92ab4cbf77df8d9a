/* turn/quota.h - how much a user, an address and the box may have: allocations, bandwidth, packets.
 * Each worker counts its own and hears the others' counts (TURN_USAGE), so that a user's limit holds over
 * all workers; two workers that grant in the same instant may together exceed it by one each.
 * A bandwidth limit of a user or of the box is shared equally by the workers that hold allocations of it. */
#ifndef TURN_QUOTA_H
#define TURN_QUOTA_H

#include "base/bytes.h"
#include "base/rate.h"
#include "proto/stunmsg.h"

enum { QUOTA_WORKERS_MAX = 16 };

struct quota_limits {
	uint32_t allocations, allocations_user, allocations_address; /* 0: no limit */
	uint32_t bytes_user, bytes_total;                             /* a second, both directions */
	uint32_t bytes_allocation, packets_allocation;                /* a second */
};
struct quota;
struct quota_user; /* one account with allocations, here or at another worker */

struct quota *quota_new(unsigned worker);
void quota_free(struct quota *q);
void quota_set(struct quota *q, const struct quota_limits *l);
/* One more allocation: 0 and *out (to be left again); ERR_LIMIT user or address: 486; ERR_FULL total: 508. */
int quota_enter(struct quota *q, struct bytes user, const struct stunaddr *client, struct quota_user **out);
void quota_leave(struct quota *q, struct quota_user *u, const struct stunaddr *client);
uint32_t quota_user_count(const struct quota_user *u); /* here */
struct bytes quota_user_name(const struct quota_user *u);
/* Another worker's count, and its end. */
int quota_hear(struct quota *q, unsigned worker, struct bytes user, uint32_t allocations);
void quota_worker_gone(struct quota *q, unsigned worker);
/* May n bytes of one packet pass now? False: drop it (and count). */
bool quota_pass(struct quota *q, struct quota_user *u, uint32_t n, uint64_t now_ms);
/* The share in bytes a second of this worker, for the kernel's path; 0: no limit. */
uint32_t quota_share_user(const struct quota *q, const struct quota_user *u);
uint32_t quota_share_total(const struct quota *q);

#endif
