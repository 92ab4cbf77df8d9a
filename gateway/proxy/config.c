#include "proxy.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "net/tls_settings.h"
#include "proto/jid.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Settings into what the front uses all day. */

enum { STANZA_SLACK = 64 << 10 }; /* what gh-access adds to a stanza of a partner */

static void forget(struct map *m)
{
	size_t at = 0;
	char *text;

	while ((text = map_next(m, &at)))
		free(text);
	map_fini(m);
	map_init(m);
}

static void add(struct map *m, struct bytes text)
{
	char *copy = malloc(text.n + 1);

	if (!copy)
		die("proxy.settings", "no memory");
	for (size_t i = 0; i < text.n; i++)
		copy[i] = (char)tolower(text.p[i]);
	copy[text.n] = '\0';
	if (map_add(m, bytes_make(copy, text.n), copy))
		free(copy); /* it is there already */
}

static void read_hosts(struct proxy *p, const struct settings *s)
{
	char ascii[TLS_DOMAIN_BYTES];
	struct bytes key, domain;

	forget(&p->hosts);
	for (size_t at = 0; settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key);) {
		arena_reset(&p->arena);
		if (settings_is_set(s, SET_DOMAIN_CERTIFICATE, key) && jid_parse_domain(key, &p->arena, &domain) == 0 &&
		    jid_domain_to_ascii(domain, ascii) == 0)
			add(&p->hosts, bytes_of(ascii));
	}
	if (p->config.host[0])
		add(&p->hosts, bytes_of(p->config.host));
}

static void read_origins(struct proxy *p, const struct settings *s)
{
	struct bytes key;

	forget(&p->origins);
	for (size_t at = 0; settings_next_key(s, SET_PROXY_ORIGIN, &at, &key);)
		add(&p->origins, settings_text_at(s, SET_PROXY_ORIGIN, key));
}

static void read_certificates(struct proxy *p, const struct settings *s)
{
	struct tls_store *t;
	int rc = tls_settings_store(s, p->keys, p->tls, &t, NULL);

	if (rc) {
		log_error("proxy.settings.failed", LOG_STR("reason", err_name(rc)));
		return;
	}
	tls_store_use_news(t, &p->news);
	tls_store_free(p->tls);
	p->tls = t;
}

void proxy_apply(struct proxy *p, const struct settings *s)
{
	p->config = (struct proxy_config){
		.conns_max = (uint32_t)settings_int(s, SET_PROXY_CONNS),
		.strangers_per_address = (uint32_t)settings_int(s, SET_PROXY_STRANGERS),
		.message_max = (uint32_t)settings_int(s, SET_PROXY_MESSAGE),
		.ping_ms = (uint64_t)settings_int(s, SET_PROXY_PING) * 1000,
		.port = (uint16_t)settings_int(s, SET_PROXY_PORT),
	};
	struct bytes host = settings_text(s, SET_PROXY_HOST);
	snprintf(p->config.host, sizeof p->config.host, "%.*s", BYTES_FMT(host));
	p->limits = xml_limits_default;
	p->limits.stanza_bytes = p->config.message_max + STANZA_SLACK;
	read_hosts(p, s);
	read_origins(p, s);
	read_certificates(p, s);
	p->is_ready = true;
	proxy_accept_update(p);
}

void proxy_config_fini(struct proxy *p)
{
	forget(&p->hosts);
	forget(&p->origins);
	tls_store_free(p->tls);
	p->tls = NULL;
	tls_news_fini(&p->news);
}

static bool has(const struct map *m, struct bytes text)
{
	char lower[256];

	if (text.n == 0 || text.n >= sizeof lower)
		return false;
	for (size_t i = 0; i < text.n; i++)
		lower[i] = (char)tolower(text.p[i]);
	return map_get(m, bytes_make(lower, text.n)) != NULL;
}

bool proxy_is_host(const struct proxy *p, struct bytes host)
{
	return has(&p->hosts, bytes_make(host.p, bytes_find(host, ':')));
}

bool proxy_is_origin(const struct proxy *p, struct bytes origin)
{
	return p->origins.count == 0 || has(&p->origins, origin);
}
