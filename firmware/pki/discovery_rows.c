#include "discovery_rows.h"

#include "base/err.h"
#include "proto/xml.h"

#include <jansson.h>


/* In the order in which a zone file would have them. */
static const struct discovery_row rows[] = {
	/* listener   record                 tried how            ALPN           host, port */
	{ "https",    "_xmpps-client._tcp",  HOW_STREAM_TLS,      "xmpp-client", HOST_FRONT, 0 }, /* XEP-0368 */
	{ "c2s-tls",  "_xmpps-client._tcp",  HOW_STREAM_TLS,      "xmpp-client", HOST_FRONT, 0 },
	{ "starttls", "_xmpp-client._tcp",   HOW_STREAM_STARTTLS, NULL,          HOST_FRONT, 0 }, /* RFC 6120 3.2.1 */
	{ "c2s",      "_xmpp-client._tcp",   HOW_STREAM_STARTTLS, NULL,          HOST_FRONT, 0 },
	{ "s2s",      "_xmpp-server._tcp",   HOW_STREAM_STARTTLS, NULL,          HOST_FRONT, 0 },
	{ "s2s-tls",  "_xmpps-server._tcp",  HOW_STREAM_TLS,      "xmpp-server", HOST_FRONT, 0 }, /* XEP-0368 */
	{ "https-s2s", "_xmpps-server._tcp", HOW_STREAM_TLS,     "xmpp-server", HOST_FRONT, 0 }, /* the same at the front's port */
	{ "https",    "_sips._tcp",          HOW_TLS,             NULL,          HOST_FRONT, DISCOVERY_SIPS_PORT }, /* phones by the front */
	{ "sip-tls",  "_sips._tcp",          HOW_TLS,             NULL,          HOST_FRONT, 0 }, /* RFC 3263 4.1 */
	{ "line-tls", "_sips._tcp",          HOW_TLS,             NULL,          HOST_FRONT, 0 },
	{ "sip-tcp",  "_sip._tcp",           HOW_TCP,             NULL,          HOST_FRONT, 0 },
	{ "line-tcp", "_sip._tcp",           HOW_TCP,             NULL,          HOST_FRONT, 0 },
	{ "sip-udp",  "_sip._udp",           HOW_DATAGRAM,        NULL,          HOST_FRONT, 0 },
	{ "line-udp", "_sip._udp",           HOW_DATAGRAM,        NULL,          HOST_FRONT, 0 },
	{ "turn-udp", "_stun._udp",          HOW_STUN,            NULL,          HOST_RELAY, 0 }, /* RFC 8489 8.1 */
	{ "turn-udp", "_turn._udp",          HOW_STUN,            NULL,          HOST_RELAY, 0 }, /* RFC 5928 3 */
	{ "turn-tcp", "_stun._tcp",          HOW_TCP,             NULL,          HOST_RELAY, 0 },
	{ "turn-tcp", "_turn._tcp",          HOW_TCP,             NULL,          HOST_RELAY, 0 },
	{ "turn-tls", "_stuns._tcp",         HOW_TLS,             NULL,          HOST_RELAY, 0 },
	{ "turn-tls", "_turns._tcp",         HOW_TLS,             NULL,          HOST_RELAY, 0 },
	{ "turn-dtls", "_stuns._udp",        HOW_DATAGRAM,        NULL,          HOST_RELAY, 0 }, /* RFC 7350 4.1 */
	{ "turn-dtls", "_turns._udp",        HOW_DATAGRAM,        NULL,          HOST_RELAY, 0 },
};

static bool has(const struct discovery_wants *w, const char *service, uint16_t port)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].port == port && strcmp(w->v[i].row->service, service) == 0)
			return true;
	return false;
}

/* A row with a port takes that listener's port from those without. */
static bool is_for(const struct discovery_row *row, struct bytes listener, uint16_t port)
{
	if (!bytes_eq_str(listener, row->listener) || (row->port && row->port != port))
		return false;
	for (size_t i = 0; !row->port && i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].port == port && bytes_eq_str(listener, rows[i].listener))
			return false;
	return true;
}

void discovery_add(struct discovery_wants *w, struct bytes listener, uint16_t port)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (is_for(&rows[i], listener, port) && !has(w, rows[i].service, port) && w->n < DISCOVERY_WANTS_MAX)
			w->v[w->n++] = (struct discovery_want){ &rows[i], port };
}

bool discovery_is_first(const struct discovery_wants *w, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(w->v[i].row->service, w->v[at].row->service) == 0)
			return false;
	return true;
}

void discovery_put_record(struct buf *b, const char *service, const char *domain, uint16_t port, const char *host)
{
	buf_putf(b, "%s.%s. 3600 IN SRV 0 0 %u %s.", service, domain, port, host);
}

static bool is_server(const struct discovery_row *row)
{
	return bytes_starts(bytes_of(row->listener), BYTES("s2s"));
}

void discovery_put_command(struct buf *b, const struct discovery_row *row, const char *domain, const char *host, uint16_t port)
{
	switch (row->how) {
	case HOW_DATAGRAM:
		return;
	case HOW_STUN:
		buf_putf(b, "turnutils_stunclient -p %u %s", port, host);
		return;
	case HOW_TCP:
		buf_putf(b, "nc -vz %s %u", host, port);
		return;
	case HOW_TLS:
		buf_putf(b, "openssl s_client -connect %s:%u -servername %s", host, port, row->host == HOST_RELAY ? host : domain);
		return;
	case HOW_STREAM_TLS:
		buf_putf(b, "openssl s_client -connect %s:%u -servername %s -alpn %s", host, port, domain, row->alpn);
		return;
	case HOW_STREAM_STARTTLS:
		buf_putf(b, "openssl s_client -connect %s:%u -starttls xmpp%s -xmpphost %s", host, port, is_server(row) ? "-server" : "", domain);
		return;
	}
}

static void put_place(struct buf *b, const char *scheme, const char *host, uint16_t port, const char *path)
{
	if (port == 443)
		buf_putf(b, "%s://%s/%s", scheme, host, path);
	else
		buf_putf(b, "%s://%s:%u/%s", scheme, host, port, path);
}

void discovery_put_wss(struct buf *b, const char *host, uint16_t port)
{
	put_place(b, "wss", host, port, "xmpp-websocket");
}

void discovery_put_bosh(struct buf *b, const char *host, uint16_t port)
{
	put_place(b, "https", host, port, "http-bind");
}

/* ---- host-meta ---- */

static int read_json(struct bytes body, const char *wanted, struct buf *href)
{
	json_t *root = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL), *link;
	size_t i;
	int rc = root ? ERR_NOT_FOUND : ERR_SYNTAX;

	json_array_foreach (json_object_get(root, "links"), i, link) {
		const char *rel = json_string_value(json_object_get(link, "rel")), *at = json_string_value(json_object_get(link, "href"));
		if (rc != ERR_NOT_FOUND || !rel || !at || strcmp(rel, wanted) != 0)
			continue;
		buf_put_str(href, at);
		rc = 0;
	}
	json_decref(root);
	return rc;
}

/* A document of its own begins with a declaration, which no stanza has. */
static struct bytes skip_declaration(struct bytes body)
{
	static const char end[] = "?>";

	while (body.n && (*body.p == ' ' || *body.p == '\n' || *body.p == '\r' || *body.p == '\t'))
		body = bytes_skip(body, 1);
	if (!bytes_starts(body, BYTES("<?xml")))
		return body;
	for (size_t i = 0; i + 1 < body.n; i++)
		if (memcmp(body.p + i, end, 2) == 0)
			return bytes_skip(body, i + 2);
	return BYTES_NONE;
}

static int read_xrd(struct bytes body, const char *wanted, struct buf *href)
{
	static const struct xml_limits limits = { .header_bytes = 4096, .stanza_bytes = 64 << 10, .depth = 8, .attrs = 16, .nodes = 500, .has_comments = true };
	static const char ns[] = "http://docs.oasis-open.org/ns/xri/xrd-1.0";
	struct xml_node *root;
	struct arena a;

	arena_init(&a, 1 << 20);
	int rc = xml_parse(skip_declaration(body), "", &limits, &a, &root) || !xml_is(root, "XRD", ns) ? ERR_SYNTAX : ERR_NOT_FOUND;
	for (const struct xml_node *n = rc == ERR_NOT_FOUND ? xml_child(root, "Link", ns) : NULL; n && rc; n = xml_next(n)) {
		if (!xml_is(n, "Link", ns) || !bytes_eq_str(xml_attr(n, "rel"), wanted) || !xml_attr(n, "href").n)
			continue;
		buf_put_bytes(href, xml_attr(n, "href"));
		rc = 0;
	}
	arena_fini(&a);
	return rc;
}

int discovery_read_meta(struct bytes body, bool is_json, enum discovery_link which, struct buf *href)
{
	static const char *const rels[] = { [LINK_WEBSOCKET] = "urn:xmpp:alt-connections:websocket", [LINK_BOSH] = "urn:xmpp:alt-connections:xbosh" };
	_Static_assert(sizeof rels / sizeof rels[0] == DISCOVERY_LINK_COUNT, "a relation for each");
	int rc = is_json ? read_json(body, rels[which], href) : read_xrd(body, rels[which], href);

	return rc == 0 && buf_failed(href) ? ERR_NOMEM : rc;
}
