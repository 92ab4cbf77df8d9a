/* net/keyproxy.h - an OpenSSL 3 provider whose keys live in gh-keys. It offers key management and
 * signature for RSA (PKCS#1, PSS), ECDSA and Ed25519; a signature pauses the handshake's job and
 * becomes a KEY_SIGN message; the answer resumes it. Outside a job (tests) it waits blocking. */
#ifndef NET_KEYPROXY_H
#define NET_KEYPROXY_H

#include "run/bus.h"

#include <openssl/x509.h>

struct keyproxy;
struct keyproxy *keyproxy_new(struct loop *l, struct bus *b);
/* After all stores and connections that use its keys. */
void keyproxy_free(struct keyproxy *k);
/* A private-key object that stands for key `name`; public parts come from the certificate. NULL on failure. */
EVP_PKEY *keyproxy_pkey(struct keyproxy *k, struct bytes name, X509 *cert);
/* Handlers for the program's table: KEY_SIGNED and KEY_FAILED. `keyproxy_down` when gh-keys went:
 * what waits fails, and later signatures wait for it to come back for at most 5 s. */
int keyproxy_signed(struct keyproxy *k, const struct frame *f);
int keyproxy_failed(struct keyproxy *k, const struct frame *f);
void keyproxy_down(struct keyproxy *k);
/* It is back: sends at once what waits (without this call it is noticed within 100 ms). */
void keyproxy_up(struct keyproxy *k);

/* ---- for net/tls only ----
 * Jobs have stacks, so there are at most KEYPROXY_JOBS_MAX; a handshake that finds none waits its
 * turn here. A signature whose job is resumed without an answer gives up: so a connection that ends
 * while it waits leaves no job behind. */
enum { KEYPROXY_JOBS_MAX = 256 };
struct keyproxy_turn {
	struct list node;
	void (*fn)(void *arg);
	void *arg;
};
void keyproxy_turn_wait(struct keyproxy *k, struct keyproxy_turn *t, void (*fn)(void *arg), void *arg);
void keyproxy_turn_cancel(struct keyproxy_turn *t);

#endif
