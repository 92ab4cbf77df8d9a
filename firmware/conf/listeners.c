#include "listeners.h"

#include "base/wire.h"
#include "run/service.h"

static const struct {
	enum setting id;
	const char *name;
	enum prog prog;
} kinds[] = {
	{ SET_FED_LISTEN, "s2s", PROG_S2S },
	{ SET_FED_LISTEN_TLS, "s2s-tls", PROG_S2S },
	{ SET_SIP_LISTEN_UDP, "sip-udp", PROG_SIP },
	{ SET_SIP_LISTEN_TCP, "sip-tcp", PROG_SIP },
	{ SET_SIP_LISTEN_TLS, "sip-tls", PROG_SIP },
	{ SET_SIP_LISTEN_MSRP, "msrp", PROG_SIP },
	{ SET_SIP_LISTEN_MSRP_TLS, "msrp-tls", PROG_SIP },
	{ SET_SIP_LISTEN_MUTUAL, "sip-mtls", PROG_SIP },
	{ SET_LINE_LISTEN_UDP, "line-udp", PROG_LINE },
	{ SET_LINE_LISTEN_TCP, "line-tcp", PROG_LINE },
	{ SET_LINE_LISTEN_TLS, "line-tls", PROG_LINE },
	{ SET_TURN_LISTEN_UDP, "turn-udp", PROG_TURN },
	{ SET_TURN_LISTEN_TCP, "turn-tcp", PROG_TURN },
	{ SET_TURN_LISTEN_TLS, "turn-tls", PROG_TURN },
	{ SET_TURN_LISTEN_DTLS, "turn-dtls", PROG_TURN },
	{ SET_SNMP_LISTEN, "snmp", PROG_SNMP },
	{ SET_PROXY_LISTEN, "https", PROG_PROXY },
	{ SET_PROXY_LISTEN_STARTTLS, "starttls", PROG_PROXY },
	{ SET_LINK_LISTEN, "link", PROG_LINK },
	{ SET_WEB_LISTEN, "web", PROG_ADMIN },
	{ SET_WEB_REDIRECT, "web-redirect", PROG_ADMIN },
	{ SET_ACME_LISTEN, "acme", PROG_PKI },
	{ SET_ACME_LISTEN_TLS, "acme-tls", PROG_PKI },
	{ SET_ACCESS_LISTEN, "c2s", PROG_ACCESS },
	{ SET_ACCESS_LISTEN_TLS, "c2s-tls", PROG_ACCESS },
};

/* Federation that is off has no open port (F-031). */
static bool is_shut(const struct rows *r, enum prog p)
{
	enum setting mode = p == PROG_S2S ? SET_FED_MODE : SET_SIP_MODE;

	return (p == PROG_S2S || p == PROG_SIP) && bytes_eq_str(rows_value(r, mode, BYTES_NONE), "off");
}

static enum role role_in(const struct rows *r)
{
	return service_role(rows_value(r, SET_SYSTEM_ROLE, BYTES_NONE));
}

static bool next_of_role(const struct rows *r, size_t *at, bool is_open, struct listener *out)
{
	enum role role = role_in(r);

	while (*at < r->n) {
		const struct row_item *item = &r->v[(*at)++];
		for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
			if (item->row->id != kinds[k].id || is_shut(r, kinds[k].prog) ||
			    service_may_listen(service_of(kinds[k].prog), role) != is_open)
				continue;
			*out = (struct listener){ .name = kinds[k].name, .prog = kinds[k].prog, .item = item };
			if (setting_split_host(item->value, 0, out->addr, &out->port) == 0)
				return true;
		}
	}
	return false;
}

bool listeners_next(const struct rows *r, size_t *at, struct listener *out)
{
	return next_of_role(r, at, true, out);
}

bool listeners_next_asleep(const struct rows *r, size_t *at, struct listener *out)
{
	return next_of_role(r, at, false, out);
}

bool listeners_differ(const struct rows *a, const struct rows *b)
{
	size_t i = 0, j = 0;
	struct listener x, y;

	for (;;) {
		bool has_x = listeners_next(a, &i, &x), has_y = listeners_next(b, &j, &y);
		if (!has_x || !has_y)
			return has_x != has_y;
		if (x.item->row != y.item->row || !bytes_eq(x.item->value, y.item->value))
			return true;
	}
}

void listeners_put(const struct rows *r, struct buf *out)
{
	size_t at = 0;
	uint16_t n = 0;
	struct listener l;

	while (n < UINT16_MAX && listeners_next(r, &at, &l))
		n++;
	wire_put_u16(out, n);
	at = 0;
	for (uint16_t i = 0; i < n && listeners_next(r, &at, &l); i++) {
		wire_put_u8(out, (uint8_t)l.prog);
		wire_put_str(out, bytes_of(l.name));
		wire_put_str(out, bytes_of(l.addr));
		wire_put_u16(out, l.port);
	}
}

struct bytes listeners_path(const struct rows *r, struct bytes name, struct bytes addr, uint16_t port)
{
	size_t at = 0;
	struct listener l;

	while (listeners_next(r, &at, &l)) {
		if (bytes_eq_str(name, l.name) && bytes_eq_str(addr, l.addr) && port == l.port)
			return l.item->path;
	}
	return BYTES_NONE;
}
