#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "net/tls_settings.h"
#include "proto/jid.h"
#include "run/files_limit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Settings into what the front uses all day. */

enum {
	STANZA_SLACK = 64 << 10, /* what gh-access adds to a stanza of a partner */
	SERVED_BYTES_MAX = 4 << 20,
	FED_MODE_OFF = 0, /* place in the setting's range */
};

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

static void read_domains(struct proxy *p, const struct settings *s)
{
	char ascii[TLS_DOMAIN_BYTES];
	struct bytes key, domain;

	forget(&p->domains);
	for (size_t at = 0; settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key);) {
		arena_reset(&p->arena);
		if (settings_is_set(s, SET_DOMAIN_CERTIFICATE, key) && jid_parse_domain(key, &p->arena, &domain) == 0 &&
		    jid_domain_to_ascii(domain, ascii) == 0)
			add(&p->domains, bytes_of(ascii));
	}
}

static void read_origins(struct proxy *p, const struct settings *s)
{
	struct bytes key;

	forget(&p->origins);
	for (size_t at = 0; settings_next_key(s, SET_PROXY_ORIGIN, &at, &key);)
		add(&p->origins, settings_text_at(s, SET_PROXY_ORIGIN, key));
}

/* What the names of published services show, where it is said. */
static void read_published(struct tls_store *t, const struct settings *s)
{
	char host[ALLOW_HOST_MAX + 1];
	uint16_t port;
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_PUBLISH_CERTIFICATE, &at, &key);) {
		struct bytes certificate = settings_text_at(s, SET_PUBLISH_CERTIFICATE, key);
		if (!certificate.n || allow_host(settings_text_at(s, SET_PUBLISH_NAME, key), host, &port))
			continue;
		int rc = tls_store_add_domain(t, host, certificate);
		if (rc && rc != ERR_EXISTS)
			log_warn("tls.domain.certificate", LOG_STR("domain", host), LOG_BYTES("certificate", certificate), LOG_STR("reason", err_name(rc)));
	}
}

static void read_certificates(struct proxy *p, const struct settings *s)
{
	struct tls_store *t;
	int rc = tls_settings_store(s, p->keys, p->tls, &t, NULL);

	if (rc) {
		log_error("proxy.settings.failed", LOG_STR("reason", err_name(rc)));
		return;
	}
	read_published(t, s);
	tls_store_use_news(t, &p->news);
	tls_store_free(p->tls);
	p->tls = t;
}

/* What a connection of HTTP/2 was begun with, and keeps for as long as it lasts. */
static void put_served(const struct settings *s, struct buf *out)
{
	struct bytes key;

	buf_putf(out, "%d %d\n", settings_bool(s, SET_PROXY_HTTP2), (int)settings_int(s, SET_PROXY_HTTP2_STREAMS));
	for (size_t at = 0; settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key);) {
		buf_put_bytes(out, key);
		buf_put_bytes(out, settings_text_at(s, SET_DOMAIN_CERTIFICATE, key));
		buf_put_bytes(out, settings_text_at(s, SET_DOMAIN_SECOND, key));
	}
	for (size_t at = 0; settings_next_key(s, SET_CERTIFICATE_CHAIN, &at, &key);)
		buf_put_bytes(out, settings_text_at(s, SET_CERTIFICATE_CHAIN, key));
}

/* When that is another now, whoever is there comes again by a new connection (RFC 9113 6.8). */
static void renew(struct proxy *p, const struct settings *s)
{
	struct buf now;

	buf_init(&now, SERVED_BYTES_MAX);
	put_served(s, &now);
	if (buf_failed(&now) || !bytes_eq(buf_bytes(&now), buf_bytes(&p->served)))
		conn_drain_all(p);
	buf_fini(&p->served);
	p->served = now;
}

static bool is_edge(const struct settings *s)
{
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_LINK_LISTEN, &at, &key);)
		if (settings_is_set(s, SET_LINK_LISTEN, key))
			return true;
	return false;
}

static bool has_rows(const struct settings *s, enum setting id)
{
	struct bytes key;
	size_t at = 0;

	return settings_next_key(s, id, &at, &key);
}

void proxy_apply(struct proxy *p, const struct settings *s)
{
	if (p->config.conns_max != (uint32_t)settings_int(s, SET_PROXY_CONNS))
		files_limit_promise("proxy connections-max", (uint64_t)settings_int(s, SET_PROXY_CONNS), 2); /* it, and its pair to a program inside */
	p->config = (struct proxy_config){
		.conns_max = (uint32_t)settings_int(s, SET_PROXY_CONNS),
		.strangers_per_address = (uint32_t)settings_int(s, SET_PROXY_STRANGERS),
		.message_max = (uint32_t)settings_int(s, SET_PROXY_MESSAGE),
		.ping_ms = (uint64_t)settings_int(s, SET_PROXY_PING) * 1000,
		.is_edge = is_edge(s),
		.has_http2 = settings_bool(s, SET_PROXY_HTTP2),
		.http2_streams = (uint32_t)settings_int(s, SET_PROXY_HTTP2_STREAMS),
		.has_bosh = settings_bool(s, SET_PROXY_BOSH),
		.bosh_max = (uint32_t)settings_int(s, SET_PROXY_BOSH_SESSIONS),
		.bosh_per_address = (uint32_t)settings_int(s, SET_PROXY_BOSH_ADDRESS),
		.has_sip_websocket = settings_bool(s, SET_PROXY_SIP_WEBSOCKET),
		.has_federation = settings_bool(s, SET_PROXY_FEDERATION) && settings_enum(s, SET_FED_MODE) != FED_MODE_OFF,
		.has_turn = settings_bool(s, SET_PROXY_TURN) && has_rows(s, SET_TURN_LISTEN_TLS),
		.has_files = settings_bool(s, SET_UPLOAD_ENABLED),
		.port = (uint16_t)settings_int(s, SET_PROXY_PORT),
	};
	struct bytes host = settings_text(s, SET_PROXY_HOST);
	snprintf(p->config.host, sizeof p->config.host, "%.*s", BYTES_FMT(host));
	p->limits = xml_limits_default;
	p->limits.stanza_bytes = p->config.message_max + STANZA_SLACK;
	p->body_limits = xml_limits_default;
	p->body_limits.stanza_bytes = p->config.message_max;
	p->body_limits.depth++;
	if (!p->config.has_bosh)
		bosh_end_all(p, BOSH_SYSTEM_SHUTDOWN);
	read_domains(p, s);
	read_origins(p, s);
	allow_fini(&p->published);
	publish_settings_list(s, false, &p->published);
	read_certificates(p, s);
	renew(p, s);
	bans_apply(&p->bans, s);
	(void)proxy_put_out(p); /* each has a line in the log */
	p->is_ready = true;
	proxy_accept_update(p);
}

void proxy_config_fini(struct proxy *p)
{
	forget(&p->domains);
	forget(&p->origins);
	allow_fini(&p->published);
	bans_fini(&p->bans);
	tls_store_free(p->tls);
	p->tls = NULL;
	buf_fini(&p->served);
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

bool proxy_is_domain(void *proxy, const char *domain)
{
	return has(&((const struct proxy *)proxy)->domains, bytes_of(domain));
}

bool proxy_is_host(const struct proxy *p, struct bytes host)
{
	struct bytes name = bytes_make(host.p, bytes_find(host, ':'));

	return has(&p->domains, name) || (p->config.host[0] && bytes_eq_nocase(name, bytes_of(p->config.host)));
}

bool proxy_is_origin(const struct proxy *p, struct bytes origin)
{
	return p->origins.count == 0 || has(&p->origins, origin);
}
