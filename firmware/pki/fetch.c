#include "fetch_impl.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- ends ---- */

static void forget_transfer(struct fetch *x)
{
	dns_cancel(x->query);
	x->query = NULL;
	if (x->easy) {
		(void)curl_multi_remove_handle(x->fetcher->multi, x->easy); /* not added yet: nothing to remove */
		curl_easy_cleanup(x->easy);
	}
	curl_slist_free_all(x->places);
	x->easy = NULL;
	x->places = NULL;
}

static void end(struct fetch *x)
{
	forget_transfer(x);
	loop_timer_del(x->fetcher->loop, &x->deadline);
	loop_defer_cancel(&x->failed);
	curl_slist_free_all(x->fields);
	buf_fini(&x->sent);
	buf_fini(&x->body);
	x->fetcher->n_running--;
	list_del(&x->node);
	free(x);
}

void fetch_cancel(struct fetch *x)
{
	if (x)
		end(x);
}

static void tell(struct fetch *x, struct fetch_answer *a)
{
	a->fetch = x;
	x->fn(x->arg, a);
	end(x);
}

static void fail(struct fetch *x, int rc, const char *why)
{
	struct fetch_answer a = { .rc = rc };

	(void)snprintf(a.why, sizeof a.why, "%.60s: %.120s", x->url.host, why);
	tell(x, &a);
}

static void on_failed(void *arg)
{
	struct fetch *x = arg;

	fail(x, x->failed_rc, x->failed_why);
}

static void fail_later(struct fetch *x, int rc, const char *why)
{
	x->failed_rc = rc;
	(void)snprintf(x->failed_why, sizeof x->failed_why, "%s", why);
	loop_defer_call(x->fetcher->loop, &x->failed);
}

static void on_deadline(void *arg)
{
	struct fetch *x = arg;

	fail(x, ERR_TIMEOUT, "it did not answer in time");
}

/* ---- the answer ---- */

struct bytes fetch_field(const struct fetch_answer *a, const char *name)
{
	struct curl_header *h;

	if (!a->fetch || !a->fetch->easy || curl_easy_header(a->fetch->easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return BYTES_NONE;
	return bytes_of(h->value);
}

int64_t fetch_retry_after_s(const struct fetch_answer *a, int64_t wall_s)
{
	struct bytes v = fetch_field(a, "retry-after");
	enum { WEEK_S = 7 * 86400 };
	char text[64];
	uint64_t s;

	if (v.n == 0 || v.n >= sizeof text)
		return 0;
	if (bytes_to_u64(v, WEEK_S, &s) == 0)
		return (int64_t)s;
	memcpy(text, v.p, v.n);
	text[v.n] = '\0';
	int64_t at_s = (int64_t)curl_getdate(text, NULL);
	return at_s <= wall_s ? 0 : at_s - wall_s < WEEK_S ? at_s - wall_s : WEEK_S;
}

static void keep_type(struct fetch_answer *a)
{
	struct bytes type = fetch_field(a, "content-type");
	size_t n = bytes_find(type, ';');

	while (n && type.p[n - 1] == ' ')
		n--;
	for (size_t i = 0; n < sizeof a->type && i < n; i++)
		a->type[i] = type.p[i] >= 'A' && type.p[i] <= 'Z' ? (char)(type.p[i] + 32) : (char)type.p[i];
}

static void look_up(struct fetch *x);

static bool is_redirect(const struct fetch *x, long status)
{
	bool has_place = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;

	return has_place && x->method == FETCH_GET && x->flags & FETCH_REDIRECTS;
}

/* The same host only, not less secure, not without an end. */
static void go_on(struct fetch *x)
{
	struct fetch_url next;
	char *place = NULL;

	(void)curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &place); /* NULL stays */
	if (!place || fetch_url_parse(bytes_of(place), x->flags, &next)) {
		fail(x, ERR_PROTOCOL, "it sent us on to something that is no URL for us");
	} else if (strcmp(next.host, x->url.host) != 0) {
		fail(x, ERR_DENIED, "it sent us on to another host");
	} else if (x->url.is_secure && !next.is_secure) {
		fail(x, ERR_DENIED, "it sent us on from https to http");
	} else if (x->n_redirects++ == FETCH_REDIRECTS_MAX) {
		fail(x, ERR_LIMIT, "it sent us on too often");
	} else {
		x->url = next;
		forget_transfer(x);
		buf_clear(&x->body);
		look_up(x);
	}
}

void fetch_ended(struct fetch *x, CURLcode code)
{
	int rc = x->forbidden && code == CURLE_COULDNT_CONNECT ? ERR_DENIED : fetch_easy_error(code);
	struct fetch_answer a = { .fetch = x };
	char why[160];
	long status = 0;

	if (rc) {
		(void)snprintf(why, sizeof why, "%s%.110s", rc == ERR_DENIED ? "its address is not for us: " : "",
			       rc == ERR_DENIED ? x->forbidden : x->words[0] ? x->words : curl_easy_strerror(code));
		if (code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED)
			(void)snprintf(why, sizeof why, "its answer is too long");
		fail(x, rc, why);
		return;
	}
	(void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status); /* 0 stays */
	if (is_redirect(x, status)) {
		go_on(x);
		return;
	}
	a.status = (unsigned)status;
	a.body = buf_bytes(&x->body);
	keep_type(&a);
	tell(x, &a);
}

/* ---- the way to it ---- */

static void put_address(struct buf *b, const struct dns_addr *a, bool is_first)
{
	char text[DNS_ADDR_TEXT_BYTES];

	dns_addr_text(a, text);
	buf_putf(b, a->family == 6 ? "%s[%s]" : "%s%s", is_first ? "" : ",", text);
}

/* What libcurl may connect to, so that it asks no resolver: the addresses that reach allows. */
static int tell_places(struct fetch *x, const struct dns_addr_answer *a)
{
	const char *why = NULL;
	struct buf b;
	size_t n = 0;

	buf_init(&b, 2048);
	buf_putf(&b, "%s:%u:", x->url.host, x->url.port);
	for (size_t i = 0; i < a->n; i++) {
		struct sockaddr_storage to;
		(void)dns_addr_sockaddr(&a->addrs[i], x->url.port, &to); /* its length is not needed */
		const char *not_this = reach_forbids(&x->fetcher->reach, (struct sockaddr *)&to, x->flags & FETCH_STRANGER);
		if (not_this)
			why = not_this;
		else
			put_address(&b, &a->addrs[i], n++ == 0);
	}
	x->forbidden = why;
	if (n && !x->url.is_numeric)
		x->places = curl_slist_append(NULL, buf_cstr(&b));
	buf_fini(&b);
	return n == 0 ? ERR_DENIED : x->places || x->url.is_numeric ? 0 : ERR_NOMEM;
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct fetch *x = arg;
	char why[96];

	x->query = NULL;
	int rc = a->rc ? a->rc : a->n == 0 ? ERR_DNS_NODATA : tell_places(x, a);
	if (!rc)
		rc = fetch_easy_make(x);
	if (!rc && curl_multi_add_handle(x->fetcher->multi, x->easy) != CURLM_OK)
		rc = ERR_NOMEM;
	if (!rc)
		return;
	(void)snprintf(why, sizeof why, "%s%s", rc == ERR_DENIED ? "its address is not for us: " : "",
		       rc == ERR_DENIED ? x->forbidden : err_text(rc));
	fail(x, rc, why);
}

static void look_up(struct fetch *x)
{
	x->query = dns_addr(x->fetcher->dns, x->url.host, on_addresses, x);
	if (!x->query)
		fail_later(x, ERR_NOMEM, err_text(ERR_NOMEM));
}

/* ---- beginning ---- */

static bool add_field(struct fetch *x, const char *name, const char *value)
{
	char text[160];

	if (!value)
		return true;
	(void)snprintf(text, sizeof text, "%s: %.120s", name, value);
	struct curl_slist *more = curl_slist_append(x->fields, text);
	x->fields = more ? more : x->fields;
	return more != NULL;
}

static const char *url_error(int rc)
{
	return rc == ERR_DENIED ? "the URL has to begin with https" : rc == ERR_LIMIT ? "the URL is too long" : "this is no URL";
}

struct fetch *fetch_start(struct fetcher *f, const struct fetch_ask *ask, fetch_fn fn, void *arg)
{
	struct fetch *x = f->n_running < FETCH_RUNNING_MAX ? calloc(1, sizeof *x) : NULL;

	if (!x)
		return NULL;
	x->fetcher = f;
	x->method = ask->method;
	x->flags = ask->flags;
	x->max_bytes = ask->max_bytes;
	x->fn = fn;
	x->arg = arg;
	buf_init(&x->sent, ask->body.n + 1);
	buf_init(&x->body, ask->max_bytes ? ask->max_bytes : 1);
	buf_put_bytes(&x->sent, ask->body);
	loop_timer_init(&x->deadline, on_deadline, x);
	loop_defer_init(&x->failed, on_failed, x);
	list_add_tail(&f->running, &x->node);
	f->n_running++;
	if (buf_failed(&x->sent) || !add_field(x, "Content-Type", ask->content_type) || !add_field(x, "Accept", ask->accept) ||
	    loop_timer_set(f->loop, &x->deadline, ask->timeout_ms)) {
		end(x);
		return NULL;
	}
	int rc = fetch_url_parse(ask->url, ask->flags, &x->url);
	if (rc)
		fail_later(x, rc, url_error(rc));
	else
		look_up(x);
	return x;
}

/* ---- all of them ---- */

struct fetcher *fetcher_new(struct loop *l, struct dns *dns)
{
	struct fetcher *f = calloc(1, sizeof *f);

	if (!f || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(f);
		return NULL;
	}
	f->loop = l;
	f->dns = dns;
	list_init(&f->running);
	if (fetch_loop_open(f)) {
		fetcher_free(f);
		return NULL;
	}
	return f;
}

void fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	LIST_EACH (it, &f->running)
		end(LIST_OWNER(it, struct fetch, node));
	fetch_loop_close(f);
	curl_global_cleanup();
	free(f);
}

void fetcher_set(struct fetcher *f, struct tls_store *trust, const struct reach *reach)
{
	f->trust = trust;
	f->reach = *reach;
}
