#include "publish.h"

#include "base/err.h"
#include "net/dns_settings.h"
#include "net/tls_settings.h"

#include <stdio.h>

/* Settings into targets, rules and trust. */

static void keep(char *out, size_t room, struct bytes v)
{
	(void)snprintf(out, room, "%.*s", BYTES_FMT(v));
}

static int read_target(const struct settings *s, struct bytes key, struct target_conf *c)
{
	struct bytes name = settings_text_at(s, SET_PUBLISH_VERIFY, key);
	struct allow_url u;
	const char *why;

	*c = (struct target_conf){ .port = 0 };
	int rc = key.n < sizeof c->key ? allow_url_parse(settings_text_at(s, SET_PUBLISH_URL, key), &u, &why) : ERR_LIMIT;
	if (rc == 0 && buf_len(&u.path) != 1)
		rc = ERR_SYNTAX;
	if (rc == 0) {
		keep(c->key, sizeof c->key, key);
		memcpy(c->host, u.host, sizeof c->host);
		c->port = u.port;
		keep(c->verify, sizeof c->verify, name.n ? name : bytes_of(u.host));
		keep(c->authority, sizeof c->authority, settings_text_at(s, SET_PUBLISH_AUTHORITY, key));
		c->body_max = (uint64_t)settings_int_at(s, SET_PUBLISH_BODY, key) << 20;
		c->timeout_ms = (uint64_t)settings_int_at(s, SET_PUBLISH_TIMEOUT, key) * 1000;
	}
	if (key.n < sizeof c->key)
		allow_url_fini(&u);
	return rc;
}

static void apply_targets(struct publish *p, const struct settings *s)
{
	struct target_conf c;
	struct bytes key;

	for (size_t i = 0; i < p->n_targets; i++)
		p->targets[i]->is_seen = false;
	for (size_t at = 0; settings_next_key(s, SET_PUBLISH_URL, &at, &key);) {
		if (!settings_is_set(s, SET_PUBLISH_URL, key))
			continue;
		int rc = read_target(s, key, &c);
		if (!rc)
			rc = target_set(p, &c);
		if (rc)
			log_error("publish.settings", LOG_STR("what", "url"), LOG_BYTES("name", key), LOG_STR("reason", err_name(rc)));
	}
	for (size_t i = 0; i < p->n_targets;) {
		if (p->targets[i]->is_seen) {
			target_renew(p->targets[i++]);
			continue;
		}
		target_free(p->targets[i]);
		p->targets[i] = p->targets[--p->n_targets];
	}
}

void publish_apply(struct publish *p, const struct settings *s)
{
	struct tls_store *old = p->store;
	int rc = dns_settings_apply(p->dns, s);

	if (rc)
		log_error("publish.dns", LOG_STR("reason", err_name(rc)));
	p->store = tls_settings_trust(s, NULL, &p->news);
	allow_fini(&p->list);
	publish_settings_list(s, true, &p->list);
	apply_targets(p, s);
	tls_store_free(old);
}

void publish_config_fini(struct publish *p)
{
	while (p->n_targets)
		target_free(p->targets[--p->n_targets]);
	allow_fini(&p->list);
	tls_store_free(p->store);
	tls_news_fini(&p->news);
}
