#include "run/peer_policy.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"

static const struct {
	enum setting mode, action;
} kinds[PEER_POLICY_KIND_COUNT] = {
	[PEER_POLICY_XMPP] = { SET_FED_MODE, SET_FED_PEER_ACTION },
	[PEER_POLICY_SIP] = { SET_SIP_MODE, SET_SIP_PEER_ACTION },
};

/* Places of the values in the ranges of their rows in run/settings.def. */
enum { MODE_OFF, MODE_ALLOW_LIST, MODE_OPEN };
enum { ACTION_ALLOW, ACTION_DENY };

struct row {
	struct bytes key;
	bool is_denied;
	bool is_action_set;
};

struct peer_policy {
	unsigned mode;
	struct row *rows;
	size_t n_rows;
	struct map by_key;
};

static size_t count_rows(const struct settings *s, enum setting action)
{
	size_t at = 0, n = 0;
	struct bytes key;

	while (settings_next_key(s, action, &at, &key))
		n++;
	return n;
}

static int read_rows(struct peer_policy *p, const struct settings *s, enum setting action)
{
	size_t at = 0;
	struct bytes key;

	while (settings_next_key(s, action, &at, &key)) {
		struct row *r = &p->rows[p->n_rows++];
		r->key = key;
		r->is_denied = settings_enum_at(s, action, key) == ACTION_DENY;
		r->is_action_set = settings_is_set(s, action, key);
		int rc = map_add(&p->by_key, r->key, r);
		if (rc)
			return rc;
	}
	return 0;
}

int peer_policy_new(const struct settings *s, enum peer_policy_kind kind, struct peer_policy **out)
{
	struct peer_policy *p = calloc(1, sizeof *p);
	size_t n = count_rows(s, kinds[kind].action);
	int rc = ERR_NOMEM;

	if (!p)
		return rc;
	map_init(&p->by_key);
	p->mode = settings_enum(s, kinds[kind].mode);
	if (n && !(p->rows = calloc(n, sizeof *p->rows)))
		goto fail;
	rc = read_rows(p, s, kinds[kind].action);
	if (rc)
		goto fail;
	*out = p;
	return 0;
fail:
	peer_policy_free(p);
	return rc;
}

void peer_policy_free(struct peer_policy *p)
{
	if (!p)
		return;
	map_fini(&p->by_key);
	free(p->rows);
	free(p);
}

/* The row of a wildcard for everything below `parent`. */
static const struct row *wildcard_row(const struct peer_policy *p, struct bytes parent)
{
	uint8_t key[2 + 1023]; /* "*." and a domainpart, RFC 7622 3.2 */

	if (parent.n > sizeof key - 2)
		return NULL;
	key[0] = '*';
	key[1] = '.';
	memcpy(key + 2, parent.p, parent.n);
	return map_get(&p->by_key, bytes_make(key, parent.n + 2));
}

static const struct row *governing_row(const struct peer_policy *p, struct bytes domain)
{
	const struct row *r = map_get(&p->by_key, domain);

	for (struct bytes rest = domain; !r;) {
		size_t dot = bytes_find(rest, '.');
		if (dot + 1 >= rest.n)
			return map_get(&p->by_key, BYTES("*"));
		rest = bytes_skip(rest, dot + 1);
		r = wildcard_row(p, rest);
	}
	return r;
}

void peer_policy_judge(const struct peer_policy *p, struct bytes domain, struct peer_verdict *out)
{
	const struct row *r = governing_row(p, domain);
	bool speaks = r && (r->is_action_set || !bytes_eq(r->key, BYTES("*")));

	out->key = r ? r->key : BYTES_NONE;
	out->is_allowed = false;
	if (p->mode == MODE_OFF)
		out->why = "mode-off";
	else if (speaks && r->is_denied)
		out->why = "row-denies";
	else if (speaks) {
		out->why = "row-allows";
		out->is_allowed = true;
	} else {
		out->is_allowed = p->mode == MODE_OPEN;
		out->why = out->is_allowed ? "mode-open" : "no-row";
	}
}
