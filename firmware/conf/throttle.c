#include "throttle.h"

#include "base/random.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <stdio.h>

enum { FIRST_WAIT_MS = 1000, DOUBLINGS_MAX = 20 };

void throttle_init(struct throttle *t)
{
	*t = (struct throttle){ 0 };
	random_bytes(t->secret, sizeof t->secret);
}

/* ---- keys ---- */

/* An address of IPv6 to its /64, which one stranger has whole; a mapped one is the IPv4 address. */
static void prefix_of(const char *source, char out[static 64])
{
	struct in6_addr six;

	snprintf(out, 64, "%s", source);
	if (inet_pton(AF_INET6, source, &six) != 1)
		return;
	if (IN6_IS_ADDR_V4MAPPED(&six)) {
		(void)inet_ntop(AF_INET, &six.s6_addr[12], out, 64); /* 16 bytes are enough */
		return;
	}
	memset(&six.s6_addr[8], 0, 8);
	(void)inet_ntop(AF_INET6, &six, out, 64); /* 46 are enough */
}

static uint64_t key_of(const struct throttle *t, char kind, struct bytes name, const char *source)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char text[64 + 64 + 64];
	uint64_t key;

	int n = snprintf(text, sizeof text, "%c%.*s|%.63s|", kind, (int)(name.n > 60 ? 60 : name.n), (const char *)name.p, source);
	memcpy(text + n, t->secret, sizeof t->secret);
	if (EVP_Digest(text, (size_t)n + sizeof t->secret, digest, NULL, EVP_sha256(), NULL) != 1)
		return 1; /* without digests all share one entry: slow, not open */
	memcpy(&key, digest, sizeof key);
	return key ? key : 1;
}

enum { PAIR, SOURCE, ACCOUNT, KINDS };

static void keys_of(const struct throttle *t, const struct throttle_try *try, uint64_t keys[static KINDS])
{
	char prefix[64];

	prefix_of(try->source, prefix);
	keys[PAIR] = key_of(t, 'p', try->name, prefix);
	keys[SOURCE] = key_of(t, 's', BYTES_NONE, prefix);
	keys[ACCOUNT] = key_of(t, 'a', try->name, "");
}

/* ---- entries ---- */

static struct throttle_entry *find(struct throttle *t, uint64_t key)
{
	for (size_t i = 0; i < THROTTLE_ENTRIES; i++) {
		if (t->v[i].key == key)
			return &t->v[i];
	}
	return NULL;
}

static struct throttle_entry *find_or_make(struct throttle *t, uint64_t key, uint64_t name)
{
	struct throttle_entry *e = find(t, key);

	if (e)
		return e;
	e = &t->v[0];
	for (size_t i = 0; i < THROTTLE_ENTRIES && e->key; i++) {
		if (!t->v[i].key || t->v[i].last_ms < e->last_ms)
			e = &t->v[i];
	}
	*e = (struct throttle_entry){ .key = key, .name = name };
	return e;
}

static uint64_t left(const struct throttle_entry *e, uint64_t now_ms)
{
	return e && e->until_ms > now_ms ? e->until_ms - now_ms : 0;
}

/* `free` failures cost nothing, then 1 s, doubled with each further one. */
static void charge(struct throttle_entry *e, uint32_t free, uint64_t longest_ms, uint64_t forget_ms, uint64_t now_ms)
{
	uint64_t wait_ms = 0;

	if (e->failures && now_ms - e->last_ms > forget_ms)
		e->failures = 0;
	if (e->failures < UINT32_MAX)
		e->failures++;
	e->last_ms = now_ms;
	if (e->failures > free) {
		uint32_t doublings = e->failures - free - 1;
		wait_ms = (uint64_t)FIRST_WAIT_MS << (doublings > DOUBLINGS_MAX ? DOUBLINGS_MAX : doublings);
	}
	e->until_ms = now_ms + (wait_ms > longest_ms ? longest_ms : wait_ms);
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t wait_of(struct throttle *t, const struct throttle_try *try, const uint64_t keys[static KINDS], uint64_t now_ms)
{
	uint64_t wait_ms = left(find(t, keys[PAIR]), now_ms);

	if (!try->is_console)
		wait_ms = most(wait_ms, left(find(t, keys[SOURCE]), now_ms));
	if (!try->is_console && !try->is_usual)
		wait_ms = most(wait_ms, left(find(t, keys[ACCOUNT]), now_ms));
	return wait_ms;
}

uint64_t throttle_begin(struct throttle *t, struct throttle_try *try, uint64_t now_ms)
{
	const uint64_t console_ms = THROTTLE_CONSOLE_MAX_MS;
	uint64_t longest_ms = try->is_console && try->longest_ms > console_ms ? console_ms : try->longest_ms;
	const uint32_t free[KINDS] = { try->tries, try->tries * THROTTLE_SOURCE_FACTOR, THROTTLE_ACCOUNT_TRIES };
	const uint64_t longest[KINDS] = { longest_ms, longest_ms, THROTTLE_ACCOUNT_MAX_MS };
	uint64_t keys[KINDS];

	keys_of(t, try, keys);
	uint64_t wait_ms = wait_of(t, try, keys, now_ms);
	if (wait_ms > 0)
		return wait_ms;
	for (unsigned i = 0; i < KINDS; i++) {
		struct throttle_entry *e = find_or_make(t, keys[i], i == SOURCE ? 0 : keys[ACCOUNT]);
		charge(e, free[i], longest[i], try->longest_ms, now_ms);
		try->serials[i] = e->serial = ++t->serial;
	}
	return 0;
}

static void take_back(struct throttle *t, const struct throttle_try *try, uint64_t key, unsigned kind)
{
	struct throttle_entry *e = find(t, key);

	if (!e || e->failures == 0)
		return;
	e->failures--;
	if (e->serial == try->serials[kind])
		e->until_ms = 0; /* no later attempt set it */
}

static void clear(struct throttle_entry *e)
{
	if (e)
		*e = (struct throttle_entry){ 0 };
}

void throttle_passed(struct throttle *t, const struct throttle_try *try)
{
	uint64_t keys[KINDS];

	keys_of(t, try, keys);
	clear(find(t, keys[PAIR]));
	clear(find(t, keys[ACCOUNT]));
	take_back(t, try, keys[SOURCE], SOURCE);
}

void throttle_undo(struct throttle *t, const struct throttle_try *try)
{
	uint64_t keys[KINDS];

	keys_of(t, try, keys);
	for (unsigned i = 0; i < KINDS; i++)
		take_back(t, try, keys[i], i);
}

void throttle_forgive(struct throttle *t, struct bytes name)
{
	uint64_t account = key_of(t, 'a', name, "");

	for (size_t i = 0; i < THROTTLE_ENTRIES; i++) {
		if (t->v[i].name == account)
			clear(&t->v[i]);
	}
}

uint64_t throttle_account_wait(const struct throttle *t, struct bytes name, uint64_t now_ms)
{
	uint64_t key = key_of(t, 'a', name, "");

	for (size_t i = 0; i < THROTTLE_ENTRIES; i++) {
		if (t->v[i].key == key)
			return left(&t->v[i], now_ms);
	}
	return 0;
}
