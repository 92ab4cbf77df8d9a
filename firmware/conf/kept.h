/* kept.h - lines of a record that this version does not know, because another one wrote them (an upgrade that went back). They are
 * written again with the record, for the version that knows them. A line whose name begins with '!' limits the record: as with a
 * critical extension of a certificate (RFC 5280 4.2), who does not know it must not take the record for good. Pure. */
#ifndef CONF_KEPT_H
#define CONF_KEPT_H

#include "base/buf.h"
#include "run/words.h"

enum { KEPT_BYTES = 2048 };

struct kept {
	uint16_t n;
	bool is_shut; /* the record is not good here */
	char text[KEPT_BYTES];
};

/* Keeps the line. is_limit: the record is shut by it, whatever its name. ERR_SYNTAX: its first word is no name of a field; ERR_LIMIT:
 * there is no room. *k is as before then. */
int kept_add(struct kept *k, const struct words *line, bool is_limit);
void kept_put(const struct kept *k, struct buf *out);
/* The name of the first, for a log line; "" when there is none. */
const char *kept_first(const struct kept *k, char out[static 32]);

#endif
