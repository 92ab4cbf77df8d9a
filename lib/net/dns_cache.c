#include "base/err.h"
#include "base/random.h"
#include "net/dns_impl.h"

#include <assert.h>
#include <stdlib.h>

enum { NEGATIVE_S = 60, FAILURE_S = 10 };

struct dns_cached {
	struct list by_age;
	uint64_t until_ms;
	struct dns_set *set;
	size_t key_n;
	uint8_t key[]; /* type, then the name */
};

/* Of a record of each type. */
static const size_t sizes[] = { sizeof(struct dns_addr), sizeof(struct dns_addr), sizeof(struct dns_srv_record),
	                        sizeof(struct dns_tlsa), sizeof(struct dns_naptr) };
static_assert(sizeof sizes / sizeof sizes[0] == DNS_TYPE_COUNT, "a size for each type");

void dns_cache_init(struct dns_cache *c)
{
	map_init(&c->map);
	list_init(&c->by_age);
}

static void drop(struct dns_cache *c, struct dns_cached *e)
{
	map_del(&c->map, bytes_make(e->key, e->key_n));
	list_del(&e->by_age);
	free(e->set);
	free(e);
}

void dns_cache_fini(struct dns_cache *c)
{
	LIST_EACH(node, &c->by_age)
		drop(c, LIST_OWNER(node, struct dns_cached, by_age));
	map_fini(&c->map);
}

enum { KEY_MAX = 1 + 320 };
static struct bytes make_key(enum dns_type type, const char *name, uint8_t out[static KEY_MAX])
{
	size_t n = strnlen(name, KEY_MAX - 1);

	out[0] = (uint8_t)type;
	memcpy(out + 1, name, n);
	return bytes_make(out, n + 1);
}

bool dns_cache_get(struct dns_cache *c, enum dns_type type, const char *name, uint64_t now_ms, struct dns_set *out)
{
	uint8_t key[KEY_MAX];
	struct dns_cached *e = map_get(&c->map, make_key(type, name, key));

	if (!e)
		return false;
	if (now_ms >= e->until_ms) {
		drop(c, e);
		return false;
	}
	/* Only as many records as there are were kept. */
	memset(out, 0, sizeof *out);
	memcpy(out, e->set, offsetof(struct dns_set, addrs));
	memcpy(out->addrs, e->set->addrs, e->set->n * sizes[type]);
	out->ttl_s = (uint32_t)((e->until_ms - now_ms + 999) / 1000);
	return true;
}

static uint64_t life_ms(const struct dns_set *set)
{
	uint32_t s = set->ttl_s;

	if (set->rc == ERR_DNS_NXDOMAIN || set->rc == ERR_DNS_NODATA)
		s = NEGATIVE_S / 2 + random_below(NEGATIVE_S);
	else if (set->rc)
		s = FAILURE_S / 2 + random_below(FAILURE_S);
	if (s < DNS_TTL_MIN_S)
		s = DNS_TTL_MIN_S;
	return (uint64_t)(s > DNS_TTL_MAX_S ? DNS_TTL_MAX_S : s) * 1000;
}

void dns_cache_put(struct dns_cache *c, enum dns_type type, const char *name, uint64_t now_ms, const struct dns_set *set)
{
	uint8_t key[KEY_MAX];
	struct bytes k = make_key(type, name, key);
	size_t set_n = offsetof(struct dns_set, addrs) + set->n * sizes[type];
	struct dns_cached *old = map_get(&c->map, k), *e = calloc(1, sizeof *e + k.n);

	if (old)
		drop(c, old);
	if (c->map.count >= DNS_CACHE_MAX)
		drop(c, LIST_OWNER(c->by_age.next, struct dns_cached, by_age));
	/* A cache that has no memory just asks again. */
	struct dns_set *copy = e ? malloc(set_n) : NULL;
	if (!copy) {
		free(e);
		return;
	}
	memcpy(copy, set, set_n);
	e->set = copy;
	e->until_ms = now_ms + life_ms(set);
	e->key_n = k.n;
	memcpy(e->key, k.p, k.n);
	if (map_add(&c->map, bytes_make(e->key, e->key_n), e)) {
		free(copy);
		free(e);
		return;
	}
	list_add_tail(&c->by_age, &e->by_age);
}

static bool is_below(struct bytes name, struct bytes domain)
{
	if (name.n < domain.n || !bytes_eq_nocase(bytes_skip(name, name.n - domain.n), domain))
		return domain.n == 0;
	return name.n == domain.n || domain.n == 0 || name.p[name.n - domain.n - 1] == '.';
}

void dns_cache_forget(struct dns_cache *c, struct bytes domain)
{
	LIST_EACH(node, &c->by_age) {
		struct dns_cached *e = LIST_OWNER(node, struct dns_cached, by_age);
		if (is_below(bytes_make(e->key + 1, e->key_n - 1), domain))
			drop(c, e);
	}
}
