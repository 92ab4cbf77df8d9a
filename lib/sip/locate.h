/* sip/locate.h - from a SIP URI or host to places, in the order to try (RFC 3263): transport parameter,
 * numeric host, port, NAPTR, SRV, A and AAAA, through net/dns. */
#ifndef SIP_LOCATE_H
#define SIP_LOCATE_H

#include "net/dns.h"
#include "sip/place.h"
#include "sip/uri.h"

enum { SIP_PLACES_MAX = 32 };
struct sip_places {
	/* 0; ERR_NOT_FOUND: no such domain, or its records say that it has no such service; ERR_DNS_* */
	int rc;
	size_t n;
	struct sip_place places[SIP_PLACES_MAX];
	uint32_t ttl_s; /* the places hold so long; 0: a numeric host */
};
struct siplocate_ask {
	const char *host;      /* A-labels or numeric (IPv6 with or without brackets) */
	uint16_t port;         /* 0: none given */
	int transport;         /* enum siptransport; -1: none given */
	bool is_tls_only;      /* the peer's row demands TLS, or a sips: URI; over any transport that was given */
	bool is_srv_name;      /* host is the owner name of SRV records as it stands (B-STR-06); without transport: TCP */
	/* COMPAT: Lync and OCS: _sipfederationtls._tcp before all else, only without port and transport (FED-07). The
	 * target, or the host itself, is then the places' name, when it is below `name`; else `name` as always. */
	bool is_lync;
	const char *name;      /* for certificates; NULL: host */
	const char *local;     /* our domain; NULL: none */
};
struct siplocate;
/* fn is called once, never from inside this call. NULL without memory, or for a name that is too long. All
 * texts are copied. It takes at most five times the resolver's budget for a question. */
typedef void (*siplocate_fn)(void *arg, const struct sip_places *p);
struct siplocate *siplocate(struct dns *d, const struct siplocate_ask *ask, siplocate_fn fn, void *arg);
/* The one place of a numeric host, for which nothing need be asked. False: any other host. */
bool siplocate_at_once(const struct siplocate_ask *ask, struct sip_place *out);
void siplocate_cancel(struct siplocate *q); /* NULL is fine */

#endif
