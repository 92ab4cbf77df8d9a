#include "conn.h"

#include "api.h"
#include "assets.h"
#include "session.h"

#include <stdio.h>

/* Where a request goes: to HTTPS, to the API, to a page. */

static bool is_first(const struct conn *c, const char *a, const char *b)
{
	const struct http1_path *p = &c->request.path;

	return p->n >= 2 && bytes_eq_str(p->segments[0], a) && bytes_eq_str(p->segments[1], b);
}

bool route_admit(struct conn *c, const struct http1_request *q)
{
	if (q->method == HTTP1_OTHER || q->method == HTTP1_OPTIONS) {
		c->is_ending = true;
		conn_problem(c, 405, "method", "this method is not served");
		return false;
	}
	/* Strangers may not fill the memory; the length of chunks is not known beforehand. */
	if (q->has_body && (q->is_chunked || q->length > CONN_BODY_STRANGER_MAX) && (c->is_redirect || !session_is_known(c))) {
		c->is_ending = true;
		conn_problem(c, 413, "too-large", "log in before sending a long body");
		return false;
	}
	return true;
}

/* ---- to HTTPS ---- */

static void redirect(struct conn *c)
{
	const struct request *q = &c->request;
	uint16_t port = admin_https_port(c->admin);
	struct conn_fields f = { 0 };
	char to[9216], suffix[8] = "";
	struct bytes host = q->host;

	c->is_ending = true;
	if (host.n == 0 || port == 0) {
		conn_problem(c, 404, "https", "only HTTPS is spoken here");
		return;
	}
	size_t colon = host.n;
	while (colon > 0 && host.p[colon - 1] >= '0' && host.p[colon - 1] <= '9')
		colon--;
	if (colon > 0 && colon < host.n && host.p[colon - 1] == ':')
		host.n = colon - 1;
	if (port != 443)
		snprintf(suffix, sizeof suffix, ":%u", port);
	snprintf(to, sizeof to, "https://%.*s%s%.*s%s%.*s", BYTES_FMT(host), suffix, BYTES_FMT(q->raw_path), q->query.n ? "?" : "",
	         BYTES_FMT(q->query));
	conn_field(&f, "Location", to);
	conn_respond(c, 308, NULL, BYTES_NONE, &f);
}

/* ---- pages ---- */

static const struct asset *asset_of(struct bytes path)
{
	for (size_t i = 0; i < assets_count; i++)
		if (bytes_eq_str(path, assets[i].path))
			return &assets[i];
	return NULL;
}

static void send_asset(struct conn *c, const struct asset *a)
{
	struct conn_fields f = { 0 };
	bool is_gzip = a->gzip_n && c->request.takes_gzip;

	conn_field(&f, "ETag", a->etag);
	conn_field(&f, "Cache-Control", a->is_fixed ? "public, max-age=31536000, immutable" : "no-cache");
	conn_field(&f, "Vary", "Accept-Encoding");
	if (c->request.if_none_match.n && bytes_eq_str(c->request.if_none_match, a->etag)) {
		conn_respond(c, 304, NULL, BYTES_NONE, &f);
		return;
	}
	if (is_gzip)
		conn_field(&f, "Content-Encoding", "gzip");
	conn_respond(c, 200, a->type, is_gzip ? bytes_make(a->gzip, a->gzip_n) : bytes_make(a->plain, a->plain_n), &f);
}

/* Pages of the application have no files of their own: it shows what the path says. */
static const struct asset *page_of(const struct conn *c)
{
	const struct asset *a = asset_of(c->request.raw_path);
	const struct http1_path *p = &c->request.path;
	bool is_file = p->n > 0 && bytes_find(p->segments[p->n - 1], '.') < p->segments[p->n - 1].n;

	return a || (is_file && p->n <= 2 && bytes_eq_str(p->segments[0], "assets")) ? a : asset_of(BYTES("/index.html"));
}

static void send_page(struct conn *c)
{
	const struct asset *a = page_of(c);

	if (c->request.method != HTTP1_GET && c->request.method != HTTP1_HEAD)
		conn_problem(c, 405, "method", "pages are only read");
	else if (a)
		send_asset(c, a);
	else if (assets_count == 0)
		conn_respond(c, 404, "text/plain; charset=utf-8",
		             BYTES("This gh-admin was built without its pages (make web); its API is at /api/v1/.\n"), NULL);
	else
		conn_problem(c, 404, "page", "no such file");
}

/* RFC 8555 8.3. */
static bool is_acme_asked(const struct conn *c)
{
	const struct http1_path *p = &c->request.path;
	const char *token = c->admin->acme_token;

	return c->is_redirect && token[0] && c->request.method == HTTP1_GET && p->n == 3 && bytes_eq_str(p->segments[0], ".well-known") &&
	       bytes_eq_str(p->segments[1], "acme-challenge") && bytes_eq_str(p->segments[2], token);
}

void route_request(struct conn *c)
{
	if (is_acme_asked(c)) {
		c->is_ending = true;
		conn_respond(c, 200, "application/octet-stream", bytes_of(c->admin->acme_answer), NULL);
	} else if (c->is_redirect)
		redirect(c);
	else if (is_first(c, "api", "v1"))
		api_route(c);
	else if (c->request.path.n == 1 && bytes_eq_str(c->request.path.segments[0], "metrics"))
		metrics_route(c);
	else if (c->request.path.n && bytes_eq_str(c->request.path.segments[0], "api"))
		conn_problem(c, 404, "resource", "the API is below /api/v1/");
	else
		send_page(c);
}
