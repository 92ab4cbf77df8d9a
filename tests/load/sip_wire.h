/* sip_wire.h - one socket of the SIP load generator: a UDP socket, a listening one, or a TCP or TLS
 * connection that is cut into messages by Content-Length (RFC 3261 18.3). Reads only what it must, so
 * that the generator costs less than any server under test. */
#ifndef LOAD_SIP_WIRE_H
#define LOAD_SIP_WIRE_H

#include "net/link.h"

#include <netinet/in.h>

enum sipwire_kind { SIPWIRE_UDP, SIPWIRE_TCP, SIPWIRE_TLS };
/* "udp:127.0.0.1:5060". ERR_SYNTAX. */
int sipwire_parse(const char *text, enum sipwire_kind *kind, struct sockaddr_in *out);
const char *sipwire_name(enum sipwire_kind k); /* as in Via: "UDP" */

struct sipwire;
struct sipwire_plan { /* shared by the wires of one side */
	struct loop *loop;
	struct tls_store *tls;
	const char *domain;      /* whose certificate we show; NULL: none */
	const char *server_name; /* SNI of connections that we open */
	void (*message)(void *arg, struct sipwire *w, struct bytes in, const struct sockaddr_in *from);
	void (*ready)(void *arg, struct sipwire *w);
	void (*gone)(void *arg, struct sipwire *w, int why);
	void *arg;
};

struct sipwire {
	struct sipwire_plan *plan;
	enum sipwire_kind kind;
	struct loop_watch watch; /* UDP and listening sockets */
	struct link link;
	struct buf in;
	bool is_ready;
};

/* A UDP socket at an address, or a listening one whose connections are wires of their own. */
int sipwire_listen(struct sipwire *w, struct sipwire_plan *p, enum sipwire_kind k, const struct sockaddr_in *at);
/* A connection; ready() follows. */
int sipwire_connect(struct sipwire *w, struct sipwire_plan *p, enum sipwire_kind k, const struct sockaddr_in *to,
                    const struct sockaddr_in *from);
/* to: UDP only. */
void sipwire_send(struct sipwire *w, const struct sockaddr_in *to, struct bytes message);

#endif
