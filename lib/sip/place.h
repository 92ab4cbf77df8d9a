/* sip/place.h - where a SIP message goes to or came from. */
#ifndef SIP_PLACE_H
#define SIP_PLACE_H

#include <sys/socket.h>
#include <netinet/in.h>

#include "base/bytes.h"

enum siptransport { SIPT_UDP, SIPT_TCP, SIPT_TLS, SIPT_COUNT };
const char *siptransport_name(enum siptransport t); /* "UDP", as in Via */
int siptransport_of(struct bytes name, enum siptransport *out); /* without case; ERR_UNKNOWN */

union sip_sockaddr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* One place to send to (a target of RFC 3263). */
struct sip_place {
	enum siptransport transport;
	union sip_sockaddr addr;
	/* TLS: name for SNI and for the certificate: the domain that was asked for, never the SRV target
	 * (RFC 5922 4, FED-04). A-labels. */
	char name[256];
	/* TLS: our domain whose certificate is shown. */
	char local[256];
};

/* Where a message came from. */
struct sip_source {
	enum siptransport transport;
	uint64_t flow;      /* connection id, of TCP and TLS; 0 for UDP. Never used twice */
	unsigned listener;  /* which of our sockets (UDP answers leave by the same one) */
	union sip_sockaddr addr;
	bool is_mutual;     /* came in on a listener that demands a certificate */
};

#endif
