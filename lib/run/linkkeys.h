/* run/linkkeys.h - what gh-link asks of gh-keys for the private authority of links (mra.md 2.3). gh-link gets no key and can have
 * nothing signed but certificates whose names are roles of links, which mean nothing anywhere else.
 *
 * LINK_ASK is an op and its fields; LINK_ANSWER is rc u32 (as i32), why str, and the op's answer when rc is 0. */
#ifndef RUN_LINKKEYS_H
#define RUN_LINKKEYS_H

enum link_op {
	LINK_SELF,      /* -> PEM bytes: a certificate of our link key by itself, for the time until there is a better one */
	LINK_REQUEST,   /* -> PKCS#10 in DER bytes: for our link key, which is made when there is none */
	LINK_AUTHORITY, /* PEM bytes (empty: none yet) -> PEM bytes: of the authority's key, which is made when there is none */
	LINK_SIGN,      /* authority PEM bytes, request bytes, role u8 (enum link_role), node str -> PEM bytes */
	LINK_OP_COUNT
};
enum link_role { LINK_ROLE_IS_CORE, LINK_ROLE_IS_EDGE, LINK_ROLE_COUNT };

/* Among the keys of gh-keys; the first is the certificate's name too. */
#define LINK_KEY "link"
#define LINK_AUTHORITY_KEY "link-authority"
/* Names in certificates of links: a role, never a place (RFC 6761 6.4). A node has "NODE." before it, too. */
#define LINK_ROLE_CORE "core.link.invalid"
#define LINK_ROLE_EDGE "edge.link.invalid"

enum {
	LINK_NODE_MAX = 40,
	LINK_REQUEST_MAX = 4096,
	LINK_CERTIFICATE_DAYS = 120, /* renewed when a third is left, which is before the alarms of its end */
	LINK_AUTHORITY_DAYS = 3650,
};

#endif
