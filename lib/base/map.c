#include "base/map.h"

#include "base/err.h"
#include "base/random.h"

#include <stdlib.h>

enum { MAP_FIRST_SLOTS = 16 };

struct sip_key {
	uint64_t k0, k1;
	bool is_set;
};

/* Process-wide hash key: drawn once, constant from then on. */
static const struct sip_key *hash_key(void)
{
	static struct sip_key key;

	if (!key.is_set) {
		key.k0 = random_u64();
		key.k1 = random_u64();
		key.is_set = true;
	}
	return &key;
}

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein), the variant that hash tables use. */
static uint64_t sip_hash(struct bytes in)
{
	const struct sip_key *k = hash_key();
	uint64_t v[4] = { k->k0 ^ 0x736f6d6570736575, k->k1 ^ 0x646f72616e646f6d,
			  k->k0 ^ 0x6c7967656e657261, k->k1 ^ 0x7465646279746573 };
	size_t whole = in.n & ~(size_t)7;
	uint64_t word;

	for (size_t i = 0; i < whole; i += 8) {
		memcpy(&word, in.p + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)in.n << 56;
	for (size_t i = whole; i < in.n; i++)
		word |= (uint64_t)in.p[i] << (8 * (i - whole));
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t number_hash(uint64_t x)
{
	x ^= hash_key()->k0;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_fini(struct map *m)
{
	free(m->slots);
	map_init(m);
}

static bool slot_is(const struct map_slot *s, uint64_t hash, const uint8_t *key, size_t key_n)
{
	if (s->hash != hash)
		return false;
	if (!key || !s->key)
		return !key && !s->key;
	return s->key_n == key_n && memcmp(s->key, key, key_n) == 0;
}

/* Slot of the key, or the free slot where it would go. */
static struct map_slot *find(const struct map *m, uint64_t hash, const uint8_t *key, size_t key_n)
{
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];
		if (!s->value || slot_is(s, hash, key, key_n))
			return s;
	}
}

static int resize(struct map *m, size_t cap)
{
	struct map_slot *slots = calloc(cap, sizeof *slots);

	if (!slots)
		return ERR_NOMEM;
	for (size_t i = 0; i < m->cap; i++) {
		if (!m->slots[i].value)
			continue;
		size_t j = m->slots[i].hash & (cap - 1);
		while (slots[j].value)
			j = (j + 1) & (cap - 1);
		slots[j] = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	return 0;
}

static int add(struct map *m, uint64_t hash, const uint8_t *key, size_t key_n, void *value)
{
	if (key_n > UINT32_MAX)
		return ERR_LIMIT;
	if ((m->count + 1) * 4 > m->cap * 3) {
		int rc = resize(m, m->cap ? m->cap * 2 : MAP_FIRST_SLOTS);
		if (rc)
			return rc;
	}
	struct map_slot *s = find(m, hash, key, key_n);
	if (s->value)
		return ERR_EXISTS;
	*s = (struct map_slot){ .hash = hash, .key = key, .key_n = (uint32_t)key_n, .value = value };
	m->count++;
	return 0;
}

/* Closes the gap by moving back what probing had pushed on. */
static void close_gap(struct map *m, size_t gap)
{
	for (size_t i = (gap + 1) & (m->cap - 1); m->slots[i].value; i = (i + 1) & (m->cap - 1)) {
		size_t home = m->slots[i].hash & (m->cap - 1);
		if (((i - home) & (m->cap - 1)) < ((i - gap) & (m->cap - 1)))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap] = (struct map_slot){ 0 };
}

static void *del(struct map *m, uint64_t hash, const uint8_t *key, size_t key_n)
{
	if (!m->cap)
		return NULL;
	struct map_slot *s = find(m, hash, key, key_n);
	void *value = s->value;
	if (!value)
		return NULL;
	close_gap(m, (size_t)(s - m->slots));
	m->count--;
	if (m->cap > MAP_FIRST_SLOTS && m->count * 4 < m->cap)
		(void)resize(m, m->cap / 2); /* without memory it just stays large */
	return value;
}

static const uint8_t *key_ptr(struct bytes key)
{
	return key.p ? key.p : (const uint8_t *)"";
}

void *map_get(const struct map *m, struct bytes key)
{
	return m->cap ? find(m, sip_hash(key), key_ptr(key), key.n)->value : NULL;
}

int map_add(struct map *m, struct bytes key, void *value)
{
	return add(m, sip_hash(key), key_ptr(key), key.n, value);
}

void *map_del(struct map *m, struct bytes key)
{
	return del(m, sip_hash(key), key_ptr(key), key.n);
}

/* number_hash is a bijection for a fixed key, so the hash alone identifies the number. */
void *map_get_u64(const struct map *m, uint64_t key)
{
	return m->cap ? find(m, number_hash(key), NULL, 0)->value : NULL;
}

int map_add_u64(struct map *m, uint64_t key, void *value)
{
	return add(m, number_hash(key), NULL, 0, value);
}

void *map_del_u64(struct map *m, uint64_t key)
{
	return del(m, number_hash(key), NULL, 0);
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->cap) {
		void *value = m->slots[(*at)++].value;
		if (value)
			return value;
	}
	return NULL;
}
