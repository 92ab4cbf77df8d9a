/* proto/mask.h - what operators may see of people's traffic: how it is built, not what it says. Names of elements and
 * headers stay, and what routes; text and values that are not on a short list of technical ones become "[N]", N the
 * number of bytes. What is not known is masked. Pure. */
#ifndef PROTO_MASK_H
#define PROTO_MASK_H

#include "proto/xml.h"

struct mask {
	/* Not empty: local parts of addresses become eight hex digits that are the same for the same address under the same
	 * key, and resources go. */
	struct bytes jid_key;
};

/* Appends the element. context_ns as in xml_write. ERR_NOMEM; ERR_LIMIT: the buffer is full. */
int mask_xml(const struct mask *m, const struct xml_node *n, const char *context_ns, struct arena *a, struct buf *out);
/* A SIP message as text, whole or not (RFC 3261 7): the start line and technical headers, without display names, quoted
 * texts, passwords and headers in URIs; line ends as LF. ERR_LIMIT: the buffer is full. */
int mask_sip(const struct mask *m, struct bytes message, struct buf *out);

#endif
