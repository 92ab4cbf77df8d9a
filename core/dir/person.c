#include "person.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/jid.h"

#include <string.h>

/* Bytes in front of v that can be shown in a line, at most PERSON_TEXT_MAX; *is_text: what follows is more of it, if anything. */
static size_t shown(struct bytes v, bool *is_text)
{
	size_t at = 0, n = 1;

	while (at < v.n && (n = text_shown(bytes_skip(v, at))) && at + n <= PERSON_TEXT_MAX)
		at += n;
	*is_text = n > 0;
	return at;
}

struct bytes person_text(const struct ldap_answer *entry, const char *type)
{
	struct bytes values = ldap_values(entry, bytes_of(type)), v;
	bool is_text;

	while (ldap_next_value(&values, &v)) {
		size_t n = shown(v, &is_text);
		if (n && is_text)
			return bytes_make(v.p, n);
	}
	return BYTES_NONE;
}

/* Who somebody is: never a part of what the directory says. */
static struct bytes identity(const struct ldap_answer *entry, const char *type)
{
	struct bytes values = ldap_values(entry, bytes_of(type)), v;
	bool is_text;

	return ldap_next_value(&values, &v) && shown(v, &is_text) == v.n ? v : BYTES_NONE;
}

int person_uri(struct bytes uri, struct arena *a, struct bytes *jid)
{
	struct jid j;

	if (uri.n > 4 && bytes_eq_nocase(bytes_make(uri.p, 4), BYTES("sip:")))
		uri = bytes_skip(uri, 4);
	int rc = jid_parse(uri, a, &j);
	if (rc == ERR_NOMEM)
		return rc;
	if (rc || !j.local_n || j.resource_n)
		return ERR_SYNTAX;
	*jid = arena_dup(a, j.full); /* not where the answer lies */
	return jid->p ? 0 : ERR_NOMEM;
}

/* An "@" in a user id belongs to it, and is escaped (A-14.11, XEP-0106), as a client's user name is at its login. */
static int by_user_id(const struct person_rules *r, struct bytes user, struct arena *a, struct bytes *jid)
{
	struct bytes local = user;
	struct jid j;
	int rc = bytes_find(user, '@') < user.n ? jid_escape(user, a, &local) : 0;

	if (!rc)
		rc = jid_parse_local(local, a, &local);
	if (!rc)
		rc = jid_make(local, bytes_of(r->domain), BYTES_NONE, a, &j);
	if (rc)
		return rc == ERR_NOMEM ? rc : ERR_SYNTAX;
	*jid = j.full;
	return 0;
}

static bool keep(struct arena *a, struct bytes *v)
{
	struct bytes copy = v->n ? arena_dup(a, *v) : BYTES_NONE;
	bool is_kept = copy.n == v->n;

	*v = copy;
	return is_kept;
}

int person_read(const struct person_rules *r, const struct ldap_answer *entry, struct arena *a, struct person *out)
{
	struct person p = {
		.user = identity(entry, r->user),
		.name = person_text(entry, r->name),
		.mail = person_text(entry, r->mail),
		.uri = identity(entry, r->uri),
	};

	if (!keep(a, &p.user) || !keep(a, &p.name) || !keep(a, &p.mail) || !keep(a, &p.uri))
		return ERR_NOMEM;
	if (!p.user.n || (r->is_by_uri && !p.uri.n)) {
		*out = p;
		return ERR_NOT_FOUND;
	}
	int rc = r->is_by_uri ? person_uri(p.uri, a, &p.jid) : by_user_id(r, p.user, a, &p.jid);
	*out = p;
	return rc;
}

static void add_term(struct ldap_search *s, const char *type, struct bytes value)
{
	s->terms[s->n_terms++] = (struct ldap_term){ .type = bytes_of(type), .match = LDAP_EQUAL, .value = value };
}

int person_find(const struct person_rules *r, struct bytes jid, struct arena *a, struct ldap_search *s)
{
	struct jid j = jid_of_normal(jid);
	struct bytes local = jid_local(&j), plain = local;
	size_t n = sizeof "sip:" - 1;

	s->n_terms = 0;
	s->is_any = true;
	if (!j.local_n || j.resource_n)
		return ERR_NOT_FOUND;
	if (!r->is_by_uri) {
		if (!bytes_eq_str(jid_domain(&j), r->domain))
			return ERR_NOT_FOUND;
		int rc = jid_unescape(local, a, &plain);
		if (rc)
			return rc;
		add_term(s, r->user, plain);
		if (!bytes_eq(plain, local))
			add_term(s, r->user, local); /* a user id with a backslash of its own */
		return 0;
	}
	uint8_t *sip = arena_alloc(a, n + jid.n);
	if (!sip)
		return ERR_NOMEM;
	memcpy(sip, "sip:", n);
	memcpy(sip + n, jid.p, jid.n);
	add_term(s, r->uri, jid);
	add_term(s, r->uri, bytes_make(sip, n + jid.n));
	return 0;
}

void person_wants(const struct person_rules *r, struct ldap_search *s)
{
	const char *const types[] = { r->user, r->mail, r->name, r->uri };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i][0] && s->n_attributes < LDAP_ATTRIBUTES_MAX)
			s->attributes[s->n_attributes++] = bytes_of(types[i]);
}
