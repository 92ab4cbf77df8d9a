#include "switch.h"

#include "base/err.h"

#include <stdlib.h>

enum { RATE_BURST_S = 2 };

struct bytes hub_domain(struct bytes jid)
{
	size_t slash = bytes_find(jid, '/');
	struct bytes bare = { jid.p, slash };
	size_t at = bytes_find(bare, '@');

	return at < bare.n ? bytes_skip(bare, at + 1) : bare;
}

bool hub_is_hosted(const struct hub *h, struct bytes domain)
{
	return domain.n && settings_is_set(h->settings, SET_DOMAIN_CERTIFICATE, domain);
}

static struct peer_rate *rate_of(struct hub *h, struct bytes key, uint32_t per_s)
{
	struct peer_rate *r = map_get(&h->rates, key);

	if (r)
		return r;
	r = malloc(sizeof *r + key.n);
	if (!r)
		return NULL;
	r->key_n = key.n;
	r->per_s = per_s;
	if (key.n)
		memcpy(r->key, key.p, key.n);
	rate_init(&r->rate, per_s, per_s * RATE_BURST_S, loop_now(h->loop));
	if (map_add(&h->rates, bytes_make(r->key, r->key_n), r)) {
		free(r);
		return NULL;
	}
	return r;
}

/* Rows that share a wildcard share its bucket: a partner cannot multiply its rate by subdomains. */
static bool is_within_rate(struct hub *h, struct bytes key)
{
	uint32_t per_s = (uint32_t)settings_int_at(h->settings, SET_FED_PEER_RATE, key);

	if (per_s == 0)
		return true;
	struct peer_rate *r = rate_of(h, key, per_s);
	return r && rate_take(&r->rate, 1, loop_now(h->loop));
}

static enum route_verdict judge_remote(struct hub *h, struct bytes domain, bool from_core, const char **why)
{
	struct peer_verdict v;

	peer_policy_judge(h->policy, domain, &v);
	*why = v.why;
	if (!v.is_allowed)
		return ROUTE_DENIED;
	return from_core || is_within_rate(h, v.key) ? ROUTE_PASSED : ROUTE_RATE;
}

enum route_verdict hub_judge(struct hub *h, const struct envelope *e, bool from_core, const char **why)
{
	struct bytes from = hub_domain(e->from), to = hub_domain(e->to);

	*why = "";
	if (e->hops >= ENVELOPE_HOPS_MAX)
		return ROUTE_HOPS;
	if (from_core)
		return hub_is_hosted(h, to) || !to.n ? ROUTE_LOOP : judge_remote(h, to, true, why);
	if (hub_is_hosted(h, from))
		return ROUTE_FORGED;
	if (!hub_is_hosted(h, to))
		return ROUTE_NOT_HOSTED;
	return judge_remote(h, from, false, why);
}

static void free_rates(struct hub *h)
{
	struct peer_rate *r;

	for (size_t at = 0; (r = map_next(&h->rates, &at));)
		free(r);
	map_fini(&h->rates);
}

static bool is_any_watched(const struct settings *s)
{
	size_t at = 0;
	struct bytes key;

	while (settings_next_key(s, SET_LOG_DEBUG_DOMAIN, &at, &key))
		if (settings_bool_at(s, SET_LOG_DEBUG_DOMAIN, key))
			return true;
	return false;
}

bool hub_is_watched(const struct hub *h, struct bytes domain)
{
	return h->is_any_watched && domain.n && settings_bool_at(h->settings, SET_LOG_DEBUG_DOMAIN, domain);
}

int hub_set_policy(struct hub *h, const struct settings *s)
{
	struct peer_policy *policy;
	int rc = peer_policy_new(s, PEER_POLICY_XMPP, &policy);

	if (rc)
		return rc;
	peer_policy_free(h->policy);
	h->policy = policy;
	h->settings = s;
	h->is_any_watched = is_any_watched(s);
	free_rates(h);
	return 0;
}

void hub_free_policy(struct hub *h)
{
	free_rates(h);
	peer_policy_free(h->policy);
	h->policy = NULL;
}
