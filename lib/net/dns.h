/* net/dns.h - names to places, through c-ares only. Answers are hostile input and limited.
 * One resolver a process; its sockets and timers are on the loop. Answers are cached by their TTL
 * (bounded), failures for a short time with jitter; a failure never outlives "retry now". */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/bytes.h"
#include "run/loop.h"

#include <sys/socket.h>

struct dns;
struct dns_query; /* one running question */

enum { DNS_ZONES_MAX = 64, DNS_SERVERS_MAX = 8 }; /* name servers of the rest, and of each zone */

/* Names at and below a domain are asked of its own servers (G-DNS-02); the longest domain that fits counts. */
struct dns_zone_config {
	const char *domain; /* A-labels, no final dot */
	const char *const *servers;
	size_t n_servers;
	bool validates;
};

struct dns_config {
	const char *const *servers; /* "address" or "address:port" / "[v6]:port"; at least one */
	size_t n_servers;
	uint32_t query_ms;   /* wait for one query */
	uint32_t budget_ms;  /* wait for a whole question */
	bool validates;      /* believe AD */
	const struct dns_zone_config *zones;
	size_t n_zones; /* the first DNS_ZONES_MAX count */
};

struct dns *dns_new(struct loop *l);
void dns_free(struct dns *d);
/* May be called again; running questions go on with the old servers. ERR_SYNTAX: a server is no address; nothing has
 * changed. */
int dns_configure(struct dns *d, const struct dns_config *c);
/* The zone that a name is asked in; "" for none: the name servers of all the rest. Until the next dns_configure. */
const char *dns_zone_of(const struct dns *d, const char *name);
/* Forgets what is cached about a domain ("" everything). */
void dns_forget(struct dns *d, struct bytes domain);

enum { DNS_ADDRS_MAX = 16, DNS_SRV_MAX = 16, DNS_TLSA_MAX = 16, DNS_NAPTR_MAX = 16 };

struct dns_addr {
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[16];
};

/* One place to try, in the order to try it. */
struct dns_target {
	char host[256]; /* A-labels, no final dot; the name for TLSA and logs */
	uint16_t port;
	bool is_direct_tls; /* from _xmpps */
	bool is_secure;     /* the SRV answer was validated */
};

struct dns_srv_answer {
	int rc; /* 0, ERR_DNS_*; ERR_NOT_FOUND: service explicitly not offered (RFC 2782 ".") */
	size_t n;
	struct dns_target targets[DNS_SRV_MAX * 2]; /* sorted: RFC 2782 with both sets mixed by XEP-0368 */
	bool is_fallback; /* no SRV records: the one target is the domain itself at port 5269 */
	uint32_t ttl_s;   /* of dns_service: how long it holds from now */
};
/* XMPP server-to-server location (RFC 6120 3.2, XEP-0368): _xmpp-server._tcp and
 * _xmpps-server._tcp of an A-label domain. NXDOMAIN and NODATA give the fall-back target; SERVFAIL
 * or no answer of one set does not stop the other; of both, the fall-back is used too (lesson 11).
 * fn is called once, never from inside this call. NULL without memory. */
typedef void (*dns_srv_fn)(void *arg, const struct dns_srv_answer *a);
struct dns_query *dns_srv(struct dns *d, const char *domain, dns_srv_fn fn, void *arg);
/* The SRV records of any owner name ("_sips._tcp.b.example") in the order to try (RFC 2782), with no
 * fall-back: rc says why there is none. */
struct dns_query *dns_service(struct dns *d, const char *owner, dns_srv_fn fn, void *arg);

/* A rule of the DDDS (RFC 3403 4), of which RFC 3263 uses those without an expression. */
struct dns_naptr {
	uint16_t order, preference;
	char flags[8], service[32];
	bool has_expression;
	char replacement[256]; /* without final dot; "" for "." */
};
struct dns_naptr_answer {
	int rc;
	size_t n;
	struct dns_naptr records[DNS_NAPTR_MAX]; /* by order, then preference */
	uint32_t ttl_s;
};
typedef void (*dns_naptr_fn)(void *arg, const struct dns_naptr_answer *a);
struct dns_query *dns_naptr(struct dns *d, const char *domain, dns_naptr_fn fn, void *arg);

struct dns_addr_answer {
	int rc;
	size_t n;
	struct dns_addr addrs[DNS_ADDRS_MAX]; /* IPv6 and IPv4 in turn, IPv6 first */
	bool is_secure;
	uint32_t ttl_s; /* how long it holds from now; 0 of an address in text */
};
/* Addresses of a host (A-labels, or a numeric address). A failing AAAA never blocks A. */
typedef void (*dns_addr_fn)(void *arg, const struct dns_addr_answer *a);
struct dns_query *dns_addr(struct dns *d, const char *host, dns_addr_fn fn, void *arg);

struct dns_tlsa {
	uint8_t usage, selector, matching; /* RFC 6698 2.1 */
	uint8_t data[64];
	uint8_t data_n; /* exact (matching 0) records that do not fit are left out */
};
struct dns_tlsa_answer {
	int rc;
	size_t n;
	struct dns_tlsa records[DNS_TLSA_MAX]; /* only validated ones: empty unless `validates` */
};
/* _PORT._tcp.HOST TLSA (RFC 7673). */
typedef void (*dns_tlsa_fn)(void *arg, const struct dns_tlsa_answer *a);
struct dns_query *dns_tlsa(struct dns *d, const char *host, uint16_t port, dns_tlsa_fn fn, void *arg);

/* Ends a question without calling back. NULL is fine. */
void dns_cancel(struct dns_query *q);

/* "192.0.2.1" or "2001:db8::1". */
enum { DNS_ADDR_TEXT_BYTES = 46 };
void dns_addr_text(const struct dns_addr *a, char out[static DNS_ADDR_TEXT_BYTES]);
/* Where to connect to; the length of what stands in out. */
socklen_t dns_addr_sockaddr(const struct dns_addr *a, uint16_t port, struct sockaddr_storage *out);

#endif
