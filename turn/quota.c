#include "quota.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

enum { BURST_MIN = 65535, PACKETS_MIN = 10 }; /* bytes: the largest packet */

struct pace {
	struct rate bytes, packets;
};
struct quota_user {
	uint32_t at[QUOTA_WORKERS_MAX]; /* allocations at each worker */
	uint32_t count;                 /* over all */
	struct pace pace;
	struct quota_user *next_left;
	uint16_t n;
	char name[];
};
struct quota_address {
	uint8_t key[17]; /* family, address (IPv6: its /64) */
	uint32_t count;
	struct pace pace;
};
struct quota {
	unsigned worker;
	struct quota_limits limits;
	struct map users, addresses;
	uint32_t at[QUOTA_WORKERS_MAX];
	uint32_t count;
	struct pace pace;
};

struct quota *quota_new(unsigned worker)
{
	struct quota *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->worker = worker;
	q->limits.workers = 1;
	map_init(&q->users);
	map_init(&q->addresses);
	return q;
}

void quota_free(struct quota *q)
{
	size_t at = 0;
	void *v;

	if (!q)
		return;
	while ((v = map_next(&q->users, &at)))
		free(v);
	at = 0;
	while ((v = map_next(&q->addresses, &at)))
		free(v);
	map_fini(&q->users);
	map_fini(&q->addresses);
	free(q);
}

static unsigned workers_with(const uint32_t at[static QUOTA_WORKERS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < QUOTA_WORKERS_MAX; i++)
		n += at[i] > 0;
	return n ? n : 1;
}

static uint32_t share(uint32_t limit, unsigned among)
{
	return limit ? limit / among + (limit < among) : 0;
}

/* A quarter of a second at once, but never less than a large packet, or a few small ones. */
static void rate_become(struct rate *r, uint32_t per_s, uint32_t burst_min, uint64_t now_ms)
{
	if (r->per_s != per_s)
		rate_init(r, per_s, per_s / 4 > burst_min ? per_s / 4 : burst_min, now_ms);
}

static void pace_become(struct pace *p, uint32_t bytes_per_s, uint32_t packets_per_s, uint64_t now_ms)
{
	rate_become(&p->bytes, bytes_per_s, BURST_MIN, now_ms);
	rate_become(&p->packets, packets_per_s, PACKETS_MIN, now_ms);
}

static void user_becomes(struct quota *q, struct quota_user *u, uint64_t now_ms)
{
	pace_become(&u->pace, quota_share_user(q, u), share(q->limits.packets_user, workers_with(u->at)), now_ms);
}

/* As its allocations: the kernel spreads an address over all workers. */
static void address_becomes(struct quota *q, struct quota_address *a, uint64_t now_ms)
{
	pace_become(&a->pace, share(q->limits.bytes_address, q->limits.workers), share(q->limits.packets_address, q->limits.workers), now_ms);
}

static void box_becomes(struct quota *q, uint64_t now_ms)
{
	pace_become(&q->pace, quota_share_total(q), share(q->limits.packets_total, workers_with(q->at)), now_ms);
}

void quota_set(struct quota *q, const struct quota_limits *l, uint64_t now_ms)
{
	q->limits = *l;
	if (q->limits.workers == 0)
		q->limits.workers = 1;
	box_becomes(q, now_ms);
}

static struct quota_user *user_of(struct quota *q, struct bytes name)
{
	struct quota_user *u = map_get(&q->users, name);

	if (u || name.n > STUNMSG_USERNAME_MAX)
		return u;
	u = calloc(1, sizeof *u + name.n);
	if (!u)
		return NULL;
	u->n = (uint16_t)name.n;
	if (name.n)
		memcpy(u->name, name.p, name.n);
	if (map_add(&q->users, bytes_make(u->name, u->n), u) < 0) {
		free(u);
		return NULL;
	}
	return u;
}

static void user_release(struct quota *q, struct quota_user *u)
{
	if (u->count > 0)
		return;
	(void)map_del(&q->users, bytes_make(u->name, u->n)); /* is u */
	free(u);
}

static void count(struct quota *q, struct quota_user *u, unsigned worker, uint32_t n)
{
	u->count += n - u->at[worker];
	q->count += n - u->at[worker];
	q->at[worker] += n - u->at[worker];
	u->at[worker] = n;
}

static struct quota_address *address_of(struct quota *q, const struct stunaddr *client)
{
	uint8_t key[17] = { client->family };

	memcpy(key + 1, client->ip, client->family == 6 ? 8 : 4); /* who has one address of a /64 has them all */
	struct quota_address *a = map_get(&q->addresses, bytes_make(key, sizeof key));
	if (a)
		return a;
	a = calloc(1, sizeof *a);
	if (!a)
		return NULL;
	memcpy(a->key, key, sizeof key);
	if (map_add(&q->addresses, bytes_make(a->key, sizeof a->key), a) < 0) {
		free(a);
		return NULL;
	}
	return a;
}

static void address_release(struct quota *q, struct quota_address *a)
{
	if (a->count > 0)
		return;
	(void)map_del(&q->addresses, bytes_make(a->key, sizeof a->key)); /* is a */
	free(a);
}

static int verdict(const struct quota *q, const struct quota_user *u, const struct quota_address *a)
{
	const struct quota_limits *l = &q->limits;

	if (l->allocations && q->count >= l->allocations)
		return ERR_FULL;
	if (l->allocations_user && u->count >= l->allocations_user)
		return ERR_LIMIT;
	if (l->allocations_address && a->count >= (l->allocations_address + l->workers - 1) / l->workers)
		return ERR_LIMIT;
	return 0;
}

int quota_enter(struct quota *q, struct bytes user, const struct stunaddr *client, uint64_t now_ms, struct quota_hold *out)
{
	struct quota_user *u = user_of(q, user);
	struct quota_address *a = u ? address_of(q, client) : NULL;
	int rc = a ? verdict(q, u, a) : ERR_NOMEM;

	if (rc == 0) {
		count(q, u, q->worker, u->at[q->worker] + 1);
		a->count++;
		user_becomes(q, u, now_ms);
		address_becomes(q, a, now_ms);
		*out = (struct quota_hold){ u, a };
		return 0;
	}
	if (a)
		address_release(q, a);
	if (u)
		user_release(q, u);
	return rc;
}

void quota_leave(struct quota *q, struct quota_hold *h)
{
	if (!h->user)
		return;
	count(q, h->user, q->worker, h->user->at[q->worker] - 1);
	user_release(q, h->user);
	h->address->count--;
	address_release(q, h->address);
	*h = (struct quota_hold){ NULL, NULL };
}

struct quota_user *quota_find(const struct quota *q, struct bytes user)
{
	return map_get(&q->users, user);
}

struct bytes quota_user_name(const struct quota_user *u)
{
	return bytes_make(u->name, u->n);
}

uint32_t quota_count(const struct quota *q)
{
	return q->count;
}

uint32_t quota_user_count(const struct quota *q, const struct quota_user *u)
{
	return u->at[q->worker];
}

int quota_hear(struct quota *q, unsigned worker, struct bytes user, uint32_t allocations)
{
	if (worker >= QUOTA_WORKERS_MAX || worker == q->worker)
		return ERR_RANGE;
	struct quota_user *u = user_of(q, user);
	if (!u)
		return ERR_NOMEM;
	count(q, u, worker, allocations);
	user_release(q, u);
	return 0;
}

void quota_worker_gone(struct quota *q, unsigned worker)
{
	struct quota_user *u, *left = NULL;
	size_t at = 0;

	if (worker >= QUOTA_WORKERS_MAX || worker == q->worker)
		return;
	/* The map must not change under a walk: who has nothing left is chained and goes after it. */
	while ((u = map_next(&q->users, &at))) {
		if (u->at[worker] == 0)
			continue;
		count(q, u, worker, 0);
		if (u->count == 0) {
			u->next_left = left;
			left = u;
		}
	}
	for (; left; left = u) {
		u = left->next_left;
		user_release(q, left);
	}
}

struct quota_user *quota_next(const struct quota *q, size_t *at)
{
	struct quota_user *u;

	while ((u = map_next(&q->users, at)))
		if (u->at[q->worker] > 0)
			return u;
	return NULL;
}

static bool has_rates(const struct quota_limits *l)
{
	return (l->bytes_user | l->bytes_address | l->bytes_total | l->packets_user | l->packets_address | l->packets_total) != 0;
}

/* Limits and the workers that share them may have changed since the last packet. */
static void become(struct quota *q, const struct quota_hold *h, uint64_t now_ms)
{
	if (h->user)
		user_becomes(q, h->user, now_ms);
	if (h->address)
		address_becomes(q, h->address, now_ms);
	box_becomes(q, now_ms);
}

static bool pace_take(struct pace *p, uint32_t bytes, uint32_t packets, uint64_t now_ms)
{
	return rate_take(&p->packets, packets, now_ms) && rate_take(&p->bytes, bytes, now_ms);
}

static bool pass(struct quota *q, const struct quota_hold *h, uint32_t bytes, uint32_t packets, uint64_t now_ms)
{
	if (!has_rates(&q->limits))
		return true;
	become(q, h, now_ms);
	return (!h->user || pace_take(&h->user->pace, bytes, packets, now_ms)) &&
	       (!h->address || pace_take(&h->address->pace, bytes, packets, now_ms)) &&
	       pace_take(&q->pace, bytes, packets, now_ms);
}

bool quota_pass(struct quota *q, const struct quota_hold *h, uint32_t n, uint64_t now_ms)
{
	return pass(q, h, n, 1, now_ms);
}

bool quota_pass_bytes(struct quota *q, const struct quota_hold *h, uint32_t n, uint64_t now_ms)
{
	return pass(q, h, n, 0, now_ms);
}

bool quota_wants_each(const struct quota *q)
{
	const struct quota_limits *l = &q->limits;

	return (l->bytes_address | l->packets_user | l->packets_address | l->packets_total) != 0;
}

/* Only what the kernel's path knows of: bytes of user and box. */
void quota_charge(struct quota *q, struct quota_user *u, uint64_t n, uint64_t now_ms)
{
	if (!has_rates(&q->limits))
		return;
	become(q, &(struct quota_hold){ .user = u }, now_ms);
	if (u)
		rate_charge(&u->pace.bytes, n, now_ms);
	rate_charge(&q->pace.bytes, n, now_ms);
}

uint32_t quota_share_user(const struct quota *q, const struct quota_user *u)
{
	return share(q->limits.bytes_user, workers_with(u->at));
}

uint32_t quota_share_total(const struct quota *q)
{
	return share(q->limits.bytes_total, workers_with(q->at));
}
