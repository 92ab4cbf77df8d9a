#include "discovery.h"

#include "base/err.h"
#include "proto/xml.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* XEP-0156 3 */
#define REL_WEBSOCKET "urn:xmpp:alt-connections:websocket"
#define REL_BOSH "urn:xmpp:alt-connections:xbosh"

enum { HREF_BYTES = 512, HTTPS_PORT = 443 };

static void put_href(char out[static HREF_BYTES], const char *scheme, const char *host, uint16_t port, const char *path)
{
	if (port == HTTPS_PORT)
		snprintf(out, HREF_BYTES, "%s://%s%s", scheme, host, path);
	else
		snprintf(out, HREF_BYTES, "%s://%s:%u%s", scheme, host, port, path);
}

static void put_link(struct buf *out, const char *rel, const char *href)
{
	buf_put_str(out, "<Link");
	xml_write_attr(out, "rel", bytes_of(rel));
	xml_write_attr(out, "href", bytes_of(href));
	buf_put_str(out, "/>");
}

void discovery_xrd(struct buf *out, const char *host, uint16_t port, const struct discovery_paths *paths)
{
	char href[HREF_BYTES];

	buf_put_str(out, "<?xml version='1.0' encoding='utf-8'?><XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>");
	put_href(href, "wss", host, port, paths->websocket);
	put_link(out, REL_WEBSOCKET, href);
	if (paths->bosh) {
		put_href(href, "https", host, port, paths->bosh);
		put_link(out, REL_BOSH, href);
	}
	buf_put_str(out, "</XRD>\n");
}

static int add_link(json_t *links, const char *rel, const char *href)
{
	return json_array_append_new(links, json_pack("{s:s,s:s}", "rel", rel, "href", href));
}

int discovery_json(struct buf *out, const char *host, uint16_t port, const struct discovery_paths *paths)
{
	char href[HREF_BYTES];
	json_t *links = json_array();

	put_href(href, "wss", host, port, paths->websocket);
	int rc = add_link(links, REL_WEBSOCKET, href);
	if (paths->bosh) {
		put_href(href, "https", host, port, paths->bosh);
		rc |= add_link(links, REL_BOSH, href);
	}
	json_t *all = json_pack("{s:o}", "links", links);
	char *text = all && !rc ? json_dumps(all, JSON_COMPACT) : NULL;
	if (text)
		buf_put_str(out, text);
	free(text);
	json_decref(all);
	return text && !buf_failed(out) ? 0 : ERR_NOMEM;
}
