/* Settings into servers, trust and what is searched for. */
#include "conn.h"
#include "look.h"
#include "sync.h"
#include "validate.h"

#include "base/err.h"
#include "net/dns_settings.h"
#include "net/tls_settings.h"
#include "run/alarm.h"

#include <stdio.h>

enum { LDAP_PORT = 389, LDAPS_PORT = 636, MINUTE_MS = 60000, DAY_MS = 24 * 3600 * 1000 };

static void keep(char *out, size_t room, struct bytes v)
{
	(void)snprintf(out, room, "%.*s", BYTES_FMT(v));
}

static bool take_prefix(struct bytes *v, struct bytes prefix)
{
	if (v->n < prefix.n || !bytes_eq_nocase(bytes_make(v->p, prefix.n), prefix))
		return false;
	*v = bytes_skip(*v, prefix.n);
	return true;
}

/* ldaps://host or ldap://host, a port behind if it is another; an IPv6 address in brackets. No path, no search (RFC 4516). */
static int read_server(struct bytes word, struct server *s)
{
	uint64_t port;

	*s = (struct server){ .is_ldaps = take_prefix(&word, BYTES("ldaps://")) };
	if (!s->is_ldaps && !take_prefix(&word, BYTES("ldap://")))
		return ERR_SYNTAX;
	bool is_v6 = word.n && word.p[0] == '[';
	size_t n = is_v6 ? bytes_find(word, ']') : bytes_find(word, ':');
	struct bytes host = is_v6 ? bytes_make(word.p + 1, n ? n - 1 : 0) : bytes_make(word.p, n);
	struct bytes rest = bytes_skip(word, is_v6 ? n + 1 : n);
	s->port = s->is_ldaps ? LDAPS_PORT : LDAP_PORT;
	if (!host.n || host.n >= sizeof s->host || (is_v6 && n == word.n) || (!is_v6 && !setting_is_host_name(host)))
		return ERR_SYNTAX;
	if (rest.n) {
		if (rest.p[0] != ':' || bytes_to_u64(bytes_skip(rest, 1), 65535, &port) || !port)
			return ERR_SYNTAX;
		s->port = (uint16_t)port;
	}
	keep(s->host, sizeof s->host, host);
	return 0;
}

static int read_servers(struct bytes words, struct server out[SERVERS_MAX], size_t *n)
{
	*n = 0;
	while (words.n) {
		size_t at = bytes_find(words, ' ');
		struct bytes word = bytes_make(words.p, at);
		words = bytes_skip(words, at + 1);
		if (!word.n)
			continue;
		if (*n == SERVERS_MAX)
			return ERR_LIMIT;
		int rc = read_server(word, &out[(*n)++]);
		if (rc)
			return rc;
	}
	return *n ? 0 : ERR_NOT_FOUND;
}

struct type_row {
	enum setting id;
	const char *path;
	bool may_be_empty;
};
/* Attributes of what is told of people; by enum directory_field. */
static const struct type_row fields[DIRECTORY_FIELD_COUNT] = {
	[DIRECTORY_USER] = { SET_DIR_USER, "directory attribute-user", false },
	[DIRECTORY_FIRST] = { SET_DIR_FIRST, "directory attribute-first", true },
	[DIRECTORY_LAST] = { SET_DIR_LAST, "directory attribute-last", true },
	[DIRECTORY_NAME] = { SET_DIR_NAME, "directory attribute-name", true },
	[DIRECTORY_MAIL] = { SET_DIR_MAIL, "directory attribute-mail", true },
	[DIRECTORY_TITLE] = { SET_DIR_TITLE, "directory attribute-title", true },
	[DIRECTORY_DEPARTMENT] = { SET_DIR_DEPARTMENT, "directory attribute-department", true },
	[DIRECTORY_ORGANISATION] = { SET_DIR_ORGANISATION, "directory attribute-organisation", true },
	[DIRECTORY_PHONE] = { SET_DIR_PHONE, "directory attribute-phone", true },
	[DIRECTORY_MOBILE] = { SET_DIR_MOBILE, "directory attribute-mobile", true },
};

static const struct type_row others[] = {
	{ SET_DIR_URI, "directory attribute-uri", true },
	{ SET_DIR_PHOTO, "directory attribute-photo", true },
	{ SET_DIR_GROUP_NAME, "directory attribute-group", false },
	{ SET_DIR_MEMBER, "directory attribute-member", false },
	{ SET_DIR_MEMBER_OF, "directory attribute-member-of", true },
};

/* NULL: it is an attribute, or may be none. */
static const char *trouble_of_type(const struct settings *s, enum setting id, bool may_be_empty)
{
	struct bytes type = settings_text(s, id);
	bool is_bad = type.n ? !ldap_is_type(type) || type.n > PERSON_TYPE_MAX : !may_be_empty;

	return is_bad ? "attributes have letters, digits and dashes" : NULL;
}

static int check_types(const struct settings *s, const char **path, const char **why)
{
	for (size_t i = 0; i < DIRECTORY_FIELD_COUNT; i++) {
		*why = trouble_of_type(s, fields[i].id, fields[i].may_be_empty);
		*path = fields[i].path;
		if (*why)
			return ERR_RANGE;
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		*why = trouble_of_type(s, others[i].id, others[i].may_be_empty);
		*path = others[i].path;
		if (*why)
			return ERR_RANGE;
	}
	return 0;
}

int dir_check(void *dir, const struct settings *s, const char **path, const char **why)
{
	struct server servers[SERVERS_MAX];
	struct bytes filter = settings_text(s, SET_DIR_FILTER), groups = settings_text(s, SET_DIR_GROUP_FILTER);
	bool is_by_uri = settings_enum(s, SET_DIR_SCHEME);
	size_t n;

	(void)dir;
	if (!settings_bool(s, SET_DIR_ENABLED))
		return 0; /* this program ends */
	int rc = read_servers(settings_text(s, SET_DIR_SERVERS), servers, &n);
	if (rc) {
		*path = "directory servers";
		*why = rc == ERR_LIMIT ? "three servers at most" : "servers are ldaps://HOST or ldap://HOST, :PORT behind if it is another";
		return ERR_RANGE;
	}
	if (filter.n && ldap_filter_check(filter)) {
		*path = "directory filter";
		*why = "this is no filter (RFC 4515), as (objectClass=person)";
		return ERR_RANGE;
	}
	if (groups.n && ldap_filter_check(groups)) {
		*path = "directory group-filter";
		*why = "this is no filter (RFC 4515), as (objectClass=groupOfNames)";
		return ERR_RANGE;
	}
	rc = check_types(s, path, why);
	if (rc)
		return rc;
	if (is_by_uri ? !settings_text(s, SET_DIR_URI).n : !settings_text(s, SET_DIR_DOMAIN).n) {
		*path = is_by_uri ? "directory attribute-uri" : "directory domain";
		*why = "the address scheme needs it";
		return ERR_RANGE;
	}
	return 0;
}

static void read_people(const struct settings *s, struct person_rules *r)
{
	keep(r->user, sizeof r->user, settings_text(s, SET_DIR_USER));
	keep(r->mail, sizeof r->mail, settings_text(s, SET_DIR_MAIL));
	keep(r->name, sizeof r->name, settings_text(s, SET_DIR_NAME));
	keep(r->uri, sizeof r->uri, settings_text(s, SET_DIR_URI));
	keep(r->domain, sizeof r->domain, settings_text(s, SET_DIR_DOMAIN));
	r->is_by_uri = settings_enum(s, SET_DIR_SCHEME);
}

static int read_config(struct dir *d, const struct settings *s)
{
	struct dir_config *f = &d->config;

	secret_fini(&f->password);
	*f = (struct dir_config){
		.is_clear = settings_bool(s, SET_DIR_CLEAR),
		.authenticates = settings_bool(s, SET_DIR_AUTHENTICATION),
		.timeout_ms = (uint32_t)settings_int(s, SET_DIR_TIMEOUT) * 1000,
		.page_size = (uint32_t)settings_int(s, SET_DIR_PAGE),
		.syncs = settings_bool(s, SET_DIR_SYNC),
		.sync_ms = (uint64_t)settings_int(s, SET_DIR_SYNC_INTERVAL) * MINUTE_MS,
		.grace_ms = (uint64_t)settings_int(s, SET_DIR_GRACE) * DAY_MS,
	};
	keep(f->authority, sizeof f->authority, settings_text(s, SET_DIR_AUTHORITY));
	keep(f->bind_dn, sizeof f->bind_dn, settings_text(s, SET_DIR_BIND_DN));
	keep(f->base, sizeof f->base, settings_text(s, SET_DIR_BASE));
	keep(f->filter, sizeof f->filter, settings_text(s, SET_DIR_FILTER));
	keep(f->search_base, sizeof f->search_base, settings_text(s, SET_DIR_SEARCH_BASE));
	keep(f->object_class, sizeof f->object_class, settings_text(s, SET_DIR_OBJECT_CLASS));
	f->is_search_flat = settings_enum(s, SET_DIR_SEARCH_SCOPE) != 0;
	for (size_t i = 0; i < DIRECTORY_FIELD_COUNT; i++)
		keep(f->fields[i], sizeof f->fields[i], settings_text(s, fields[i].id));
	keep(f->photo, sizeof f->photo, settings_text(s, SET_DIR_PHOTO));
	keep(f->group_base, sizeof f->group_base, settings_text(s, SET_DIR_GROUP_BASE));
	keep(f->group_filter, sizeof f->group_filter, settings_text(s, SET_DIR_GROUP_FILTER));
	keep(f->group_name, sizeof f->group_name, settings_text(s, SET_DIR_GROUP_NAME));
	keep(f->member, sizeof f->member, settings_text(s, SET_DIR_MEMBER));
	keep(f->member_of, sizeof f->member_of, settings_text(s, SET_DIR_MEMBER_OF));
	f->has_groups = settings_bool(s, SET_DIR_GROUPS);
	f->group_size = (uint32_t)settings_int(s, SET_DIR_GROUP_SIZE);
	f->groups_max = (uint32_t)settings_int(s, SET_DIR_GROUPS_MAX);
	f->group_contacts = (uint32_t)settings_int(s, SET_DIR_GROUP_CONTACTS);
	f->photo_max = (uint32_t)settings_int(s, SET_DIR_PHOTO_MAX) << 10;
	read_people(s, &f->people);
	return secret_set(&f->password, settings_text(s, SET_DIR_BIND_PASSWORD));
}

void dir_apply(struct dir *d, const struct settings *s)
{
	struct tls_store *old = d->store;
	const char *path = "directory bind-password", *why = "no memory";
	int rc = dns_settings_apply(d->dns, s);

	/* What is under way asks by the settings of before. */
	checks_end_all(d);
	looks_end_all(d);
	validate_end(d);
	if (rc)
		log_error("dir.dns", LOG_STR("reason", err_name(rc)));
	d->store = tls_settings_trust(s, NULL, &d->news);
	alarm_clear_all(ALARM_DIRECTORY_UNREACHABLE);
	alarm_clear(ALARM_DIRECTORY_REFUSED, "");
	d->is_refused = false;
	d->n_servers = 0;
	rc = dir_check(d, s, &path, &why);
	d->is_usable = !rc && read_config(d, s) == 0;
	if (d->is_usable) /* a service without its password would bind as nobody (RFC 4513 5.1.2) */
		d->is_usable = !d->config.bind_dn[0] || d->config.password.n;
	if (d->is_usable)
		(void)read_servers(settings_text(s, SET_DIR_SERVERS), d->servers, &d->n_servers); /* dir_check found them good */
	else
		log_error("dir.settings", LOG_STR("setting", path), LOG_STR("reason", why));
	alarm_set(ALARM_DIRECTORY_SETTINGS, "", !d->is_usable, path);
	conns_renew(d);
	sync_apply(d);
	tls_store_free(old);
}

void dir_config_fini(struct dir *d)
{
	secret_fini(&d->config.password);
	tls_store_free(d->store);
	tls_news_fini(&d->news);
}
