/* net/tls.h - TLS 1.2 and 1.3 by OpenSSL, the one way for all doors. No renegotiation, no
 * compression, modern suites only, SSL_MODE_RELEASE_BUFFERS. Private keys are not in this process:
 * a key is a name, and OpenSSL's signature operation becomes a KEY_SIGN message to gh-keys
 * (net/keyproxy.h); the handshake waits without blocking the loop (OpenSSL ASYNC jobs). */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "base/bytes.h"

#include <openssl/types.h>

struct tls_news;  /* net/tls_news.h */
struct tls_store; /* certificates of hosted domains, trust anchors */
struct tls;       /* one connection */

/* ---- what we present and whom we trust: rebuilt on a settings change; old connections keep the
 * old one until they end (reference counted: the store's maker, and each connection) ---- */
struct keyproxy;
struct tls_store *tls_store_new(struct keyproxy *keys);
void tls_store_free(struct tls_store *s);
/* TLS 1.3 only, from here on. Before any domain is added. */
int tls_store_require_13(struct tls_store *s);
/* Tickets given out by the store before (NULL: none) open sessions of this one too: new settings do
 * not cost every client a full handshake. */
void tls_store_keep_tickets(struct tls_store *s, const struct tls_store *before);
/* A certificate chain in PEM, leaf first or in any order (sorted here), whose key gh-keys knows as
 * key_name. Serves each name in it that is also added with tls_store_add_domain.
 * ERR_SYNTAX: not PEM; ERR_CERT_OTHER: leaf or key cannot be used; ERR_EXISTS: name taken;
 * ERR_CERT_EXPIRED, ERR_CERT_NOT_YET: added all the same, the caller warns.
 * With no keyproxy (tests, measuring) the PEM has the private key in it too. */
int tls_store_add_certificate(struct tls_store *s, struct bytes name, struct bytes pem);
/* Hosted domain (A-labels) and the certificate that proves it. ERR_NOT_FOUND: no such certificate;
 * ERR_CERT_NAME: the certificate does not cover the domain (added all the same: the caller warns);
 * ERR_EXISTS: it has one of this key type (a domain may have one each: RSA, ECDSA, Ed25519). */
int tls_store_add_domain(struct tls_store *s, const char *domain, struct bytes certificate_name);
/* Before the fence: reads the system's authorities, which tls_store_trust_system needs later.
 * ERR_NOT_FOUND. tls_forget: at the end, frees them. */
int tls_prepare(void);
void tls_forget(void);
int tls_store_trust_system(struct tls_store *s);
int tls_store_trust_anchor(struct tls_store *s, struct bytes name, struct bytes pem);
/* A client context that another library has made (libcurl) trusts what s trusts and speaks what s speaks. ERR_NOMEM. */
int tls_store_lend(struct tls_store *s, SSL_CTX *to);
/* Revocation lists in PEM (RFC 5280 5), after the anchors: certificates of partners whose authority
 * has a list are looked up in it, others not. ERR_SYNTAX. */
int tls_store_add_revocation(struct tls_store *s, struct bytes pem);
/* Answers to staple, and further revocation lists, that come and go while the store is used. They outlive it. */
void tls_store_use_news(struct tls_store *s, const struct tls_news *news);
/* From here on a chain is good only when a list in force, of either kind, speaks about each of its certificates below the
 * anchor: else ERR_CERT_CRL. A list of the news that is out of date does not do that. */
void tls_store_require_lists(struct tls_store *s);

enum tls_side { TLS_SERVER, TLS_CLIENT };
struct tls_options {
	enum tls_side side;
	const char *domain;      /* server: certificate when SNI names none of ours; client: our own
	                            certificate (of the originating domain); NULL: none */
	const char *server_name; /* client: SNI (A-labels) */
	const char *const *alpn; /* constants, the preferred first, then NULL; or NULL: none. Server: a
	                            client that offers ALPN without any of them is refused */
	bool is_datagram;        /* server: DTLS 1.2 (net/dtls.h) */
	bool wants_peer_certificate; /* server: ask for a client certificate (never demanded here) */
};
/* Verification of the peer's chain always runs, never ends the handshake: the door asks for the
 * verdict with tls_verify and decides. */
int tls_new(struct tls_store *s, const struct tls_options *o, struct tls **out);
void tls_free(struct tls *t);

/* ---- the peer's certificate ---- */
struct tls_tlsa {
	uint8_t usage, selector, matching;
	struct bytes data;
};
/* Names by the rules of SIP (RFC 5922, see net/certname_sip.h). */
struct tls_sip_demand {
	const char *const *subjects; /* names that do in place of the domain (A-labels) */
	size_t n_subjects;
	bool allow_common_name;  /* of a certificate without subject alternative names */
	bool needs_client_usage; /* an extended key usage, where there is one, has clientAuth (FED-08) */
};
struct tls_demand {
	const char *domain_ascii;   /* A-labels; NULL with `sip`: the chain alone */
	const struct tls_sip_demand *sip; /* NULL: names by the rules of XMPP */
	struct bytes domain;        /* U-labels: XmppAddr */
	const char *srv_service;    /* "_xmpp-server" */
	bool allow_wildcard;
	struct bytes pin;           /* SHA-256 of SPKI; empty: none */
	struct bytes authority;     /* only this trust anchor's name; empty: any */
	const struct tls_tlsa *tlsa; /* DANE records (RFC 7673): when there are any, they decide */
	size_t n_tlsa;
	struct bytes posh[8];       /* SHA-256 fingerprints of the certificate (RFC 7711) that also do */
	size_t n_posh;
};
struct tls_verdict {
	int rc;             /* 0, or the ERR_CERT_* that names the cause; chain before name */
	const char *proof;  /* "pkix", "dane", "posh", "pin" */
	const char *hint;   /* what rc does not say, for the log; "" mostly */
	char subject[256], issuer[256], not_after[32];
};
/* May be asked again for each domain of the stream. */
void tls_verify(struct tls *t, const struct tls_demand *d, struct tls_verdict *out);
bool tls_has_peer_certificate(struct tls *t);
/* Has news come that the peer's certificate, or one of its chain to any of the anchors, is revoked? Cheap when not. */
bool tls_is_revoked(struct tls *t);
/* The SIP domains that the peer's certificate names, with spaces between, for the log; "" none. */
void tls_sip_identities(struct tls *t, bool allow_common_name, char *out, size_t room);

/* ---- facts ---- */
const char *tls_version_name(struct tls *t); /* "TLSv1.3" */
const char *tls_cipher_name(struct tls *t);
/* Channel binding (RFC 9266 tls-exporter on 1.3; RFC 5929 tls-server-end-point). 0 or ERR_UNSUPPORTED. */
int tls_exporter(struct tls *t, uint8_t out[static 32]);
int tls_server_end_point(struct tls *t, uint8_t out[static 64], size_t *n);
/* tls-unique (RFC 5929 3): the first Finished message. COMPAT: slixmpp 1.8 (Debian 12) binds to it
 * and to nothing else, on TLS 1.3 too, where RFC 9266 does not define it; each handshake's Finished
 * is as unique there. */
int tls_unique(struct tls *t, uint8_t out[static 64], size_t *n);
bool tls_alpn_matched(struct tls *t);
/* Which of our own names was agreed on (RFC 7301); "" none. Static text of the options. */
const char *tls_alpn_name(struct tls *t);
/* SNI that the client sent; "" none. */
const char *tls_sni(struct tls *t);

/* ---- used by net/link only ---- */
int tls_set_fd(struct tls *t, int fd);
enum tls_io { TLS_IO_OK, TLS_IO_WANT_READ, TLS_IO_WANT_WRITE, TLS_IO_WANT_KEY, TLS_IO_EOF, TLS_IO_ERROR };
enum tls_io tls_handshake(struct tls *t);
enum tls_io tls_read(struct tls *t, uint8_t *p, size_t n, size_t *got);
enum tls_io tls_write(struct tls *t, struct bytes b, size_t *put);
/* Are there bytes that came and were not read yet? They show on no descriptor. */
bool tls_has_pending(struct tls *t);
void tls_shutdown(struct tls *t);
/* Calls fn when a WANT_KEY handshake can go on. */
void tls_on_key(struct tls *t, void (*fn)(void *arg), void *arg);
/* Reason of the last ERROR: an ERR_ code, and OpenSSL's words for the log. */
int tls_error(struct tls *t, const char **words);

#endif
