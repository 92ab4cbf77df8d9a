#include "firewall.h"

#include "base/err.h"
#include "listeners.h"
#include "planes.h"
#include "run/service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { PORT_MAX = 65535 };

/* Where packets may come in and go to: "meta iifgroup { 100 } ip daddr 192.0.2.1", or a whole family. */
struct place {
	char match[64 + INET6_ADDRSTRLEN];
	bool is_shut; /* nobody may come: an address of this machine's own, or no interface is of the plane */
};

static const char head[] =
	"table inet gatehouse\n"
	"delete table inet gatehouse\n"
	"table inet gatehouse {\n"
	"\tchain input {\n"
	"\t\ttype filter hook input priority filter; policy drop;\n"
	"\t\tiifname \"lo\" accept\n"
	/* Neighbours come before the look at the connection: they have none. A hop limit of 255 is a neighbour's proof
	 * (RFC 4861 6.1, 7.1); multicast listener queries have 1 (RFC 3810 5). */
	"\t\ticmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept\n"
	"\t\ticmpv6 type mld-listener-query ip6 saddr fe80::/10 ip6 hoplimit 1 accept\n"
	"\t\tct state established,related accept\n"
	"\t\tct state invalid drop\n"
	/* RFC 4890 4.3.1, 4.4.1; RFC 1122 3.2.2 */
	"\t\ticmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n"
	"\t\ticmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept\n"
	"\t\ticmp type echo-request limit rate 50/second burst 100 packets accept\n"
	"\t\ticmpv6 type echo-request limit rate 50/second burst 100 packets accept\n";

static const char tail[] =
	/* What goes on from before a start without a goodbye: a reset ends it at the other end at once (RFC 9293 3.10.7.1), which
	 * silence does only after many minutes of partners' messages into nowhere. */
	"\t\ttcp flags & (syn | rst) == 0 limit rate 100/second burst 200 packets reject with tcp reset\n"
	"\t}\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority filter; policy drop;\n"
	"\t}\n"
	"}\n";

/* By which interfaces: gh-priv gives their devices groups. */
static void put_interfaces(unsigned allowed, struct place *out)
{
	size_t n = 0;

	for (unsigned i = 0; allowed != PLANES_EVERY && i < PLANES_INTERFACES; i++)
		if (allowed & 1u << i)
			n += (size_t)snprintf(out->match + n, sizeof out->match - n, "%s%u", n ? ", " : "meta iifgroup { ", PLANES_GROUP + i);
	if (n)
		snprintf(out->match + n, sizeof out->match - n, " } ");
}

/* The address is written anew from its bits, so that no text of a setting becomes a rule. */
static int place_of(const struct rows *r, enum plane plane, const char *addr, struct place *out)
{
	unsigned allowed = planes_allow(r, plane);
	struct in_addr v4;
	struct in6_addr v6;
	char text[INET6_ADDRSTRLEN];

	*out = (struct place){ .is_shut = allowed == 0 };
	put_interfaces(allowed, out);
	char *at = out->match + strlen(out->match);
	size_t room = sizeof out->match - strlen(out->match);
	if (inet_pton(AF_INET, addr, &v4) == 1) {
		out->is_shut |= ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
		if (v4.s_addr == htonl(INADDR_ANY))
			snprintf(at, room, "meta nfproto ipv4");
		else
			snprintf(at, room, "ip daddr %s", inet_ntop(AF_INET, &v4, text, sizeof text));
		return 0;
	}
	if (inet_pton(AF_INET6, addr, &v6) != 1)
		return ERR_SYNTAX;
	out->is_shut |= IN6_IS_ADDR_LOOPBACK(&v6);
	if (IN6_IS_ADDR_UNSPECIFIED(&v6)) /* listeners of IPv6 take IPv6 alone (gh-super) */
		snprintf(at, room, "meta nfproto ipv6");
	else
		snprintf(at, room, "ip6 daddr %s", inet_ntop(AF_INET6, &v6, text, sizeof text));
	return 0;
}

static int put_listeners(const struct rows *r, struct buf *out, bool *has_relay)
{
	size_t at = 0;
	struct listener l;
	struct place to;

	while (listeners_next(r, &at, &l)) {
		const struct service_listener *s = service_listener(bytes_of(l.name));
		int rc = s ? place_of(r, service_of(s->prog)->plane, l.addr, &to) : ERR_SYNTAX;
		if (rc)
			return rc;
		*has_relay |= l.prog == PROG_TURN;
		if (!to.is_shut && l.port != 0)
			buf_putf(out, "\t\t%s %s dport %u accept comment \"%s\"\n", to.match,
				 s->is_datagram ? "udp" : "tcp", l.port, l.name);
	}
	return 0;
}

/* SSH is opened by sshd itself, not by gh-super. */
static int put_ssh(const struct rows *r, struct buf *out)
{
	char host[256];
	uint16_t port;
	struct place to;

	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id != SET_SSH_LISTEN || setting_split_host(r->v[i].value, 0, host, &port) == ERR_NOT_FOUND)
			continue;
		int rc = place_of(r, PLANE_MGMT, host, &to);
		if (rc)
			return rc;
		if (!to.is_shut && port != 0)
			buf_putf(out, "\t\t%s tcp dport %u accept comment \"ssh\"\n", to.match, port);
	}
	return 0;
}

/* Who may send to an allocation is for gh-turn to decide (RFC 8656 9): any peer may have a permission. */
static int put_relay(const struct rows *r, struct buf *out)
{
	bool has_tcp = bytes_eq_str(rows_value(r, SET_TURN_TCP_RELAY, BYTES_NONE), "on");
	uint64_t first, last;
	char host[256];
	uint16_t port;
	struct place to;

	int rc = bytes_to_u64(rows_value(r, SET_TURN_PORT_MIN, BYTES_NONE), PORT_MAX, &first);
	if (rc == 0)
		rc = bytes_to_u64(rows_value(r, SET_TURN_PORT_MAX, BYTES_NONE), PORT_MAX, &last);
	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		if (r->v[i].row->id != SET_TURN_RELAY_ADDRESS)
			continue;
		rc = setting_split_host(r->v[i].value, 0, host, &port);
		if (rc == 0)
			rc = place_of(r, PLANE_DMZ, host, &to);
		if (rc == 0 && !to.is_shut)
			buf_putf(out, "\t\t%s %s dport %u-%u accept comment \"relay\"\n", to.match,
				 has_tcp ? "meta l4proto { 6, 17 } th" : "udp", (unsigned)first, (unsigned)last);
	}
	return rc;
}

int firewall_put(const struct rows *r, struct buf *out)
{
	bool has_relay = false;

	buf_put_str(out, head);
	int rc = put_listeners(r, out, &has_relay);
	if (rc == 0)
		rc = put_ssh(r, out);
	if (rc == 0 && has_relay)
		rc = put_relay(r, out);
	buf_put_str(out, tail);
	if (rc == 0 && buf_failed(out))
		rc = ERR_LIMIT;
	return rc;
}
