/* proto/jid.h - addresses (RFC 7622): localpart@domainpart/resourcepart.
 * Normalised on entry: domain by IDNA (lower case, U-labels, no final dot; IP literals stay),
 * localpart by PRECIS UsernameCaseMapped with the RFC 7622 3.3 exclusions, resource by OpaqueString.
 * Plain ASCII takes a fast path without ICU and without a copy when nothing changes. */
#ifndef PROTO_JID_H
#define PROTO_JID_H

#include "base/arena.h"
#include "base/bytes.h"

enum { JID_PART_MAX_BYTES = 1023, JID_MAX_BYTES = 3071 };

struct jid {
	struct bytes full; /* whole normalised text */
	uint16_t local_n, domain_n, resource_n; /* part lengths; 0: part absent (domain never 0) */
};

/* Parses and normalises. The result's bytes are `in` itself when already normal, else in the arena.
 * ERR_SYNTAX (which part is bad does not matter to peers: jid-malformed), ERR_LIMIT, ERR_UTF8, ERR_NOMEM. */
int jid_parse(struct bytes in, struct arena *a, struct jid *out);
/* Only a domainpart (settings, certificates, dialback). The same normal form as in jid_parse. */
int jid_parse_domain(struct bytes in, struct arena *a, struct bytes *out);
/* Only a localpart (account names); resource alike. */
int jid_parse_local(struct bytes in, struct arena *a, struct bytes *out);
int jid_parse_resource(struct bytes in, struct arena *a, struct bytes *out);
/* A nickname in the form in which equal ones are the same bytes (RFC 8266 2.4); in the arena. ERR_SYNTAX: it is
 * none. */
int jid_nickname_key(struct bytes in, struct arena *a, struct bytes *out);
/* Puts normalised parts together; local and resource may be empty. ERR_NOMEM. */
int jid_make(struct bytes local, struct bytes domain, struct bytes resource, struct arena *a,
             struct jid *out);

struct bytes jid_local(const struct jid *j);
struct bytes jid_domain(const struct jid *j);
struct bytes jid_resource(const struct jid *j);
struct bytes jid_bare(const struct jid *j); /* a prefix of full */
static inline bool jid_is_bare(const struct jid *j)
{
	return j->resource_n == 0;
}
bool jid_eq(const struct jid *a, const struct jid *b);
bool jid_bare_eq(const struct jid *a, const struct jid *b);

/* Views of a text that is known to be a normalised JID (from an envelope): cheap, no checks. */
struct jid jid_of_normal(struct bytes normal);

/* Domain to A-labels for DNS and certificates (IDNA2008); out is NUL-terminated.
 * ERR_SYNTAX when it has no such form (IP literals have none). */
int jid_domain_to_ascii(struct bytes domain, char out[static 254]);

/* XEP-0106 escaping of a localpart that came from a directory or a SIP address. */
int jid_escape(struct bytes in, struct arena *a, struct bytes *out);
int jid_unescape(struct bytes in, struct arena *a, struct bytes *out);

#endif
