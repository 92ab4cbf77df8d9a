#include "policy.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"

static const char *const auth_names[] = { "certificate", "dialback-allowed", "dialback-only" };
static_assert(sizeof auth_names / sizeof auth_names[0] == POLICY_AUTH_COUNT, "a name each");

enum { S2S_PORT = 5269, TLS_REQUIRED = 0 };

/* Values that are not set have their defaults, so the same reading makes the fall-back row. */
static void read_row(struct policy_row *r, const struct settings *s, struct bytes key)
{
	struct bytes pin = settings_text_at(s, SET_FED_PEER_PIN, key);
	struct bytes host = settings_text_at(s, SET_FED_PEER_HOST, key);

	r->key = key;
	r->is_tls_required = settings_enum_at(s, SET_FED_PEER_TLS, key) == TLS_REQUIRED;
	r->may_wildcard = settings_bool_at(s, SET_FED_PEER_WILDCARD, key);
	r->is_direct_tls = settings_bool_at(s, SET_FED_PEER_DIRECT_TLS, key);
	r->auth = (uint8_t)settings_enum_at(s, SET_FED_PEER_AUTH, key);
	r->has_pin = pin.n && text_unhex(pin, r->pin, sizeof r->pin) == 0;
	r->authority = settings_text_at(s, SET_FED_PEER_CA, key);
	r->stanza_bytes = (uint32_t)settings_int_at(s, SET_FED_PEER_STANZA, key);
	if (!host.n || setting_split_host(host, S2S_PORT, r->host, &r->port) < 0)
		r->host[0] = '\0';
}

static int add_row(struct policy *p, const struct settings *s, struct bytes key)
{
	struct policy_row *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return ERR_NOMEM;
	read_row(r, s, key);
	rc = map_add(&p->rows, r->key, r);
	if (rc < 0)
		free(r);
	else if (r->auth != POLICY_CERTIFICATE)
		p->has_dialback = true;
	return rc;
}

int policy_init(struct policy *p, const struct settings *s)
{
	size_t at = 0;
	struct bytes key;
	int rc;

	*p = (struct policy){ 0 };
	rc = peer_policy_new(s, PEER_POLICY_XMPP, &p->match);
	read_row(&p->fallback, s, BYTES_NONE);
	while (rc == 0 && settings_next_key(s, SET_FED_PEER_ACTION, &at, &key))
		rc = add_row(p, s, key);
	if (rc < 0)
		policy_fini(p);
	return rc;
}

void policy_fini(struct policy *p)
{
	size_t at = 0;
	struct policy_row *r;

	while ((r = map_next(&p->rows, &at)))
		free(r);
	map_fini(&p->rows);
	peer_policy_free(p->match);
	*p = (struct policy){ 0 };
}

struct policy_rule policy_for(const struct policy *p, struct bytes domain)
{
	struct peer_verdict v;
	const struct policy_row *row;

	if (!domain.n)
		return (struct policy_rule){ false, "no-row", &p->fallback };
	peer_policy_judge(p->match, domain, &v);
	row = v.key.n ? map_get(&p->rows, v.key) : NULL;
	return (struct policy_rule){ v.is_allowed, v.why, row ? row : &p->fallback };
}

const char *policy_auth_name(enum policy_auth a)
{
	return auth_names[a];
}
