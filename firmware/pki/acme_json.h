/* acme_json.h - what an ACME server says (RFC 8555 7.1, RFC 7807), read into structs of bounded size. Its bytes are hostile:
 * depth, sizes and counts have limits, duplicate names are refused, tokens have the letters of base64url. URLs are only cut
 * out here; fetch.h judges them. Pure. jansson parses; nothing else of gh-pki includes it but acme_jws. */
#ifndef PKI_ACME_JSON_H
#define PKI_ACME_JSON_H

#include "base/bytes.h"
#include "run/acme.h"

enum {
	ACME_BODY_MAX = 64 << 10, /* of one answer */
	ACME_URL_MAX = 1023,
	ACME_TOKEN_MAX = 128,
};

struct acme_directory {
	char new_nonce[ACME_URL_MAX + 1], new_account[ACME_URL_MAX + 1], new_order[ACME_URL_MAX + 1];
	char renewal_info[ACME_URL_MAX + 1]; /* RFC 9773; "" none */
	char terms[ACME_URL_MAX + 1]; /* "" none */
	bool wants_binding;           /* externalAccountRequired */
};

/* RFC 8555 7.1.6; what an object of another kind never has is ACME_OTHER. */
enum acme_status { ACME_PENDING, ACME_READY, ACME_PROCESSING, ACME_VALID, ACME_INVALID, ACME_DEACTIVATED, ACME_EXPIRED, ACME_REVOKED,
		   ACME_OTHER, ACME_STATUS_COUNT };
const char *acme_status_name(enum acme_status s);

struct acme_problem {
	char type[64];    /* what is behind urn:ietf:params:acme:error:, or the whole; "" none */
	char detail[256]; /* for people, of the server: never trusted to be short or harmless; one line */
	char about[128];  /* the identifier of the first subproblem (RFC 8555 6.7.1); "" none */
};

struct acme_order {
	enum acme_status status;
	size_t n;
	char authorizations[ACME_NAMES_MAX][ACME_URL_MAX + 1];
	char finalize[ACME_URL_MAX + 1];
	char certificate[ACME_URL_MAX + 1]; /* "" not yet */
	struct acme_problem error;
};

struct acme_authorization {
	enum acme_status status;
	char name[254]; /* A-labels, of a dns identifier; "" another kind */
	bool is_wildcard;
	/* The challenge of the wanted kind; url "" when it is not offered. */
	char url[ACME_URL_MAX + 1], token[ACME_TOKEN_MAX + 1];
	enum acme_status challenge_status;
	struct acme_problem error; /* of that challenge */
};

/* RFC 9773 4.2: when the authority wants a renewal; since 1970. */
enum { ACME_EXPLANATION_BYTES = 256 };
struct acme_window {
	int64_t start_s, end_s; /* start before end */
	char explanation[ACME_EXPLANATION_BYTES]; /* a URL of theirs for people, one line; "" none */
};

/* All: ERR_SYNTAX, ERR_LIMIT; out is then of no use. */
int acme_read_directory(struct bytes json, struct acme_directory *out);
int acme_read_account(struct bytes json, enum acme_status *out);
int acme_read_order(struct bytes json, struct acme_order *out);
/* kind: "http-01", "tls-alpn-01". */
int acme_read_authorization(struct bytes json, const char *kind, struct acme_authorization *out);
int acme_read_window(struct bytes json, struct acme_window *out);
/* Cannot fail: of what is no problem document type and detail are "". */
void acme_read_problem(struct bytes json, struct acme_problem *out);

#endif
