/* net/certname_sip.h - which SIP domains does a certificate prove? (RFC 5922 7.1). Its identities are the
 * sip: URIs without user part of its subject alternative names; the DNS names only when there is no such
 * URI; the common name only when there are no alternative names at all and the caller allows it (FED-01).
 * sips: URIs and addresses are none (FED-03). Pure; the certificate is OpenSSL's. */
#ifndef NET_CERTNAME_SIP_H
#define NET_CERTNAME_SIP_H

#include "base/bytes.h"

#include <openssl/x509.h>

/* Whole and without case: no wildcards, no suffixes (RFC 5922 7.2, FED-02). domain: A-labels. */
bool certname_sip_matches(X509 *cert, const char *domain, bool allow_common_name);
/* The identities with a space between, what is not printable as '?', cut at the end of out; "" when there is
 * none. For log lines: a wildcard is shown though it proves nothing. Returns how many there are. */
size_t certname_sip_list(X509 *cert, bool allow_common_name, char *out, size_t room);

#endif
