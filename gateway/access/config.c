#include "conn.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "net/tls_settings.h"
#include "proto/disco.h"
#include "proto/jid.h"
#include "run/files_limit.h"

/* Settings into what the door uses all day. */

/* Places in the ranges of run/settings.def. */
enum { TLS_REQUIRED, TLS_OPTIONAL };

struct hosted {
	char caps[DISCO_HASH_BYTES];
	bool takes_outside[STREAM_TOKEN_COUNT];
	size_t n;
	uint8_t name[];
};

static bool is_hosted(void *arg, struct bytes domain)
{
	return map_get(&((struct door *)arg)->domains, domain) != NULL;
}

static const char *caps_of(void *arg, struct bytes domain)
{
	const struct hosted *h = map_get(&((struct door *)arg)->domains, domain);

	return h ? h->caps : NULL;
}

static bool takes_outside(void *arg, struct bytes domain, enum stream_token token)
{
	const struct hosted *h = map_get(&((struct door *)arg)->domains, domain);

	return h && h->takes_outside[token];
}

static void forget_domains(struct door *d)
{
	size_t at = 0;
	struct hosted *h;

	while ((h = map_next(&d->domains, &at)))
		free(h);
	map_fini(&d->domains);
}

static int add_domain(struct door *d, struct bytes name, const struct disco_facts *facts, struct hosted **out)
{
	struct hosted *h = malloc(sizeof *h + name.n);

	if (!h)
		return ERR_NOMEM;
	h->n = name.n;
	h->caps[0] = '\0';
	(void)disco_hash(facts, h->caps); /* without it nothing is announced */
	memcpy(h->name, name.p, name.n);
	int rc = map_add(&d->domains, bytes_make(h->name, h->n), h);
	if (rc)
		free(h);
	else
		*out = h;
	return rc;
}

static void read_domain(struct door *d, const struct settings *s, struct bytes key)
{
	struct bytes domain;
	struct hosted *h = NULL;

	arena_reset(&d->arena);
	int rc = jid_parse_domain(key, &d->arena, &domain);
	const struct disco_facts facts = {
		.contact = settings_text_at(s, SET_DOMAIN_CONTACT, key),
		.upload_max = settings_bool(s, SET_UPLOAD_ENABLED) ? (uint64_t)settings_int(s, SET_UPLOAD_FILE_MAX) << 20 : 0,
		.has_search = settings_bool(s, SET_IM_SEARCH),
		.has_commands = settings_text(s, SET_IM_ADMINISTRATORS).n || settings_bool(s, SET_IM_SELF_SERVICE),
	};
	if (rc == 0)
		rc = add_domain(d, domain, &facts, &h);
	if (rc) {
		log_warn("c2s.domain", LOG_BYTES("domain", key), LOG_STR("reason", err_name(rc)));
		return;
	}
	h->takes_outside[STREAM_TOKEN_OAUTH] = settings_bool_at(s, SET_IM_AUTHORISE_OAUTH, key);
	h->takes_outside[STREAM_TOKEN_FAST] = settings_bool_at(s, SET_IM_AUTHORISE_FAST, key);
}

static void read_domains(struct door *d, const struct settings *s)
{
	struct tls_store *t;
	size_t at = 0;
	struct bytes key;

	/* With several domains a client must say which (SNI): none of them is "the" default (lesson 6). */
	int rc = tls_settings_store(s, d->keys, d->tls, &t, NULL);
	if (rc) {
		log_error("c2s.settings.failed", LOG_STR("reason", err_name(rc)));
		return;
	}
	forget_domains(d);
	while (settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key))
		if (settings_is_set(s, SET_DOMAIN_CERTIFICATE, key))
			read_domain(d, s, key);
	tls_store_use_news(t, &d->news);
	tls_store_free(d->tls);
	d->tls = t;
}

/* Open streams too keep to a new interval. One that was asked has its time to answer. */
static void arm_pings(struct door *d)
{
	uint32_t at = 0;
	struct conn *c;

	while (d->config.ping_ms && (c = conn_next(d, &at)))
		if (stream_has_session(&c->stream) && !c->stream.is_pinged && !c->is_shut)
			(void)loop_timer_set(d->loop, &c->timer, d->config.ping_ms); /* no memory: as before */
}

void door_apply(struct door *d, const struct settings *s)
{
	uint32_t old_ping_ms = d->config.ping_ms;

	d->rules.is_tls_required = settings_enum(s, SET_ACCESS_TLS) == TLS_REQUIRED;
	d->rules.offers_plain = settings_bool(s, SET_IM_PLAIN);
	d->rules.hides_sha256 = !settings_bool(s, SET_IM_SCRAM_SHA256);
	d->rules.hides_scram = settings_bool(s, SET_DIR_ENABLED) && settings_bool(s, SET_DIR_AUTHENTICATION) && !settings_bool(s, SET_DIR_SCRAM);
	d->rules.offers_oauth = settings_is_set(s, SET_IM_OAUTH_ISSUER, BYTES_NONE) &&
				settings_is_set(s, SET_IM_OAUTH_AUDIENCE, BYTES_NONE) &&
				settings_is_set(s, SET_IM_OAUTH_KEY, BYTES_NONE);
	d->rules.offers_fast = settings_int(s, SET_IM_FAST_LIFE) > 0;
	d->rules.auth_tries = (uint32_t)settings_int(s, SET_ACCESS_AUTH_TRIES);
	d->strangers.tries = (uint32_t)settings_int(s, SET_ACCESS_PENALTY_TRIES);
	d->strangers.penalty_ms = (uint32_t)settings_int(s, SET_ACCESS_PENALTY) * 1000;
	d->rules.limits = xml_limits_default;
	d->rules.limits.stanza_bytes = (uint32_t)settings_int(s, SET_ACCESS_STANZA);
	d->rules.is_hosted = is_hosted;
	d->rules.caps_of = caps_of;
	d->rules.takes_outside = takes_outside;
	d->rules.arg = d;
	if (d->config.conns_max != (uint32_t)settings_int(s, SET_ACCESS_CONNS_MAX))
		files_limit_promise("access connections-max", (uint64_t)settings_int(s, SET_ACCESS_CONNS_MAX), 1);
	d->config = (struct door_config){
		.conns_max = (uint32_t)settings_int(s, SET_ACCESS_CONNS_MAX),
		.unauthed_max = (uint32_t)settings_int(s, SET_ACCESS_UNAUTH_MAX),
		.unauthed_per_address = (uint32_t)settings_int(s, SET_ACCESS_UNAUTH_PER_ADDRESS),
		.auth_timeout_ms = (uint32_t)settings_int(s, SET_ACCESS_AUTH_TIMEOUT) * 1000,
		.ping_ms = (uint32_t)settings_int(s, SET_ACCESS_PING) * 1000,
		.queue_bytes = (uint32_t)settings_int(s, SET_ACCESS_QUEUE),
		.rate_bytes_per_s = (uint32_t)settings_int(s, SET_ACCESS_RATE),
	};
	read_domains(d, s);
	bans_apply(&d->bans, s);
	(void)door_put_out(d); /* each has a line in the log */
	if (d->config.ping_ms != old_ping_ms)
		arm_pings(d);
	d->is_ready = true;
	door_accept_update(d);
}

void door_config_fini(struct door *d)
{
	forget_domains(d);
	tls_store_free(d->tls);
	d->tls = NULL;
	tls_news_fini(&d->news);
}
