#include "fetch_impl.h"

#include "base/err.h"
#include "net/tls.h"
#include "run/version.h"

#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_MS = 10000 };

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *x = arg;

	(void)size; /* always 1 */
	buf_put(&x->body, p, n);
	return buf_failed(&x->body) ? 0 : n;
}

/* Heads of all answers together: a server may send many before the last. */
static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *x = arg;

	(void)p;
	(void)size;
	x->head_bytes += n;
	return x->head_bytes > FETCH_HEAD_MAX ? 0 : n;
}

/* Every connection passes here, whatever its address comes from. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct fetch *x = arg;
	const char *why = purpose == CURLSOCKTYPE_IPCXN ? reach_forbids(&x->fetcher->reach, &to->addr, x->flags & FETCH_STRANGER) : "no connection";

	if (why) {
		x->forbidden = why;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static CURLcode trust(CURL *easy, void *ctx, void *arg)
{
	struct fetch *x = arg;

	(void)easy;
	if (!x->fetcher->trust)
		return CURLE_SSL_CERTPROBLEM;
	return tls_store_lend(x->fetcher->trust, ctx) ? CURLE_OUT_OF_MEMORY : CURLE_OK;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(e, (option), (value)) == CURLE_OK)

static bool set_rules(struct fetch *x)
{
	CURL *e = x->easy;
	bool ok = true;

	SET(CURLOPT_PRIVATE, x);
	SET(CURLOPT_ERRORBUFFER, x->words);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, x->flags & FETCH_PLAIN ? "http,https" : "https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(CURLOPT_MAXFILESIZE, (long)x->max_bytes);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, x);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, x);
	SET(CURLOPT_HEADERFUNCTION, on_head);
	SET(CURLOPT_HEADERDATA, x);
	return ok;
}

static bool set_tls(struct fetch *x)
{
	CURL *e = x->easy;
	bool ok = true;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_CAINFO, NULL); /* whom to trust comes from our settings alone */
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_SSL_CTX_FUNCTION, trust);
	SET(CURLOPT_SSL_CTX_DATA, x);
	return ok;
}

static bool add_field(struct fetch *x, const char *text)
{
	struct curl_slist *more = curl_slist_append(x->fields, text);

	x->fields = more ? more : x->fields;
	return more != NULL;
}

static bool set_request(struct fetch *x)
{
	CURL *e = x->easy;
	bool ok = add_field(x, "Expect:"); /* no pause before the body */

	SET(CURLOPT_URL, x->url.text);
	SET(CURLOPT_USERAGENT, "Gatehouse/" GATEHOUSE_VERSION); /* RFC 8555 6.1 */
	SET(CURLOPT_HTTPHEADER, x->fields);
	if (x->places)
		SET(CURLOPT_RESOLVE, x->places);
	if (x->method == FETCH_HEAD)
		SET(CURLOPT_NOBODY, 1L);
	if (x->method == FETCH_POST) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE, (long)buf_len(&x->sent));
		SET(CURLOPT_POSTFIELDS, buf_cstr(&x->sent));
	}
	return ok;
}

int fetch_easy_make(struct fetch *x)
{
	x->easy = curl_easy_init();
	return x->easy && set_rules(x) && set_tls(x) && set_request(x) ? 0 : ERR_NOMEM;
}

int fetch_easy_error(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_CONNECT:
		return ERR_CONN_REFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
		return ERR_CERT_OTHER;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
		return ERR_TLS;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return ERR_CONN_RESET;
	case CURLE_FILESIZE_EXCEEDED:
	case CURLE_WRITE_ERROR: /* on_body, on_head */
		return ERR_LIMIT;
	case CURLE_OUT_OF_MEMORY:
		return ERR_NOMEM;
	default:
		return ERR_PROTOCOL;
	}
}
