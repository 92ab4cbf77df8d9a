/* sip/place.h - where a SIP message goes to or came from. */
#ifndef SIP_PLACE_H
#define SIP_PLACE_H

#include <sys/socket.h>
#include <netinet/in.h>

#include "base/bytes.h"

/* SIPT_WSS: by a WebSocket inside TLS that somebody else has opened (RFC 7118); nothing is sent to a place that way. */
enum siptransport { SIPT_UDP, SIPT_TCP, SIPT_TLS, SIPT_WSS, SIPT_COUNT };
#define SIPT_PLACES ((int)SIPT_WSS) /* those before it a place can be sent to by */
const char *siptransport_name(enum siptransport t); /* "UDP", as in Via */
const char *siptransport_param(enum siptransport t); /* "udp", as in a URI; "ws" for WSS, too (RFC 7118 5.2.2) */
/* Of one that can be sent by; without case; ERR_UNKNOWN. */
int siptransport_of(struct bytes name, enum siptransport *out);
static inline bool siptransport_is_secure(enum siptransport t)
{
	return t == SIPT_TLS || t == SIPT_WSS;
}
/* 5060, with TLS 5061 (RFC 3261 19.1.2), by WebSocket 443 (RFC 7118 5.1). */
uint16_t siptransport_port(enum siptransport t);

union sip_sockaddr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

enum { SIP_ADDR_TEXT_BYTES = 46 };
/* From "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". ERR_SYNTAX: not numeric; nothing is looked up. */
int sip_sockaddr_of(struct bytes host, uint16_t port, union sip_sockaddr *out);
/* Without brackets and port; "" for a family that is none. */
void sip_sockaddr_text(const union sip_sockaddr *a, char out[static SIP_ADDR_TEXT_BYTES]);
socklen_t sip_sockaddr_len(const union sip_sockaddr *a);
uint16_t sip_sockaddr_port(const union sip_sockaddr *a);
void sip_sockaddr_set_port(union sip_sockaddr *a, uint16_t port);

/* One place to send to (a target of RFC 3263). */
struct sip_place {
	enum siptransport transport;
	union sip_sockaddr addr;
	/* TLS: name for SNI and for the certificate: the domain that was asked for, never the SRV target
	 * (RFC 5922 4, FED-04). A-labels. */
	char name[256];
	/* TLS: our domain whose certificate is shown. */
	char local[256];
	/* UDP: the socket of ours that it leaves by (sip_source.listener: a client behind a NAT hears no other);
	 * 0, or one that has gone: the first of the family. */
	unsigned listener;
};

/* What makes two places the same for a connection: transport, address, port; with TLS also both names. */
enum { SIP_PLACE_KEY_MAX = 544 };
struct bytes sip_place_key(const struct sip_place *p, uint8_t out[static SIP_PLACE_KEY_MAX]);

/* Where a message came from. */
struct sip_source {
	enum siptransport transport;
	uint64_t flow;      /* connection id, of TCP and TLS; 0 for UDP. Never used twice */
	unsigned listener;  /* which of our sockets (UDP answers leave by the same one); 0: a connection of ours */
	union sip_sockaddr addr;
	bool is_mutual;     /* came in on a listener that demands a certificate */
};

#endif
