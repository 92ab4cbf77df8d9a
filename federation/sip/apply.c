#include "apply.h"

#include <stdlib.h>

#include "base/err.h"
#include "net/dns_settings.h"
#include "net/tls_settings.h"
#include "run/fence.h"

int apply_check(void *program, const struct settings *s, const char **path, const char **why)
{
	struct gsip *g = program;
	int rc = routes_check(s, g->refused_path, why);

	if (rc == 0)
		rc = peers_check(s, g->refused_path, why);
	*path = g->refused_path;
	return rc;
}

/* ---- certificates and trust ---- */

static void show_certificate(struct tls_store *store, const struct conf_domain *d, struct bytes name)
{
	int rc = name.n ? tls_store_add_domain(store, d->ascii, name) : 0;

	if (rc < 0)
		log_warn("sip.domain", LOG_BYTES("domain", d->domain), LOG_BYTES("certificate", name), LOG_STR("reason", err_name(rc)));
}

static void add_certificates(struct tls_store *store, const struct settings *set, const struct sip_conf *conf)
{
	const struct conf_domain *d;

	tls_settings_certificates(store, set);
	for (size_t at = 0; (d = map_next(&conf->domains, &at));) {
		show_certificate(store, d, d->certificate);
		show_certificate(store, d, d->second);
	}
	/* Callers that ask for the server's name see the first domain's certificate. */
	if (conf->host[0] && conf->first && !conf_domain(conf, bytes_of(conf->host))) {
		int rc = tls_store_add_domain(store, conf->host, conf->first->certificate);
		if (rc < 0 && rc != ERR_CERT_NAME)
			log_warn("sip.domain", LOG_STR("domain", conf->host), LOG_BYTES("certificate", conf->first->certificate),
			         LOG_STR("reason", err_name(rc)));
	}
}

static struct tls_store *make_store(struct gsip *g, const struct settings *set, const struct sip_conf *conf)
{
	struct tls_store *store = tls_settings_trust(set, g->keys, &g->news);

	if (store)
		add_certificates(store, set, conf);
	return store;
}

/* ---- the rest ---- */

static void configure_dns(struct gsip *g, const struct settings *set)
{
	int rc = dns_settings_apply(g->dns, set);

	if (rc < 0)
		log_error("sip.dns", LOG_STR("reason", err_name(rc)));
}

static void tell_routes(const struct routes *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].fault)
			log_error("sip.route.unused", LOG_BYTES("route", r->v[i].name), LOG_BYTES("pattern", r->v[i].text),
			          LOG_STR("reason", r->v[i].fault));
}

/* New settings may be the cure of what failed; 503 with a time is the partner's word and stays. */
static void forget_failures(struct gsip *g)
{
	size_t at = 0;
	struct hop *hop;

	while ((hop = map_next(&g->hops.map, &at)))
		if (hop->state == HOP_POOR)
			hop->probe_ms = hop->until_ms = 0;
}

int apply_to(struct gsip *g, const struct settings *set)
{
	struct sip_conf conf;
	struct tls_store *store;

	if (conf_init(&conf, set) < 0)
		return ERR_NOMEM;
	store = make_store(g, set, &conf);
	if (!store) {
		conf_fini(&conf);
		return ERR_NOMEM;
	}
	conf_fini(&g->conf);
	g->conf = conf;
	g->settings = set;
	siptransports_set_tls(sipendpoint_transports(g->endpoint), store);
	/* Many SIP servers send no SNI: of several domains they see the first. */
	siptransports_set_default_domain(sipendpoint_transports(g->endpoint), g->conf.first ? g->conf.first->ascii : NULL);
	msrp_door_set_tls(g->msrp, store, g->conf.first ? g->conf.first->ascii : NULL);
	tls_store_free(g->certificates); /* open connections keep it */
	g->certificates = store;
	sipendpoint_set_sent_by(g->endpoint, conf_name(&g->conf)[0] ? conf_name(&g->conf) : NULL, g->conf.host_port);
	configure_dns(g, set);
	tell_routes(&g->conf.routes);
	forget_failures(g);
	return 0;
}

void apply_settings(void *program, const struct settings *set)
{
	struct gsip *g = program;
	bool is_first = !g->settings;

	if (apply_to(g, set) < 0)
		die("sip.apply", "no memory for the settings");
	if (is_first && fence_narrow(false) < 0)
		die("sip.fence", "the fence cannot be narrowed");
}
