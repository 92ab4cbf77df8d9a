#include "msrp_impl.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/err.h"

/* ---- telling gh-xlate ---- */

static void tell_opened(struct msrp_session *s)
{
	struct chan *c = bus_chan(s->door->bus, PROG_XLATE, 0);

	wire_put_u64(chan_begin(c, MSG_MSRP_OPENED, 0), s->key);
	(void)chan_end(c); /* a gh-xlate that is gone has no sessions */
}

static void tell_closed(struct msrp_session *s, int why)
{
	struct chan *c = bus_chan(s->door->bus, PROG_XLATE, 0);
	struct buf *b = chan_begin(c, MSG_MSRP_CLOSE, 0);

	wire_put_u64(b, s->key);
	wire_put_u32(b, (uint32_t)why);
	(void)chan_end(c); /* as above */
}

/* ---- the table ---- */

static char *copy(struct bytes v)
{
	return strndup((const char *)v.p, v.n);
}

int msrp_session_new(struct msrp_door *d, uint64_t key, struct bytes uri, struct msrp_session **out)
{
	struct msrp_session *s = d->by_key.count < MSRP_SESSIONS_MAX ? calloc(1, sizeof *s) : NULL;
	struct msrp_uri u;

	if (!s)
		return ERR_FULL;
	s->door = d;
	s->key = key;
	list_init(&s->node);
	s->uri = copy(uri);
	int rc = s->uri ? msrp_uri_parse(bytes_of(s->uri), &u) : ERR_NOMEM;
	if (!rc)
		s->id = u.session;
	if (!rc && !s->id.n)
		rc = ERR_SYNTAX;
	if (!rc)
		rc = map_add(&d->by_id, s->id, s);
	if (!rc && (rc = map_add_u64(&d->by_key, key, s)))
		map_del(&d->by_id, s->id);
	if (rc) {
		free(s->uri);
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void msrp_session_free(struct msrp_session *s)
{
	struct msrp_conn *c = s->conn;

	map_del_u64(&s->door->by_key, s->key);
	map_del(&s->door->by_id, s->id);
	list_del(&s->node);
	dns_cancel(s->query);
	free(s->uri);
	free(s->path);
	free(s);
	if (c)
		msrp_conn_left(c);
}

/* Its port may be another one where a packet filter stands between; the rest is ours. */
struct msrp_session *msrp_session_of(struct msrp_door *d, struct bytes uri)
{
	struct msrp_uri u;

	return msrp_uri_parse(uri, &u) == 0 && u.session.n ? map_get(&d->by_id, u.session) : NULL;
}

void msrp_session_bind(struct msrp_session *s, struct msrp_conn *c)
{
	s->conn = c;
	if (!list_is_linked(&s->node))
		list_add_tail(&c->sessions, &s->node);
	if (!s->is_opened) {
		s->is_opened = true;
		tell_opened(s);
	}
}

static void end(struct msrp_session *s, int why)
{
	tell_closed(s, why);
	msrp_session_free(s);
}

/* ---- connecting ---- */

/* A partner's word must not make us knock at what only we can reach. */
static bool may_connect(const struct msrp_door *d, const struct dns_addr *a)
{
	static const uint8_t v6_loopback[16] = { [15] = 1 };
	bool is_loopback = a->family == 4 ? a->bytes[0] == 127 : memcmp(a->bytes, v6_loopback, 16) == 0;
	bool is_odd = a->family == 4 ? a->bytes[0] == 0 || a->bytes[0] >= 224 || (a->bytes[0] == 169 && a->bytes[1] == 254)
	                             : a->bytes[0] == 0xff || (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80) ||
	                                       (!is_loopback && memcmp(a->bytes, v6_loopback, 10) == 0); /* ::, ::ffff:0:0/96 and their kin */
	bool has_loopback = false;

	for (unsigned i = 0; i < MSRP_LISTENERS_MAX; i++)
		has_loopback = has_loopback || (d->listeners[i].is_there && d->listeners[i].is_loopback);
	return !is_odd && (!is_loopback || has_loopback); /* a box that is all on loopback is tried out */
}

static int first_hop(const struct msrp_session *s, struct msrp_uri *u)
{
	struct bytes rest;
	int rc = msrp_uri_parse(msrp_path_first(bytes_of(s->path), &rest), u);

	if (!rc && u->port < MSRP_LOW_PORTS)
		rc = ERR_DENIED;
	if (!rc && u->is_tls != !!(s->flags & MSRP_OPEN_TLS))
		rc = ERR_DENIED;
	return rc;
}

static void connect_next(struct msrp_session *s, int why)
{
	struct msrp_uri u;
	int rc = first_hop(s, &u);

	while (!rc && s->next_addr < s->n_addrs) {
		const struct dns_addr *a = &s->addrs[s->next_addr++];
		why = may_connect(s->door, a) ? msrp_conn_connect(s, a, u.port) : ERR_DENIED;
		if (!why)
			return;
	}
	end(s, rc ? rc : why);
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct msrp_session *s = arg;

	s->query = NULL;
	s->n_addrs = a->rc ? 0 : a->n;
	s->next_addr = 0;
	memcpy(s->addrs, a->addrs, s->n_addrs * sizeof s->addrs[0]);
	connect_next(s, a->rc ? a->rc : ERR_DNS_NODATA);
}

static void begin_connecting(struct msrp_session *s)
{
	char host[256];
	struct msrp_uri u;
	int rc = first_hop(s, &u);

	if (!rc && u.host.n < sizeof host) {
		memcpy(host, u.host.p, u.host.n);
		host[u.host.n] = 0;
		s->query = dns_addr(s->door->dns, host, on_addresses, s);
		rc = s->query ? 0 : ERR_NOMEM;
	}
	if (rc)
		end(s, rc);
}

void msrp_session_update(struct msrp_session *s, uint8_t flags, struct bytes path)
{
	if (path.n) {
		free(s->path);
		s->path = copy(path);
	}
	s->flags = flags;
	if (path.n && !s->path) {
		end(s, ERR_NOMEM);
		return;
	}
	if (flags & MSRP_OPEN_CONNECT && s->path && !s->conn && !s->query)
		begin_connecting(s);
}

void msrp_session_lost(struct msrp_session *s, int why)
{
	s->conn = NULL;
	list_del(&s->node);
	if (!s->is_opened && s->flags & MSRP_OPEN_CONNECT)
		connect_next(s, why);
	else
		end(s, why);
}
