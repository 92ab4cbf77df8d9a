#include "check_impl.h"

#include "base/err.h"

enum { FORWARD_ZONES_MAX = 64, FORWARD_SERVERS_MAX = 8 }; /* DNS_ZONES_MAX, DNS_SERVERS_MAX of net/dns.h */

/* Every program that resolves reads them; it leaves out what is no address. */
static void check_zone(const struct row_item *item, struct check *c)
{
	struct bytes rest = item->value;
	char host[256];
	uint16_t port;
	size_t n = 0;
	int rc;

	while ((rc = setting_next_address(&rest, 53, host, &port)) == 0)
		n++;
	if (rc == ERR_SYNTAX)
		check_add(c, true, item->path, "addresses with spaces between, each with a port or without: 10.1.1.33 10.1.1.34:5353 [2001:db8::33]:53");
	else if (n == 0 || n > FORWARD_SERVERS_MAX)
		check_add(c, true, item->path, "one to eight name servers");
}

/* May a lease bring name servers? */
static bool has_dhcp_servers(const struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		bool is_asked = (item->row->id == SET_IF_IPV4 || item->row->id == SET_IF_IPV6) && bytes_eq_str(item->value, "dhcp");
		if (is_asked && !bytes_eq_str(rows_value(r, SET_IF_DHCP_DNS, item->key), "off"))
			return true;
	}
	return false;
}

/* The dns servers alone, whatever happens: without any, that is nothing. */
static void check_forward(const struct rows *r, struct check *c)
{
	const struct bytes path = BYTES("dns resolver");

	if (!bytes_eq_str(rows_value(r, SET_DNS_RESOLVER, BYTES_NONE), "forward") || check_has_rows(r, SET_DNS_SERVER))
		return;
	if (has_dhcp_servers(r))
		check_add(c, false, path, "forward asks name servers alone, and only DHCP tells some: without a lease no name resolves; set dns server, or auto, "
		                          "which asks the root servers then");
	else if (check_has_rows(r, SET_DNS_ZONE_SERVER))
		check_add(c, false, path, "forward asks name servers alone, and none is set: no name outside of the forward zones resolves");
	else
		check_add(c, true, path, "forward asks name servers alone, and none is set: no name would resolve; set dns server too, or auto, which asks the "
		                         "root servers then");
}

void check_dns(const struct rows *r, struct check *c)
{
	size_t n_zones = 0;

	check_forward(r, c);
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (item->row->id == SET_DNS_ZONE_SERVER) {
			check_zone(item, c);
			if (++n_zones == FORWARD_ZONES_MAX + 1)
				check_add(c, true, item->path, "at most 64 forward zones");
		}
		if (item->row->id == SET_DNS_ZONE_VALIDATES && !check_is_set(r, SET_DNS_ZONE_SERVER, item->key))
			check_add(c, false, item->path, "has no effect without the zone's server");
	}
}

/* Without gh-priv nobody would do it. */
void check_network(const struct rows *r, bool is_appliance, struct check *c)
{
	for (size_t i = 0; i < r->n && !is_appliance; i++)
		if (bytes_starts(r->v[i].path, BYTES("interface ")))
			check_add(c, true, r->v[i].path, "the network of this machine is its own administrator's: gh-super runs without --appliance");
		else if (bytes_starts(r->v[i].path, BYTES("time server ")) || bytes_starts(r->v[i].path, BYTES("time key ")))
			check_add(c, true, r->v[i].path, "the clock of this machine is its own administrator's: gh-super runs without --appliance");
}
