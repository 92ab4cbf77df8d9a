/* RFC 3263 4.1 and 4.2 in at most five rounds: Lync's service, NAPTR, the services that it named, the usual
 * services, the addresses of what was found. The questions of a round run at the same time, so that each
 * round ends with the resolver's budget for one. */
#include "sip/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/err.h"

enum { SERVICES_MAX = 8, TARGETS_MAX = 16, NAME_MAX_BYTES = 256 };

/* SRV records to ask for. */
struct service {
	struct siplocate *q;
	char owner[NAME_MAX_BYTES + 32];
	enum siptransport transport;
	struct dns_query *query;
	struct dns_srv_answer answer;
};

/* A host to ask the addresses of. */
struct target {
	struct siplocate *q;
	char host[NAME_MAX_BYTES];
	uint16_t port;
	enum siptransport transport;
	bool is_named; /* its own name is the certificate's (FED-07) */
	struct dns_query *query;
	struct dns_addr_answer answer;
};

enum round { ROUND_LYNC, ROUND_NAPTR, ROUND_NAMED, ROUND_USUAL, ROUND_SRV_NAME, ROUND_ADDRESSES };

struct siplocate {
	struct dns *dns;
	siplocate_fn fn;
	void *arg;
	struct siplocate_ask ask; /* its texts are the three below */
	char host[NAME_MAX_BYTES], name[NAME_MAX_BYTES], local[NAME_MAX_BYTES];
	enum round round;
	struct dns_query *naptr;
	size_t n_waiting, n_services, n_targets;
	struct service *services[SERVICES_MAX]; /* each has room for a whole answer: only what is asked is made */
	struct target *targets[TARGETS_MAX];
	bool is_refused[SIPT_COUNT]; /* RFC 2782: "." */
	int rc;                      /* why there is nothing */
	uint32_t ttl_s;
};

/* RFC 3263 4.1: the services that we understand, best first. */
static const struct {
	const char *naptr, *prefix;
	enum siptransport transport;
} kinds[] = {
	{ "SIPS+D2T", "_sips._tcp.", SIPT_TLS },
	{ "SIP+D2T", "_sip._tcp.", SIPT_TCP },
	{ "SIP+D2U", "_sip._udp.", SIPT_UDP },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void next_round(struct siplocate *q);

/* ---- the end ---- */

static void drop_services(struct siplocate *q)
{
	while (q->n_services) {
		struct service *s = q->services[--q->n_services];
		dns_cancel(s->query);
		free(s);
	}
}

static void locate_free(struct siplocate *q)
{
	dns_cancel(q->naptr);
	drop_services(q);
	while (q->n_targets) {
		struct target *t = q->targets[--q->n_targets];
		dns_cancel(t->query);
		free(t);
	}
	free(q);
}

void siplocate_cancel(struct siplocate *q)
{
	if (q)
		locate_free(q);
}

static void write_place(struct sip_place *p, enum siptransport transport, uint16_t port, const char *name, const char *local)
{
	p->transport = transport;
	sip_sockaddr_set_port(&p->addr, port);
	snprintf(p->name, sizeof p->name, "%s", name);
	snprintf(p->local, sizeof p->local, "%s", local);
}

static void add_place(const struct siplocate *q, const struct target *t, const struct dns_addr *a, struct sip_places *out)
{
	struct sip_place *p = &out->places[out->n++];

	*p = (struct sip_place){ 0 };
	if (a->family == 6) {
		p->addr.v6.sin6_family = AF_INET6;
		memcpy(&p->addr.v6.sin6_addr, a->bytes, 16);
	} else {
		p->addr.v4.sin_family = AF_INET;
		memcpy(&p->addr.v4.sin_addr, a->bytes, 4);
	}
	write_place(p, t->transport, t->port, t->is_named ? t->host : q->name, q->local);
}

static void finish(struct siplocate *q)
{
	struct sip_places out;

	out.rc = q->rc;
	out.n = 0;
	for (size_t i = 0; i < q->n_targets; i++)
		for (size_t j = 0; j < q->targets[i]->answer.n && out.n < SIP_PLACES_MAX; j++)
			add_place(q, q->targets[i], &q->targets[i]->answer.addrs[j], &out);
	if (out.n)
		out.rc = 0;
	else if (!out.rc || out.rc == ERR_DNS_NXDOMAIN)
		out.rc = ERR_NOT_FOUND;
	out.ttl_s = out.n && q->ttl_s != UINT32_MAX ? q->ttl_s : 0;
	siplocate_fn fn = q->fn;
	void *arg = q->arg;
	locate_free(q);
	fn(arg, &out);
}

/* A question of this round was answered. */
static void answered(struct siplocate *q)
{
	if (--q->n_waiting == 0)
		next_round(q);
}

static void note_ttl(struct siplocate *q, uint32_t ttl_s)
{
	if (ttl_s && ttl_s < q->ttl_s)
		q->ttl_s = ttl_s;
}

/* ---- addresses (RFC 3263 4.2) ---- */

static void add_target(struct siplocate *q, const char *host, uint16_t port, enum siptransport transport, bool is_named)
{
	struct target *t;

	if (q->n_targets == TARGETS_MAX || strlen(host) >= sizeof t->host)
		return;
	t = calloc(1, sizeof *t);
	if (!t) {
		q->rc = ERR_NOMEM;
		return;
	}
	q->targets[q->n_targets++] = t;
	t->q = q;
	t->port = port;
	t->transport = transport;
	t->is_named = is_named;
	snprintf(t->host, sizeof t->host, "%s", host);
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct target *t = arg;

	t->query = NULL;
	t->answer = *a;
	if (a->rc)
		t->q->rc = a->rc;
	else
		note_ttl(t->q, a->ttl_s);
	answered(t->q);
}

static void ask_addresses(struct siplocate *q)
{
	for (size_t i = 0; i < q->n_targets; i++) {
		struct target *t = q->targets[i];
		t->query = dns_addr(q->dns, t->host, on_addresses, t);
		if (t->query)
			q->n_waiting++;
		else
			q->rc = ERR_NOMEM;
	}
}

/* ---- services (RFC 3263 4.1, RFC 2782) ---- */

static void add_service(struct siplocate *q, const char *prefix, const char *host, enum siptransport transport)
{
	if (q->n_services == SERVICES_MAX)
		return;
	struct service *s = calloc(1, sizeof *s);
	if (!s) {
		q->rc = ERR_NOMEM;
		return;
	}
	q->services[q->n_services++] = s;
	s->q = q;
	s->transport = transport;
	snprintf(s->owner, sizeof s->owner, "%s%s", prefix, host);
}

static void on_service(void *arg, const struct dns_srv_answer *a)
{
	struct service *s = arg;

	s->query = NULL;
	s->answer = *a;
	answered(s->q);
}

static void ask_services(struct siplocate *q)
{
	for (size_t i = 0; i < q->n_services; i++) {
		struct service *s = q->services[i];
		s->answer.rc = ERR_NOMEM;
		s->query = dns_service(q->dns, s->owner, on_service, s);
		q->n_waiting += s->query != NULL;
	}
}

/* FED-07: a name of the domain's own. Another's is believed only when the peer's row lists it. */
static bool is_below(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	return h >= d && strcasecmp(host + h - d, domain) == 0 && (h == d || host[h - d - 1] == '.');
}

static void take_service(struct siplocate *q, const struct service *s)
{
	bool is_lync = q->round == ROUND_LYNC;

	q->is_refused[s->transport] |= s->answer.rc == ERR_NOT_FOUND;
	if (s->answer.rc) {
		q->rc = s->answer.rc;
		return;
	}
	note_ttl(q, s->answer.ttl_s);
	for (size_t i = 0; i < s->answer.n; i++) {
		const struct dns_target *t = &s->answer.targets[i];
		add_target(q, t->host, t->port, s->transport, is_lync && is_below(t->host, q->name));
	}
}

static void take_services(struct siplocate *q)
{
	for (size_t i = 0; i < q->n_services; i++)
		take_service(q, q->services[i]);
	drop_services(q);
}

static bool may_use(const struct siplocate *q, enum siptransport transport)
{
	if (q->ask.transport >= 0)
		return transport == (enum siptransport)q->ask.transport;
	return transport == SIPT_TLS || !q->ask.is_tls_only;
}

static void add_usual_services(struct siplocate *q)
{
	for (size_t i = 0; i < KINDS; i++)
		if (may_use(q, kinds[i].transport))
			add_service(q, kinds[i].prefix, q->host, kinds[i].transport);
}

/* Records that another program would have to rewrite, or of other services, are nothing to us. Of the rest,
 * those of the first order that has any (RFC 3403 4.1: a match ends the search). */
static void add_named_services(struct siplocate *q, const struct dns_naptr_answer *a)
{
	unsigned order = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct dns_naptr *r = &a->records[i];
		if (strcasecmp(r->flags, "s") != 0 || r->has_expression || !r->replacement[0] ||
		    (q->n_services && r->order != order))
			continue;
		for (size_t k = 0; k < KINDS; k++) {
			if (strcasecmp(r->service, kinds[k].naptr) != 0 || !may_use(q, kinds[k].transport))
				continue;
			add_service(q, "", r->replacement, kinds[k].transport);
			order = r->order;
		}
	}
}

static void on_naptr(void *arg, const struct dns_naptr_answer *a)
{
	struct siplocate *q = arg;

	q->naptr = NULL;
	add_named_services(q, a);
	if (q->n_services)
		note_ttl(q, a->ttl_s);
	answered(q);
}

/* RFC 3263 4.1: without any record, TLS for what must be secure and UDP for the rest. */
static enum siptransport plain_transport(const struct siplocate_ask *ask)
{
	if (ask->transport >= 0)
		return ask->is_tls_only ? SIPT_TLS : (enum siptransport)ask->transport;
	return ask->is_tls_only ? SIPT_TLS : SIPT_UDP;
}

static void add_host_itself(struct siplocate *q)
{
	enum siptransport t = plain_transport(&q->ask);

	if (q->is_refused[t])
		q->rc = ERR_NOT_FOUND;
	else
		add_target(q, q->host, q->ask.port ? q->ask.port : siptransport_port(t), t,
		           q->ask.is_lync && is_below(q->host, q->name));
}

/* ---- rounds ---- */

static void ask_naptr(struct siplocate *q)
{
	q->naptr = dns_naptr(q->dns, q->host, on_naptr, q);
	q->n_waiting += q->naptr != NULL;
}

/* What the round just ended has found, and which is next. */
static enum round conclude(struct siplocate *q)
{
	bool is_chosen = q->ask.transport >= 0;

	if (q->round == ROUND_NAPTR)
		return q->n_services ? ROUND_NAMED : ROUND_USUAL;
	take_services(q);
	if (q->n_targets || q->round == ROUND_SRV_NAME)
		return ROUND_ADDRESSES;
	if (q->round == ROUND_LYNC)
		return is_chosen ? ROUND_USUAL : ROUND_NAPTR;
	if (q->round == ROUND_NAMED)
		return ROUND_USUAL;
	add_host_itself(q);
	return ROUND_ADDRESSES;
}

static void start_round(struct siplocate *q)
{
	switch (q->round) {
	case ROUND_LYNC:
		add_service(q, "_sipfederationtls._tcp.", q->host, SIPT_TLS);
		ask_services(q);
		break;
	case ROUND_NAPTR:
		ask_naptr(q);
		break;
	case ROUND_USUAL:
		add_usual_services(q);
		ask_services(q);
		break;
	case ROUND_SRV_NAME:
		add_service(q, "", q->host, q->ask.transport >= 0 ? (enum siptransport)q->ask.transport : SIPT_TCP);
		ask_services(q);
		break;
	case ROUND_NAMED:
		ask_services(q);
		break;
	case ROUND_ADDRESSES:
		ask_addresses(q);
		break;
	}
}

/* No answer comes from inside a question, so a round in which nothing waits has found nothing. */
static void next_round(struct siplocate *q)
{
	while (q->n_waiting == 0) {
		if (q->round == ROUND_ADDRESSES) {
			finish(q);
			return;
		}
		q->round = conclude(q);
		start_round(q);
	}
}

static bool copy(const char *from, char to[static NAME_MAX_BYTES])
{
	int n = snprintf(to, NAME_MAX_BYTES, "%s", from ? from : "");

	return n >= 0 && n < NAME_MAX_BYTES;
}

/* What the URI says itself needs no record (RFC 3263 4.1): a numeric host, a port. */
static enum round first_round(struct siplocate *q)
{
	union sip_sockaddr a;
	bool is_numeric = sip_sockaddr_of(bytes_of(q->host), 0, &a) == 0;

	if (is_numeric)
		sip_sockaddr_text(&a, q->host);
	if (is_numeric || (q->ask.port && !q->ask.is_srv_name)) {
		add_host_itself(q);
		return ROUND_ADDRESSES;
	}
	if (q->ask.is_srv_name)
		return ROUND_SRV_NAME;
	if (q->ask.is_lync && q->ask.transport < 0)
		return ROUND_LYNC;
	return q->ask.transport >= 0 ? ROUND_USUAL : ROUND_NAPTR;
}

bool siplocate_at_once(const struct siplocate_ask *ask, struct sip_place *out)
{
	enum siptransport t = plain_transport(ask);
	struct sip_place p = { 0 };

	if (sip_sockaddr_of(bytes_of(ask->host), 0, &p.addr) < 0)
		return false;
	write_place(&p, t, ask->port ? ask->port : siptransport_port(t), ask->name ? ask->name : ask->host,
	            ask->local ? ask->local : "");
	*out = p;
	return true;
}

struct siplocate *siplocate(struct dns *d, const struct siplocate_ask *ask, siplocate_fn fn, void *arg)
{
	struct siplocate *q = calloc(1, sizeof *q);

	if (!q)
		return NULL;
	q->dns = d;
	q->fn = fn;
	q->arg = arg;
	q->ask = *ask;
	q->ttl_s = UINT32_MAX;
	if (q->ask.is_tls_only && q->ask.transport >= 0)
		q->ask.transport = SIPT_TLS;
	if (!copy(ask->host, q->host) || !copy(ask->name ? ask->name : ask->host, q->name) || !copy(ask->local, q->local))
		goto fail;
	q->round = first_round(q);
	start_round(q);
	if (q->n_waiting)
		return q;
fail:
	siplocate_cancel(q);
	return NULL;
}
