/* fetch_impl.h - inside of fetch, for fetch*.c only. */
#ifndef PKI_FETCH_IMPL_H
#define PKI_FETCH_IMPL_H

#include "fetch.h"
#include "fetch_url.h"

#include "base/buf.h"
#include "base/list.h"
#include "net/dns.h"

#include <curl/curl.h>

struct fetcher {
	struct loop *loop;
	struct dns *dns;
	struct tls_store *trust;
	struct reach reach;
	struct list running; /* struct fetch */
	unsigned n_running;

	CURLM *multi;
	struct loop_timer timer;
	struct list sockets, gone; /* struct fetch_socket; those to be freed at the end of the turn */
	struct loop_defer sweep;
};

struct fetch {
	struct list node;
	struct fetcher *fetcher;
	struct fetch_url url;
	enum fetch_method method;
	unsigned flags;
	uint32_t max_bytes;
	unsigned n_redirects;
	struct buf sent, body;
	size_t head_bytes;
	struct curl_slist *fields, *places;
	char words[CURL_ERROR_SIZE];
	const char *forbidden; /* what reach said of the last address */
	CURL *easy;
	struct dns_query *query;
	struct loop_timer deadline;
	struct loop_defer failed; /* what goes wrong in fetch_start is told later */
	int failed_rc;
	char failed_why[128];
	fetch_fn fn;
	void *arg;
};

/* ---- fetch_loop.c: libcurl's sockets and timer on our loop ---- */
int fetch_loop_open(struct fetcher *f);
void fetch_loop_close(struct fetcher *f);
/* fetch.c: libcurl has ended this one. */
void fetch_ended(struct fetch *x, CURLcode code);

/* ---- fetch_easy.c: one transfer as libcurl is told of it ---- */
/* ERR_NOMEM. */
int fetch_easy_make(struct fetch *x);
int fetch_easy_error(CURLcode code);

#endif
