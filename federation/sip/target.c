#include "target.h"

#include "base/err.h"
#include "sip/place.h"

int target_parts(struct bytes uri, struct sipuri *out, struct buf *user)
{
	struct sipuri u;
	int rc = sipuri_parse(uri, &u);

	if (rc < 0)
		return rc;
	if (u.scheme != SIPURI_SIP && u.scheme != SIPURI_SIPS && u.scheme != SIPURI_IM && u.scheme != SIPURI_PRES)
		return ERR_UNSUPPORTED;
	if (!u.host.n)
		return ERR_SYNTAX;
	buf_clear(user);
	rc = sipuri_decode(bytes_make(u.user.p, bytes_find(u.user, ';')), user);
	if (rc == 0)
		*out = u;
	return rc;
}

static int fill(struct bytes uri, struct target *out)
{
	struct target t = { .transport = -1 };
	enum siptransport how;
	struct bytes text;
	struct sipuri u;
	int rc = sipuri_parse(uri, &u);

	if (rc < 0)
		return rc;
	if (u.scheme > SIPURI_PRES)
		return ERR_UNSUPPORTED;
	if (!u.host.n || u.host.n >= sizeof t.host)
		return ERR_SYNTAX;
	for (size_t i = 0; i < u.host.n; i++)
		t.host[i] = (char)(u.host.p[i] >= 'A' && u.host.p[i] <= 'Z' ? u.host.p[i] + 32 : u.host.p[i]);
	t.port = u.port;
	t.is_sips = u.scheme == SIPURI_SIPS;
	if (sip_param(u.params, "transport", &text) && siptransport_of(text, &how) == 0)
		t.transport = (int)how;
	*out = t;
	return 0;
}

/* The next server is of RFC 2543: it wants to be the Request-URI, and what that was as the last Route. */
static void give_way(struct sipmsg *m, struct bytes uri)
{
	struct buf last, first;

	buf_init(&last, SIPURI_MAX_BYTES + 2);
	buf_init(&first, SIPURI_MAX_BYTES);
	buf_put_u8(&last, '<');
	buf_put_bytes(&last, sipmsg_uri(m));
	buf_put_u8(&last, '>');
	buf_put_bytes(&first, uri);
	sipmsg_append(m, SIPH_ROUTE, buf_bytes(&last));
	sipmsg_remove(m, SIPH_ROUTE, 0);
	sipmsg_set_uri(m, buf_bytes(&first));
	buf_fini(&last);
	buf_fini(&first);
}

int target_of(struct sipmsg *m, struct target *out)
{
	struct sip_address route;
	struct bytes lr;
	struct sipuri u;
	int rc;

	if (!sipmsg_count(m, SIPH_ROUTE))
		return fill(sipmsg_uri(m), out);
	if (!sipmsg_address(m, SIPH_ROUTE, 0, &route))
		return ERR_SYNTAX;
	rc = fill(route.uri, out);
	if (rc < 0)
		return rc;
	out->is_route = true;
	if (sipuri_parse(route.uri, &u) == 0 && !sip_param(u.params, "lr", &lr))
		give_way(m, route.uri);
	return 0;
}
