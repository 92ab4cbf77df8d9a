/* net/client_hello.h - what a TLS client offers first (RFC 8446 4.1.2), read from bytes that are looked at and stay where they
 * are: whose connection is it? OpenSSL does the reading and is stopped before it answers. On the loop's thread. */
#ifndef NET_CLIENT_HELLO_H
#define NET_CLIENT_HELLO_H

#include "base/bytes.h"

enum { CLIENT_HELLO_MAX = 16 << 10 }; /* who says more than that first is not listened to */

struct client_hello;
/* What reads; any number of connections use it. NULL: no memory. */
struct client_hello *client_hello_new(void);
void client_hello_free(struct client_hello *h);
/* `in`: all that the client has said so far, from its first byte. names: as the IANA has them (RFC 7301 6), then NULL. The place in
 * names of the first that the client offers by ALPN, 0 and above; ERR_AGAIN: its ClientHello is not whole yet; ERR_NOT_FOUND: it offers
 * none of them; ERR_SYNTAX: that is no ClientHello; ERR_LIMIT: longer than CLIENT_HELLO_MAX; ERR_NOMEM. */
int client_hello_offers(struct client_hello *h, struct bytes in, const char *const *names);

#endif
