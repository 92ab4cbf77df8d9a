/* ldap_impl.h - inside of ldap*.c only. */
#ifndef DIR_LDAP_IMPL_H
#define DIR_LDAP_IMPL_H

#include "ldap.h"

#include <lber.h>

/* Writes the filter that `text` says (ldap_filter.c); b NULL: only looks whether it is one. ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int ldap_filter_put(BerElement *b, struct bytes text);
/* One condition. */
int ldap_term_put(BerElement *b, const struct ldap_term *t);

/* Filter choices (RFC 4511 4.5.1). */
enum { FILTER_AND = 0xa0, FILTER_OR = 0xa1, FILTER_NOT = 0xa2, FILTER_EQUAL = 0xa3, FILTER_SUBSTRINGS = 0xa4, FILTER_GE = 0xa5,
       FILTER_LE = 0xa6, FILTER_PRESENT = 0x87, FILTER_APPROX = 0xa8, FILTER_EXTENSIBLE = 0xa9,
       SUBSTRING_INITIAL = 0x80, SUBSTRING_ANY = 0x81, SUBSTRING_FINAL = 0x82,
       MATCH_RULE = 0x81, MATCH_TYPE = 0x82, MATCH_VALUE = 0x83, MATCH_DN = 0x84 };

static inline struct berval ldap_berval(struct bytes v)
{
	return (struct berval){ .bv_len = v.n, .bv_val = (char *)(uintptr_t)(v.n ? (const char *)v.p : "") };
}

#endif
