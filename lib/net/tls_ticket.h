/* net/tls_ticket.h - keys of stateless session tickets (RFC 8446 4.6.1, RFC 5077). They live in
 * memory only, are drawn at random and replaced every few hours, so that a key found later opens
 * only the sessions of that time. */
#ifndef NET_TLS_TICKET_H
#define NET_TLS_TICKET_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <time.h>

enum { TLS_TICKET_LIFE_S = 6 * 3600 };

struct tls_ticket_key {
	uint8_t name[16], cipher[32], mac[32];
	time_t until; /* of making new tickets; it opens old ones as long again */
};
struct tls_tickets {
	struct tls_ticket_key now, before;
};

void tls_tickets_init(struct tls_tickets *t, time_t now);
void tls_tickets_fini(struct tls_tickets *t);
/* Draws a new key when the time has come. */
void tls_tickets_rotate(struct tls_tickets *t, time_t now);
/* What SSL_CTX_set_tlsext_ticket_key_evp_cb wants, with the keys as one more argument. */
int tls_tickets_use(struct tls_tickets *t, uint8_t name[16], uint8_t *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int is_new);

#endif
