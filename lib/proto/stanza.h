/* proto/stanza.h - what every hop must know of a stanza, found once by the door that let it in.
 * A stanza on the bus is its bytes in neutral form: the start tag carries no xmlns, so that it is
 * right inside a jabber:client and a jabber:server stream alike. */
#ifndef PROTO_STANZA_H
#define PROTO_STANZA_H

#include "proto/xml.h"
#include "proto/xmpp.h"

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ, STANZA_KIND_COUNT };

enum stanza_type {
	/* message */
	TYPE_NORMAL,
	TYPE_CHAT,
	TYPE_GROUPCHAT,
	TYPE_HEADLINE,
	/* presence */
	TYPE_AVAILABLE,
	TYPE_UNAVAILABLE,
	TYPE_SUBSCRIBE,
	TYPE_SUBSCRIBED,
	TYPE_UNSUBSCRIBE,
	TYPE_UNSUBSCRIBED,
	TYPE_PROBE,
	/* iq */
	TYPE_GET,
	TYPE_SET,
	TYPE_RESULT,
	/* all */
	TYPE_ERROR,
	STANZA_TYPE_COUNT
};

/* What routing needs from inside a message, so that the core need not parse it. */
enum stanza_fact {
	FACT_BODY = 1 << 0,            /* has <body/> */
	FACT_SUBJECT = 1 << 1,         /* has <subject/> */
	FACT_CHAT_STATE = 1 << 2,      /* XEP-0085 */
	FACT_NO_STORE = 1 << 3,        /* XEP-0334 no-store or no-permanent-store */
	FACT_STORE = 1 << 4,           /* XEP-0334 store */
	FACT_NO_COPY = 1 << 5,         /* XEP-0334 no-copy, XEP-0280 private */
	FACT_RECEIPT = 1 << 6,         /* XEP-0184 request or received */
	FACT_MUC_USER = 1 << 7,        /* muc#user payload (room PMs, invites) */
	FACT_CARBON = 1 << 8,          /* is itself a carbon (sent or received) */
	FACT_DELAYED = 1 << 9,         /* has XEP-0203 delay */
	FACT_PAYLOAD = 1 << 10,        /* has any child but thread, chat state, hints and ids */
	FACT_MARKER = 1 << 11,         /* XEP-0333 */
	FACT_STANZA_ID = 1 << 12,      /* XEP-0359: somebody says where it is archived */
	FACT_ARCHIVED = 1 << 13,       /* gh-im alone says so: it is in the archive of whom it is for, and has its id there */
};

struct stanza {
	enum stanza_kind kind;
	enum stanza_type type;
	struct bytes from, to, id, lang; /* as on the wire, not normalised; {NULL,0} when absent */
	uint32_t facts;
	struct xml_node *node;
	struct bytes inner;     /* see struct xml_event */
	bool is_inner_portable;
	const char *content_ns; /* of the stream it came from */
};

/* Classifies an element. content_ns: the stream's default namespace.
 * ERR_UNKNOWN: not a stanza (unsupported-stanza-type); ERR_XML_NAMESPACE: right name, wrong
 * namespace (invalid-namespace); ERR_SYNTAX: type attribute or id missing or unknown where
 * RFC 6120 8.2.3 demands it (iq), or an iq with a wrong number of children: answer bad-request.
 * Unknown message types read as normal (RFC 6121 5.2.2); unknown presence types are ERR_SYNTAX.
 * With ERR_SYNTAX *out is filled as far as it goes (from, to, id: for the answer). */
int stanza_read(const struct xml_event *ev, const char *content_ns, struct stanza *out);
/* The same from a parsed tree (no verbatim inner bytes). */
int stanza_of_node(struct xml_node *n, const char *content_ns, struct stanza *out);

/* Appends the stanza in neutral form with these addresses (empty: attribute left out). */
void stanza_write(struct buf *b, const struct stanza *s, struct bytes from, struct bytes to);

const char *stanza_kind_name(enum stanza_kind k); /* "message" */
const char *stanza_type_name(enum stanza_type t); /* "chat"; "" for TYPE_AVAILABLE */

/* Appends the error answer to a stanza in neutral form. No answer is due to errors and iq results
 * (RFC 6120 8.3.1): then nothing is appended and false comes back. from, to: of the answer.
 * kind, type, id: of the stanza refused. text may be empty. by: the domain that refuses, or empty. */
struct stanza_refusal {
	enum stanza_error error;
	const char *text;
	struct bytes by;
	struct bytes detail; /* an element of its own beside the condition (RFC 6120 8.3.4), as it is; may be empty */
};
bool stanza_write_error(struct buf *b, enum stanza_kind kind, enum stanza_type type, struct bytes id,
                        struct bytes from, struct bytes to, const struct stanza_refusal *why);

#endif
