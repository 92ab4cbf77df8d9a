#include "prove.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "check.h"
#include "fetch.h"
#include "proto/jid.h"

enum { PROOF_TARGETS_MAX = 4 };

/* One question about one domain; ends with conn_proof. */
struct proof {
	struct list node;
	struct conn *conn;
	char *remote;
	char ascii[254];
	struct dns_query *query;
	struct fetch *fetch;
	struct dns_target targets[PROOF_TARGETS_MAX]; /* where TLSA records may stand */
	size_t n_targets, target;
	struct dns_tlsa tlsa[DNS_TLSA_MAX];
	size_t n_tlsa;
	bool is_tlsa_lost; /* a signed zone did not answer for its TLSA records */
	struct posh posh;
};

static void proof_free(struct proof *p)
{
	list_del(&p->node);
	dns_cancel(p->query);
	fetch_cancel(p->fetch);
	free(p->remote);
	free(p);
}

void prove_cancel(struct conn *c)
{
	LIST_EACH(it, &c->proofs)
		proof_free(LIST_OWNER(it, struct proof, node));
}

static void verify(struct proof *p, struct tls_verdict *out)
{
	struct policy_rule rule = policy_for(&p->conn->s2s->conf.policy, bytes_of(p->remote));
	struct tls_tlsa tlsa[DNS_TLSA_MAX];
	struct tls_demand d = {
		.domain_ascii = p->ascii, .domain = bytes_of(p->remote), .srv_service = "_xmpp-server",
		.allow_wildcard = rule.row->may_wildcard, .authority = rule.row->authority,
		.tlsa = tlsa, .n_tlsa = p->n_tlsa, .n_posh = p->posh.n,
	};

	if (rule.row->has_pin)
		d.pin = bytes_make(rule.row->pin, sizeof rule.row->pin);
	for (size_t i = 0; i < p->n_tlsa; i++)
		tlsa[i] = (struct tls_tlsa){ p->tlsa[i].usage, p->tlsa[i].selector, p->tlsa[i].matching,
			                     bytes_make(p->tlsa[i].data, p->tlsa[i].data_n) };
	for (size_t i = 0; i < p->posh.n; i++)
		d.posh[i] = bytes_make(p->posh.sha256[i], 32);
	*out = (struct tls_verdict){ .rc = ERR_CERT_NONE, .proof = "" };
	if (p->conn->has_link && p->conn->link.tls)
		tls_verify(p->conn->link.tls, &d, out);
	/* RFC 6698 4.1: who can spoil the answer must not take the records away. Pin and authority of
	 * the row stand above DNS. */
	if (p->is_tlsa_lost && !d.pin.n && !d.authority.n && strcmp(out->proof, "dane") != 0)
		out->rc = ERR_DNS_BOGUS;
}

static void finish(struct proof *p, const struct tls_verdict *v)
{
	struct conn *c = p->conn;
	char *remote = p->remote;

	p->remote = NULL;
	proof_free(p);
	if (!c->has_verdict || (c->stream.remote && strcmp(remote, c->stream.remote) == 0)) {
		c->verdict = *v;
		c->has_verdict = true;
	}
	check_note_verdict(c);
	log_debug_of(conf_is_watched(&c->s2s->conf, bytes_of(remote)), "s2s.certificate", LOG_ID("id", c->id),
	             LOG_STR("domain", remote), LOG_STR("subject", v->subject), LOG_STR("reason", err_name(v->rc)),
	             LOG_STR("proof", v->rc == 0 && v->proof ? v->proof : ""));
	conn_proof(c, bytes_of(remote), v->rc, v->proof ? v->proof : "");
	free(remote);
}

static void on_posh(void *arg, int rc, const struct posh *posh)
{
	struct proof *p = arg;
	struct tls_verdict v;

	p->fetch = NULL;
	if (rc == 0)
		p->posh = *posh;
	verify(p, &v);
	finish(p, &v);
}

/* The certificate as it is; POSH only where that does not do (RFC 7711 2). */
static void judge(struct proof *p)
{
	struct s2s *s = p->conn->s2s;
	struct tls_verdict v;

	verify(p, &v);
	bool may_help = v.rc == ERR_CERT_NAME || v.rc == ERR_CERT_UNKNOWN_CA || v.rc == ERR_CERT_SELF_SIGNED;
	if (may_help && s->conf.has_posh && p->ascii[0] && s->conf.has_dns)
		p->fetch = fetch_posh(s, p->ascii, on_posh, p);
	if (!p->fetch)
		finish(p, &v);
}

static void next_tlsa(struct proof *p);

static void on_tlsa(void *arg, const struct dns_tlsa_answer *a)
{
	struct proof *p = arg;

	p->query = NULL;
	p->is_tlsa_lost |= a->rc && a->rc != ERR_DNS_NXDOMAIN && a->rc != ERR_DNS_NODATA;
	for (size_t i = 0; i < a->n && p->n_tlsa < DNS_TLSA_MAX; i++)
		p->tlsa[p->n_tlsa++] = a->records[i];
	next_tlsa(p);
}

static void next_tlsa(struct proof *p)
{
	while (p->target < p->n_targets) {
		const struct dns_target *t = &p->targets[p->target++];
		p->query = dns_tlsa(p->conn->s2s->dns, t->host, t->port, on_tlsa, p);
		if (p->query)
			return;
	}
	judge(p);
}

/* Where the domain says its servers are: their TLSA records name the certificates that may speak for
 * it (RFC 7673 3), in both directions. */
static void on_srv(void *arg, const struct dns_srv_answer *a)
{
	struct proof *p = arg;

	p->query = NULL;
	for (size_t i = 0; a->rc == 0 && i < a->n && p->n_targets < PROOF_TARGETS_MAX; i++)
		if (a->targets[i].is_secure)
			p->targets[p->n_targets++] = a->targets[i];
	next_tlsa(p);
}

void prove_begin(struct conn *c, struct bytes remote)
{
	struct s2s *s = c->s2s;
	struct proof *p = calloc(1, sizeof *p);

	if (p)
		p->remote = strndup((const char *)remote.p, remote.n);
	if (!p || !p->remote) {
		free(p);
		conn_close(c, STREAM_RESOURCE_CONSTRAINT, NULL);
		return;
	}
	p->conn = c;
	if (jid_domain_to_ascii(remote, p->ascii) < 0)
		p->ascii[0] = '\0';
	list_add_tail(&c->proofs, &p->node);
	if (s->conf.dns_validates && s->conf.has_dns && p->ascii[0])
		p->query = dns_srv(s->dns, p->ascii, on_srv, p);
	if (!p->query)
		judge(p);
}
