#include "conf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "proto/jid.h"
#include "run/debug_domains.h"

enum { MODE_OFF = 0 };

static void read_host(struct sip_conf *c, const struct settings *s)
{
	struct bytes value = settings_text(s, SET_SIP_HOST);
	char ascii[254];

	if (!value.n || setting_split_host(value, 0, c->host, &c->host_port) < 0)
		c->host[0] = '\0';
	else if (jid_domain_to_ascii(bytes_of(c->host), ascii) == 0)
		(void)snprintf(c->host, sizeof c->host, "%s", ascii);
}

static int keep_domain(struct sip_conf *c, struct conf_domain *d)
{
	int rc = map_add(&c->domains, d->domain, d);

	if (rc < 0)
		free(d);
	else if (!c->first)
		c->first = d;
	return rc;
}

/* A service of rooms (MUC-S01) lives here as far as SIP goes. One without a certificate of its own is proved by
 * that of the first domain. */
static int add_room_service(struct sip_conf *c, const struct settings *s, struct bytes key)
{
	if (!settings_bool_at(s, SET_GATEWAY_ROOM_SERVICE, key) || map_get(&c->domains, key) || !c->first)
		return 0;
	struct conf_domain *d = calloc(1, sizeof *d);
	if (!d)
		return ERR_NOMEM;
	d->domain = key;
	d->certificate = c->first->certificate;
	d->second = c->first->second;
	if (jid_domain_to_ascii(key, d->ascii) == 0)
		return keep_domain(c, d);
	free(d);
	return 0;
}

static int add_domain(struct sip_conf *c, const struct settings *s, struct bytes key)
{
	struct conf_domain *d = calloc(1, sizeof *d);

	if (!d)
		return ERR_NOMEM;
	d->domain = key;
	d->certificate = settings_text_at(s, SET_DOMAIN_FEDERATION, key);
	if (!d->certificate.n)
		d->certificate = settings_text_at(s, SET_DOMAIN_CERTIFICATE, key);
	d->second = settings_text_at(s, SET_DOMAIN_SECOND, key);
	if (!settings_is_set(s, SET_DOMAIN_CERTIFICATE, key) || jid_domain_to_ascii(key, d->ascii) < 0) {
		free(d);
		return 0;
	}
	return keep_domain(c, d);
}

int conf_init(struct sip_conf *c, const struct settings *s)
{
	size_t at = 0;
	struct bytes key;
	int rc;

	*c = (struct sip_conf){ .is_off = settings_enum(s, SET_SIP_MODE) == MODE_OFF };
	read_host(c, s);
	rc = peers_init(&c->peers, s);
	if (rc == 0)
		rc = routes_init(&c->routes, s);
	if (rc == 0)
		rc = debug_domains_read(&c->debug_domains, s);
	while (rc == 0 && settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key))
		rc = add_domain(c, s, key);
	at = 0;
	while (rc == 0 && settings_next_key(s, SET_GATEWAY_ROOM_SERVICE, &at, &key))
		rc = add_room_service(c, s, key);
	if (rc < 0)
		conf_fini(c);
	return rc;
}

void conf_fini(struct sip_conf *c)
{
	size_t at = 0;
	struct conf_domain *d;

	while ((d = map_next(&c->domains, &at)))
		free(d);
	map_fini(&c->domains);
	map_fini(&c->debug_domains);
	routes_fini(&c->routes);
	peers_fini(&c->peers);
	*c = (struct sip_conf){ 0 };
}

bool conf_is_watched(const struct sip_conf *c, struct bytes domain)
{
	return debug_domains_has(&c->debug_domains, domain);
}

const struct conf_domain *conf_domain(const struct sip_conf *c, struct bytes domain)
{
	return domain.n ? map_get(&c->domains, domain) : NULL;
}

const char *conf_name(const struct sip_conf *c)
{
	return c->host[0] ? c->host : c->first ? c->first->ascii : "";
}
