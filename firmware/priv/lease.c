#include "lease.h"

#include "base/err.h"
#include "base/log.h"
#include "priv.h"
#include "run/alarm.h"

#include <stdio.h>

static struct chan *chan_of(struct priv *p, enum prog prog)
{
	return bus_chan(proc_bus(p->proc), prog, 0);
}

/* ---- to gh-dhcp ---- */

static void tell_link(struct priv *p, const char *name, bool is_wanted)
{
	struct chan *to = chan_of(p, PROG_DHCP);
	struct buf *b = chan_begin(to, MSG_DHCP_LINK, 0);

	wire_put_str(b, bytes_of(name));
	wire_put_u8(b, is_wanted);
	(void)chan_end(to); /* a gh-dhcp that is not there knows of nothing */
}

static void ask(struct priv *p, struct lease *l, const char *name, const struct have_link *device)
{
	struct chan *super = chan_of(p, PROG_SUPER);

	if (!chan_of(p, PROG_DHCP))
		return; /* when it comes */
	struct buf *b = chan_begin(super, MSG_DHCP_OPEN, 0);
	wire_put_str(b, bytes_of(name));
	wire_put_u32(b, (uint32_t)device->index);
	wire_put_bytes(b, bytes_make(device->mac, sizeof device->mac));
	if (chan_end(super))
		return; /* without gh-super this program ends */
	l->is_asked = true;
	l->device = device->index;
	memcpy(l->mac, device->mac, sizeof l->mac);
	l->has_carrier = device->has_carrier;
	l->carrier_changes = device->carrier_changes;
}

static void drop(struct priv *p, struct lease *l, const char *name)
{
	if (l->is_asked)
		tell_link(p, name, false);
	alarm_clear(ALARM_DHCP, name);
	memset(l, 0, sizeof *l);
}

static void follow_one(struct priv *p, struct lease *l, const char *name, const struct have_link *device)
{
	if (l->is_asked && (l->device != device->index || memcmp(l->mac, device->mac, sizeof l->mac) != 0))
		drop(p, l, name);
	if (!l->is_asked) {
		if (device->is_up)
			ask(p, l, name, device);
		return;
	}
	if (device->has_carrier && (!l->has_carrier || device->carrier_changes != l->carrier_changes))
		tell_link(p, name, true);
	l->has_carrier = device->has_carrier;
	l->carrier_changes = device->carrier_changes;
}

void lease_follow(struct priv *p)
{
	bool had_offers = false, has_offers = false;

	for (unsigned place = 0; place < NET_INTERFACES_MAX; place++) {
		const struct wanted_interface *w = NULL;
		const struct have_link *device = NULL;
		struct lease *l = &p->leases[place];
		for (size_t i = 0; i < p->wanted.n; i++) {
			if (wanted_place(&p->wanted.v[i]) != place || p->wanted.v[i].ipv4 != WANTED_AUTO)
				continue;
			w = &p->wanted.v[i];
			device = plan_find(&p->have, p->plan.device[i]);
		}
		char name[2] = { (char)('a' + place) };
		had_offers |= l->n_dns || l->n_ntp;
		if (w && device)
			follow_one(p, l, name, device);
		else if (l->is_asked || l->got.address.family || l->why[0])
			drop(p, l, name);
		has_offers |= l->n_dns || l->n_ntp;
	}
	if (had_offers != has_offers)
		lease_tell_offers(p);
}

void lease_forget_asked(struct priv *p)
{
	for (unsigned i = 0; i < NET_INTERFACES_MAX; i++)
		p->leases[i].is_asked = false;
}

/* ---- to the kernel ---- */

static void refuse(struct lease *l, const char *why)
{
	snprintf(l->why, sizeof l->why, "%s", why);
}

void lease_add_all(struct priv *p, struct wanted *out)
{
	uint64_t now = loop_now(p->loop), next = 0;

	*out = p->wanted;
	for (size_t i = 0; i < out->n; i++) {
		struct lease *l = &p->leases[wanted_place(&out->v[i])];
		if (out->v[i].ipv4 != WANTED_AUTO)
			continue;
		if (l->got.address.family && l->end_ms && l->end_ms <= now) {
			l->got.address.family = 0;
			refuse(l, "the lease has ended");
		}
		if (l->got.address.family) {
			const char *why = wanted_take_lease(out, i, &l->got);
			refuse(l, why ? why : "");
			if (l->end_ms && (!next || l->end_ms < next))
				next = l->end_ms;
		}
		alarm_set(ALARM_DHCP, out->v[i].name, l->why[0] != 0, l->why);
	}
	if (next)
		(void)loop_timer_set(p->loop, &p->lease_end, next - now); /* it was set before */
	else
		loop_timer_del(p->loop, &p->lease_end);
}

/* ---- from gh-dhcp ---- */

static struct net_address address_of(uint32_t number, uint8_t prefix)
{
	struct net_address a = { .family = number ? AF_INET : 0, .prefix = prefix };

	for (int i = 0; i < 4; i++)
		a.bytes[i] = (uint8_t)(number >> (24 - 8 * i));
	return a;
}

static unsigned read_list(struct wire *w, struct net_address out[static LEASE_SERVERS_MAX])
{
	unsigned n = wire_u8(w), kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct net_address a = address_of(wire_u32(w), 32);
		if (wanted_is_unicast(&a) && kept < LEASE_SERVERS_MAX)
			out[kept++] = a;
	}
	return kept;
}

/* gh-dhcp reads strangers' packets: what it says is looked at as if they had said it. */
static int read_news(struct priv *p, struct wire *w, struct lease *l)
{
	uint32_t address = wire_u32(w);
	uint8_t prefix = wire_u8(w);
	uint32_t router = wire_u32(w), server = wire_u32(w), left_s = wire_u32(w);

	l->got.address = address_of(address, prefix);
	l->got.gateway = address_of(router, 32);
	l->server = address_of(server, 32);
	l->end_ms = left_s ? loop_now(p->loop) + (uint64_t)left_s * 1000 : 0;
	l->n_dns = read_list(w, l->dns);
	l->n_ntp = read_list(w, l->ntp);
	struct bytes why = wire_str(w);
	snprintf(l->why, sizeof l->why, "%.*s", (int)(why.n < sizeof l->why ? why.n : sizeof l->why - 1), (const char *)why.p);
	if (wire_end(w))
		return ERR_PROTOCOL;
	if (!address)
		return 0;
	bool is_sound = prefix >= 1 && prefix <= 32 && wanted_is_unicast(&l->got.address) &&
			(!router || (wanted_is_unicast(&l->got.gateway) && net_is_same_subnet(&l->got.gateway, &l->got.address)));
	return is_sound ? 0 : ERR_PROTOCOL;
}

int lease_on_news(void *program, struct chan *from, const struct frame *f)
{
	struct priv *p = program;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w);
	char text[NET_ADDRESS_TEXT] = "none";

	(void)from;
	if (wire_failed(&w) || name.n != 1 || name.p[0] < 'a' || name.p[0] >= 'a' + NET_INTERFACES_MAX)
		return ERR_PROTOCOL;
	struct lease *l = &p->leases[name.p[0] - 'a'], news = *l;
	int rc = read_news(p, &w, &news);
	if (rc || !l->is_asked) /* not asked: it crossed the word that none is wanted */
		return rc;
	bool is_renewed = net_address_eq(&l->got.address, &news.got.address);
	*l = news;
	if (!is_renewed && l->got.address.family)
		(void)net_address_text(&l->got.address, text);
	if (!is_renewed)
		log_info("net.lease", LOG_BYTES("interface", name), LOG_STR("address", text), LOG_STR("why", l->why));
	priv_converge(p);
	lease_tell_offers(p);
	return 0;
}

/* ---- to gh-conf ---- */

static void put_servers(struct priv *p, struct buf *b, bool is_dns)
{
	char text[NET_ADDRESS_TEXT];
	uint8_t n = 0;

	for (int pass = 0; pass < 2; pass++) {
		if (pass == 1)
			wire_put_u8(b, n);
		for (size_t i = 0; i < p->wanted.n; i++) {
			const struct lease *l = &p->leases[wanted_place(&p->wanted.v[i])];
			bool is_offered = l->got.address.family && !l->why[0] && (!is_dns || p->wanted.v[i].has_dhcp_dns);
			unsigned count = !is_offered ? 0 : is_dns ? l->n_dns : l->n_ntp;
			n = (uint8_t)(n + (pass == 0 ? count : 0));
			for (unsigned k = 0; pass == 1 && k < count; k++)
				wire_put_str(b, bytes_of(net_address_text(is_dns ? &l->dns[k] : &l->ntp[k], text)));
		}
	}
}

void lease_tell_offers(struct priv *p)
{
	struct chan *to = chan_of(p, PROG_CONF);
	struct buf *b = chan_begin(to, MSG_NETWORK_OFFERS, 0);

	put_servers(p, b, true);
	put_servers(p, b, false);
	(void)chan_end(to); /* a gh-conf that has gone hears of them when it is back */
}
