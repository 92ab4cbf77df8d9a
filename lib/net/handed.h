/* net/handed.h - a client whose TLS ended at gh-proxy, here or on an edge, and who it is: the body of CLIENT_STREAM and SIP_STREAM
 * (run/msg.def); and connections that come from there before TLS. */
#ifndef NET_HANDED_H
#define NET_HANDED_H

#include <sys/socket.h>

#include "base/bytes.h"

/* A client that came through gh-proxy of this box or of an edge: its TLS ended there (mra.md M-06). */
struct handed {
	char tls[16]; /* version */
	char transport[16], edge[64]; /* how and where it came; edge "": this box */
	uint8_t exporter[32], end_point[64], unique[64];
	uint8_t exporter_n, end_point_n, unique_n; /* 0: there is none */
};

/* What `transport` says of SIP by WebSocket (RFC 7118). */
#define HANDED_SIP_WEBSOCKET "sip-ws"

/* ERR_SYNTAX. */
int handed_decode(struct bytes body, struct sockaddr_storage *from, struct handed *out);

/* Is fd what gh-proxy may hand on as it is (PARTNER_CONNECTION, RELAY_CONNECTION), a TCP connection and nothing else? */
bool handed_is_tcp(int fd);

#endif
