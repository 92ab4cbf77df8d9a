#include "conf.h"

#include <stdlib.h>

#include "base/err.h"
#include "proto/jid.h"

void conf_init(struct s2s_conf *c)
{
	*c = (struct s2s_conf){
		.queue_stanzas = 1000, .queue_bytes = 8388608, .queue_age_ms = 60000,
		.connect_ms = 5000, .setup_ms = 30000, .idle_ms = 900000, .ping_ms = 60000,
		.backoff_min_ms = 2000, .backoff_max_ms = 300000,
		.streams_max = 5000, .unauth_max = 500,
		.has_bidi = true, .has_sm = true,
		.dns_query_ms = 3000, .dns_budget_ms = 10000,
	};
	policy_init(&c->policy);
}

static void domain_free(struct conf_domain *d)
{
	free(d->domain);
	free(d->certificate);
	free(d);
}

void conf_fini(struct s2s_conf *c)
{
	size_t at = 0;
	struct conf_domain *d;

	while ((d = map_next(&c->domains, &at)))
		domain_free(d);
	map_fini(&c->domains);
	map_init(&c->domains);
	policy_fini(&c->policy);
}

int conf_add_domain(struct s2s_conf *c, struct bytes domain, struct bytes certificate)
{
	struct conf_domain *d = calloc(1, sizeof *d);
	int rc;

	if (!d)
		return ERR_NOMEM;
	d->domain = strndup((const char *)domain.p, domain.n);
	d->certificate = strndup(certificate.n ? (const char *)certificate.p : "", certificate.n);
	rc = d->domain && d->certificate ? jid_domain_to_ascii(domain, d->ascii) : ERR_NOMEM;
	if (rc == 0)
		rc = map_add(&c->domains, bytes_of(d->domain), d);
	if (rc < 0)
		domain_free(d);
	return rc;
}

const struct conf_domain *conf_domain(const struct s2s_conf *c, struct bytes domain)
{
	return map_get(&c->domains, domain);
}
