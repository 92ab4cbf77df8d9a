/* proto/jid_dns.h - domainparts that are not plain ASCII names (IDNA2008 by libidn2), and IP
 * literals. Private to lib/proto. */
#ifndef PROTO_JID_DNS_H
#define PROTO_JID_DNS_H

#include "base/arena.h"
#include "base/bytes.h"

enum { DNS_NAME_MAX_BYTES = 253, DNS_LABEL_MAX_BYTES = 63 };

/* A name in U-labels, lower case (RFC 7622 3.2.1). in: without a final dot. ERR_SYNTAX, ERR_UTF8,
 * ERR_LIMIT, ERR_NOMEM. */
int jid_dns_normal(struct bytes in, struct arena *a, struct bytes *out);
/* "[IPv6]" in the form of RFC 5952, with its brackets. ERR_SYNTAX, ERR_NOMEM. */
int jid_dns_ipv6(struct bytes in, struct arena *a, struct bytes *out);
bool jid_dns_is_ipv4(struct bytes in);
/* Only letters, digits, hyphens and dots in the right places (NR-LDH labels of RFC 5890 2.3.1, no
 * "xn--")? *has_upper: some letter is upper case. */
bool jid_dns_is_ldh(struct bytes in, bool *has_upper);

#endif
