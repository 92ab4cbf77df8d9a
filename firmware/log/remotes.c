#include "remotes.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "net/dns_settings.h"
#include "net/tls_settings.h"
#include "proto/jid.h"

#include <stdio.h>
#include <stdlib.h>


int remotes_open(struct remotes *rs, struct loop *l, int dir_fd, struct keyproxy *keys)
{
	*rs = (struct remotes){ .world = { .loop = l, .dir_fd = dir_fd }, .keys = keys };
	list_init(&rs->all);
	rs->world.dns = dns_new(l);
	return rs->world.dns ? 0 : ERR_NOMEM;
}

void remotes_close(struct remotes *rs)
{
	LIST_EACH(node, &rs->all) {
		struct remote *r = LIST_OWNER(node, struct remote, node);
		list_del(&r->node);
		remote_free(r, false);
	}
	dns_free(rs->world.dns);
	tls_store_free(rs->world.store);
	tls_news_fini(&rs->news);
}

/* ---- settings ---- */

static void keep(char *out, size_t room, struct bytes v)
{
	(void)snprintf(out, room, "%.*s", BYTES_FMT(v));
}

static int read_conf(const struct settings *s, struct bytes key, struct remote_conf *c)
{
	char host[256], ascii[254];

	memset(c, 0, sizeof *c); /* compared as bytes */
	if (setting_split_host(settings_text_at(s, SET_LOG_REMOTE_SERVER, key), 0, host, &c->port))
		return ERR_SYNTAX; /* of rows without a server */
	c->transport = (enum remote_transport)settings_enum_at(s, SET_LOG_REMOTE_TRANSPORT, key);
	if (c->port == 0)
		c->port = c->transport == REMOTE_TLS ? 6514 : c->transport == REMOTE_TCP ? 601 : 514;
	if (jid_domain_to_ascii(bytes_of(host), ascii) == 0)
		keep(c->host, sizeof c->host, bytes_of(ascii));
	else
		keep(c->host, sizeof c->host, bytes_of(host));
	c->level = (enum log_level)settings_enum_at(s, SET_LOG_REMOTE_LEVEL, key);
	c->facility = 16 + settings_enum_at(s, SET_LOG_REMOTE_FACILITY, key);
	c->spool_bytes = (uint64_t)settings_int_at(s, SET_LOG_REMOTE_SPOOL, key) << 10;
	keep(c->name, sizeof c->name, settings_text_at(s, SET_LOG_REMOTE_NAME, key));
	keep(c->authority, sizeof c->authority, settings_text_at(s, SET_LOG_REMOTE_AUTHORITY, key));
	keep(c->certificate, sizeof c->certificate, settings_text_at(s, SET_LOG_REMOTE_CERTIFICATE, key));
	c->has_pin = text_unhex(settings_text_at(s, SET_LOG_REMOTE_PIN, key), c->pin, sizeof c->pin) == 0;
	return 0;
}

static void complain(const char *what, struct bytes name, int rc)
{
	if (rc < 0)
		log_warn("log.certificate", LOG_STR("what", what), LOG_BYTES("name", name), LOG_STR("reason", err_name(rc)));
}

/* Whom we trust, and what we show: each certificate under its own name in place of a domain's. */
static struct tls_store *make_store(struct remotes *rs, const struct settings *s)
{
	struct tls_store *store = tls_settings_trust(s, rs->keys, &rs->news);
	struct bytes key, name;
	char domain[64];

	if (!store)
		return NULL;
	for (size_t at = 0; settings_next_key(s, SET_LOG_REMOTE_SERVER, &at, &key);) {
		name = settings_text_at(s, SET_LOG_REMOTE_CERTIFICATE, key);
		if (name.n == 0 || name.n >= sizeof domain)
			continue;
		keep(domain, sizeof domain, name);
		int rc = tls_store_add_certificate(store, name, settings_text_at(s, SET_CERTIFICATE_CHAIN, name));
		if (rc != ERR_EXISTS)
			complain("certificate", name, rc);
		rc = tls_store_add_domain(store, domain, name);
		if (rc != ERR_EXISTS && rc != ERR_CERT_NAME)
			complain("certificate", name, rc);
	}
	return store;
}

static void configure_dns(struct remotes *rs, const struct settings *s)
{
	int rc = dns_settings_apply(rs->world.dns, s);

	if (rc < 0)
		log_error("log.dns", LOG_STR("reason", err_name(rc)));
}

static struct remote *find(struct remotes *rs, struct bytes key)
{
	LIST_EACH(node, &rs->all) {
		struct remote *r = LIST_OWNER(node, struct remote, node);
		if (bytes_eq_str(key, r->key))
			return r;
	}
	return NULL;
}

/* Letters, digits, '-' and '.', so that the name of its files is its own. */
static bool is_name(struct bytes key)
{
	for (size_t i = 0; i < key.n; i++) {
		uint8_t c = key.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
			return false;
	}
	return key.n > 0 && key.n <= SPOOL_NAME_MAX;
}

static void apply_one(struct remotes *rs, const struct settings *s, struct bytes key)
{
	struct remote *r = find(rs, key);
	struct remote_conf c;
	char name[SPOOL_NAME_MAX + 1];

	if (!is_name(key) || read_conf(s, key, &c))
		return;
	if (r) {
		remote_set(r, &c);
	} else {
		keep(name, sizeof name, key);
		r = remote_new(&rs->world, name, &c);
		if (!r)
			return; /* without memory: at the next commit */
		list_add_tail(&rs->all, &r->node);
	}
	r->is_seen = true;
}

void remotes_apply(struct remotes *rs, const struct settings *s)
{
	struct tls_store *old = rs->world.store;
	struct bytes key;
	size_t at = 0;

	keep(rs->world.host, sizeof rs->world.host, settings_text(s, SET_SYSTEM_NAME));
	configure_dns(rs, s);
	rs->world.store = make_store(rs, s);
	LIST_EACH(node, &rs->all) {
		struct remote *r = LIST_OWNER(node, struct remote, node);
		r->is_seen = false;
		remote_renew(r);
	}
	tls_store_free(old);
	while (settings_next_key(s, SET_LOG_REMOTE_SERVER, &at, &key))
		apply_one(rs, s, key);
	LIST_EACH(node, &rs->all) {
		struct remote *r = LIST_OWNER(node, struct remote, node);
		if (r->is_seen)
			continue;
		list_del(&r->node);
		remote_free(r, true);
	}
}

void remotes_line(struct remotes *rs, const struct line *l)
{
	LIST_EACH(node, &rs->all)
		remote_line(LIST_OWNER(node, struct remote, node), l);
}

void remotes_tick(struct remotes *rs)
{
	LIST_EACH(node, &rs->all)
		remote_tick(LIST_OWNER(node, struct remote, node));
}

void remotes_revoked(struct remotes *rs)
{
	LIST_EACH(node, &rs->all) {
		struct remote *r = LIST_OWNER(node, struct remote, node);
		if (r->state == REMOTE_READY && r->conf.transport == REMOTE_TLS && !r->conf.has_pin && tls_is_revoked(r->link.tls))
			remote_renew(r); /* it is judged anew, and said why not */
	}
}
