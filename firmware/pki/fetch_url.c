#include "fetch_url.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>

static bool is_printable(struct bytes in)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] <= ' ' || in.p[i] >= 0x7f || in.p[i] == '\\')
			return false;
	}
	return in.n > 0;
}

/* "https:///x" has no host (RFC 9110 4.2.1); libcurl would take x for it. */
static bool has_host(const char *text)
{
	const char *at = strstr(text, "://");

	return at && !strchr("/?#", at[3]);
}

/* False: there is no such part. */
static bool part(CURLU *u, CURLUPart what, unsigned flags, char *out, size_t room)
{
	char *text = NULL;

	if (curl_url_get(u, what, &text, flags) != CURLUE_OK || !text)
		return false;
	bool fits = snprintf(out, room, "%s", text) < (int)room;
	curl_free(text);
	return fits;
}

static bool is_address(const char *host)
{
	struct in6_addr a;

	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

/* "[2001:db8::1]" without its brackets. */
static void strip(char *host)
{
	size_t n = strlen(host);

	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		memmove(host, host + 1, n - 2);
		host[n - 2] = '\0';
	}
}

static int take(CURLU *u, unsigned flags, struct fetch_url *out)
{
	char scheme[16], port[8];
	uint64_t n;

	if (!part(u, CURLUPART_SCHEME, 0, scheme, sizeof scheme) || !part(u, CURLUPART_HOST, 0, out->host, sizeof out->host) ||
	    !part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port) || bytes_to_u64(bytes_of(port), 65535, &n) || n == 0)
		return ERR_SYNTAX;
	if (strchr(out->host, '%')) /* a zone */
		return ERR_SYNTAX;
	out->is_secure = strcmp(scheme, "https") == 0;
	if (!out->is_secure && (strcmp(scheme, "http") != 0 || !(flags & FETCH_PLAIN)))
		return ERR_DENIED;
	strip(out->host);
	out->port = (uint16_t)n;
	out->is_numeric = is_address(out->host);
	return part(u, CURLUPART_URL, 0, out->text, sizeof out->text) ? 0 : ERR_LIMIT;
}

int fetch_url_parse(struct bytes in, unsigned flags, struct fetch_url *out)
{
	char text[FETCH_URL_MAX + 1];

	if (in.n > FETCH_URL_MAX)
		return ERR_LIMIT;
	if (!is_printable(in))
		return ERR_SYNTAX;
	memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	if (!has_host(text))
		return ERR_SYNTAX;
	CURLU *u = curl_url();
	if (!u)
		return ERR_NOMEM;
	/* Schemes that this libcurl does not know are no URL to it; both are refused. */
	int rc = curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK ? take(u, flags, out) : ERR_SYNTAX;
	curl_url_cleanup(u);
	return rc;
}
