/* address.h - SIP addresses as JIDs and back (RFC 7247 6, XEP-0106, RFC 5627). Pure. */
#ifndef XLATE_ADDRESS_H
#define XLATE_ADDRESS_H

#include "base/buf.h"
#include "proto/jid.h"
#include "sip/uri.h"

enum { ADDRESS_URI_MAX_BYTES = 1024 };

/* sip:, sips:, im: or pres: URI to a JID; gr (or the epid of Lync: ADR-29) is the resource. ERR_SYNTAX: it
 * stands for nobody in XMPP (400); ERR_UNSUPPORTED: sips: and not may_be_sips (416, RFC 7247 8);
 * ERR_LIMIT; ERR_NOMEM. */
int address_to_jid(struct bytes uri, bool may_be_sips, struct arena *a, struct jid *out);
/* ERR_SYNTAX: has no such form (jid-malformed); ERR_LIMIT: too long (policy-violation, ADR-26). Appends. */
int address_of_jid(const struct jid *j, enum sipuri_scheme scheme, struct buf *out);
/* Only the bare JID; only the gr value of a resource. */
int address_of_bare(const struct jid *j, enum sipuri_scheme scheme, struct buf *out);
/* The bare JID of a room, and of who has this nick there (RFC 7702 5.3); empty: the room itself. */
int address_of_occupant(struct bytes room, struct bytes nick, struct buf *out);
void address_put_gr(struct bytes resource, struct buf *out);
/* SIP status for an error of address_to_jid. */
unsigned address_status(int rc);

#endif
