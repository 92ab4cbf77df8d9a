#include "prove.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "partner.h"
#include "proto/jid.h"
#include "sip/uri.h"
#include "walk.h"

enum { PROVED_MAX = 16, SUBJECTS_MAX = PEER_SUBJECTS_MAX + ROUTE_TRIES_MAX, FAILED_LINES = 3, STRANGER_LINES = 60 };

/* What one connection has proved under these settings. */
struct sender {
	uint64_t flow;
	const struct settings *settings;
	size_t n, next;
	char *domains[PROVED_MAX];
	bool is_aliased;
};

/* ---- the certificate ---- */

static void put_subjects(const struct peer_row *row, struct tls_sip_demand *sip, const char *subjects[static SUBJECTS_MAX])
{
	memcpy(subjects, row->subjects, row->n_subjects * sizeof subjects[0]);
	*sip = (struct tls_sip_demand){ .subjects = subjects, .n_subjects = row->n_subjects,
					.allow_common_name = row->may_common_name };
}

static void verify(struct tls *t, const struct peer_row *row, const char *ascii, const struct tls_sip_demand *sip,
                   struct tls_verdict *v)
{
	struct tls_demand d = { .domain_ascii = ascii, .sip = sip, .authority = row->authority };

	if (row->has_pin)
		d.pin = bytes_make(row->pin, sizeof row->pin);
	*v = (struct tls_verdict){ .rc = ERR_CERT_NONE, .proof = "", .hint = "" };
	tls_verify(t, &d, v);
}

/* ---- incoming ---- */

static void forget_domains(struct sender *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->domains[i]);
	s->n = s->next = 0;
}

static struct sender *sender_of(struct gsip *g, uint64_t flow)
{
	struct sender *s = map_get_u64(&g->senders, flow);

	if (!s) {
		s = calloc(1, sizeof *s);
		if (!s)
			return NULL;
		s->flow = flow;
		if (map_add_u64(&g->senders, flow, s) < 0) {
			free(s);
			return NULL;
		}
	}
	if (s->settings != g->settings) {
		s->settings = g->settings;
		forget_domains(s);
	}
	return s;
}

static void sender_free(struct sender *s)
{
	if (s)
		forget_domains(s);
	free(s);
}

static bool was_proved(const struct sender *s, struct bytes domain)
{
	for (size_t i = 0; i < s->n; i++)
		if (bytes_eq_str(domain, s->domains[i]))
			return true;
	return false;
}

static void remember(struct sender *s, struct bytes domain)
{
	char *copy = strndup((const char *)domain.p, domain.n);

	if (!copy)
		return; /* it is judged again the next time */
	if (s->n < PROVED_MAX) {
		s->domains[s->n++] = copy;
		return;
	}
	size_t i = s->next++ % PROVED_MAX;
	free(s->domains[i]);
	s->domains[i] = copy;
}

static void judge_certificate(struct gsip *g, struct tls *t, struct bytes domain, const struct peer_row *row, struct proof *out)
{
	const char *subjects[SUBJECTS_MAX];
	struct tls_sip_demand sip;
	struct tls_verdict v;
	char ascii[254];

	put_subjects(row, &sip, subjects);
	sip.needs_client_usage = row->needs_client_usage; /* FED-08 */
	out->why = REFUSED_CERTIFICATE;
	out->rc = jid_domain_to_ascii(domain, ascii);
	if (out->rc < 0)
		return;
	g->counts[STAT_CERTIFICATES]++;
	verify(t, row, ascii, &sip, &v);
	out->rc = v.rc;
	out->hint = v.hint ? v.hint : "";
	if (v.rc == 0)
		out->why = REFUSED_NOT;
	else
		tls_sip_identities(t, row->may_common_name, out->identities, sizeof out->identities);
}

static void prove_tls(struct gsip *g, struct tls *t, struct bytes domain, const struct peer_row *row,
                      const struct sip_source *from, struct proof *out)
{
	struct sender *s = sender_of(g, from->flow);

	if (s && was_proved(s, domain))
		return;
	judge_certificate(g, t, domain, row, out);
	if (out->why == REFUSED_NOT)
		siptransports_know(sipendpoint_transports(g->endpoint), from->flow);
	if (s && out->why == REFUSED_NOT)
		remember(s, domain);
}

/* The order of the rules: a certificate where there is one; else the address. */
void prove_sender(struct gsip *g, struct bytes domain, const struct peer_rule *rule, const struct sip_source *from,
                  struct proof *out)
{
	struct tls *t = from->transport == SIPT_TLS ? siptransports_tls(sipendpoint_transports(g->endpoint), from->flow) : NULL;

	*out = (struct proof){ .why = REFUSED_NOT, .hint = "" };
	if (t && tls_has_peer_certificate(t)) {
		prove_tls(g, t, domain, rule->row, from, out);
		return;
	}
	if (from->transport != SIPT_TLS && rule->row->is_tls_required)
		out->why = REFUSED_PLAIN; /* FED-06 */
	else if (!peer_is_from(rule->row, &from->addr))
		out->why = from->transport == SIPT_TLS ? REFUSED_NO_CERTIFICATE : REFUSED_ADDRESS;
}

void prove_flow_closed(void *arg, uint64_t flow, int why)
{
	struct gsip *g = arg;

	(void)why;
	sender_free(map_del_u64(&g->senders, flow));
}

bool prove_is_first_alias(struct gsip *g, uint64_t flow)
{
	struct sender *s = map_get_u64(&g->senders, flow);

	if (!s || s->is_aliased)
		return false;
	s->is_aliased = true;
	return true;
}

void prove_fini_all(struct gsip *g)
{
	size_t at = 0;
	struct sender *s;

	while ((s = map_next(&g->senders, &at)))
		sender_free(s);
	map_fini(&g->senders);
}

/* ---- outgoing ---- */

/* Whose row a certificate's name is judged by. COMPAT: the servers of OCS, Lync and Skype for Business have
 * the name of the SRV target in their certificates; it is asked for below the partner's domain only (FED-07). */
static const struct peer_row *row_for_name(const struct gsip *g, struct bytes name)
{
	struct peer_rule rule = peers_for(&g->conf.peers, name);

	for (struct bytes up = name; !rule.is_explicit && up.n;) {
		up = bytes_skip(up, bytes_find(up, '.') + 1);
		struct peer_rule above = peers_for(&g->conf.peers, up);
		if (above.is_explicit && above.row->is_lync && bytes_eq(above.row->key, up))
			return above.row;
	}
	return rule.row;
}

/* The next hops of static routes for this domain, and of those that are about users (FED-04). */
static void add_next_hops(const struct gsip *g, struct bytes domain, struct tls_sip_demand *sip,
                          const char *subjects[static SUBJECTS_MAX])
{
	for (size_t i = 0; i < g->conf.routes.n && sip->n_subjects < SUBJECTS_MAX; i++) {
		const struct route *r = &g->conf.routes.v[i];
		if (r->fault || !r->is_in_service || r->is_blocked || r->protocol != ROUTE_TLS)
			continue;
		if (r->pattern.kind == PATTERN_USER || pattern_matches(&r->pattern, domain))
			subjects[sip->n_subjects++] = r->hop;
	}
}

int prove_server(void *arg, struct tls *t, const struct sip_place *to, const char **words)
{
	struct gsip *g = arg;
	const char *subjects[SUBJECTS_MAX];
	struct tls_sip_demand sip;
	struct tls_verdict v;
	struct bytes domain;

	arena_reset(&g->arena);
	if (jid_parse_domain(bytes_of(to->name), &g->arena, &domain) < 0)
		domain = bytes_of(to->name);
	const struct peer_row *row = row_for_name(g, domain);
	put_subjects(row, &sip, subjects);
	add_next_hops(g, domain, &sip, subjects);
	g->counts[STAT_CERTIFICATES]++;
	verify(t, row, to->name, &sip, &v);
	walk_note_certificate(g, to, t, &v);
	*words = v.hint ? v.hint : "";
	return v.rc;
}

/* A pin stands for the chain only: what the certificate names is judged by From. */
static bool is_pinned(const struct gsip *g, struct tls *t)
{
	const struct peer_row *row;
	size_t at = 0;

	while ((row = map_next(&g->conf.peers.rows, &at))) {
		struct tls_verdict v = { .rc = ERR_CERT_NONE };
		if (!row->has_pin)
			continue;
		struct tls_demand d = { .sip = &(struct tls_sip_demand){ 0 }, .pin = bytes_make(row->pin, sizeof row->pin) };
		tls_verify(t, &d, &v);
		if (v.rc == 0)
			return true;
	}
	return false;
}

static bool is_revoked(void *arg, struct tls *t)
{
	return tls_is_revoked(t) && !is_pinned(arg, t);
}

void prove_again(struct gsip *g)
{
	siptransports_cut(sipendpoint_transports(g->endpoint), is_revoked, g, ERR_CERT_REVOKED, "its authority has revoked the certificate");
}

int prove_client(void *arg, struct tls *t, const struct sip_source *from, const char **words)
{
	static const struct tls_sip_demand sip;
	struct gsip *g = arg;
	struct tls_demand d = { .sip = &sip };
	struct tls_verdict v = { .rc = ERR_CERT_NONE };

	(void)from;
	g->counts[STAT_CERTIFICATES]++;
	tls_verify(t, &d, &v);
	*words = v.hint ? v.hint : "";
	return v.rc != 0 && is_pinned(g, t) ? 0 : v.rc;
}

struct bytes prove_local_domain(struct gsip *g, const struct sipmsg *m)
{
	const struct conf_domain *d = NULL;
	char domain[GSIP_DOMAIN_MAX];
	struct sip_address from;
	struct sipuri u;

	if (m && sipmsg_address(m, SIPH_FROM, 0, &from) && sipuri_parse(from.uri, &u) == 0 &&
	    gsip_domain(g, u.host, domain) == 0)
		d = conf_domain(&g->conf, bytes_of(domain));
	if (!d)
		d = g->conf.first;
	return d ? bytes_of(d->ascii) : BYTES_NONE;
}

/* First row that fits. */
static const struct {
	int rc;
	const char *advice;
} advice_rows[] = {
	{ ERR_NOT_FOUND, "the domain does not exist or has no SIP server in DNS: ask the partner; or set a sip route" },
	{ ERR_DNS_NXDOMAIN, "the domain does not exist in DNS: check its spelling; or set a sip route" },
	{ ERR_DNS_NODATA, "the domain has no records for SIP or addresses: ask the partner; or set a sip route" },
	{ ERR_DNS_SERVFAIL, "check the name servers (dns server) and the domain's own" },
	{ ERR_DNS_TIMEOUT, "check the name servers (dns server) and the domain's own" },
	{ ERR_DNS_BOGUS, "check the name servers (dns server) and the domain's own" },
	{ ERR_CONN_REFUSED, "nothing listens at the partner's address and port: ask the partner, or check the firewall" },
	{ ERR_CONN_UNREACHABLE, "the partner's address cannot be reached: check routes and firewalls" },
	{ ERR_CONN_RESET, "the partner closed the connection: ask the partner whether it knows our certificate and domain" },
	{ ERR_TIMEOUT, "the partner's server does not answer: check routes and firewalls, ask the partner" },
	{ ERR_TLS, "TLS 1.2 or 1.3 could not be agreed, or the partner refused our certificate: see text, ask the partner" },
	{ ERR_CERT_EXPIRED, "the partner must renew its certificate, if the clock of this box is right (show time, show alarms)" },
	{ ERR_CERT_NOT_YET, "check the clocks of both sides (here: show time, show alarms)" },
	{ ERR_CERT_SELF_SIGNED, "the partner needs a certificate from an authority; or set sip peer DOMAIN pin" },
	{ ERR_CERT_UNKNOWN_CA, "add the partner's authority with: set trust anchor NAME; or the partner sends an incomplete chain" },
	{ ERR_CERT_NAME, "the certificate must name the SIP domain (RFC 5922); or set sip peer DOMAIN subjects" },
	{ ERR_CERT_REVOKED, "the partner must get a new certificate" },
	{ ERR_CERT_CRL, "get the authority's present list: trust revocation-url, or trust revocation NAME FILE; or delete it (show revocation)" },
	{ ERR_CERT_PIN, "the partner's key has changed: verify with the partner, then set sip peer DOMAIN pin" },
	{ ERR_CERT_NONE, "the partner's server must present a certificate" },
	{ ERR_CERT_OTHER, "see text; for a missing client usage: set sip peer DOMAIN client-usage off" },
	{ ERR_AGAIN, "the partner's server said 503: it is overloaded or stopped; others are tried meanwhile" },
	{ ERR_FULL, "too much waits for this partner: see show sip" },
};

const char *prove_advice(int rc)
{
	for (size_t i = 0; i < sizeof advice_rows / sizeof advice_rows[0]; i++)
		if (advice_rows[i].rc == rc)
			return advice_rows[i].advice;
	return "see text, and show sip";
}

void prove_log_failed(struct gsip *g, struct bytes domain, const struct sip_place *at, int rc, const char *words, uint64_t trace)
{
	char address[SIP_ADDR_TEXT_BYTES] = "";
	struct partner *p = partner_get(g, domain);
	uint32_t held;

	if (!log_limit_pass(p ? &p->failed_log : &g->stranger_log, p ? FAILED_LINES : STRANGER_LINES, loop_now(g->loop), &held))
		return;
	if (at)
		sip_sockaddr_text(&at->addr, address);
	log_warn("sip.out.failed", LOG_ID("trace", trace), LOG_BYTES("domain", domain), LOG_STR("address", address),
	         LOG_INT("port", at ? sip_sockaddr_port(&at->addr) : 0),
	         LOG_STR("transport", at ? siptransport_name(at->transport) : ""), LOG_STR("reason", err_name(rc)),
	         LOG_STR("text", words), LOG_STR("advice", prove_advice(rc)), LOG_INT("held", held));
}
