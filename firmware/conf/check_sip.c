#include "check_impl.h"

#include <stdio.h>

/* SIP. Patterns, templates and prefixes are judged by gh-sip, which reads them (commit asks it). */

static void check_sip_route(const struct rows *r, const struct row_item *item, struct check *c)
{
	bool is_blocked = bytes_eq_str(rows_value(r, SET_SIP_ROUTE_BLOCK, item->key), "on");
	bool is_srv = bytes_eq_str(rows_value(r, SET_SIP_ROUTE_PORT, item->key), "0");

	if (item->row->id == SET_SIP_ROUTE_PATTERN && !check_is_set(r, SET_SIP_ROUTE_HOP, item->key) && !is_blocked)
		check_add(c, true, item->path, "the route has no next-hop: set one, or block on");
	if (item->row->id == SET_SIP_ROUTE_HOP && !check_is_set(r, SET_SIP_ROUTE_PATTERN, item->key))
		check_add(c, true, item->path, "the route has no pattern");
	if (item->row->id == SET_SIP_ROUTE_HOP && is_blocked)
		check_add(c, false, item->path, "has no effect: the route blocks");
	if (item->row->id == SET_SIP_ROUTE_HOP && is_srv && item->value.n && *item->value.p != '_')
		check_add(c, false, item->path, "with port 0 the next hop is the name of an SRV record, like _sip._tcp.example.com");
}

static void check_sip_peer(const struct rows *r, const struct row_item *item, struct check *c)
{
	bool is_tls_required = bytes_eq_str(rows_value(r, SET_SIP_PEER_TLS, item->key), "required");
	char text[256];

	if (item->row->id == SET_SIP_PEER_CA && !check_is_set(r, SET_TRUST_ANCHOR, item->value)) {
		snprintf(text, sizeof text, "there is no trust anchor %.*s", BYTES_FMT(item->value));
		check_add(c, true, item->path, text);
	}
	if (item->row->id == SET_SIP_PEER_USER && !check_is_set(r, SET_SIP_PEER_PASSWORD, item->key))
		check_add(c, true, item->path, "has no effect without the peer's password");
	if (item->row->id == SET_SIP_PEER_PASSWORD && !check_is_set(r, SET_SIP_PEER_USER, item->key))
		check_add(c, true, item->path, "has no effect without the peer's user");
	if (item->row->id == SET_SIP_PEER_TLS && !is_tls_required && !check_is_set(r, SET_SIP_PEER_ADDRESSES, item->key))
		check_add(c, false, item->path, "without addresses nothing but a certificate proves the peer, so TLS is needed all the same");
	if (item->row->id == SET_SIP_PEER_ADDRESSES && item->key.n == 1 && *item->key.p == '*')
		check_add(c, true, item->path, "whoever comes from there could speak for every domain");
}

static void check_sip_mode(const struct rows *r, struct check *c)
{
	static const enum setting listeners[] = { SET_SIP_LISTEN_UDP, SET_SIP_LISTEN_TCP, SET_SIP_LISTEN_TLS, SET_SIP_LISTEN_MUTUAL };
	struct bytes mode = rows_value(r, SET_SIP_MODE, BYTES_NONE);
	bool has_listener = false;

	for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++)
		has_listener |= check_has_rows(r, listeners[i]);
	if (bytes_eq_str(mode, "open"))
		check_add(c, false, BYTES("sip mode"), "every SIP domain that has no denying row may federate");
	if (check_has_rows(r, SET_SIP_PEER_ACTION) && !bytes_eq_str(mode, "off") && !has_listener)
		check_add(c, false, BYTES("sip peer"), "peers cannot reach this box: set sip listen-tls NAME ADDRESS 5061");
	if (has_listener && !bytes_eq_str(mode, "off") && !check_is_set(r, SET_SIP_HOST, BYTES_NONE))
		check_add(c, false, BYTES("sip host"), "not set: partners are told the domain itself, whose records must lead to this box");
}

void check_sip(const struct rows *r, struct check *c)
{
	for (size_t i = 0; i < r->n; i++) {
		check_sip_route(r, &r->v[i], c);
		check_sip_peer(r, &r->v[i], c);
	}
	check_sip_mode(r, c);
}
