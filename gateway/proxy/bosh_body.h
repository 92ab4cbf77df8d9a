/* gateway/proxy/bosh_body.h - the <body/> of BOSH (XEP-0124 1.11, XEP-0206): read, and its attributes checked one by one. Pure. */
#ifndef PROXY_BOSH_BODY_H
#define PROXY_BOSH_BODY_H

#include "proto/xml.h"

#define NS_BOSH "http://jabber.org/protocol/httpbind"
#define NS_XBOSH "urn:xmpp:xbosh"

/* Digits that a session's id has (7.1: unpredictable), and bytes of a key (15: SHA-1 in hex). */
enum { BOSH_SID_CHARS = 40, BOSH_KEY_CHARS = 40 };

/* Terminal binding conditions (17.2) that are used here. */
enum bosh_condition {
	BOSH_NONE, /* it ends in order */
	BOSH_BAD_REQUEST,
	BOSH_HOST_UNKNOWN,
	BOSH_IMPROPER_ADDRESSING,
	BOSH_INTERNAL_SERVER_ERROR,
	BOSH_ITEM_NOT_FOUND,
	BOSH_POLICY_VIOLATION,
	BOSH_REMOTE_CONNECTION_FAILED,
	BOSH_REMOTE_STREAM_ERROR,
	BOSH_SYSTEM_SHUTDOWN,
	BOSH_CONDITION_COUNT
};

struct bosh_body {
	struct xml_node *node; /* its children are the payloads */
	uint64_t rid;
	struct bytes sid; /* empty: it asks for a session */
	struct bytes to, from, lang;
	struct bytes key, newkey;   /* 15; empty: none */
	struct bytes xmpp_version;  /* XEP-0206 3 */
	const char *content;        /* type of the answers (7.1) */
	uint32_t wait_s, hold;      /* as wished; 60 and 1 where nothing is said */
	uint16_t major, minor;      /* ver; 0 when not said */
	bool is_terminate, is_restart; /* 13; XEP-0206 5 */
	bool has_payload;
};

/* Reads one whole document; views are of `in` or in the arena. False: bad-request (malformed, over the limits, an attribute that
 * means nothing, pause where nobody offered it), with *why as static text. limits: of the whole body. */
bool bosh_body_read(struct bytes in, struct xml_pool *pool, const struct xml_limits *limits, struct arena *a, struct bosh_body *out,
                    const char **why);
const char *bosh_condition_name(enum bosh_condition c);
/* A body that ends a session (17.2), with these payloads, which are written already. */
void bosh_put_terminate(struct buf *out, enum bosh_condition c, struct bytes payloads);

#endif
