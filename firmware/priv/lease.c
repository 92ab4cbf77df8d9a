#include "lease.h"

#include "base/err.h"
#include "base/log.h"
#include "priv.h"
#include "run/alarm.h"

#include <stdio.h>

static const struct family {
	uint8_t af, number; /* number: as messages have it */
	uint8_t bits;
	const char *alarm;  /* behind the interface's name, so that its two leases have two alarms */
} families[] = {
	[LEASE_4] = { AF_INET, 4, 32, "" },
	[LEASE_6] = { AF_INET6, 6, 128, " ipv6" },
};
_Static_assert(sizeof families / sizeof families[0] == LEASE_FAMILY_COUNT, "one row a family");

/* One of the leases: whose, and of which family. */
struct one {
	struct lease *l;
	const struct family *f;
	char name[2]; /* "a" */
};

static struct one lease_at(struct priv *p, unsigned family, unsigned place)
{
	return (struct one){ &p->leases[family][place], &families[family], { (char)('a' + place) } };
}

static struct chan *chan_of(struct priv *p, enum prog prog)
{
	return bus_chan(proc_bus(p->proc), prog, 0);
}

static void tell_alarm(const struct one *o)
{
	char key[16];

	snprintf(key, sizeof key, "%s%s", o->name, o->f->alarm);
	alarm_set(ALARM_DHCP, key, o->l->why[0] != 0, o->l->why);
}

/* ---- to gh-dhcp ---- */

enum { WORD_NOT_WANTED, WORD_UP, WORD_IN_USE }; /* run/msg.def */
enum { LOCAL_WAIT_MS = 10 * 1000 };

static void tell_link(struct priv *p, const struct one *o, uint8_t word)
{
	struct chan *to = chan_of(p, PROG_DHCP);
	struct buf *b = chan_begin(to, MSG_DHCP_LINK, 0);

	wire_put_str(b, bytes_of(o->name));
	wire_put_u8(b, o->f->number);
	wire_put_u8(b, word);
	(void)chan_end(to); /* a gh-dhcp that is not there knows of nothing */
}

/* The address of the link that a client sends from (RFC 8415 13.1), when the kernel has seen that nobody else has it. NULL: not
 * yet. */
static const struct net_address *local_of(const struct priv *p, int device)
{
	for (size_t k = 0; k < p->have.n_addresses; k++) {
		const struct have_address *a = &p->have.addresses[k];
		if (a->index == device && net_is_link_local(&a->address) && !a->is_tentative && !a->is_duplicate)
			return &a->address;
	}
	return NULL;
}

static void ask(struct priv *p, const struct one *o, const struct have_link *device, const struct net_address *local)
{
	struct chan *super = chan_of(p, PROG_SUPER);
	struct lease *l = o->l;

	if (!chan_of(p, PROG_DHCP))
		return; /* when it comes */
	if (!p->duid.n)
		duid_of_card(&p->have, &p->duid);
	struct buf *b = chan_begin(super, MSG_DHCP_OPEN, 0);
	wire_put_str(b, bytes_of(o->name));
	wire_put_u32(b, (uint32_t)device->index);
	wire_put_bytes(b, bytes_make(device->mac, sizeof device->mac));
	wire_put_u8(b, o->f->number);
	wire_put_bytes(b, local ? bytes_make(local->bytes, sizeof local->bytes) : BYTES_NONE);
	wire_put_bytes(b, local ? bytes_make(p->duid.bytes, p->duid.n) : BYTES_NONE);
	if (chan_end(super))
		return; /* without gh-super this program ends */
	l->is_asked = true;
	l->device = device->index;
	memcpy(l->mac, device->mac, sizeof l->mac);
	if (local)
		l->local = *local;
	l->has_carrier = device->has_carrier;
	l->carrier_changes = device->carrier_changes;
}

static void drop(struct priv *p, const struct one *o)
{
	if (o->l->is_asked)
		tell_link(p, o, WORD_NOT_WANTED);
	memset(o->l, 0, sizeof *o->l);
	tell_alarm(o);
}

static bool is_duplicate(const struct priv *p, const struct lease *l)
{
	for (size_t k = 0; k < p->have.n_addresses; k++) {
		const struct have_address *a = &p->have.addresses[k];
		if (a->index == l->device && a->is_duplicate && net_address_eq(&a->address, &l->got.address))
			return true;
	}
	return false;
}

static bool is_other(const struct lease *l, const struct have_link *device, const struct net_address *local)
{
	return l->device != device->index || memcmp(l->mac, device->mac, sizeof l->mac) != 0 ||
	       (local && !net_address_eq(&l->local, local));
}

/* The device has no cable since it came, or its IPv6 is off: nobody can be asked, and after a while that is told. */
static void wait_local(struct priv *p, struct lease *l)
{
	uint64_t now = loop_now(p->loop);

	if (l->waits_ms)
		return;
	l->waits_ms = now;
	if (!loop_timer_is_set(&p->lease_end) || p->lease_end.at_ms > now + LOCAL_WAIT_MS)
		(void)loop_timer_set(p->loop, &p->lease_end, LOCAL_WAIT_MS); /* it was set before */
}

static void ask_when_ready(struct priv *p, const struct one *o, const struct have_link *device, const struct net_address *local)
{
	if (o->f->af == AF_INET6 && !local) {
		wait_local(p, o->l);
		return;
	}
	if (o->l->waits_ms && !o->l->got.address.family) {
		o->l->why[0] = 0;
		tell_alarm(o);
	}
	o->l->waits_ms = 0;
	if (device->is_up)
		ask(p, o, device, local);
}

static void follow_one(struct priv *p, const struct one *o, const struct have_link *device)
{
	const struct net_address *local = o->f->af == AF_INET6 ? local_of(p, device->index) : NULL;
	struct lease *l = o->l;

	if (l->is_asked && is_other(l, device, local))
		drop(p, o);
	if (!l->is_asked) {
		ask_when_ready(p, o, device, local);
		return;
	}
	if (device->has_carrier && (!l->has_carrier || device->carrier_changes != l->carrier_changes))
		tell_link(p, o, WORD_UP);
	l->has_carrier = device->has_carrier;
	l->carrier_changes = device->carrier_changes;
	if (!l->is_in_use && is_duplicate(p, l)) {
		l->is_in_use = true;
		tell_link(p, o, WORD_IN_USE);
	}
}

static void follow(struct priv *p, const struct one *o)
{
	const struct have_link *device = NULL;

	for (size_t i = 0; i < p->wanted.n; i++)
		if (p->wanted.v[i].name[0] == o->name[0] && wanted_asks(&p->wanted.v[i], o->f->af))
			device = plan_find(&p->have, p->plan.device[i]);
	if (device)
		follow_one(p, o, device);
	else if (o->l->is_asked || o->l->got.address.family || o->l->why[0] || o->l->waits_ms)
		drop(p, o);
}

static bool has_servers(const struct priv *p)
{
	bool has = false;

	for (unsigned f = 0; f < LEASE_FAMILY_COUNT; f++)
		for (unsigned place = 0; place < NET_INTERFACES_MAX; place++)
			has |= p->leases[f][place].n_dns || p->leases[f][place].n_ntp;
	return has;
}

void lease_follow(struct priv *p)
{
	bool had = has_servers(p);

	for (unsigned f = 0; f < LEASE_FAMILY_COUNT; f++)
		for (unsigned place = 0; place < NET_INTERFACES_MAX; place++) {
			const struct one o = lease_at(p, f, place);
			follow(p, &o);
		}
	if (had != has_servers(p))
		lease_tell_offers(p);
}

void lease_forget_asked(struct priv *p)
{
	for (unsigned f = 0; f < LEASE_FAMILY_COUNT; f++)
		for (unsigned i = 0; i < NET_INTERFACES_MAX; i++)
			p->leases[f][i].is_asked = false;
}

/* ---- to the kernel ---- */

static void refuse(struct lease *l, const char *why)
{
	snprintf(l->why, sizeof l->why, "%s", why);
}

static void sooner(uint64_t *next, uint64_t at_ms)
{
	if (at_ms && (!*next || at_ms < *next))
		*next = at_ms;
}

/* *next: when a lease ends, or a wait; 0: never. */
static void add_one(struct priv *p, const struct one *o, struct wanted *out, size_t i, uint64_t *next)
{
	struct lease *l = o->l;
	uint64_t now = loop_now(p->loop);

	if (l->got.address.family && l->end_ms && l->end_ms <= now) {
		l->got.address.family = 0;
		refuse(l, "the lease has ended");
	}
	if (l->got.address.family) {
		const char *why = wanted_take_lease(out, i, &l->got);
		refuse(l, why ? why : "");
		sooner(next, l->end_ms);
	} else if (l->waits_ms && now >= l->waits_ms + LOCAL_WAIT_MS) {
		refuse(l, "the device has no link-local address: no cable, or IPv6 is off in the kernel");
	} else if (l->waits_ms) {
		sooner(next, l->waits_ms + LOCAL_WAIT_MS);
	}
	tell_alarm(o);
}

void lease_add_all(struct priv *p, struct wanted *out)
{
	uint64_t next = 0;

	*out = p->wanted;
	for (unsigned f = 0; f < LEASE_FAMILY_COUNT; f++)
		for (size_t i = 0; i < out->n; i++) {
			const struct one o = lease_at(p, f, wanted_place(&out->v[i]));
			if (wanted_asks(&out->v[i], o.f->af))
				add_one(p, &o, out, i, &next);
		}
	if (next)
		(void)loop_timer_set(p->loop, &p->lease_end, next - loop_now(p->loop)); /* it was set before */
	else
		loop_timer_del(p->loop, &p->lease_end);
}

/* ---- from gh-dhcp ---- */

/* family 0: there is none. */
static int read_address(struct wire *w, const struct family *f, struct net_address *out)
{
	struct bytes v = wire_bytes(w);

	*out = (struct net_address){ .family = v.n ? f->af : 0, .prefix = f->bits };
	if (v.n != 0 && v.n != f->bits / 8)
		return ERR_PROTOCOL;
	memcpy(out->bytes, v.p ? v.p : out->bytes, v.n);
	return 0;
}

static int read_list(struct wire *w, const struct family *f, struct net_address out[static LEASE_SERVERS_MAX], unsigned *kept)
{
	unsigned n = wire_u8(w);
	struct net_address a;

	*kept = 0;
	for (unsigned i = 0; i < n; i++) {
		if (read_address(w, f, &a))
			return ERR_PROTOCOL;
		/* One of the link is none: what asks servers does not say by which interface. */
		if (a.family && wanted_is_unicast(&a) && !net_is_link_local(&a) && *kept < LEASE_SERVERS_MAX)
			out[(*kept)++] = a;
	}
	return 0;
}

static bool is_sound(const struct wanted_lease *got, const struct family *f)
{
	const struct net_address *a = &got->address, *g = &got->gateway;

	if (!a->family)
		return true;
	if (a->prefix < 1 || a->prefix > f->bits || !wanted_is_unicast(a))
		return false;
	if (f->af == AF_INET6)
		return !g->family && a->prefix == f->bits && !net_is_link_local(a);
	return !g->family || (wanted_is_unicast(g) && net_is_same_subnet(g, a));
}

/* gh-dhcp reads strangers' packets: what it says is looked at as if they had said it. */
static int read_news(struct priv *p, struct wire *w, const struct family *f, struct lease *l)
{
	int rc = read_address(w, f, &l->got.address);

	l->got.address.prefix = wire_u8(w);
	rc = rc ? rc : read_address(w, f, &l->got.gateway);
	rc = rc ? rc : read_address(w, f, &l->server);
	if (rc)
		return rc;
	uint32_t left_s = wire_u32(w);
	l->end_ms = left_s ? loop_now(p->loop) + (uint64_t)left_s * 1000 : 0;
	rc = read_list(w, f, l->dns, &l->n_dns);
	rc = rc ? rc : read_list(w, f, l->ntp, &l->n_ntp);
	if (rc)
		return rc;
	struct bytes why = wire_str(w);
	snprintf(l->why, sizeof l->why, "%.*s", (int)(why.n < sizeof l->why ? why.n : sizeof l->why - 1), (const char *)why.p);
	return wire_end(w) || !is_sound(&l->got, f) ? ERR_PROTOCOL : 0;
}

static int family_of(uint8_t number)
{
	for (unsigned f = 0; f < LEASE_FAMILY_COUNT; f++)
		if (families[f].number == number)
			return (int)f;
	return -1;
}

int lease_on_news(void *program, struct chan *from, const struct frame *f)
{
	struct priv *p = program;
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w);
	int family = family_of(wire_u8(&w));
	char text[NET_ADDRESS_TEXT] = "none";

	(void)from;
	if (wire_failed(&w) || family < 0 || name.n != 1 || name.p[0] < 'a' || name.p[0] >= 'a' + NET_INTERFACES_MAX)
		return ERR_PROTOCOL;
	struct lease *l = &p->leases[family][name.p[0] - 'a'], news = *l;
	int rc = read_news(p, &w, &families[family], &news);
	if (rc || !l->is_asked) /* not asked: it crossed the word that none is wanted */
		return rc;
	bool is_renewed = net_address_eq(&l->got.address, &news.got.address);
	news.is_in_use = false;
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

/* Of one lease, into b unless it is NULL. Returns how many. */
static unsigned put_servers(const struct lease *l, struct buf *b, bool is_dns, bool may_dns)
{
	bool is_offered = l->got.address.family && !l->why[0] && (!is_dns || may_dns);
	unsigned count = !is_offered ? 0 : is_dns ? l->n_dns : l->n_ntp;
	char text[NET_ADDRESS_TEXT];

	for (unsigned k = 0; b && k < count; k++)
		wire_put_str(b, bytes_of(net_address_text(is_dns ? &l->dns[k] : &l->ntp[k], text)));
	return count;
}

/* Of all leases, IPv4 first. */
static unsigned put_all(struct priv *p, struct buf *b, bool is_dns)
{
	unsigned n = 0;

	for (unsigned f = 0; f < LEASE_FAMILY_COUNT; f++)
		for (size_t i = 0; i < p->wanted.n; i++)
			n += put_servers(&p->leases[f][wanted_place(&p->wanted.v[i])], b, is_dns, p->wanted.v[i].has_dhcp_dns);
	return n;
}

void lease_tell_offers(struct priv *p)
{
	struct chan *to = chan_of(p, PROG_CONF);
	struct buf *b = chan_begin(to, MSG_NETWORK_OFFERS, 0);

	for (int is_dns = 1; is_dns >= 0; is_dns--) {
		wire_put_u8(b, (uint8_t)put_all(p, NULL, is_dns));
		(void)put_all(p, b, is_dns);
	}
	(void)chan_end(to); /* a gh-conf that has gone hears of them when it is back */
}
