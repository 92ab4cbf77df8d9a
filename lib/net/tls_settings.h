/* net/tls_settings.h - what a server presents, out of a settings snapshot: the certificates, the hosted domains
 * that they prove, the oldest version that is spoken. One way for all doors of clients. */
#ifndef NET_TLS_SETTINGS_H
#define NET_TLS_SETTINGS_H

#include "net/tls.h"
#include "run/settings.h"

enum { TLS_12, TLS_13 }; /* places in the range of `tls minimum` */
enum { TLS_DOMAIN_BYTES = 254 }; /* A-labels and a NUL */

/* A store for servers. before: the one it follows, whose tickets stay good; NULL: none. first: the first domain
 * that could be loaded, for doors whose clients often send no SNI ("" none); may be NULL. A certificate or domain
 * that cannot be used is one log line and is left out. ERR_NOMEM. Ends the program when TLS 1.3 alone is set and
 * cannot be had. */
int tls_settings_store(const struct settings *s, struct keyproxy *keys, const struct tls_store *before,
                       struct tls_store **out, char first[TLS_DOMAIN_BYTES]);

/* A store of whom the settings trust, beside the public authorities where `trust system` is on; what the news says of revoked
 * certificates counts. It shows no certificate until one is added; keys sign for those, and may be NULL where none will be. An anchor
 * or list that cannot be used is one log line and is left out. NULL without memory, or when TLS 1.3 alone is set and cannot be had:
 * then nobody is reached. */
struct tls_store *tls_settings_trust(const struct settings *s, struct keyproxy *keys, const struct tls_news *news);

/* Adds the settings' anchors and revocation lists. One that cannot be used is one log line and is left out. */
void tls_settings_anchors(struct tls_store *t, const struct settings *s);

/* Adds all certificates of the settings, so that domains can name them. One that cannot be used is one log line and is left out. */
void tls_settings_certificates(struct tls_store *t, const struct settings *s);

#endif
