/* net/dns_impl.h - the inside of the resolver. Only dns*.c and their tests include it. */
#ifndef NET_DNS_IMPL_H
#define NET_DNS_IMPL_H

#include "base/list.h"
#include "base/map.h"
#include "net/dns.h"

#include <ares.h>

enum dns_type { DNS_A, DNS_AAAA, DNS_SRV, DNS_TLSA, DNS_NAPTR, DNS_TYPE_COUNT };

struct dns_srv_record {
	uint16_t priority, weight, port;
	char target[256]; /* without final dot; "" for "." (RFC 2782: not offered) */
};

/* What is known of one name and type. */
struct dns_set {
	int rc; /* 0, ERR_DNS_* */
	bool is_secure;
	uint32_t ttl_s;
	size_t n;
	union {
		struct dns_addr addrs[DNS_ADDRS_MAX];
		struct dns_srv_record srvs[DNS_SRV_MAX];
		struct dns_tlsa tlsas[DNS_TLSA_MAX];
		struct dns_naptr naptrs[DNS_NAPTR_MAX];
	};
};

/* ---- dns_record.c: pure ---- */
/* Reads a whole answer message. Never fails: what is wrong is in out->rc. */
void dns_read(enum dns_type type, struct bytes answer, bool validates, struct dns_set *out);

/* ---- dns_order.c: pure ---- */
/* Both services' sets to targets in the order to try (RFC 2782 with XEP-0368 2). domain: of the
 * fall-back. draw: a number below its argument (a test gives its own). */
void dns_order(const struct dns_set *starttls, const struct dns_set *direct, const char *domain,
               uint32_t (*draw)(uint32_t below), struct dns_srv_answer *out);
/* The same for one service, without a fall-back. */
void dns_order_service(const struct dns_set *set, uint32_t (*draw)(uint32_t below), struct dns_srv_answer *out);
void dns_order_naptr(const struct dns_set *set, struct dns_naptr_answer *out);

/* ---- dns_cache.c ---- */
enum { DNS_CACHE_MAX = 1000, DNS_TTL_MIN_S = 5, DNS_TTL_MAX_S = 3600 };
struct dns_cached;
struct dns_cache {
	struct map map;
	struct list by_age;
};
void dns_cache_init(struct dns_cache *c);
void dns_cache_fini(struct dns_cache *c);
bool dns_cache_get(struct dns_cache *c, enum dns_type type, const char *name, uint64_t now_ms, struct dns_set *out);
/* Failures are kept for a short time with jitter (lesson 10 of spec/xmpp.md). */
void dns_cache_put(struct dns_cache *c, enum dns_type type, const char *name, uint64_t now_ms, const struct dns_set *set);
/* All that ends in this domain; "" everything. */
void dns_cache_forget(struct dns_cache *c, struct bytes domain);

/* ---- dns_wire.c: c-ares on the loop ---- */
struct dns_servers; /* one c-ares channel with its servers */
struct dns_ask;     /* one question to them */

struct dns_ask_result {
	void (*fn)(void *arg, struct dns_ask *ask, const struct dns_set *set);
	void *arg;
};
/* zone: of which these are the servers, "" for all other names; the key of their alarm. c->zones is not looked at. */
struct dns_servers *dns_servers_new(struct loop *l, const struct dns_config *c, const char *zone);
/* Freed when its last question has ended; questions that run go on. */
void dns_servers_retire(struct dns_servers *s);
/* At once; what runs is not answered. Not from inside a callback. NULL is fine. */
void dns_servers_free(struct dns_servers *s);
/* fn is called once, never from inside this call, at the latest after query_ms. NULL without memory. */
struct dns_ask *dns_ask(struct dns_servers *s, enum dns_type type, const char *name, struct dns_ask_result result);
/* fn is not called any more. */
void dns_ask_drop(struct dns_ask *a);

#endif
