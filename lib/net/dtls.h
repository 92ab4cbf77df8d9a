/* net/dtls.h - DTLS 1.2 by OpenSSL, server side, for doors that own one datagram socket for many
 * clients (RFC 6347, RFC 7350). It reads and writes no descriptor: datagrams go in, datagrams and
 * plain text come out, so that the owner keeps its batches.
 *
 * Nothing is kept for an address that has not answered a cookie (RFC 6347 4.2.1): the cookie is an HMAC
 * over the client's address and port under a key that changes every few minutes; the one before it is
 * honoured too. Private keys are in gh-keys (net/keyproxy.h), as for net/tls.h; but OpenSSL 3.0 takes no
 * Ed25519 certificate for DTLS ("no shared cipher"): the domain needs an ECDSA or RSA one. */
#ifndef NET_DTLS_H
#define NET_DTLS_H

#include "net/tls.h"
#include "run/loop.h"

#include <sys/socket.h>

struct dtls_door; /* what all associations of a listener share */
struct dtls;      /* one association */

enum {
	DTLS_MTU = 1200,        /* longest datagram of a handshake: passes everywhere */
	DTLS_PLAIN_MAX = 16384, /* what a record carries (RFC 6347 4.1) */
};

struct dtls_owner {
	/* A datagram for the client, to be sent or copied during the call; no function of
	 * this header may be called in it. */
	void (*send)(void *arg, struct bytes datagram);
	/* The handshake is done. */
	void (*secured)(void *arg);
	/* One record's plain text; valid during the call. */
	void (*data)(void *arg, struct bytes plain);
	/* It is over: 0 close_notify; ERR_TLS, with OpenSSL's words for the log; ERR_TIMEOUT;
	 * ERR_CONN_RESET: the client began anew; ERR_NOMEM. words: "" otherwise. The association must not
	 * be touched any more. Never called from within dtls_send or dtls_free. */
	void (*closed)(void *arg, int why, const char *words);
};

/* s: certificates (held). alpn: protocol names that are ours (RFC 7443), as in struct tls_options; they
 * outlive the door. loop: for retransmission and the handshake's end. ERR_UNSUPPORTED: the store
 * demands TLS 1.3, and OpenSSL 3.0 has no DTLS 1.3; ERR_NOMEM. */
int dtls_door_new(struct loop *l, struct tls_store *s, const char *fallback_domain, const char *const *alpn,
                  struct dtls_door **out);
void dtls_door_free(struct dtls_door *d); /* after its associations */
/* New settings: associations to come use the new store; those there keep theirs. Errors as above: the
 * old store stays. */
int dtls_door_store(struct dtls_door *d, struct tls_store *s, const char *fallback_domain);

/* A datagram from an address that has no association. Either an answer is put into reply (to be sent
 * back; never longer than the datagram: no amplifier) and *out is untouched; or the cookie was right
 * and *out is the association, which has taken the datagram in and waits for dtls_start; or
 * neither: ERR_SYNTAX (no ClientHello), ERR_NOMEM, ERR_FULL (reply has no room). */
int dtls_accept(struct dtls_door *d, const struct sockaddr *from, struct bytes datagram, struct buf *reply,
                struct dtls **out);
/* The handshake goes on, and must be done in handshake_ms. All of the owner's functions may be called
 * inside. Who wants no association after all calls dtls_free instead. */
void dtls_start(struct dtls *t, uint32_t handshake_ms, const struct dtls_owner *o, void *arg);
/* A datagram of the association; closed() may be called inside. ERR_CONN_RESET, after closed(): it is
 * the ClientHello of a client that began anew and has proved its address (RFC 6347 4.2.8); dtls_accept
 * takes it. 0 else, whatever it was. */
int dtls_input(struct dtls *t, struct bytes datagram);
/* Sends plain text as one record. ERR_AGAIN before `secured`; ERR_LIMIT longer than DTLS_PLAIN_MAX;
 * ERR_TLS: it is broken, free it. */
int dtls_send(struct dtls *t, struct bytes plain);
/* Sends close_notify and forgets it; also from inside secured() and data(). NULL is fine. */
void dtls_free(struct dtls *t);
const char *dtls_version_name(struct dtls *t);
const char *dtls_cipher_name(struct dtls *t);

#endif
