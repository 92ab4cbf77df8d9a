/* ca.h - a certificate authority for an afternoon: keys and certificates in memory, PEM out. */
#ifndef DEMO_CA_H
#define DEMO_CA_H

#include "base/buf.h"

struct ca;
/* A fresh P-256 key and a root certificate for 30 days. NULL on failure. */
struct ca *ca_new(const char *name);
void ca_free(struct ca *ca);
/* The root certificate. */
int ca_put_root(const struct ca *ca, struct buf *pem);
/* A fresh key and a certificate for the domain, serverAuth only as public authorities give them
 * nowadays; certificate first, then the key, appended. */
int ca_issue(struct ca *ca, const char *domain, struct buf *pem);

#endif
