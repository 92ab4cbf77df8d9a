#include "contact.h"

#include "sip/uri.h"

/* The parameters but for transport. */
static void put_params(struct buf *b, struct bytes params)
{
	while (params.n) {
		struct bytes one = bytes_make(params.p, bytes_find(params, ';')), ignored;
		if (one.n && !sip_param(one, "transport", &ignored)) {
			buf_put_u8(b, ';');
			buf_put_bytes(b, one);
		}
		params = bytes_skip(params, one.n + 1);
	}
}

/* What stands before the parameters of a URI is left as it is. */
static void put_uri(struct buf *b, struct bytes uri, const struct sipuri *u, const char *transport)
{
	size_t head = u->params.n ? (size_t)(u->params.p - uri.p) - 1 : u->headers.n ? (size_t)(u->headers.p - uri.p) - 1 : uri.n;

	buf_put_bytes(b, bytes_make(uri.p, head));
	put_params(b, u->params);
	buf_putf(b, ";transport=%s", transport);
	if (u->headers.n) {
		buf_put_u8(b, '?');
		buf_put_bytes(b, u->headers);
	}
}

void contact_set_transport(const struct gsip *g, struct sipmsg *m, enum siptransport t)
{
	struct sip_address c;
	struct sipuri u;
	struct buf b;

	if (sipmsg_count(m, SIPH_CONTACT) != 1 || !sipmsg_address(m, SIPH_CONTACT, 0, &c) || c.is_star)
		return;
	if (sipuri_parse(c.uri, &u) < 0 || u.scheme != SIPURI_SIP || !gsip_is_us(g, u.host, u.port))
		return;
	buf_init(&b, 2 * SIPURI_MAX_BYTES);
	buf_put_u8(&b, '<');
	put_uri(&b, c.uri, &u, siptransport_param(t));
	buf_put_u8(&b, '>');
	if (c.params.n) {
		buf_put_u8(&b, ';');
		buf_put_bytes(&b, c.params);
	}
	sipmsg_replace(m, SIPH_CONTACT, buf_bytes(&b));
	buf_fini(&b);
}
