/* refusal.h - why a request is refused: the status for the peer, the words for our operator. Pure. */
#ifndef GSIP_REFUSAL_H
#define GSIP_REFUSAL_H

#include <stddef.h>
#include <stdint.h>

/* reason, status, phrase for the peer (NULL: the standard's), advice */
#define REFUSAL_TABLE(X)                                                                                         \
	X(REFUSED_MODE_OFF, "mode-off", 403, NULL, "SIP federation is off: set sip mode allow-list")             \
	X(REFUSED_NO_ROW, "no-row", 403, NULL, "allow the domain with: set sip peer DOMAIN action allow")        \
	X(REFUSED_ROW, "row-denies", 403, NULL, "the row of this domain denies it: set sip peer DOMAIN action allow") \
	X(REFUSED_FROM, "from", 400, "From has no SIP domain", "the partner's software sends a From that names no domain") \
	X(REFUSED_FORGED, "forged", 403, "From is not your domain", "somebody speaks for a domain that lives here: a loop through the partner, or forgery; a trunk of our own needs a sip peer row for the domain") \
	X(REFUSED_PLAIN, "tls-required", 403, "TLS required", "the partner must use TLS; or set sip peer DOMAIN tls optional, and its addresses") \
	X(REFUSED_ADDRESS, "address", 403, NULL, "nothing proves the domain: the partner must use TLS with its certificate; or set sip peer DOMAIN addresses") \
	X(REFUSED_NO_CERTIFICATE, "cert-none", 403, "Certificate required", "the partner must show its certificate (mutual TLS); or set sip peer DOMAIN addresses") \
	X(REFUSED_CERTIFICATE, "certificate", 403, "Certificate does not prove From's domain", "the identities are those of the partner's certificate; it must name the domain, or: set sip peer DOMAIN subjects, trust anchor, authority or pin") \
	X(REFUSED_RATE, "rate", 503, NULL, "more requests than the row allows: set sip peer DOMAIN rate")       \
	X(REFUSED_BUSY, "busy", 503, NULL, "too many requests are held: look at show processes and show sip")   \
	X(REFUSED_HOPS, "hops", 483, NULL, "Max-Forwards is used up: a loop between servers, ask the partner")   \
	X(REFUSED_LOOP, "loop", 482, NULL, "the request has been here before: a route or a sip peer row leads back to this box") \
	X(REFUSED_MERGED, "merged", 482, "Merged Request", "a server before this box sent the request on two ways (RFC 3261 8.2.2.2): one is enough") \
	X(REFUSED_BREADTH, "max-breadth", 440, "Max-Breadth Exceeded", "the request was forked too often before it came here: ask the partner") \
	X(REFUSED_SCHEME, "scheme", 416, NULL, "only sip: and sips: addresses are routed here")                  \
	X(REFUSED_EXTENSION, "proxy-require", 420, NULL, "the partner demands an extension of SIP proxies that this box does not have") \
	X(REFUSED_METHOD, "method", 405, NULL, "this box is no registrar for partners; its own clients use gh-line") \
	X(REFUSED_UNKNOWN, "not-hosted", 404, NULL, "the domain lives neither here nor at a peer: set domain DOMAIN certificate NAME, or a sip route") \
	X(REFUSED_RELAY, "relay", 403, "Relaying denied", "both domains need a row that allows them, or a sip route must match") \
	X(REFUSED_BLOCKED, "route-blocks", 403, NULL, "a sip route with block on matches")                       \
	X(REFUSED_GATEWAY, "no-gateway", 500, NULL, "gh-xlate is not there: look at show processes")             \
	X(REFUSED_MEMORY, "nomem", 500, NULL, "look at the memory of this box")

#define REFUSAL_MEMBER(id, reason, status, phrase, advice) id,
enum refusal { REFUSED_NOT, REFUSAL_TABLE(REFUSAL_MEMBER) REFUSAL_COUNT };
#undef REFUSAL_MEMBER

struct refusal_row {
	const char *reason;
	uint16_t status;
	const char *phrase, *advice;
};
const struct refusal_row *refusal_row(enum refusal r);

#endif
