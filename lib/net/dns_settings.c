#include "net/dns_settings.h"

#include "base/err.h"
#include "proto/jid.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERVER_BYTES = 72 };

struct servers {
	char text[DNS_SERVERS_MAX][SERVER_BYTES];
	const char *v[DNS_SERVERS_MAX];
	size_t n;
};

struct zone {
	char domain[256];
	struct servers servers;
};

struct wanted {
	struct servers servers;
	struct zone zones[DNS_ZONES_MAX];
	struct dns_zone_config v[DNS_ZONES_MAX];
	size_t n;
};

static void add_server(struct servers *to, const char *host, uint16_t port)
{
	if (to->n == DNS_SERVERS_MAX)
		return;
	snprintf(to->text[to->n], SERVER_BYTES, strchr(host, ':') ? "[%.60s]:%u" : "%.60s:%u", host, port);
	to->v[to->n] = to->text[to->n];
	to->n++;
}

static void read_servers(const struct settings *s, struct servers *to)
{
	size_t at = 0;
	struct bytes key;
	char host[256];
	uint16_t port;

	while (settings_next_key(s, SET_DNS_SERVER, &at, &key))
		if (setting_split_host(settings_text_at(s, SET_DNS_SERVER, key), 53, host, &port) == 0)
			add_server(to, host, port);
}

static void read_zones(const struct settings *s, struct wanted *w)
{
	size_t at = 0;
	struct bytes key;
	char host[256];
	uint16_t port;

	while (w->n < DNS_ZONES_MAX && settings_next_key(s, SET_DNS_ZONE_SERVER, &at, &key)) {
		struct zone *z = &w->zones[w->n];
		struct bytes rest = settings_text_at(s, SET_DNS_ZONE_SERVER, key);
		int rc;
		if (jid_domain_to_ascii(key, z->domain) < 0)
			continue;
		while ((rc = setting_next_address(&rest, 53, host, &port)) != ERR_NOT_FOUND)
			if (rc == 0)
				add_server(&z->servers, host, port);
		w->v[w->n++] = (struct dns_zone_config){ .domain = z->domain, .servers = z->servers.v, .n_servers = z->servers.n,
			.validates = settings_bool_at(s, SET_DNS_ZONE_VALIDATES, key) };
	}
}

int dns_settings_apply(struct dns *d, const struct settings *s)
{
	struct wanted *w = calloc(1, sizeof *w);

	if (!w)
		return ERR_NOMEM;
	read_servers(s, &w->servers);
	read_zones(s, w);
	struct dns_config c = { .servers = w->servers.v, .n_servers = w->servers.n, .validates = settings_bool(s, SET_DNS_VALIDATES),
				.query_ms = (uint32_t)settings_int(s, SET_DNS_QUERY_TIMEOUT),
				.budget_ms = (uint32_t)settings_int(s, SET_DNS_BUDGET), .zones = w->v, .n_zones = w->n };
	int rc = dns_configure(d, &c);
	free(w);
	return rc;
}
