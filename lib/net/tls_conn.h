/* net/tls_conn.h - inside of one TLS connection, for net/tls*.c only. */
#ifndef NET_TLS_CONN_H
#define NET_TLS_CONN_H

#include "net/keyproxy.h"
#include "net/tls_store.h"

struct tls {
	SSL *ssl;
	struct tls_store *store;     /* held */
	struct tls_domain *fallback; /* server: when SNI names none of ours */
	const char *const *alpn; /* NULL-terminated, or NULL */
	const char *words; /* of the last error: OpenSSL's static text */
	void (*key_fn)(void *arg);
	void *key_arg;
	struct keyproxy_turn turn; /* waits for a free job */
	int err;
};

/* Where `name` is in a list of protocols as clients offer it (RFC 7301 3.1, without the length before it), or NULL. */
const uint8_t *tls_find_alpn(struct bytes list, struct bytes name);

/* Did the peer staple an answer of its authority that its certificate is revoked? chain: the one that
 * was found, leaf first. No answer, or one that proves nothing, says nothing. */
bool tls_ocsp_says_revoked(SSL *ssl, STACK_OF(X509) *chain, X509_STORE *trust);

/* What the peer presented. sent may have the leaf in it (client side) or not. */
struct tls_peer {
	X509 *leaf;
	STACK_OF(X509) *sent;
};

#endif
