/* sip/message.h - one SIP message (RFC 3261 7), parsed and printed by Sofia-SIP, whose types and
 * headers stay in lib/sip/message*.c. Does no I/O.
 *
 * Texts that come out are views into the message and stay until it is changed or freed. A header field
 * that may be a list (Via, Route, Contact, Accept, ...) is counted by its elements. Header texts keep
 * their escapes and are UTF-8; header parameters' names are compared without case (RFC 3261 7.3.1). */
#ifndef SIP_MESSAGE_H
#define SIP_MESSAGE_H

#include "base/buf.h"
#include "base/bytes.h"

struct sipmsg;

enum sipmsg_method {
	SIPM_OTHER, /* see sipmsg_method_text */
	SIPM_INVITE, SIPM_ACK, SIPM_CANCEL, SIPM_BYE, SIPM_OPTIONS, SIPM_REGISTER, SIPM_MESSAGE,
	SIPM_SUBSCRIBE, SIPM_NOTIFY, SIPM_PUBLISH, SIPM_INFO, SIPM_UPDATE, SIPM_PRACK, SIPM_REFER,
	SIPM_COUNT
};
const char *sipmsg_method_name(enum sipmsg_method m);

enum siphdr {
	SIPH_VIA, SIPH_ROUTE, SIPH_RECORD_ROUTE, SIPH_FROM, SIPH_TO, SIPH_CALL_ID, SIPH_CSEQ, SIPH_CONTACT,
	SIPH_MAX_FORWARDS, SIPH_EXPIRES, SIPH_MIN_EXPIRES, SIPH_EVENT, SIPH_ALLOW_EVENTS, SIPH_SUBSCRIPTION_STATE,
	SIPH_ACCEPT, SIPH_ALLOW, SIPH_SUPPORTED, SIPH_REQUIRE, SIPH_PROXY_REQUIRE, SIPH_UNSUPPORTED,
	SIPH_CONTENT_TYPE, SIPH_CONTENT_ENCODING, SIPH_CONTENT_LANGUAGE, SIPH_CONTENT_LENGTH,
	SIPH_SUBJECT, SIPH_DATE, SIPH_WARNING, SIPH_REASON, SIPH_RETRY_AFTER, SIPH_SERVER, SIPH_USER_AGENT,
	SIPH_SIP_ETAG, SIPH_SIP_IF_MATCH, SIPH_WWW_AUTHENTICATE, SIPH_AUTHORIZATION, SIPH_PROXY_AUTHENTICATE,
	SIPH_PROXY_AUTHORIZATION, SIPH_PATH, SIPH_SERVICE_ROUTE, SIPH_REFER_TO, SIPH_REFERRED_BY,
	SIPH_MAX_BREADTH, SIPH_ACCEPT_ENCODING, SIPH_SESSION_EXPIRES, SIPH_MIN_SE, SIPH_MS_DIAGNOSTICS,
	SIPH_MS_TEXT_FORMAT,
	SIPH_COUNT
};
const char *siphdr_name(enum siphdr h); /* "Call-ID" */

enum {
	SIPMSG_MAX_BYTES = 65535,
	SIPMSG_HEADERS_MAX = 256,   /* fields, and elements of one */
	SIPMSG_ELEMENTS_MAX = 1024, /* of all fields */
	SIPMSG_VIAS_MAX = 72,
};

/* Parses one whole message; bytes behind its Content-Length are left out (RFC 3261 18.3). ERR_SYNTAX: not SIP, or
 * nothing in it can be answered; ERR_LIMIT: larger than the limit; ERR_NOMEM. A request that is wrong but can be
 * answered (there is a Via) comes out with a fault: then of From, To, Call-ID and CSeq only the text is sure, and of
 * more headers than the limit only what an answer needs is kept. A response that must be dropped has a fault too
 * (only for what leads back to its request: Via, From, To, Call-ID, CSeq, framing).
 * Folding has become one space; a header that does not parse and need not is kept and printed as it came. */
int sipmsg_parse(struct bytes in, struct sipmsg **out);
/* The same for a request of another program of ours, which has no Via yet (sip/unit.h). */
int sipmsg_parse_inside(struct bytes in, struct sipmsg **out);
void sipmsg_free(struct sipmsg *m); /* NULL is fine */
struct sipmsg *sipmsg_copy(const struct sipmsg *m); /* NULL without memory */

/* What a request must be refused with (400, 505, ...); status 0: nothing (RFC 4475, RFC 3261 8.2). */
struct sipmsg_fault {
	uint16_t status;
	const char *reason; /* static */
};
struct sipmsg_fault sipmsg_fault(const struct sipmsg *m);

/* ---- start line ---- */
bool sipmsg_is_request(const struct sipmsg *m);
enum sipmsg_method sipmsg_method(const struct sipmsg *m); /* of a response: its CSeq's */
struct bytes sipmsg_method_text(const struct sipmsg *m);
struct bytes sipmsg_uri(const struct sipmsg *m); /* Request-URI; empty for a response */
unsigned sipmsg_status(const struct sipmsg *m);  /* 0 for a request */
struct bytes sipmsg_reason(const struct sipmsg *m);

/* ---- headers ---- */
size_t sipmsg_count(const struct sipmsg *m, enum siphdr h);
/* Element i without the name; empty when there is none. Content-Length is that of what came in; the body's
 * length is what is printed and what sipmsg_number tells. */
struct bytes sipmsg_value(const struct sipmsg *m, enum siphdr h, size_t i);
/* Header by any name ("ms-keep-alive"), its i-th field. */
struct bytes sipmsg_named(const struct sipmsg *m, const char *name, size_t i);
/* A decimal header (Max-Forwards, Expires, Min-Expires, Retry-After, Content-Length). False: absent. */
bool sipmsg_number(const struct sipmsg *m, enum siphdr h, uint32_t *out);
bool sipmsg_cseq(const struct sipmsg *m, uint32_t *number, struct bytes *method);

struct sip_address { /* From, To, Contact, Route, Record-Route, Refer-To, ... */
	struct bytes display; /* without quotes, still with \-escapes */
	struct bytes uri;
	struct bytes params; /* of the header, behind the first ';' */
	bool is_star;        /* Contact: * */
};
bool sipmsg_address(const struct sipmsg *m, enum siphdr h, size_t i, struct sip_address *out);

struct sip_via {
	struct bytes transport, host, branch, received, maddr; /* transport "TLS"; IPv6 without brackets; empty: absent */
	uint16_t port;  /* 0: none given */
	uint16_t rport; /* value; 0: none */
	bool has_rport; /* RFC 3581 */
};
bool sipmsg_via(const struct sipmsg *m, size_t i, struct sip_via *out);

/* "a=b;c" -> value of one; present without value gives an empty view with p set. False: absent. */
bool sip_param(struct bytes params, const char *name, struct bytes *value);

struct bytes sipmsg_body(const struct sipmsg *m);

/* ---- making and changing. All texts are copied. A failed change (no memory, text that does not parse)
 * is remembered; sipmsg_print then fails: so edits need no checks in between. ---- */
struct sipmsg *sipmsg_request_new(const char *method, struct bytes uri); /* NULL without memory */
/* RFC 3261 8.2.6: Via, From, To, Call-ID, CSeq of the request. to_tag is added where To has none and
 * status is over 100; NULL: none. reason NULL: the standard's. */
struct sipmsg *sipmsg_response_new(const struct sipmsg *request, unsigned status, const char *reason, const char *to_tag);
/* The same from the text of an earlier response (RFC 3261 8.2.6.2: a 100 has all of them but the tag). NULL: without
 * memory, or the text is none. */
struct sipmsg *sipmsg_response_after(struct bytes before, unsigned status, const char *reason, const char *to_tag);
/* Appends the text of a 100. ERR_NOMEM. */
int sipmsg_print_trying(const struct sipmsg *request, struct buf *out);
void sipmsg_set_uri(struct sipmsg *m, struct bytes uri);
void sipmsg_prepend(struct sipmsg *m, enum siphdr h, struct bytes value); /* in front of all of its kind */
void sipmsg_append(struct sipmsg *m, enum siphdr h, struct bytes value);
void sipmsg_replace(struct sipmsg *m, enum siphdr h, struct bytes value); /* all of its kind by one */
void sipmsg_remove(struct sipmsg *m, enum siphdr h, size_t i);
void sipmsg_remove_all(struct sipmsg *m, enum siphdr h);
void sipmsg_append_named(struct sipmsg *m, const char *name, struct bytes value);
/* Sets received and rport of the topmost Via (RFC 3261 18.2.1, RFC 3581 4). */
void sipmsg_set_received(struct sipmsg *m, const char *address, uint16_t port);
void sipmsg_set_body(struct sipmsg *m, const char *content_type, struct bytes body); /* NULL: no body */
/* Appends the message with a right Content-Length. ERR_SYNTAX, ERR_NOMEM: a change failed. */
int sipmsg_print(const struct sipmsg *m, struct buf *out);
/* The same with a Via in front of the others, which m itself does not get. */
int sipmsg_print_with_via(const struct sipmsg *m, struct bytes via, struct buf *out);

#endif
