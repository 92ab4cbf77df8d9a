/* sip/locate.h - from a SIP URI or host to places, in the order to try (RFC 3263): transport parameter,
 * numeric host, port, NAPTR, SRV, A and AAAA, through net/dns. */
#ifndef SIP_LOCATE_H
#define SIP_LOCATE_H

#include "net/dns.h"
#include "sip/place.h"
#include "sip/uri.h"

enum { SIP_PLACES_MAX = 32 };
struct sip_places {
	int rc; /* 0; ERR_NOT_FOUND: no such domain; ERR_DNS_* */
	size_t n;
	struct sip_place places[SIP_PLACES_MAX];
	uint32_t ttl_s;
};
struct siplocate_ask {
	const char *host;      /* A-labels or numeric */
	uint16_t port;         /* 0: none given */
	int transport;         /* enum siptransport; -1: none given */
	bool is_tls_only;      /* the peer's row demands TLS, or a sips: URI */
	bool is_srv_name;      /* host is the owner name of SRV records as it stands (B-STR-06) */
	bool is_lync;          /* COMPAT: _sipfederationtls._tcp before all else (FED-07) */
	const char *name;      /* for certificates; NULL: host */
	const char *local;     /* our domain */
};
struct siplocate;
/* fn is called once, never from inside this call. NULL without memory. */
typedef void (*siplocate_fn)(void *arg, const struct sip_places *p);
struct siplocate *siplocate(struct dns *d, const struct siplocate_ask *ask, siplocate_fn fn, void *arg);
void siplocate_cancel(struct siplocate *q); /* NULL is fine */

#endif
