/* resolver.h - the box's own resolver (gh-dns) in place of the name servers that are set. While `dns resolver` is not off, every program
 * that resolves names is given the resolver's place on loopback, the only one whose AD bit is believed without being told so;
 * gh-dns itself gets the settings as they are. */
#ifndef CONF_RESOLVER_H
#define CONF_RESOLVER_H

#include "rows.h"

bool resolver_is_wanted(const struct rows *r);
/* What a program p that reads r gets: r, or with *out (empty before) filled a copy in which the resolver stands in.
 * ERR_NOMEM, ERR_LIMIT. */
int resolver_put(const struct rows *r, enum prog p, struct rows *out, bool *is_copy);

#endif
