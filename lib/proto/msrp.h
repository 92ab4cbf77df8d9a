/* proto/msrp.h - frames of the Message Session Relay Protocol (RFC 4975; NICKNAME: RFC 7701; AUTH: RFC
 * 4976), as one end of a session reads and writes them. Does no I/O; no relay.
 *
 *	MSRP d93kswow SEND CRLF
 *	To-Path: msrp://bob.example.com:8888/9di4ea;tcp CRLF
 *	From-Path: msrp://alice.example.com:7777/iau39;tcp CRLF
 *	Message-ID: 12339sdqwer CRLF
 *	Byte-Range: 1-16/16 CRLF
 *	Content-Type: text/plain CRLF
 *	CRLF
 *	Hi, I'm Alice!.. CRLF
 *	-------d93kswow$ CRLF            $ complete, + more chunks follow, # abandoned
 */
#ifndef PROTO_MSRP_H
#define PROTO_MSRP_H

#include "base/buf.h"

enum msrp_method { MSRP_OTHER, MSRP_SEND, MSRP_REPORT, MSRP_NICKNAME, MSRP_AUTH, MSRP_METHOD_COUNT };

enum {
	MSRP_ID_MAX_BYTES = 32,     /* of a transaction id (RFC 4975 9: ident) */
	MSRP_ID_MIN_BYTES = 4,
	MSRP_HEAD_MAX_BYTES = 8192, /* start line and header fields */
	MSRP_FEED_MAX_BYTES = 65536,
	MSRP_PATH_URIS_MAX = 8,
	MSRP_SKIP_MAX_BYTES = 16 << 20, /* of a body over the limit, before the connection must go */
};

#define MSRP_UNKNOWN UINT64_MAX /* "*" in a Byte-Range */

struct msrp_frame {
	enum msrp_method method;
	struct bytes method_text; /* empty: a response */
	uint16_t status;          /* of a response; 0: a request */
	struct bytes comment;     /* behind the status; may be empty */
	struct bytes id;
	struct bytes to_path, from_path; /* URIs with single spaces between */
	struct bytes message_id, content_type, use_nickname;
	struct bytes success_report, failure_report; /* "yes", "no", "partial"; empty: absent */
	struct bytes expires, other;                 /* other: further lines with their CRLFs, to be written only */
	uint16_t report_status;                      /* of Status: 000 200 OK; 0: absent */
	bool has_range;
	uint64_t from, to, total; /* Byte-Range; to and total may be MSRP_UNKNOWN */
	bool has_body;
	struct bytes body;
	uint8_t flag; /* '$', '+' or '#' */
	/* What a request must be refused with: 400 (header fields), 413 (over the reader's limit; the body is
	 * empty then). 0: nothing. */
	uint16_t fault;
};

/* ---- reading ---- */
struct msrp_reader {
	struct buf in;
	size_t body_max;
	size_t scanned; /* bytes in which an end was looked for */
	size_t head_n;  /* bytes of the head; 0: not complete */
	size_t given;   /* bytes of the frame given out, dropped by the next call */
	size_t skipped; /* bytes of an oversized body dropped */
};

/* body_max: of one chunk. Allocates nothing while nothing is half read. */
void msrp_reader_init(struct msrp_reader *r, size_t body_max);
void msrp_reader_fini(struct msrp_reader *r);
/* At most MSRP_FEED_MAX_BYTES at once, and only when msrp_reader_next has said ERR_AGAIN. ERR_LIMIT. */
int msrp_reader_feed(struct msrp_reader *r, struct bytes in);
/* The next frame; its views stay until the next call of either. ERR_AGAIN: more bytes are needed.
 * ERR_SYNTAX, ERR_LIMIT: the framing is lost, the connection must go. */
int msrp_reader_next(struct msrp_reader *r, struct msrp_frame *out);
/* The bytes of the frame that was given last; until the next call. Not those of one with fault 413. */
struct bytes msrp_reader_raw(const struct msrp_reader *r);
/* Is a frame half here? */
bool msrp_reader_is_inside(const struct msrp_reader *r);

/* ---- writing ---- */
/* Appends the frame. ERR_EXISTS: the body holds the end-line of this id, take another (RFC 4975 7.1);
 * ERR_SYNTAX: a text that would break the frame; ERR_LIMIT: out is full. */
int msrp_encode(const struct msrp_frame *f, struct buf *out);
/* The response to a request, paths turned (RFC 4975 7.2). comment: NULL for the usual text. */
int msrp_respond(const struct msrp_frame *request, unsigned status, const char *comment, struct buf *out);
/* A transaction id or Message-ID out of any text (SES-03): what the grammar has not becomes '-', too short
 * or long ones are refused with ERR_RANGE. */
int msrp_id_of(struct bytes text, char out[static MSRP_ID_MAX_BYTES + 1]);

/* ---- URIs (RFC 4975 6) ---- */
struct msrp_uri {
	bool is_tls; /* msrps: */
	struct bytes user, host; /* IPv6 without brackets */
	uint16_t port;           /* 0: none given */
	struct bytes session;    /* empty: none */
	struct bytes params;     /* behind ";tcp" */
};
/* ERR_SYNTAX; ERR_UNSUPPORTED for a transport other than tcp. */
int msrp_uri_parse(struct bytes in, struct msrp_uri *out);
/* RFC 4975 6.1: user and params do not count. */
bool msrp_uri_equal(const struct msrp_uri *a, const struct msrp_uri *b);
/* The first URI of a path, and in *rest what follows it. Empty: no more. */
struct bytes msrp_path_first(struct bytes path, struct bytes *rest);
/* The last one: the other end of the session, behind its relays. */
struct bytes msrp_path_last(struct bytes path);

#endif
