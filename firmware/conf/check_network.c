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

void check_dns(const struct rows *r, struct check *c)
{
	size_t n_zones = 0;

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
