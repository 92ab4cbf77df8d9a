#include "walk.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "ping.h"
#include "proto/jid.h"
#include "prove.h"
#include "sip/locate.h"

enum { WALK_PLACES_MAX = 8, WALKS_MAX = 16 };

struct walk {
	struct list node;
	struct gsip *g;
	struct proc_ask *ask;
	char domain[GSIP_DOMAIN_MAX], ascii[254], local[GSIP_DOMAIN_MAX];
	struct route_answer routes; /* read before anything is waited for */
	struct siplocate *locating;
	struct sip_place places[WALK_PLACES_MAX];
	size_t n, at;
	struct sipclient *client;
	int rc;
	bool is_reached;
};

static void record(struct walk *w, const char *step, const char *result, const char *detail, const char *advice)
{
	proc_record_begin(w->ask);
	proc_record_str(w->ask, "step", step);
	proc_record_str(w->ask, "result", result);
	proc_record_str(w->ask, "detail", detail);
	proc_record_str(w->ask, "advice", advice);
	proc_record_end(w->ask);
}

static void record_rc(struct walk *w, const char *step, int rc, const char *words)
{
	char line[300];

	(void)snprintf(line, sizeof line, "%s%s%.200s", err_text(rc), words[0] ? ": " : "", words);
	record(w, step, "failed", line, prove_advice(rc));
	w->rc = rc;
}

static void finish(struct walk *w)
{
	bool is_reached = w->is_reached;

	list_del(&w->node);
	proc_done(w->ask, is_reached ? 0 : w->rc ? w->rc : ERR_NOT_FOUND,
	          is_reached ? "the domain can be reached" : "the domain cannot be reached");
	free(w);
}

static void put_place(const struct sip_place *p, char out[static 128])
{
	char address[SIP_ADDR_TEXT_BYTES];

	sip_sockaddr_text(&p->addr, address);
	(void)snprintf(out, 128, "%s port %u %s", address, sip_sockaddr_port(&p->addr), siptransport_name(p->transport));
}

/* ---- OPTIONS to each place, until one answers ---- */

static void next_place(struct walk *w);

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	struct walk *w = arg;
	unsigned status = sipmsg_status(m);
	char line[300], place[128];

	(void)from;
	if (status < 200)
		return;
	w->client = NULL;
	put_place(&w->places[w->at - 1], place);
	(void)snprintf(line, sizeof line, "%s: %u %.*s", place, status, (int)(sipmsg_reason(m).n > 120 ? 120 : sipmsg_reason(m).n),
	               (const char *)sipmsg_reason(m).p);
	if (status == 503) {
		record(w, "options", "failed", line, prove_advice(ERR_AGAIN));
		w->rc = ERR_AGAIN;
		next_place(w);
		return;
	}
	/* Any other answer says that a server lives there; 403: that it does not know us. */
	record(w, "options", status == 403 ? "refused" : "ok", line,
	       status == 403 ? "the partner's server does not allow our domain or certificate: ask the partner" : "");
	w->is_reached = true;
	finish(w);
}

static const char *step_of(int rc)
{
	if (rc <= ERR_CERT_EXPIRED && rc >= ERR_CERT_OTHER)
		return "certificate";
	return rc == ERR_TLS ? "tls" : rc == ERR_TIMEOUT ? "options" : "tcp";
}

static void on_failed(void *arg, int rc, const char *words)
{
	struct walk *w = arg;
	char line[300], place[128];

	w->client = NULL;
	put_place(&w->places[w->at - 1], place);
	(void)snprintf(line, sizeof line, "%s %.160s", place, words ? words : "");
	record_rc(w, step_of(rc), rc, line);
	next_place(w);
}

static const struct sipclient_owner owner = { .response = on_response, .failed = on_failed };

static void next_place(struct walk *w)
{
	while (w->at < w->n) {
		const struct sip_place *p = &w->places[w->at++];
		struct sipmsg *m = ping_request(w->g, w->ascii);
		char place[128];
		int rc = m ? sipclient_start(w->g->endpoint, m, p, 0, NULL, &owner, w, &w->client) : ERR_NOMEM;
		sipmsg_free(m);
		if (rc == 0)
			return;
		put_place(p, place);
		record_rc(w, step_of(rc), rc, place);
	}
	finish(w);
}

void walk_note_certificate(struct gsip *g, const struct sip_place *to, struct tls *t, const struct tls_verdict *v)
{
	char line[900], names[300];

	LIST_EACH(it, &g->walks) {
		struct walk *w = LIST_OWNER(it, struct walk, node);
		if (!w->client || !w->at || strcmp(w->places[w->at - 1].name, to->name) != 0)
			continue;
		tls_sip_identities(t, false, names, sizeof names);
		(void)snprintf(line, sizeof line, "%s %s", tls_version_name(t), tls_cipher_name(t));
		record(w, "tls", "ok", line, "");
		(void)snprintf(line, sizeof line, "%.200s, issued by %.200s, valid until %s, names: %s", v->subject, v->issuer, v->not_after, names);
		record(w, "certificate", v->rc ? "refused" : "ok", line, v->rc ? prove_advice(v->rc) : "");
	}
}

/* ---- DNS ---- */

static void next_route(struct walk *w);

static void on_located(void *arg, const struct sip_places *p)
{
	struct walk *w = arg;
	char place[128];

	w->locating = NULL;
	if (p->rc < 0)
		record_rc(w, "dns", p->rc, "");
	for (size_t i = 0; p->rc == 0 && i < p->n && w->n < WALK_PLACES_MAX; i++) {
		w->places[w->n++] = p->places[i];
		put_place(&p->places[i], place);
		record(w, "dns", "ok", place, "");
	}
	next_route(w);
}

static void locate(struct walk *w, const struct siplocate_ask *ask)
{
	w->locating = siplocate(w->g->dns, ask, on_located, w);
	if (w->locating)
		return;
	record_rc(w, "dns", ERR_NOMEM, "");
	finish(w);
}

/* Static routes first (B-STR-01); settings may change meanwhile, so only the first is taken along. */
static void next_route(struct walk *w)
{
	static const enum siptransport transports[] = { [ROUTE_TCP] = SIPT_TCP, [ROUTE_UDP] = SIPT_UDP, [ROUTE_TLS] = SIPT_TLS };
	struct peer_rule rule = peers_for(&w->g->conf.peers, bytes_of(w->domain));
	struct siplocate_ask ask = { .host = w->ascii, .transport = -1, .is_tls_only = rule.row->is_tls_required,
				     .is_lync = rule.row->is_lync, .name = w->ascii, .local = w->local };

	if (w->n || w->rc) {
		next_place(w);
		return;
	}
	if (w->routes.n) {
		const struct route *r = w->routes.v[0];
		char line[400];
		(void)snprintf(line, sizeof line, "%.*s: %s", (int)(r->name.n > 60 ? 60 : r->name.n), (const char *)r->name.p, r->hop);
		record(w, "route", "ok", line, "");
		ask.host = r->hop;
		ask.port = r->port;
		ask.transport = (int)transports[r->protocol];
		ask.is_srv_name = r->port == 0;
		ask.is_lync = false;
		w->routes.n = 0;
	}
	locate(w, &ask);
}

static size_t count(const struct list *head)
{
	size_t n = 0;

	for (const struct list *it = head->next; it != head; it = it->next)
		n++;
	return n;
}

static void begin(struct walk *w)
{
	struct gsip *g = w->g;
	struct peer_rule rule = peers_for(&g->conf.peers, bytes_of(w->domain));
	struct route_ask ask = { .method = BYTES("OPTIONS"), .user = BYTES_NONE, .host = bytes_of(w->domain), .random = random_below };

	if (!rule.is_allowed) {
		record(w, "policy", "failed", rule.why, "allow the domain with: set sip peer DOMAIN action allow");
		w->rc = ERR_DENIED;
		finish(w);
		return;
	}
	record(w, "policy", "ok", rule.why, "");
	dns_forget(g->dns, bytes_of(w->ascii));
	routes_find(&g->conf.routes, &ask, &w->routes);
	if (w->routes.blocked_by && !w->routes.n) {
		record(w, "route", "failed", "a sip route with block on matches", "set sip route NAME block off");
		w->rc = ERR_DENIED;
		finish(w);
		return;
	}
	next_route(w);
}

void walk_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n_args)
{
	struct gsip *g = program;
	struct walk *w = count(&g->walks) < WALKS_MAX ? calloc(1, sizeof *w) : NULL;

	arena_reset(&g->arena);
	if (!w) {
		proc_done(ask, ERR_LIMIT, "too many checks are under way");
		return;
	}
	*w = (struct walk){ .g = g, .ask = ask };
	if (!g->settings || n_args == 0 || gsip_domain(g, args[0], w->domain) < 0 || conf_domain(&g->conf, bytes_of(w->domain)) ||
	    jid_domain_to_ascii(bytes_of(w->domain), w->ascii) < 0) {
		free(w);
		proc_done(ask, ERR_SYNTAX, "give the domain of a partner");
		return;
	}
	(void)snprintf(w->local, sizeof w->local, "%.*s", BYTES_FMT(prove_local_domain(g, NULL))); /* as large */
	list_add_tail(&g->walks, &w->node);
	begin(w);
}

void walk_fini_all(struct gsip *g)
{
	LIST_EACH(it, &g->walks) {
		struct walk *w = LIST_OWNER(it, struct walk, node);
		siplocate_cancel(w->locating);
		if (w->client)
			sipclient_drop(w->client);
		list_del(&w->node);
		free(w);
	}
}
