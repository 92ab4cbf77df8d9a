/* The file: magic u32, wall clock u64, secret, n u32, then n of key u64, name u64, failures u32, passed u64, left u64 (ms). */
#include "base/err.h"
#include "base/wire.h"
#include "lockout.h"

enum { MAGIC = 0x47484c31 };

void lockout_put(const struct throttle *t, uint64_t now_ms, uint64_t wall_ms, struct buf *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < THROTTLE_ENTRIES; i++)
		n += t->v[i].key != 0;
	wire_put_u32(out, MAGIC);
	wire_put_u64(out, wall_ms);
	buf_put_bytes(out, bytes_make(t->secret, sizeof t->secret));
	wire_put_u32(out, n);
	for (size_t i = 0; i < THROTTLE_ENTRIES; i++) {
		const struct throttle_entry *e = &t->v[i];
		if (!e->key)
			continue;
		wire_put_u64(out, e->key);
		wire_put_u64(out, e->name);
		wire_put_u32(out, e->failures);
		wire_put_u64(out, now_ms > e->last_ms ? now_ms - e->last_ms : 0);
		wire_put_u64(out, e->until_ms > now_ms ? e->until_ms - now_ms : 0);
	}
}

static void read_entry(struct wire *w, uint64_t gone_ms, uint64_t now_ms, struct throttle_entry *e)
{
	*e = (struct throttle_entry){ .key = wire_u64(w), .name = 0 };
	e->name = wire_u64(w);
	e->failures = wire_u32(w);
	uint64_t passed_ms = wire_u64(w), left_ms = wire_u64(w);
	/* after a start of the box the clock of the loop may be younger than the failure: then it is remembered longer */
	passed_ms = passed_ms > UINT64_MAX - gone_ms ? UINT64_MAX : passed_ms + gone_ms;
	e->last_ms = passed_ms < now_ms ? now_ms - passed_ms : 0;
	e->until_ms = left_ms > gone_ms ? now_ms + (left_ms - gone_ms) : 0;
}

int lockout_read(struct bytes file, struct throttle *t, uint64_t now_ms, uint64_t wall_ms)
{
	struct wire w = wire_of(file);
	uint32_t magic = wire_u32(&w);
	uint64_t written_ms = wire_u64(&w), gone_ms = wall_ms > written_ms ? wall_ms - written_ms : 0;
	struct bytes secret = wire_raw(&w, sizeof t->secret);
	uint32_t n = wire_u32(&w);

	throttle_init(t);
	if (wire_failed(&w) || magic != MAGIC)
		return ERR_SYNTAX;
	if (n > THROTTLE_ENTRIES)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < n; i++)
		read_entry(&w, gone_ms, now_ms, &t->v[i]);
	if (wire_end(&w) < 0) {
		throttle_init(t);
		return ERR_SYNTAX;
	}
	memcpy(t->secret, secret.p, sizeof t->secret);
	return 0;
}
