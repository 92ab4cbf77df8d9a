#include "discovery.h"

#include "base/err.h"
#include "proto/xml.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define REL "urn:xmpp:alt-connections:websocket"

enum { HREF_BYTES = 512, HTTPS_PORT = 443 };

static void put_href(char out[static HREF_BYTES], const char *host, uint16_t port, const char *path)
{
	if (port == HTTPS_PORT)
		snprintf(out, HREF_BYTES, "wss://%s%s", host, path);
	else
		snprintf(out, HREF_BYTES, "wss://%s:%u%s", host, port, path);
}

void discovery_xrd(struct buf *out, const char *host, uint16_t port, const char *path)
{
	char href[HREF_BYTES];

	put_href(href, host, port, path);
	buf_put_str(out, "<?xml version='1.0' encoding='utf-8'?><XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'><Link");
	xml_write_attr(out, "rel", bytes_of(REL));
	xml_write_attr(out, "href", bytes_of(href));
	buf_put_str(out, "/></XRD>\n");
}

int discovery_json(struct buf *out, const char *host, uint16_t port, const char *path)
{
	char href[HREF_BYTES];

	put_href(href, host, port, path);
	json_t *all = json_pack("{s:[{s:s,s:s}]}", "links", "rel", REL, "href", href);
	char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	if (text)
		buf_put_str(out, text);
	free(text);
	json_decref(all);
	return text && !buf_failed(out) ? 0 : ERR_NOMEM;
}
