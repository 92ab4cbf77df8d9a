#include "conf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "proto/jid.h"
#include "run/debug_domains.h"

enum { SIP_MODE_OPEN = 2 }; /* place in the setting's range */

static uint32_t ms(const struct settings *s, enum setting id)
{
	return (uint32_t)settings_int(s, id) * 1000;
}

static uint32_t number(const struct settings *s, enum setting id)
{
	return (uint32_t)settings_int(s, id);
}

static void read_numbers(struct s2s_conf *c, const struct settings *s)
{
	c->queue_stanzas = number(s, SET_FED_QUEUE_STANZAS);
	c->queue_bytes = number(s, SET_FED_QUEUE_BYTES);
	c->queue_age_ms = ms(s, SET_FED_QUEUE_AGE);
	c->connect_ms = number(s, SET_FED_CONNECT_TIMEOUT);
	c->setup_ms = ms(s, SET_FED_SETUP_TIMEOUT);
	c->idle_ms = ms(s, SET_FED_IDLE);
	c->ping_ms = ms(s, SET_FED_PING);
	c->backoff_min_ms = ms(s, SET_FED_BACKOFF_MIN);
	c->backoff_max_ms = ms(s, SET_FED_BACKOFF_MAX);
	c->streams_max = number(s, SET_FED_STREAMS_MAX);
	c->unauth_max = number(s, SET_FED_UNAUTH_MAX);
	c->user_attempts = number(s, SET_FED_USER_ATTEMPTS);
	c->has_bidi = settings_bool(s, SET_FED_BIDI);
	c->has_sm = settings_bool(s, SET_FED_SM);
	c->has_posh = settings_bool(s, SET_FED_POSH);
	c->may_be_sip = settings_enum(s, SET_SIP_MODE) == SIP_MODE_OPEN;
	c->has_dns = settings_have_dns(s);
	c->dns_validates = settings_validate_dns(s);
}

static void read_sources(struct s2s_conf *c, const struct settings *s)
{
	size_t at = 0;
	struct bytes key;
	char host[256];
	uint16_t port;

	while (settings_next_key(s, SET_FED_SOURCE, &at, &key)) {
		if (setting_split_host(settings_text_at(s, SET_FED_SOURCE, key), 0, host, &port) < 0)
			continue;
		if (inet_pton(AF_INET, host, &c->source4.sin_addr) == 1)
			c->source4.sin_family = AF_INET;
		else if (inet_pton(AF_INET6, host, &c->source6.sin6_addr) == 1)
			c->source6.sin6_family = AF_INET6;
	}
}

static int add_domain(struct s2s_conf *c, const struct settings *s, struct bytes key)
{
	struct conf_domain *d = calloc(1, sizeof *d);
	int rc;

	if (!d)
		return ERR_NOMEM;
	d->domain = key;
	d->certificate = settings_text_at(s, SET_DOMAIN_FEDERATION, key);
	if (!d->certificate.n)
		d->certificate = settings_text_at(s, SET_DOMAIN_CERTIFICATE, key);
	d->second = settings_text_at(s, SET_DOMAIN_SECOND, key);
	d->has_certificate = d->certificate.n &&
	                     settings_is_set(s, SET_CERTIFICATE_CHAIN, d->certificate);
	if (jid_domain_to_ascii(key, d->ascii) < 0) {
		free(d);
		return 0;
	}
	rc = map_add(&c->domains, d->domain, d);
	if (rc < 0)
		free(d);
	return rc;
}

int conf_init(struct s2s_conf *c, const struct settings *s)
{
	size_t at = 0;
	struct bytes key;
	int rc;

	*c = (struct s2s_conf){ 0 };
	read_numbers(c, s);
	read_sources(c, s);
	rc = policy_init(&c->policy, s);
	if (rc == 0)
		rc = debug_domains_read(&c->debug_domains, s);
	while (rc == 0 && settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key))
		rc = add_domain(c, s, key);
	if (rc < 0)
		conf_fini(c);
	return rc;
}

void conf_fini(struct s2s_conf *c)
{
	size_t at = 0;
	struct conf_domain *d;

	while ((d = map_next(&c->domains, &at)))
		free(d);
	map_fini(&c->domains);
	map_fini(&c->debug_domains);
	if (c->policy.match)
		policy_fini(&c->policy);
	*c = (struct s2s_conf){ 0 };
}

bool conf_is_watched(const struct s2s_conf *c, struct bytes domain)
{
	return debug_domains_has(&c->debug_domains, domain);
}

struct conf_domain *conf_domain(const struct s2s_conf *c, struct bytes domain)
{
	return map_get(&c->domains, domain);
}
