#include "route.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/rate.h"
#include "proto/jid.h"

struct hosted {
	size_t n;
	uint8_t name[];
};

struct bucket {
	struct rate rate;
	size_t n;
	uint8_t name[];
};

#define WORD(id, word, error) word,
static const char *const words[] = { ROUTE_VERDICTS(WORD) };
#undef WORD
#define ERROR(id, word, error) error,
static const enum stanza_error errors[] = { ROUTE_VERDICTS(ERROR) };
#undef ERROR

const char *route_verdict_name(enum route_verdict v)
{
	return words[v];
}

enum stanza_error route_verdict_error(enum route_verdict v)
{
	return errors[v];
}

/* ---- settings ---- */

static void free_all(struct map *m)
{
	size_t at = 0;
	void *value;

	while ((value = map_next(m, &at)))
		free(value);
	map_fini(m);
}

static int add_hosted(struct map *m, struct bytes name)
{
	struct hosted *h = malloc(sizeof *h + name.n);

	if (!h)
		return ERR_NOMEM;
	h->n = name.n;
	memcpy(h->name, name.p, name.n);
	int rc = map_add(m, bytes_make(h->name, h->n), h);
	if (rc)
		free(h);
	return rc == ERR_EXISTS ? 0 : rc;
}

static int read_hosted(struct map *m, const struct settings *s)
{
	struct arena a;
	size_t at = 0;
	struct bytes key, domain;
	int rc = 0;

	arena_init(&a, 1 << 16);
	while (!rc && settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key)) {
		arena_reset(&a);
		/* gh-conf checks keys; one that is no domain hosts nobody. */
		if (settings_is_set(s, SET_DOMAIN_CERTIFICATE, key) && jid_parse_domain(key, &a, &domain) == 0)
			rc = add_hosted(m, domain);
	}
	arena_fini(&a);
	return rc;
}

int route_read(struct route *r, const struct settings *s)
{
	struct peer_policy *policy;
	struct map hosted;

	map_init(&hosted);
	int rc = peer_policy_new(s, &policy);
	if (rc)
		return rc;
	rc = read_hosted(&hosted, s);
	if (rc) {
		peer_policy_free(policy);
		free_all(&hosted);
		return rc;
	}
	route_fini(r);
	*r = (struct route){ .settings = s, .policy = policy, .hosted = hosted };
	return 0;
}

void route_fini(struct route *r)
{
	peer_policy_free(r->policy);
	free_all(&r->hosted);
	free_all(&r->buckets);
	*r = (struct route){ .settings = NULL };
}

bool route_is_hosted(const struct route *r, struct bytes domain)
{
	return map_get(&r->hosted, domain) != NULL;
}

/* ---- rates ---- */

/* A bucket that is full again says nothing that a new one would not say. */
static void forget_full(struct route *r, uint64_t now_ms)
{
	struct bucket *full[64], *b;
	size_t at = 0, n = 0;

	while (n < 64 && (b = map_next(&r->buckets, &at)))
		if (rate_wait_ms(&b->rate, b->rate.burst ? b->rate.burst : b->rate.per_s, now_ms) == 0)
			full[n++] = b;
	while (n--) {
		(void)map_del(&r->buckets, bytes_make(full[n]->name, full[n]->n)); /* it is the one found */
		free(full[n]);
	}
}

static struct bucket *bucket_of(struct route *r, struct bytes peer, uint32_t per_s, uint64_t now_ms)
{
	struct bucket *b = map_get(&r->buckets, peer);

	if (b)
		return b;
	if (r->buckets.count >= ROUTE_BUCKETS_MAX)
		forget_full(r, now_ms);
	if (r->buckets.count >= ROUTE_BUCKETS_MAX)
		return NULL;
	b = malloc(sizeof *b + peer.n);
	if (!b)
		return NULL;
	rate_init(&b->rate, per_s, 0, now_ms);
	b->n = peer.n;
	memcpy(b->name, peer.p, peer.n);
	if (map_add(&r->buckets, bytes_make(b->name, b->n), b) == 0)
		return b;
	free(b);
	return NULL;
}

/* No room for one more bucket counts as over the rate: fails closed. */
static bool is_within_rate(struct route *r, struct bytes peer, struct bytes key, uint64_t now_ms)
{
	uint32_t per_s = (uint32_t)settings_int_at(r->settings, SET_FED_PEER_RATE, key);

	if (per_s == 0)
		return true;
	struct bucket *b = bucket_of(r, peer, per_s, now_ms);
	return b && rate_take(&b->rate, 1, now_ms);
}

/* ---- the verdict ---- */

static struct bytes domain_of(struct bytes jid)
{
	struct jid j = jid_of_normal(jid);

	return jid_domain(&j);
}

static enum route_verdict judge_peer(struct route *r, enum route_side side, struct route_answer *out, uint64_t now_ms)
{
	struct peer_verdict v;

	peer_policy_judge(r->policy, out->peer, &v);
	if (!v.is_allowed) {
		out->why = v.why;
		return ROUTE_DENIED;
	}
	if (side == ROUTE_FROM_S2S && !is_within_rate(r, out->peer, v.key, now_ms))
		return ROUTE_RATE;
	return ROUTE_PASS;
}

static enum route_verdict judge(struct route *r, enum route_side side, const struct envelope *e, uint64_t now_ms,
                                struct route_answer *out)
{
	struct bytes from = domain_of(e->from), to = domain_of(e->to);
	bool is_inward = side == ROUTE_FROM_S2S;

	out->peer = is_inward ? from : to;
	if (!r->policy || from.n == 0 || to.n == 0)
		return ROUTE_NOT_HOSTED;
	if (e->hops >= ENVELOPE_HOPS_MAX)
		return ROUTE_HOPS;
	/* What a door says of its own side must be so. */
	if (route_is_hosted(r, from) == is_inward)
		return ROUTE_FORGED;
	if (route_is_hosted(r, to) != is_inward)
		return is_inward ? ROUTE_NOT_HOSTED : ROUTE_LOOP;
	return judge_peer(r, side, out, now_ms);
}

void route_judge(struct route *r, enum route_side side, const struct envelope *e, uint64_t now_ms,
                 struct route_answer *out)
{
	out->why = NULL;
	out->verdict = judge(r, side, e, now_ms, out);
	if (!out->why)
		out->why = route_verdict_name(out->verdict);
}
