#include "switch.h"

#include "base/err.h"
#include "run/log_watch.h"

#include <stdlib.h>

enum { RATE_BURST_S = 2 };
enum { SIP_MODE_OFF, SIP_MODE_ALLOW_LIST, SIP_MODE_OPEN }; /* places in the setting's range */

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

/* The settings of each side's rows. */
static const struct {
	enum peer_policy_kind kind;
	enum setting mode, rate;
} sides[HUB_SIDES] = {
	[HUB_XMPP] = { PEER_POLICY_XMPP, SET_FED_MODE, SET_FED_PEER_RATE },
	[HUB_SIP] = { PEER_POLICY_SIP, SET_SIP_MODE, SET_SIP_PEER_RATE },
};

/* Who is what in a role. */
static const struct seats {
	enum role role;
	enum prog core, doors[HUB_SIDES];
} seats[] = {
	{ ROLE_COMBINED, PROG_IM, { [HUB_XMPP] = PROG_S2S, [HUB_SIP] = PROG_XLATE } },
	{ ROLE_EDGE, PROG_LINK, { [HUB_XMPP] = PROG_S2S, [HUB_SIP] = PROG_XLATE } },
	{ ROLE_CORE, PROG_IM, { [HUB_XMPP] = PROG_LINK, [HUB_SIP] = PROG_LINK } },
};

static void take_seats(struct hub *h, enum role role)
{
	if (h->role == role)
		return;
	hub_give_back(h);
	for (size_t i = 0; i < sizeof seats / sizeof seats[0]; i++) {
		if (seats[i].role != role)
			continue;
		h->core = seats[i].core;
		memcpy(h->doors, seats[i].doors, sizeof h->doors);
	}
	h->role = role;
}

static struct peer_rate *rate_of(struct hub *h, enum hub_side side, struct bytes key, uint32_t per_s)
{
	struct peer_rate *r = map_get(&h->rates[side], key);

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
	if (map_add(&h->rates[side], bytes_make(r->key, r->key_n), r)) {
		free(r);
		return NULL;
	}
	return r;
}

/* Rows that share a wildcard share its bucket: a partner cannot multiply its rate by subdomains. */
static bool is_within_rate(struct hub *h, enum hub_side side, struct bytes key)
{
	uint32_t per_s = (uint32_t)settings_int_at(h->settings, sides[side].rate, key);

	if (per_s == 0)
		return true;
	struct peer_rate *r = rate_of(h, side, key, per_s);
	return r && rate_take(&r->rate, 1, loop_now(h->loop));
}

/* How near a row is to the domain that it governs: its own, "*.parent" by length, "*"; 0: there is none. */
static size_t nearness(struct bytes key, struct bytes domain)
{
	return bytes_eq(key, domain) ? SIZE_MAX : key.n;
}

enum hub_side hub_side_of(const struct hub *h, struct bytes domain)
{
	struct peer_verdict xmpp, sip;

	unsigned mode = settings_enum(h->settings, SET_SIP_MODE);
	if (mode == SIP_MODE_OFF)
		return HUB_XMPP;
	peer_policy_judge(h->policy[HUB_SIP], domain, &sip);
	peer_policy_judge(h->policy[HUB_XMPP], domain, &xmpp);
	if (!sip.key.n)
		return mode == SIP_MODE_OPEN && !xmpp.key.n && elsewhere_has(&h->elsewhere, domain, loop_now(h->loop)) ? HUB_SIP : HUB_XMPP;
	return nearness(sip.key, domain) >= nearness(xmpp.key, domain) ? HUB_SIP : HUB_XMPP;
}

/* Does a `federation peer` row say that this domain lives on the XMPP side? */
static bool is_xmpp_by_row(const struct hub *h, struct bytes domain)
{
	struct peer_verdict xmpp;

	peer_policy_judge(h->policy[HUB_XMPP], domain, &xmpp);
	return xmpp.key.n && hub_side_of(h, domain) == HUB_XMPP;
}

static enum route_verdict judge_remote(struct hub *h, enum hub_side side, struct bytes domain, bool from_core, const char **why)
{
	struct peer_verdict v;

	peer_policy_judge(h->policy[side], domain, &v);
	*why = v.why;
	if (!v.is_allowed)
		return side == HUB_SIP && !from_core && !v.key.n ? ROUTE_FORGED : ROUTE_DENIED;
	return from_core || is_within_rate(h, side, v.key) ? ROUTE_PASSED : ROUTE_RATE;
}

/* On a core: the edge has judged the domain by its rows. A row here that speaks of it, and a mode that is set here, count besides. */
static enum route_verdict judge_beyond_edge(struct hub *h, struct bytes domain, bool from_core, const char **why)
{
	enum hub_side side = hub_side_of(h, domain);
	struct peer_verdict v;

	peer_policy_judge(h->policy[side], domain, &v);
	if (v.key.n || settings_is_set(h->settings, sides[side].mode, BYTES_NONE))
		return judge_remote(h, side, domain, from_core, why);
	*why = "edge";
	return ROUTE_PASSED;
}

enum route_verdict hub_judge(struct hub *h, const struct envelope *e, enum prog by, enum hub_side *side, const char **why)
{
	struct bytes from = hub_domain(e->from), to = hub_domain(e->to);
	bool from_core = by == h->core, is_core = h->role == ROLE_CORE;

	*why = "";
	*side = by == PROG_XLATE || (from_core && !is_core && to.n && hub_side_of(h, to) == HUB_SIP) ? HUB_SIP : HUB_XMPP;
	if (e->hops >= ENVELOPE_HOPS_MAX)
		return ROUTE_HOPS;
	if (from_core)
		return hub_is_hosted(h, to) || !to.n ? ROUTE_LOOP : is_core ? judge_beyond_edge(h, to, true, why) : judge_remote(h, *side, to, true, why);
	if (!from.n || hub_is_hosted(h, from))
		return ROUTE_FORGED;
	if (!hub_is_hosted(h, to))
		return ROUTE_NOT_HOSTED;
	if (is_core)
		return judge_beyond_edge(h, from, false, why);
	if (by == PROG_XLATE && is_xmpp_by_row(h, from))
		return ROUTE_FORGED;
	enum route_verdict v = judge_remote(h, *side, from, false, why);
	if (by == PROG_XLATE && v == ROUTE_PASSED)
		elsewhere_add(&h->elsewhere, from, loop_now(h->loop)); /* answers go the same way */
	return v;
}

static void free_rates(struct hub *h)
{
	struct peer_rate *r;

	for (unsigned side = 0; side < HUB_SIDES; side++) {
		for (size_t at = 0; (r = map_next(&h->rates[side], &at));)
			free(r);
		map_fini(&h->rates[side]);
	}
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
	return domain.n && ((h->is_any_watched && settings_bool_at(h->settings, SET_LOG_DEBUG_DOMAIN, domain)) || log_watch_has_domain(domain));
}

static void free_policies(struct peer_policy *of[HUB_SIDES])
{
	for (unsigned side = 0; side < HUB_SIDES; side++) {
		peer_policy_free(of[side]);
		of[side] = NULL;
	}
}

int hub_set_policy(struct hub *h, const struct settings *s)
{
	struct peer_policy *policy[HUB_SIDES] = { NULL };
	int rc = 0;

	for (unsigned side = 0; !rc && side < HUB_SIDES; side++)
		rc = peer_policy_new(s, sides[side].kind, &policy[side]);
	if (rc) {
		free_policies(policy);
		return rc;
	}
	free_policies(h->policy);
	memcpy(h->policy, policy, sizeof policy);
	h->settings = s;
	take_seats(h, service_role_of(s));
	elsewhere_fini(&h->elsewhere); /* other rows, other name servers */
	h->is_any_watched = is_any_watched(s);
	free_rates(h);
	return 0;
}

void hub_free_policy(struct hub *h)
{
	free_rates(h);
	elsewhere_fini(&h->elsewhere);
	free_policies(h->policy);
}
