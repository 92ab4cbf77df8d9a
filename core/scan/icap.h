/* icap.h - ICAP (RFC 3507) as a client that has a file judged. The file goes as the body of an HTTP response that a server would answer
 * (RESPMOD), or, where the service has that alone, of a request (REQMOD). Whether it may pass is all that is asked: 204 (no change) is
 * yes, a virus that the answer names is no, and so is any change, since nobody here takes a changed file. Pure. */
#ifndef SCAN_ICAP_H
#define SCAN_ICAP_H

#include "base/buf.h"
#include "run/scan.h"

enum {
	ICAP_PORT = 1344, /* RFC 3507 4.2 */
	ICAP_HEAD_MAX = 16 << 10,
	ICAP_FIELDS_MAX = 64,
	ICAP_PREVIEW_MAX = 64 << 10, /* a service that wants more of a preview gets so much */
	ICAP_TTL_MAX_S = 3600,
	ICAP_SERVICE_MAX = 200,
	ICAP_CHUNK_HEAD_BYTES = 24, /* around a chunk, at most */
};

/* What a service can do (RFC 3507 4.10.2). */
struct icap_options {
	bool has_respmod, has_reqmod, has_204;
	int32_t preview; /* bytes; -1: none is wanted */
	uint32_t ttl_s;  /* how long this holds */
};

struct icap_answer {
	unsigned status; /* 100 to 599 */
	struct icap_options options; /* of OPTIONS */
	uint8_t has_virus; /* 0: none; else how good the name is, more is better */
	char virus[SCAN_NAME_MAX + 1]; /* printable ASCII */
};

/* Where the service is. host: a name, or an address, an IPv6 one without brackets. */
struct icap_service {
	const char *host;
	uint16_t port;
	const char *path; /* without the first slash */
};

/* May a service have this path? 1 to ICAP_SERVICE_MAX bytes of a URI's path and query (RFC 3986). */
bool icap_is_service(struct bytes path);
void icap_put_options(struct buf *out, const struct icap_service *s);
/* The head of a request, and of the HTTP message in it. type: its media type; empty, or not fit for a field: none. preview: bytes
 * that go before the service has answered; -1: no preview. */
void icap_put_request(struct buf *out, const struct icap_service *s, const struct icap_options *o, uint64_t size, struct bytes type, int32_t preview);
void icap_put_chunk(struct buf *out, struct bytes piece); /* not empty */
/* The end of a preview, or of all. is_all: of a preview, behind which nothing comes (RFC 3507 4.5, "ieof"). */
void icap_put_end(struct buf *out, bool is_preview, bool is_all);
/* The head of an answer at the front of `in`; *used bytes. ERR_AGAIN: it is not whole. ERR_LIMIT, ERR_SYNTAX. */
int icap_read(struct bytes in, struct icap_answer *out, size_t *used);
/* Of a last answer to a request: SCAN_CLEAN, SCAN_INFECTED (a->virus says what) or SCAN_NONE: the service could not say. */
enum scan_verdict icap_judge(struct icap_answer *a);

#endif
