#include "net/bans.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"

void bans_init(struct bans *b)
{
	*b = (struct bans){ .n = 0 };
}

void bans_fini(struct bans *b)
{
	free(b->v);
	bans_init(b);
}

static void drop(struct bans *b, size_t i)
{
	b->n--;
	memmove(&b->v[i], &b->v[i + 1], (b->n - i) * sizeof b->v[0]);
}

static bool is_same(const struct prefix *a, const struct prefix *b)
{
	return a->bits == b->bits && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static void copy(char *out, size_t room, struct bytes text)
{
	size_t n = text.n < room - 1 ? text.n : room - 1;

	if (n)
		memcpy(out, text.p, n);
	out[n] = '\0';
}

static int put(struct bans *b, const struct ban *one)
{
	if (b->n >= BANS_MAX)
		return ERR_FULL;
	if (!b->v)
		b->v = malloc(BANS_MAX * sizeof b->v[0]); /* touched as far as it is used */
	if (!b->v)
		return ERR_NOMEM;
	b->v[b->n++] = *one;
	return 0;
}

/* Of a whole family: 0.0.0.0/0, ::/0, and what has them in it. */
static bool is_everybody(const struct prefix *p)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return p->bits == 0 || (p->bits == 96 && memcmp(p->bytes, mapped, sizeof mapped) == 0);
}

static int make(struct bytes range, struct bytes reason, struct ban *out)
{
	*out = (struct ban){ .until_ms = 0 };
	if (prefix_parse(range, &out->range))
		return ERR_SYNTAX;
	copy(out->text, sizeof out->text, range);
	copy(out->reason, sizeof out->reason, reason);
	return is_everybody(&out->range) ? ERR_RANGE : 0;
}

/* What it has kept out so far goes on being counted when the settings change. */
static uint64_t refused_before(const struct ban *old, size_t n, const struct prefix *range)
{
	for (size_t i = 0; i < n; i++)
		if (old[i].is_setting && is_same(&old[i].range, range))
			return old[i].refused;
	return 0;
}

static void apply_one(struct bans *b, const struct bans *old, const struct settings *s, struct bytes key)
{
	struct ban one;
	int rc = make(settings_text_at(s, SET_CLIENT_BAN_RANGE, key), settings_text_at(s, SET_CLIENT_BAN_REASON, key), &one);

	one.is_setting = true;
	one.refused = rc ? 0 : refused_before(old->v, old->n, &one.range);
	rc = rc ? rc : put(b, &one);
	if (rc)
		log_error("client.ban.ignored", LOG_BYTES("name", key), LOG_STR("reason", err_name(rc)));
}

void bans_apply(struct bans *b, const struct settings *s)
{
	struct bans old = *b;
	struct bytes key;

	bans_init(b);
	for (size_t at = 0; settings_next_key(s, SET_CLIENT_BAN_RANGE, &at, &key);)
		apply_one(b, &old, s, key);
	for (size_t i = 0; i < old.n; i++)
		if (!old.v[i].is_setting && put(b, &old.v[i]))
			log_error("client.ban.ignored", LOG_STR("name", old.v[i].text), LOG_STR("reason", err_name(ERR_FULL)));
	bans_fini(&old);
}

int bans_add(struct bans *b, struct bytes range, struct bytes reason, uint64_t until_ms, uint64_t now_ms)
{
	struct ban one;
	int rc = make(range, reason, &one);

	if (rc)
		return rc;
	one.until_ms = until_ms;
	bans_expire(b, now_ms);
	for (size_t i = 0; i < b->n; i++)
		if (!b->v[i].is_setting && is_same(&b->v[i].range, &one.range)) {
			one.refused = b->v[i].refused;
			b->v[i] = one;
			return 0;
		}
	return put(b, &one);
}

static bool is_within(const struct prefix *inner, const struct prefix *outer)
{
	return inner->bits >= outer->bits && prefix_has(outer, inner->bytes);
}

size_t bans_remove(struct bans *b, const struct prefix *range)
{
	size_t n = b->n;

	for (size_t i = b->n; i-- > 0;)
		if (!b->v[i].is_setting && is_within(&b->v[i].range, range))
			drop(b, i);
	return n - b->n;
}

static bool holds(const struct ban *one, uint64_t now_ms)
{
	return !one->until_ms || now_ms < one->until_ms;
}

bool bans_refuse(struct bans *b, const struct sockaddr *from, uint64_t now_ms)
{
	for (size_t i = 0; i < b->n; i++)
		if (holds(&b->v[i], now_ms) && prefix_has_sockaddr(&b->v[i].range, from)) {
			b->v[i].refused++;
			return true;
		}
	return false;
}

bool bans_has(const struct bans *b, const struct peer_address *who, uint64_t now_ms)
{
	uint8_t raw[16];

	if (!peer_address_raw(who, raw))
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (holds(&b->v[i], now_ms) && prefix_has(&b->v[i].range, raw))
			return true;
	return false;
}

void bans_expire(struct bans *b, uint64_t now_ms)
{
	for (size_t i = b->n; i-- > 0;)
		if (!holds(&b->v[i], now_ms))
			drop(b, i);
}
