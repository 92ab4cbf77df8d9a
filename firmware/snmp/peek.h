/* peek.h - a first look at a datagram, before the library reads it: which version, and does it claim to be authenticated?
 * (RFC 3417 3; RFC 1157 4, RFC 1901 3, RFC 3412 6) Pure; any bytes. */
#ifndef SNMP_PEEK_H
#define SNMP_PEEK_H

#include "base/bytes.h"

enum peek_version { PEEK_V1 = 0, PEEK_V2C = 1, PEEK_V3 = 3 };

struct peek {
	enum peek_version version;
	bool is_authenticated; /* it says so (msgFlags of version 3); whether it is true, the library finds out */
};
/* ERR_SYNTAX: no SNMP message of a version that there is. */
int peek_read(struct bytes datagram, struct peek *out);

#endif
