#include "policy.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"

static const char *const auth_names[] = { "certificate", "dialback-allowed", "dialback-only" };
static_assert(sizeof auth_names / sizeof auth_names[0] == POLICY_AUTH_COUNT, "a name each");

static const struct policy_row row_default = {
	.is_tls_required = true,
	.may_wildcard = true,
	.auth = POLICY_CERTIFICATE,
	.stanza_bytes = 262144,
};

void policy_init(struct policy *p)
{
	p->mode = POLICY_ALLOW_LIST;
	map_init(&p->rows);
	p->fallback = row_default;
}

static void row_free(struct policy_row *r)
{
	free(r->key);
	free(r->authority);
	free(r->host);
	free(r);
}

void policy_fini(struct policy *p)
{
	size_t at = 0;
	struct policy_row *r;

	while ((r = map_next(&p->rows, &at)))
		row_free(r);
	map_fini(&p->rows);
	map_init(&p->rows);
}

int policy_add(struct policy *p, struct bytes key, struct policy_row **out)
{
	struct policy_row *r = malloc(sizeof *r);
	int rc;

	if (!r)
		return ERR_NOMEM;
	*r = row_default;
	r->key = strndup((const char *)key.p, key.n);
	if (!r->key) {
		free(r);
		return ERR_NOMEM;
	}
	rc = map_add(&p->rows, bytes_of(r->key), r);
	if (rc < 0) {
		row_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

/* The longest "*.parent" row above the domain. Labels are cut from the left, so the walk is bounded
 * by the domain's length. */
static const struct policy_row *wildcard_row(const struct policy *p, struct bytes domain)
{
	char key[1026];

	for (size_t dot = bytes_find(domain, '.'); dot < domain.n; dot = bytes_find(domain, '.')) {
		domain = bytes_skip(domain, dot + 1);
		if (domain.n + 2 > sizeof key)
			continue;
		key[0] = '*';
		key[1] = '.';
		memcpy(key + 2, domain.p, domain.n);
		const struct policy_row *r = map_get(&p->rows, bytes_make(key, domain.n + 2));
		if (r)
			return r;
	}
	return NULL;
}

struct policy_rule policy_for(const struct policy *p, struct bytes domain)
{
	struct policy_rule rule = { .row = map_get(&p->rows, domain) };
	bool has_row;

	if (!rule.row)
		rule.row = wildcard_row(p, domain);
	has_row = rule.row != NULL;
	if (!has_row)
		rule.row = &p->fallback;
	if (p->mode == POLICY_OFF)
		rule.why = "mode-off";
	else if (rule.row->is_denied)
		rule.why = "denied";
	else if (p->mode == POLICY_ALLOW_LIST && !has_row)
		rule.why = "not-in-allow-list";
	else
		rule.is_allowed = true;
	return rule;
}

bool policy_has_dialback(const struct policy *p)
{
	size_t at = 0;
	const struct policy_row *r;

	if (p->mode == POLICY_OPEN && p->fallback.auth != POLICY_CERTIFICATE)
		return true;
	while ((r = map_next(&p->rows, &at)))
		if (!r->is_denied && r->auth != POLICY_CERTIFICATE)
			return true;
	return false;
}

const char *policy_auth_name(enum policy_auth a)
{
	return auth_names[a];
}
