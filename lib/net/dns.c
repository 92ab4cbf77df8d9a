#include "net/dns.h"

#include "base/err.h"
#include "base/random.h"
#include "net/dns_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum query_kind { QUERY_SRV, QUERY_SERVICE, QUERY_NAPTR, QUERY_ADDR, QUERY_TLSA };

struct zone {
	char domain[256];
	struct dns_servers *servers; /* NULL: names below have none */
};

struct dns {
	struct loop *loop;
	struct dns_servers *servers; /* NULL until configured */
	struct zone *zones;          /* longest domain first */
	size_t n_zones;
	struct dns_cache cache;
	struct list queries;
	uint32_t budget_ms;
};

/* A question of one or two names or types, answered as one. */
struct dns_query {
	struct list node;
	struct dns *dns;
	enum query_kind kind;
	union {
		dns_srv_fn srv;
		dns_addr_fn addr;
		dns_tlsa_fn tlsa;
		dns_naptr_fn naptr;
	} fn;
	void *arg;
	struct loop_timer budget;
	struct loop_defer finish;
	unsigned n_parts, n_waiting;
	struct part {
		enum dns_type type;
		char name[320];
		struct dns_ask *ask;
		struct dns_set set;
	} parts[2];
	char host[256];
};

struct dns *dns_new(struct loop *l)
{
	struct dns *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(d);
		return NULL;
	}
	d->loop = l;
	dns_cache_init(&d->cache);
	list_init(&d->queries);
	return d;
}

void dns_free(struct dns *d)
{
	if (!d)
		return;
	LIST_EACH(node, &d->queries)
		dns_cancel(LIST_OWNER(node, struct dns_query, node));
	dns_servers_free(d->servers);
	for (size_t i = 0; i < d->n_zones; i++)
		dns_servers_free(d->zones[i].servers);
	free(d->zones);
	dns_cache_fini(&d->cache);
	free(d);
}

static void retire_zones(struct zone *zones, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dns_servers_retire(zones[i].servers);
	free(zones);
}

static int longer_first(const void *a, const void *b)
{
	size_t n = strlen(((const struct zone *)a)->domain), m = strlen(((const struct zone *)b)->domain);

	return n < m ? 1 : n > m ? -1 : 0;
}

static int make_zones(struct dns *d, const struct dns_config *c, struct zone **out, size_t *out_n)
{
	size_t n = c->n_zones < DNS_ZONES_MAX ? c->n_zones : DNS_ZONES_MAX;
	struct zone *zones = n ? calloc(n, sizeof *zones) : NULL;

	if (n && !zones)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct dns_zone_config *z = &c->zones[i];
		struct dns_config of_zone = { .servers = z->servers, .n_servers = z->n_servers, .query_ms = c->query_ms,
					      .budget_ms = c->budget_ms, .validates = z->validates };
		snprintf(zones[i].domain, sizeof zones[i].domain, "%s", z->domain);
		zones[i].servers = z->n_servers ? dns_servers_new(d->loop, &of_zone, zones[i].domain) : NULL;
		if (z->n_servers && !zones[i].servers) {
			retire_zones(zones, n);
			return ERR_SYNTAX;
		}
	}
	if (n)
		qsort(zones, n, sizeof *zones, longer_first);
	*out = zones;
	*out_n = n;
	return 0;
}

int dns_configure(struct dns *d, const struct dns_config *c)
{
	struct dns_servers *s = NULL;
	struct zone *zones;
	size_t n_zones;

	if (c->n_servers) {
		s = dns_servers_new(d->loop, c, "");
		if (!s)
			return ERR_SYNTAX;
	}
	int rc = make_zones(d, c, &zones, &n_zones);
	if (rc) {
		dns_servers_retire(s);
		return rc;
	}
	dns_servers_retire(d->servers);
	retire_zones(d->zones, d->n_zones);
	d->servers = s;
	d->zones = zones;
	d->n_zones = n_zones;
	d->budget_ms = c->budget_ms;
	dns_cache_forget(&d->cache, BYTES_NONE);
	return 0;
}

void dns_forget(struct dns *d, struct bytes domain)
{
	dns_cache_forget(&d->cache, domain);
}

void dns_cancel(struct dns_query *q)
{
	if (!q)
		return;
	for (unsigned i = 0; i < q->n_parts; i++)
		dns_ask_drop(q->parts[i].ask);
	loop_timer_del(q->dns->loop, &q->budget);
	loop_defer_cancel(&q->finish);
	list_del(&q->node);
	free(q);
}

static void answer_srv(struct dns_query *q)
{
	struct dns_srv_answer a = { 0 };

	dns_order(&q->parts[0].set, &q->parts[1].set, q->host, random_below, &a);
	q->fn.srv(q->arg, &a);
}

static void answer_service(struct dns_query *q)
{
	struct dns_srv_answer a;

	dns_order_service(&q->parts[0].set, random_below, &a);
	q->fn.srv(q->arg, &a);
}

static void answer_naptr(struct dns_query *q)
{
	struct dns_naptr_answer a;

	dns_order_naptr(&q->parts[0].set, &a);
	q->fn.naptr(q->arg, &a);
}

/* IPv6 and IPv4 in turn, so that a family that does not work here costs one attempt (RFC 8305 4). */
static void answer_addr(struct dns_query *q)
{
	const struct dns_set *v6 = &q->parts[0].set, *v4 = &q->parts[1].set;
	struct dns_addr_answer a = { .is_secure = true };

	for (size_t i = 0; a.n < DNS_ADDRS_MAX && (i < v6->n || i < v4->n); i++) {
		if (i < v6->n)
			a.addrs[a.n++] = v6->addrs[i];
		if (i < v4->n && a.n < DNS_ADDRS_MAX)
			a.addrs[a.n++] = v4->addrs[i];
	}
	if (!a.n)
		a.rc = v4->rc ? v4->rc : v6->rc;
	if (!a.n && a.rc == ERR_DNS_NODATA && v6->rc != ERR_DNS_NODATA)
		a.rc = v6->rc;
	a.ttl_s = !v6->n || (v4->n && v4->ttl_s < v6->ttl_s) ? v4->ttl_s : v6->ttl_s;
	a.is_secure = (!v6->n || v6->is_secure) && (!v4->n || v4->is_secure) && a.n;
	q->fn.addr(q->arg, &a);
}

static void answer_tlsa(struct dns_query *q)
{
	const struct dns_set *s = &q->parts[0].set;
	struct dns_tlsa_answer a = { .rc = s->rc, .n = s->n };

	memcpy(a.records, s->tlsas, s->n * sizeof s->tlsas[0]);
	q->fn.tlsa(q->arg, &a);
}

static void (*const answers[])(struct dns_query *q) = {
	[QUERY_SRV] = answer_srv,   [QUERY_SERVICE] = answer_service, [QUERY_NAPTR] = answer_naptr,
	[QUERY_ADDR] = answer_addr, [QUERY_TLSA] = answer_tlsa,
};

/* The question leaves the lists first: the callback may ask again or free its owner. */
static void finish(void *arg)
{
	struct dns_query *q = arg;

	for (unsigned i = 0; i < q->n_parts; i++)
		dns_ask_drop(q->parts[i].ask);
	loop_timer_del(q->dns->loop, &q->budget);
	list_del(&q->node);
	answers[q->kind](q);
	free(q);
}

static void on_budget(void *arg)
{
	finish(arg); /* what has not come by now is a time-out already: parts start as one */
}

static void on_part(void *arg, struct dns_ask *ask, const struct dns_set *set)
{
	struct dns_query *q = arg;

	for (unsigned i = 0; i < q->n_parts; i++) {
		struct part *p = &q->parts[i];
		if (p->ask != ask)
			continue;
		p->ask = NULL;
		p->set = *set;
		if (set->rc != ERR_DNS_BOGUS)
			dns_cache_put(&q->dns->cache, p->type, p->name, loop_now(q->dns->loop), set);
		q->n_waiting--;
	}
	if (q->n_waiting == 0)
		loop_defer_call(q->dns->loop, &q->finish);
}

/* At or below the domain, label by label. */
static bool is_in_zone(struct bytes name, struct bytes domain)
{
	if (name.n < domain.n || !bytes_eq_nocase(bytes_skip(name, name.n - domain.n), domain))
		return false;
	return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

static const struct zone *zone_of(const struct dns *d, const char *name)
{
	struct bytes n = bytes_of(name);

	if (n.n > 0 && n.p[n.n - 1] == '.')
		n.n--;
	for (size_t i = 0; i < d->n_zones; i++)
		if (is_in_zone(n, bytes_of(d->zones[i].domain)))
			return &d->zones[i];
	return NULL;
}

const char *dns_zone_of(const struct dns *d, const char *name)
{
	const struct zone *z = zone_of(d, name);

	return z ? z->domain : "";
}

/* Whom to ask. A zone without servers hides those of the rest: its names are nobody else's business. */
static struct dns_servers *servers_of(const struct dns *d, const char *name)
{
	const struct zone *z = zone_of(d, name);

	return z ? z->servers : d->servers;
}

static void start_part(struct dns_query *q, struct part *p)
{
	struct dns *d = q->dns;
	struct dns_servers *servers = servers_of(d, p->name);

	p->set = (struct dns_set){ .rc = ERR_DNS_TIMEOUT };
	if (dns_cache_get(&d->cache, p->type, p->name, loop_now(d->loop), &p->set))
		return;
	p->ask = servers ? dns_ask(servers, p->type, p->name, (struct dns_ask_result){ on_part, q }) : NULL;
	if (p->ask)
		q->n_waiting++;
	else
		p->set.rc = ERR_DNS_SERVFAIL;
}

static struct dns_query *query_new(struct dns *d, enum query_kind kind, void *arg)
{
	struct dns_query *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->dns = d;
	q->kind = kind;
	q->arg = arg;
	loop_timer_init(&q->budget, on_budget, q);
	loop_defer_init(&q->finish, finish, q);
	list_add_tail(&d->queries, &q->node);
	return q;
}

static void add_part(struct dns_query *q, enum dns_type type, const char *prefix, const char *name)
{
	struct part *p = &q->parts[q->n_parts++];

	p->type = type;
	snprintf(p->name, sizeof p->name, "%s%s", prefix, name);
}

static struct dns_query *query_start(struct dns_query *q)
{
	if (loop_timer_set(q->dns->loop, &q->budget, q->dns->budget_ms ? q->dns->budget_ms : 1)) {
		dns_cancel(q);
		return NULL;
	}
	for (unsigned i = 0; i < q->n_parts; i++)
		start_part(q, &q->parts[i]);
	if (q->n_waiting == 0)
		loop_defer_call(q->dns->loop, &q->finish);
	return q;
}

struct dns_query *dns_srv(struct dns *d, const char *domain, dns_srv_fn fn, void *arg)
{
	struct dns_query *q = query_new(d, QUERY_SRV, arg);

	if (!q)
		return NULL;
	q->fn.srv = fn;
	snprintf(q->host, sizeof q->host, "%s", domain);
	add_part(q, DNS_SRV, "_xmpp-server._tcp.", domain);
	add_part(q, DNS_SRV, "_xmpps-server._tcp.", domain);
	return query_start(q);
}

struct dns_query *dns_service(struct dns *d, const char *owner, dns_srv_fn fn, void *arg)
{
	struct dns_query *q = query_new(d, QUERY_SERVICE, arg);

	if (!q)
		return NULL;
	q->fn.srv = fn;
	add_part(q, DNS_SRV, "", owner);
	return query_start(q);
}

struct dns_query *dns_naptr(struct dns *d, const char *domain, dns_naptr_fn fn, void *arg)
{
	struct dns_query *q = query_new(d, QUERY_NAPTR, arg);

	if (!q)
		return NULL;
	q->fn.naptr = fn;
	add_part(q, DNS_NAPTR, "", domain);
	return query_start(q);
}

/* An address in text needs no question. */
static bool read_literal(const char *host, struct dns_query *q)
{
	struct dns_addr *v6 = &q->parts[0].set.addrs[0], *v4 = &q->parts[1].set.addrs[0];

	if (inet_pton(AF_INET6, host, v6->bytes) == 1) {
		v6->family = 6;
		q->parts[0].set.n = 1;
	} else if (inet_pton(AF_INET, host, v4->bytes) == 1) {
		v4->family = 4;
		q->parts[1].set.n = 1;
	} else {
		return false;
	}
	return true;
}

struct dns_query *dns_addr(struct dns *d, const char *host, dns_addr_fn fn, void *arg)
{
	struct dns_query *q = query_new(d, QUERY_ADDR, arg);

	if (!q)
		return NULL;
	q->fn.addr = fn;
	if (read_literal(host, q)) {
		loop_defer_call(d->loop, &q->finish);
		return q;
	}
	add_part(q, DNS_AAAA, "", host);
	add_part(q, DNS_A, "", host);
	return query_start(q);
}

struct dns_query *dns_tlsa(struct dns *d, const char *host, uint16_t port, dns_tlsa_fn fn, void *arg)
{
	struct dns_query *q = query_new(d, QUERY_TLSA, arg);
	char prefix[32];

	if (!q)
		return NULL;
	q->fn.tlsa = fn;
	snprintf(prefix, sizeof prefix, "_%u._tcp.", port);
	add_part(q, DNS_TLSA, prefix, host);
	return query_start(q);
}

void dns_addr_text(const struct dns_addr *a, char out[static DNS_ADDR_TEXT_BYTES])
{
	if (!inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->bytes, out, DNS_ADDR_TEXT_BYTES))
		out[0] = 0;
}

socklen_t dns_addr_sockaddr(const struct dns_addr *a, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (a->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, a->bytes, 4);
		return sizeof *v4;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return sizeof *v6;
}
