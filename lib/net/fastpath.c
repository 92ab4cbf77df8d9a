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

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

struct slot {
	struct way_key to_peer, to_client;
	uint32_t next_free;
	bool used;
};
/* Free slots wait in line, so that one is not used again while a CPU may still count for its last flow. */
struct fastpath {
	struct fastpath_maps maps;
	struct flow_counts *per_cpu;
	uint32_t first_free, last_free; /* maps.slots: none */
	struct slot slots[];
};

static int map_op(int cmd, int fd, const void *key, void *value, uint64_t flags)
{
	union bpf_attr a = { .map_fd = (uint32_t)fd, .key = (uintptr_t)key, .value = (uintptr_t)value, .flags = flags };
	if (!syscall(SYS_bpf, cmd, &a, sizeof a))
		return 0;
	return errno == EEXIST ? ERR_EXISTS : errno == E2BIG || errno == ENOMEM ? ERR_FULL : ERR_SYS;
}

static int map_put(const struct fastpath *f, enum flowmap m, const void *key, void *value)
{
	return map_op(BPF_MAP_UPDATE_ELEM, f->maps.fds[m], key, value, m == FLOWMAP_WAYS ? BPF_NOEXIST : BPF_ANY);
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

int fastpath_open(const struct fastpath_maps *m, struct fastpath **out)
{
	if (!m->slots || !m->cpus || m->first_slot >= FLOWMAP_FLOWS_MAX || m->slots > FLOWMAP_FLOWS_MAX - m->first_slot)
		return ERR_RANGE;
	struct fastpath *f = calloc(1, sizeof *f + m->slots * sizeof f->slots[0]);
	struct flow_counts *per_cpu = calloc(m->cpus, sizeof *per_cpu);
	if (!f || !per_cpu) {
		free(f);
		free(per_cpu);
		return ERR_NOMEM;
	}
	f->maps = *m;
	f->per_cpu = per_cpu;
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
	free(f->per_cpu);
	free(f);
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

static struct way way_of(const struct stunaddr *src, const struct stunaddr *dst, uint16_t channel, uint32_t slot)
{
	struct way w = { .wire_sport = htons(src->port), .wire_dport = htons(dst->port),
			 .wire_channel = htons(channel), .family = src->family, .to_peer = !channel, .slot = slot };
	put_ip(w.src, src);
	put_ip(w.dst, dst);
	return w;
}

static bool is_possible(const struct fastpath_flow *w)
{
	bool is_known = (w->client.family == 4 || w->client.family == 6) && (w->relay.family == 4 || w->relay.family == 6);
	return is_known && w->client.family == w->server.family && w->relay.family == w->peer.family && w->channel;
}

static int put_limits(struct fastpath *f, uint32_t slot, const struct fastpath_flow *w)
{
	struct timespec t;
	if (clock_gettime(CLOCK_MONOTONIC, &t))
		return ERR_SYS;
	uint64_t now_ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	struct flow_limits l = { .expires_ns = now_ns + w->lasts_s * NS_PER_S, .bytes_per_s = w->bytes_per_s,
				 .packets_per_s = w->packets_per_s };
	return map_put(f, FLOWMAP_FLOWS, &slot, &l);
}

static int put_empty(struct fastpath *f, uint32_t slot)
{
	struct flow_meter full = { 0 };
	memset(f->per_cpu, 0, f->maps.cpus * sizeof *f->per_cpu);
	int rc = map_put(f, FLOWMAP_METERS, &slot, &full);
	return rc ? rc : map_put(f, FLOWMAP_COUNTS, &slot, f->per_cpu);
}

/* Limits first, ways last: a way never leads to what was there before. */
static int put_flow(struct fastpath *f, struct slot *s, uint32_t slot, const struct fastpath_flow *w)
{
	struct way to_peer = way_of(&w->relay, &w->peer, 0, slot);
	struct way to_client = way_of(&w->server, &w->client, w->channel, slot);
	int rc = put_empty(f, slot);
	if (!rc)
		rc = put_limits(f, slot, w);
	if (!rc)
		rc = map_put(f, FLOWMAP_WAYS, &s->to_client, &to_client);
	if (rc)
		return rc;
	rc = map_put(f, FLOWMAP_WAYS, &s->to_peer, &to_peer);
	if (rc)
		(void)map_op(BPF_MAP_DELETE_ELEM, f->maps.fds[FLOWMAP_WAYS], &s->to_client, NULL, 0); /* rc tells */
	return rc;
}

int fastpath_add(struct fastpath *f, const struct fastpath_flow *w, uint32_t *id)
{
	uint32_t i = f->first_free;
	if (!is_possible(w))
		return ERR_UNSUPPORTED;
	if (i == f->maps.slots)
		return ERR_FULL;
	struct slot *s = &f->slots[i];
	s->to_peer = key_of(&w->client, &w->server, w->channel);
	s->to_client = key_of(&w->peer, &w->relay, 0);
	int rc = put_flow(f, s, f->maps.first_slot + i, w);
	if (rc)
		return rc;
	f->first_free = s->next_free;
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
	return is_used(f, id) ? put_limits(f, f->maps.first_slot + id - 1, w) : ERR_NOT_FOUND;
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
		if (c->last_used_ns / NS_PER_MS > sum.last_used_ms)
			sum.last_used_ms = c->last_used_ns / NS_PER_MS;
	}
	*out = sum;
	return 0;
}

void fastpath_del(struct fastpath *f, uint32_t id, struct fastpath_counts *out)
{
	if (!is_used(f, id))
		return;
	struct slot *s = &f->slots[id - 1];
	int ways = f->maps.fds[FLOWMAP_WAYS];
	/* One that is not there any more is what is wanted. */
	(void)map_op(BPF_MAP_DELETE_ELEM, ways, &s->to_peer, NULL, 0);
	(void)map_op(BPF_MAP_DELETE_ELEM, ways, &s->to_client, NULL, 0);
	if (out && fastpath_read(f, id, out))
		*out = (struct fastpath_counts){ 0 };
	free_slot(f, id - 1);
}
