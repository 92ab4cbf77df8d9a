/* fetch.h - one bounded request to a web server that has to do with certificates: an authority's ACME server, a place of
 * revocation lists, an OCSP responder. libcurl speaks HTTP/1.1 and TLS 1.2 or 1.3; we resolve names (net/dns), judge
 * addresses (reach.h), say whom to trust (net/tls), and wait on our loop. No cookies, no proxies, no content codings, no
 * connection that is used twice: each request proves its server by what is trusted now.
 *
 * https always proves the server. http is for what proves itself by its own signature (RFC 5280 8, RFC 6960 A.1), and
 * only when FETCH_PLAIN says so. */
#ifndef PKI_FETCH_H
#define PKI_FETCH_H

#include "base/bytes.h"
#include "reach.h"
#include "run/loop.h"

struct dns;
struct tls_store;
struct fetcher; /* all requests of the process */
struct fetch;   /* one that is under way */

enum { FETCH_URL_MAX = 2048, FETCH_RUNNING_MAX = 32, FETCH_HEAD_MAX = 32 << 10, FETCH_REDIRECTS_MAX = 3 };

enum fetch_method { FETCH_GET, FETCH_HEAD, FETCH_POST };
enum fetch_flag {
	FETCH_PLAIN = 1,     /* http too */
	FETCH_STRANGER = 2,  /* the URL is of a certificate, not an administrator's: public hosts only */
	FETCH_REDIRECTS = 4, /* GET: up to FETCH_REDIRECTS_MAX, on the same host, never from https to http */
};

/* Copied; all of it may go after fetch_start. */
struct fetch_ask {
	enum fetch_method method;
	struct bytes url;
	struct bytes body;                /* POST */
	const char *content_type, *accept; /* NULL: none */
	unsigned flags;
	uint32_t max_bytes;  /* of the answer's body */
	uint32_t timeout_ms; /* for all of it, name and redirects too */
};

struct fetch_answer {
	int rc; /* 0: the server has answered, whatever it says. ERR_DNS_*, ERR_CONN_*, ERR_CERT_*, ERR_TLS; ERR_SYNTAX: the URL;
	           ERR_DENIED: reach, a scheme or a redirect that may not be; ERR_LIMIT; ERR_TIMEOUT; ERR_PROTOCOL; ERR_NOMEM */
	char why[192]; /* a few words for the log and the administrator; "" when rc is 0 */
	unsigned status;
	struct bytes body; /* valid during the call, as what fetch_field gives */
	char type[64];     /* media type in lower case, without parameters; "" */
	struct fetch *fetch;
};
/* The first field of that name; empty: none. */
struct bytes fetch_field(const struct fetch_answer *a, const char *name);

/* How long it asks us to wait (Retry-After, RFC 9110 10.2.3), at most a week; 0: it does not say. wall_s: now, since 1970. */
int64_t fetch_retry_after_s(const struct fetch_answer *a, int64_t wall_s);

/* Before the fence: libcurl and OpenSSL read their files. NULL without memory. */
struct fetcher *fetcher_new(struct loop *l, struct dns *dns);
/* After all requests have ended or were cancelled. */
void fetcher_free(struct fetcher *f);
/* For requests that begin from now on. trust is held by the caller until the next call; reach is copied. */
void fetcher_set(struct fetcher *f, struct tls_store *trust, const struct reach *reach);

/* fn is called once, never from inside this call; the fetch ends with it. NULL without memory or with FETCH_RUNNING_MAX
 * under way. */
typedef void (*fetch_fn)(void *arg, const struct fetch_answer *a);
struct fetch *fetch_start(struct fetcher *f, const struct fetch_ask *ask, fetch_fn fn, void *arg);
/* Ends it without calling back. NULL is fine. */
void fetch_cancel(struct fetch *x);

#endif
