/* net/certname.h - does a certificate prove an XMPP domain? (RFC 6125 and 9525 with the identifier
 * types of RFC 6120 13.7.1.2: DNS-ID, SRV-ID, XmppAddr). Common names are not looked at. Pure; the
 * certificate is OpenSSL's. */
#ifndef NET_CERTNAME_H
#define NET_CERTNAME_H

#include "base/bytes.h"

#include <openssl/x509.h>

struct certname_demand {
	const char *domain_ascii; /* A-labels */
	struct bytes domain;      /* U-labels, for XmppAddr */
	const char *srv_service;  /* "_xmpp-server" or "_xmpp-client" */
	bool allow_wildcard;      /* whole left-most label only, never for the last two labels */
};
bool certname_matches(X509 *cert, const struct certname_demand *d);
/* All names in it, one a call, for records and warnings: at starts at 0; false at the end.
 * kind: "dns", "srv", "xmpp". */
bool certname_next(X509 *cert, size_t *at, const char **kind, char out[static 256]);

#endif
