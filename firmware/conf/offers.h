/* offers.h - name and time servers that the network offers (DHCP, by way of gh-priv). They stand in for settings that nobody
 * has made: a program that reads such a setting gets the offered ones in its place, with its settings. */
#ifndef CONF_OFFERS_H
#define CONF_OFFERS_H

#include "base/wire.h"
#include "rows.h"

enum { OFFERS_MAX = 16, OFFER_BYTES = 48 };
struct offered {
	char v[OFFERS_MAX][OFFER_BYTES];
	unsigned n;
};
struct offers {
	struct offered dns, ntp;
};

/* Body of NETWORK_OFFERS. *is_new: it is not what *o was. ERR_PROTOCOL: *o is as before. */
int offers_read(struct offers *o, struct wire *w, bool *is_new);
/* Who reads a setting that offers may stand in for: a mask of programs. */
uint32_t offers_readers(void);
/* What a program p that reads r gets: r, or with *out (empty before) filled a copy in which offers stand in. ERR_NOMEM,
 * ERR_LIMIT. */
int offers_put(const struct offers *o, const struct rows *r, enum prog p, struct rows *out, bool *is_copy);

#endif
