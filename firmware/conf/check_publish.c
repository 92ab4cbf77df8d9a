/* Published web services: names, places and rules that fit each other. */
#include "cert.h"
#include "check_impl.h"
#include "publish_list.h"

#include "base/err.h"

static void on_bad(void *arg, struct bytes path, const char *why)
{
	check_add(arg, true, path, why);
}

static void check_place(const struct rows *r, const struct row_item *item, struct check *c)
{
	struct allow_url u;
	const char *why;

	if (allow_url_parse(item->value, &u, &why))
		check_add(c, true, item->path, why);
	else if (buf_len(&u.path) != 1 || bytes_find(item->value, '?') < item->value.n)
		check_add(c, true, item->path, "a target is https://host or https://host:port: paths are those of the rules");
	allow_url_fini(&u);
	if (!check_is_set(r, SET_PUBLISH_NAME, item->key))
		check_add(c, false, item->path, "nobody can ask for it: publish target * name is not set");
	struct bytes authority = rows_value(r, SET_PUBLISH_AUTHORITY, item->key);
	if (authority.n && !check_is_set(r, SET_TRUST_ANCHOR, authority))
		check_add(c, true, item->path, "its authority is no trust anchor");
}

static void check_name(const struct rows *r, const struct row_item *item, struct check *c)
{
	if (check_is_set(r, SET_DOMAIN_CERTIFICATE, item->value) || bytes_eq_nocase(item->value, rows_value(r, SET_PROXY_HOST, BYTES_NONE)))
		check_add(c, true, item->path, "the front answers for this name itself: a published service has one of its own");
}

static void check_certificate(const struct rows *r, const struct row_item *item, struct check *c)
{
	struct bytes pem = rows_value(r, SET_CERTIFICATE_CHAIN, item->value), name = rows_value(r, SET_PUBLISH_NAME, item->key);

	if (!pem.n)
		check_add(c, true, item->path, "there is no certificate of this name");
	else if (name.n && !cert_covers(pem, name))
		check_add(c, false, item->path, "the certificate does not cover the name: browsers refuse it");
}

static void check_rule(const struct allow_list *l, const struct allow_rule *rule, struct check *c)
{
	char host[ALLOW_HOST_MAX + 1];
	struct buf path;

	memcpy(host, rule->host.p, rule->host.n);
	host[rule->host.n] = '\0';
	if (allow_site_of(l, host))
		return;
	buf_init(&path, 128);
	buf_putf(&path, "publish rule %.*s url", BYTES_FMT(rule->name));
	check_add(c, false, buf_bytes(&path), "no target has this name: the rule allows nothing");
	buf_fini(&path);
}

void check_publish(const struct rows *r, struct check *c)
{
	struct allow_list l;

	publish_list(r, &l, on_bad, c);
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id == SET_PUBLISH_URL)
			check_place(r, &r->v[i], c);
		else if (r->v[i].row->id == SET_PUBLISH_NAME)
			check_name(r, &r->v[i], c);
		else if (r->v[i].row->id == SET_PUBLISH_CERTIFICATE)
			check_certificate(r, &r->v[i], c);
	}
	for (size_t i = 0; i < l.n_rules; i++)
		check_rule(&l, &l.rules[i], c);
	allow_fini(&l);
}
