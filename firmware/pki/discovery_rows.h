/* discovery_rows.h - which records the DNS has for the doors of a box (mra.md M-01), how one is proved, and what the documents
 * of XEP-0156 say. Pure. */
#ifndef PKI_DISCOVERY_ROWS_H
#define PKI_DISCOVERY_ROWS_H

#include "base/buf.h"

enum discovery_how {
	HOW_DATAGRAM,        /* UDP that only its own clients can speak: not tried from here */
	HOW_STUN,            /* UDP: a Binding */
	HOW_TCP,
	HOW_TLS,
	HOW_STREAM_TLS,      /* TLS, then a stream that gives features */
	HOW_STREAM_STARTTLS,
};
enum discovery_host { HOST_FRONT, HOST_RELAY };

struct discovery_row {
	const char *listener; /* its name in run/service.c */
	const char *service;  /* owner of the record, without the domain */
	enum discovery_how how;
	const char *alpn;     /* NULL: none */
	enum discovery_host host;
	uint16_t port;        /* of a listener of many ports: this one; 0: all others */
};

enum {
	DISCOVERY_WANTS_MAX = 48,
	DISCOVERY_HOST_BYTES = 256,
	DISCOVERY_SIPS_PORT = 5061, /* RFC 3261 19.1.2: what the front has there is for phones */
};
struct discovery_want {
	const struct discovery_row *row;
	uint16_t port;
};
struct discovery_wants {
	struct discovery_want v[DISCOVERY_WANTS_MAX];
	size_t n;
};
/* Adds what a listener of that name and port wants; what is there already, and what has no record, not. */
void discovery_add(struct discovery_wants *w, struct bytes listener, uint16_t port);
/* Is this the first want of its service? */
bool discovery_is_first(const struct discovery_wants *w, size_t at);

/* "_xmpps-client._tcp.example.com. 3600 IN SRV 0 0 443 chat.example.com." */
void discovery_put_record(struct buf *b, const char *service, const char *domain, uint16_t port, const char *host);
/* How somebody outside looks at it with OpenSSL's or coturn's tool; nothing when there is none. */
void discovery_put_command(struct buf *b, const struct discovery_row *row, const char *domain, const char *host, uint16_t port);
/* "wss://chat.example.com:8443/xmpp-websocket" (443 is left out). */
void discovery_put_wss(struct buf *b, const char *host, uint16_t port);

/* "https://chat.example.com:8443/http-bind" (443 is left out). */
void discovery_put_bosh(struct buf *b, const char *host, uint16_t port);

/* The two links of XEP-0156. */
enum discovery_link { LINK_WEBSOCKET, LINK_BOSH, DISCOVERY_LINK_COUNT };
/* Where the first of these is, out of host-meta (RFC 6415: XRD, or JSON when is_json); put into `href`. ERR_NOT_FOUND: no such link;
 * ERR_SYNTAX: not that format; ERR_NOMEM. */
int discovery_read_meta(struct bytes body, bool is_json, enum discovery_link which, struct buf *href);

#endif
