/* net/dtls.h - DTLS 1.2 by OpenSSL, server side, for doors that own one datagram socket for many
 * clients (RFC 6347, RFC 7350). It reads and writes no descriptor: datagrams go in, datagrams and
 * plain text come out, so that the owner keeps its batches.
 *
 * Nothing is kept for an address that has not answered a cookie (RFC 6347 4.2.1): the cookie is an HMAC
 * over the client's address and port under a key that changes every few minutes; the one before it is
 * honoured too. Private keys are in gh-keys (net/keyproxy.h), as for net/tls.h. */
#ifndef NET_DTLS_H
#define NET_DTLS_H

#include "net/tls.h"
#include "run/loop.h"

#include <sys/socket.h>

struct dtls_door; /* what all associations of a listener share */
struct dtls;      /* one association */

struct dtls_owner {
	/* A datagram for the client: to be sent (or queued) during the call. */
	void (*send)(void *arg, struct bytes datagram);
	/* The handshake is done. */
	void (*secured)(void *arg);
	/* One record's plain text; valid during the call. */
	void (*data)(void *arg, struct bytes plain);
	/* It is over: 0 close_notify, ERR_TLS, ERR_TIMEOUT. The association is gone already. Never called
	 * from within dtls_free. */
	void (*closed)(void *arg, int why);
};

/* s: certificates (held). alpn: protocol names that are ours (RFC 7443), NULL-terminated; a client that
 * offers ALPN without any of them is refused, one that offers none is served. loop: for
 * retransmission and the handshake's end. */
int dtls_door_new(struct loop *l, struct tls_store *s, const char *fallback_domain, const char *const *alpn,
                  struct dtls_door **out);
void dtls_door_free(struct dtls_door *d); /* after its associations */
/* New settings: associations to come use the new store; those there keep theirs. */
int dtls_door_store(struct dtls_door *d, struct tls_store *s, const char *fallback_domain);

/* A datagram from an address that has no association. Either an answer is written into reply (to be
 * sent back; never longer than 1.1 times the datagram: no amplifier) and *out is NULL, or the cookie was
 * right and *out is the association, its handshake going on (the datagram has been taken in), or neither:
 * ERR_SYNTAX (no ClientHello), ERR_LIMIT, ERR_NOMEM. handshake_ms bounds the handshake as a whole. */
int dtls_accept(struct dtls_door *d, const struct sockaddr *from, socklen_t from_n, struct bytes datagram,
                uint32_t handshake_ms, const struct dtls_owner *o, void *arg,
                struct buf *reply, struct dtls **out);
/* A datagram of the association. closed() may be called inside. */
void dtls_input(struct dtls *t, struct bytes datagram);
/* Sends plain text as one record. ERR_AGAIN before `secured`; ERR_LIMIT longer than a record carries. */
int dtls_send(struct dtls *t, struct bytes plain);
/* Sends close_notify and forgets it. NULL is fine. */
void dtls_free(struct dtls *t);
const char *dtls_version_name(struct dtls *t);
const char *dtls_cipher_name(struct dtls *t);

#endif
