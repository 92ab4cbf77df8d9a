#include "proto/forward.h"

#include <stdio.h>

/* Names of known length: each is compared with each field of each request. */
#define W(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
/* Of one connection (RFC 9110 7.6.1 and what is used likewise), or written anew. */
static const struct bytes hop[] = {
	W("connection"), W("keep-alive"), W("proxy-connection"), W("te"), W("trailer"), W("transfer-encoding"), W("upgrade"), W("content-length"), W("http2-settings"),
};
/* Of requests: ours to say, or read by some service as another path, method, host or client than the one that was judged. */
static const struct bytes ours[] = {
	W("host"), W("expect"), W("forwarded"), W("via"), W("proxy-authorization"), W("x-real-ip"), W("true-client-ip"), W("x-client-ip"), W("x-cluster-client-ip"),
	W("x-original-url"), W("x-original-uri"), W("x-rewrite-url"), W("x-http-method"), W("x-http-method-override"), W("x-method-override"), W("x-host"),
};
/* Of responses: about the way to the service, or the front's to say. */
static const struct bytes theirs[] = { W("proxy-authenticate"), W("proxy-authentication-info"), W("alt-svc"), W("strict-transport-security") };
#undef W

static bool is_in(const struct bytes *names, size_t n, struct bytes name)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].n == name.n && bytes_eq_nocase(name, names[i]))
			return true;
	return false;
}
#define IS_IN(names, name) is_in(names, sizeof names / sizeof names[0], name)

static bool begins(struct bytes name, struct bytes with)
{
	return name.n >= with.n && bytes_eq_nocase(bytes_make(name.p, with.n), with);
}

/* Does Connection name it? */
static bool is_nominated(const struct http1_request *q, struct bytes name)
{
	char text[64];

	if (name.n >= sizeof text || http1_count(q, "connection") == 0)
		return false;
	snprintf(text, sizeof text, "%.*s", BYTES_FMT(name));
	return http1_has_token(q, "connection", text);
}

static bool is_request_field(struct bytes name)
{
	/* What turns '-' and '_' into one (CGI, WSGI) would take x_forwarded_for for ours. */
	return !IS_IN(ours, name) && !begins(name, BYTES("x-forwarded-")) && bytes_find(name, '_') == name.n;
}

static bool goes_on(const struct http1_request *q, struct bytes name, bool is_request)
{
	if (IS_IN(hop, name) || is_nominated(q, name))
		return false;
	return is_request ? is_request_field(name) : !IS_IN(theirs, name);
}

/* The reader has judged both. */
static void put_field(struct buf *out, struct bytes name, struct bytes value)
{
	buf_put_bytes(out, name);
	buf_put_str(out, ": ");
	buf_put_bytes(out, value);
	buf_put_str(out, "\r\n");
}

/* HTTP/2 may split it; for HTTP/1.1 it is one again (RFC 9113 8.2.3). */
static void put_cookies(struct buf *out, const struct http1_request *q)
{
	bool is_first = true;

	for (size_t i = 0; i < q->n_fields; i++) {
		if (!bytes_eq_nocase(q->fields[i].name, BYTES("cookie")))
			continue;
		buf_put_str(out, is_first ? "Cookie: " : "; ");
		buf_put_bytes(out, q->fields[i].value);
		is_first = false;
	}
	if (!is_first)
		buf_put_str(out, "\r\n");
}

static void put_fields(struct buf *out, const struct http1_request *q, bool is_request)
{
	for (size_t i = 0; i < q->n_fields; i++) {
		struct bytes name = q->fields[i].name;
		if (goes_on(q, name, is_request) && !(is_request && bytes_eq_nocase(name, BYTES("cookie"))))
			put_field(out, name, q->fields[i].value);
	}
	if (is_request && !is_nominated(q, BYTES("cookie")))
		put_cookies(out, q);
}

/* RFC 7239, and what most services read in its place. */
static void put_client(struct buf *out, const struct forward *f)
{
	bool is_6 = strchr(f->address, ':') != NULL;

	buf_putf(out, "X-Forwarded-For: %s\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: %.*s\r\n", f->address, BYTES_FMT(f->host));
	buf_putf(out, is_6 ? "Forwarded: for=\"[%s]\"" : "Forwarded: for=%s", f->address);
	buf_putf(out, ";host=\"%.*s\";proto=https\r\n", BYTES_FMT(f->host));
}

void forward_put_request(struct buf *out, const struct forward *f)
{
	const struct http1_request *q = f->request;
	bool may_have_body = q->method == HTTP1_POST || q->method == HTTP1_PUT || q->has_body || http1_count(q, "content-length");

	http1_put_request(out, q->method_text, f->path, q->query);
	(void)http1_put_field(out, "Host", f->host); /* both are judged */
	put_fields(out, q, true);
	if (f->address)
		put_client(out, f);
	if (f->is_expecting && q->has_body)
		buf_put_str(out, "Expect: 100-continue\r\n");
	if (f->is_ending)
		buf_put_str(out, "Connection: close\r\n");
	if (q->is_chunked)
		http1_end_head_chunked(out);
	else if (may_have_body)
		http1_end_head_length(out, q->length);
	else
		http1_end_head_none(out);
}

void forward_put_response(struct buf *out, const struct http1_request *response)
{
	http1_put_status(out, (int)response->status);
	put_fields(out, response, false);
}

size_t forward_response_fields(const struct http1_request *response, struct http1_field *fields, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < response->n_fields && n < max; i++)
		if (goes_on(response, response->fields[i].name, false))
			fields[n++] = response->fields[i];
	return n;
}

enum forward_body forward_end_response(struct buf *out, const struct http1_request *response, bool is_of_head, bool can_chunk)
{
	bool has_length = http1_count(response, "content-length") > 0 && response->status >= 200 && response->status != 204;

	if (has_length) {
		http1_end_head_length(out, response->length);
		return response->has_body ? FORWARD_PLAIN : FORWARD_NONE;
	}
	if (!response->has_body || is_of_head) {
		http1_end_head_none(out);
		return FORWARD_NONE;
	}
	if (can_chunk)
		http1_end_head_chunked(out);
	else
		http1_end_head_none(out);
	return can_chunk ? FORWARD_CHUNKS : FORWARD_PLAIN;
}

void forward_put_body(struct buf *out, enum forward_body how, struct bytes piece)
{
	if (how == FORWARD_CHUNKS)
		http1_put_chunk(out, piece);
	else if (how == FORWARD_PLAIN)
		buf_put_bytes(out, piece);
}

void forward_end_body(struct buf *out, enum forward_body how)
{
	if (how == FORWARD_CHUNKS)
		http1_put_last_chunk(out);
}

bool forward_is_upgrade(const struct http1_request *q)
{
	return http1_count(q, "upgrade") > 0 || http1_has_token(q, "connection", "upgrade");
}
