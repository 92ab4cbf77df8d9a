#include "fastpath.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "meters.h"

#define NS_PER_S 1000000000ull

struct slot {
	struct send_key to_peer; /* of a channel the first part of it */
	struct way_key to_client;
	struct fastpath_counts seen;
	uint32_t meters[FLOWMAP_CAPS]; /* METERS_NONE: no limit there */
	uint32_t next_free;
	bool is_send; /* to_peer is in sends */
	bool used;
};
/* Free slots wait in line, so that one is not used again while a CPU may still count for its last flow. */
struct fastpath {
	struct fastpath_maps maps;
	struct flow_counts *per_cpu;
	struct meters *meters;
	uint32_t first_free, last_free; /* maps.slots: none */
	struct slot slots[];
};

static int map_op(int cmd, int fd, const void *key, void *value, uint64_t flags)
{
	union bpf_attr a = { .map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = flags };
	if (!syscall(SYS_bpf, cmd, &a, sizeof a))
		return 0;
	return errno == EEXIST ? ERR_EXISTS : errno == ENOENT ? ERR_NOT_FOUND : errno == E2BIG || errno == ENOMEM ? ERR_FULL : ERR_SYS;
}

static int map_put(const struct fastpath *f, enum flowmap m, const void *key, void *value)
{
	return map_op(BPF_MAP_UPDATE_ELEM, f->maps.fds[m], key, value, m == FLOWMAP_WAYS || m == FLOWMAP_SENDS ? BPF_NOEXIST : BPF_ANY);
}

static void free_slot(struct fastpath *f, uint32_t i)
{
	f->slots[i].used = false;
	f->slots[i].next_free = f->maps.slots;
	if (f->first_free == f->maps.slots)
		f->first_free = i;
	else
		f->slots[f->last_free].next_free = i;
	f->last_free = i;
}

static bool is_inside(const struct fastpath_maps *m, int fd, const void *key)
{
	struct way w;

	return !map_op(BPF_MAP_LOOKUP_ELEM, fd, key, &w, 0) && w.slot >= m->first_slot && w.slot - m->first_slot < m->slots;
}

/* The map may change meanwhile, by other workers: a walk that begins anew without end is none of ours. */
static int sweep(const struct fastpath_maps *m, enum flowmap which)
{
	struct send_key keys[2], *at = NULL, *next = &keys[0]; /* the longest */
	int fd = m->fds[which];

	for (uint32_t i = 0; i < 4 * FLOWMAP_FLOWS_MAX; i++) {
		int rc = map_op(BPF_MAP_GET_NEXT_KEY, fd, at, next, 0);
		if (at && is_inside(m, fd, at))
			(void)map_op(BPF_MAP_DELETE_ELEM, fd, at, NULL, 0); /* gone is what is wanted */
		if (rc)
			return rc == ERR_NOT_FOUND ? 0 : rc;
		at = next;
		next = at == &keys[0] ? &keys[1] : &keys[0];
	}
	return 0;
}

static void forget(struct fastpath *f)
{
	meters_free(f->meters);
	free(f->per_cpu);
	free(f);
}

int fastpath_open(const struct fastpath_maps *m, struct fastpath **out)
{
	if (!m->slots || !m->cpus || m->first_slot >= FLOWMAP_FLOWS_MAX || m->slots > FLOWMAP_FLOWS_MAX - m->first_slot)
		return ERR_RANGE;
	struct fastpath *f = calloc(1, sizeof *f + m->slots * sizeof f->slots[0]);
	if (!f)
		return ERR_NOMEM;
	f->per_cpu = calloc(m->cpus, sizeof *f->per_cpu);
	f->meters = meters_new(FLOWMAP_CAPS * m->first_slot, FLOWMAP_CAPS * m->slots);
	int rc = f->per_cpu && f->meters ? sweep(m, FLOWMAP_WAYS) : ERR_NOMEM;
	rc = rc ? rc : sweep(m, FLOWMAP_SENDS);
	if (rc) {
		forget(f);
		return rc;
	}
	f->maps = *m;
	f->first_free = m->slots;
	for (uint32_t i = 0; i < m->slots; i++)
		free_slot(f, i);
	*out = f;
	return 0;
}

void fastpath_close(struct fastpath *f)
{
	if (!f)
		return;
	for (int i = 0; i < FLOWMAP_COUNT; i++)
		(void)close(f->maps.fds[i]); /* nothing was written that could fail now */
	forget(f);
}

static void put_ip(uint8_t out[16], const struct stunaddr *a)
{
	memset(out, 0, 16);
	memcpy(out, a->ip, a->family == 4 ? 4 : 16);
}

static struct way_key key_of(const struct stunaddr *src, const struct stunaddr *dst, uint16_t channel)
{
	struct way_key k = { .wire_sport = htons(src->port), .wire_dport = htons(dst->port),
			     .wire_channel = htons(channel), .family = src->family };
	put_ip(k.src, src);
	put_ip(k.dst, dst);
	return k;
}

static struct send_key send_key_of(const struct fastpath_flow *w)
{
	struct send_key k = { .way = key_of(&w->client, &w->server, w->channel) };

	if (w->channel)
		return k;
	put_ip(k.peer, &w->peer);
	k.wire_port = htons(w->peer.port);
	k.family = w->peer.family;
	return k;
}

static struct way way_of(const struct stunaddr *src, const struct stunaddr *dst, uint16_t channel, uint32_t slot)
{
	struct way w = { .wire_sport = htons(src->port), .wire_dport = htons(dst->port),
			 .wire_channel = htons(channel), .family = src->family, .slot = slot };
	put_ip(w.src, src);
	put_ip(w.dst, dst);
	return w;
}

static bool is_possible(const struct fastpath_flow *w)
{
	bool is_known = (w->client.family == 4 || w->client.family == 6) && (w->relay.family == 4 || w->relay.family == 6);
	return is_known && w->client.family == w->server.family && w->relay.family == w->peer.family;
}

/* The bucket of the group, which all its flows share; a new one is full. */
static int put_cap(struct fastpath *f, uint32_t *meter, const struct fastpath_cap *cap, struct flow_cap *out)
{
	struct flow_meter full = { 0 };
	bool is_new = false;
	int rc = 0;

	if (!cap->bytes_per_s) {
		meters_release(f->meters, *meter);
		*meter = METERS_NONE;
		return 0;
	}
	if (*meter == METERS_NONE && !(rc = meters_take(f->meters, cap->group, meter, &is_new)) && is_new)
		rc = map_put(f, FLOWMAP_METERS, meter, &full);
	*out = (struct flow_cap){ .bytes_per_s = cap->bytes_per_s, .meter = *meter };
	return rc;
}

static int put_limits(struct fastpath *f, uint32_t i, const struct fastpath_flow *w)
{
	uint32_t slot = f->maps.first_slot + i;
	struct timespec t;
	if (clock_gettime(CLOCK_MONOTONIC_COARSE, &t))
		return ERR_SYS;
	uint64_t now_ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	struct flow_limits l = { .expires_ns = now_ns + w->lasts_s * NS_PER_S };
	int rc = 0;
	for (int c = 0; !rc && c < FLOWMAP_CAPS; c++)
		rc = put_cap(f, &f->slots[i].meters[c], &w->caps[c], &l.caps[c]);
	return rc ? rc : map_put(f, FLOWMAP_FLOWS, &slot, &l);
}

static int put_empty(struct fastpath *f, uint32_t slot)
{
	memset(f->per_cpu, 0, f->maps.cpus * sizeof *f->per_cpu);
	return map_put(f, FLOWMAP_COUNTS, &slot, f->per_cpu);
}

static enum flowmap map_to_peer(const struct slot *s)
{
	return s->is_send ? FLOWMAP_SENDS : FLOWMAP_WAYS;
}

/* Limits first, ways last: a way never leads to what was there before. */
static int put_flow(struct fastpath *f, uint32_t i, const struct fastpath_flow *w)
{
	struct slot *s = &f->slots[i];
	uint32_t slot = f->maps.first_slot + i;
	struct way to_peer = way_of(&w->relay, &w->peer, 0, slot);
	struct way to_client = way_of(&w->server, &w->client, w->channel, slot);
	to_peer.to_peer = 1;
	int rc = put_empty(f, slot);
	if (!rc)
		rc = put_limits(f, i, w);
	if (!rc)
		rc = map_put(f, FLOWMAP_WAYS, &s->to_client, &to_client);
	if (rc)
		return rc;
	rc = map_put(f, map_to_peer(s), &s->to_peer, &to_peer);
	if (rc)
		(void)map_op(BPF_MAP_DELETE_ELEM, f->maps.fds[FLOWMAP_WAYS], &s->to_client, NULL, 0); /* rc tells */
	return rc;
}

static void release_meters(struct fastpath *f, struct slot *s)
{
	for (int c = 0; c < FLOWMAP_CAPS; c++)
		meters_release(f->meters, s->meters[c]);
}

int fastpath_add(struct fastpath *f, const struct fastpath_flow *w, uint32_t *id)
{
	uint32_t i = f->first_free;
	if (!is_possible(w))
		return ERR_UNSUPPORTED;
	if (i == f->maps.slots)
		return ERR_FULL;
	struct slot *s = &f->slots[i];
	s->is_send = !w->channel;
	s->to_peer = send_key_of(w);
	s->to_client = key_of(&w->peer, &w->relay, 0);
	for (int c = 0; c < FLOWMAP_CAPS; c++)
		s->meters[c] = METERS_NONE;
	int rc = put_flow(f, i, w);
	if (rc) {
		release_meters(f, s);
		return rc;
	}
	f->first_free = s->next_free;
	s->seen = (struct fastpath_counts){ 0 };
	s->used = true;
	*id = i + 1;
	return 0;
}

static bool is_used(const struct fastpath *f, uint32_t id)
{
	return id && id <= f->maps.slots && f->slots[id - 1].used;
}

int fastpath_renew(struct fastpath *f, uint32_t id, const struct fastpath_flow *w)
{
	return is_used(f, id) ? put_limits(f, id - 1, w) : ERR_NOT_FOUND;
}

int fastpath_read(struct fastpath *f, uint32_t id, struct fastpath_counts *out)
{
	if (!is_used(f, id))
		return ERR_NOT_FOUND;
	uint32_t slot = f->maps.first_slot + id - 1;
	int rc = map_op(BPF_MAP_LOOKUP_ELEM, f->maps.fds[FLOWMAP_COUNTS], &slot, f->per_cpu, 0);
	if (rc)
		return rc;
	struct fastpath_counts sum = { 0 };
	for (unsigned i = 0; i < f->maps.cpus; i++) {
		const struct flow_counts *c = &f->per_cpu[i];
		sum.to_peer += c->to_peer;
		sum.to_peer_bytes += c->to_peer_bytes;
		sum.to_client += c->to_client;
		sum.to_client_bytes += c->to_client_bytes;
		sum.dropped += c->dropped;
	}
	struct fastpath_counts *seen = &f->slots[id - 1].seen;
	*out = (struct fastpath_counts){
		.to_peer = sum.to_peer - seen->to_peer,
		.to_peer_bytes = sum.to_peer_bytes - seen->to_peer_bytes,
		.to_client = sum.to_client - seen->to_client,
		.to_client_bytes = sum.to_client_bytes - seen->to_client_bytes,
		.dropped = sum.dropped - seen->dropped,
	};
	*seen = sum;
	return 0;
}

void fastpath_del(struct fastpath *f, uint32_t id, struct fastpath_counts *out)
{
	if (!is_used(f, id))
		return;
	struct slot *s = &f->slots[id - 1];
	/* One that is not there any more is what is wanted. */
	(void)map_op(BPF_MAP_DELETE_ELEM, f->maps.fds[map_to_peer(s)], &s->to_peer, NULL, 0);
	(void)map_op(BPF_MAP_DELETE_ELEM, f->maps.fds[FLOWMAP_WAYS], &s->to_client, NULL, 0);
	if (out && fastpath_read(f, id, out))
		*out = (struct fastpath_counts){ 0 };
	release_meters(f, s);
	free_slot(f, id - 1);
}

int fastpath_expire(int flows_fd, uint32_t first_slot, uint32_t slots)
{
	struct flow_limits ended = { 0 };
	int rc = 0;

	for (uint32_t i = first_slot; i < first_slot + slots; i++) {
		int one = map_op(BPF_MAP_UPDATE_ELEM, flows_fd, &i, &ended, BPF_ANY);
		rc = rc ? rc : one;
	}
	return rc;
}
