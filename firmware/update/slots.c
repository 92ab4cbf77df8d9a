#include "slots.h"

#include "base/err.h"
#include "base/wire.h"

#include <openssl/sha.h>

const char *const slot_state_names[SLOT_STATE_COUNT] = { "empty", "unfinished", "ready" };
static const char magic[] = "GHSLOTS1";

static void put_version(struct buf *b, const struct image_version *v)
{
	for (unsigned i = 0; i < 3; i++)
		wire_put_u16(b, v->n[i]);
}

static struct image_version take_version(struct wire *w)
{
	struct image_version v;

	for (unsigned i = 0; i < 3; i++)
		v.n[i] = wire_u16(w);
	return v;
}

static void put_slot(struct buf *b, const struct slot *s)
{
	wire_put_u8(b, (uint8_t)s->state);
	wire_put_u8(b, s->is_good);
	wire_put_u8(b, s->tries);
	put_version(b, &s->version);
	put_version(b, &s->floor);
	buf_put(b, s->id, sizeof s->id);
	wire_put_u32(b, s->chunks_done);
}

static bool take_slot(struct wire *w, struct slot *s)
{
	unsigned state = wire_u8(w), is_good = wire_u8(w);

	s->tries = wire_u8(w);
	s->version = take_version(w);
	s->floor = take_version(w);
	struct bytes id = wire_raw(w, sizeof s->id);
	s->chunks_done = wire_u32(w);
	if (wire_failed(w) || state >= SLOT_STATE_COUNT || is_good > 1)
		return false;
	s->state = (enum slot_state)state;
	s->is_good = is_good;
	memcpy(s->id, id.p, sizeof s->id);
	return true;
}

static void encode(const struct slot_table *t, uint8_t out[static TABLE_BYTES])
{
	struct buf b;

	memset(out, 0, TABLE_BYTES);
	buf_init(&b, TABLE_BYTES);
	buf_put(&b, magic, 8);
	wire_put_u64(&b, t->sequence);
	for (unsigned i = 0; i < SLOTS; i++)
		put_slot(&b, &t->slots[i]);
	wire_put_u8(&b, t->preferred);
	wire_put_u8(&b, t->booted);
	put_version(&b, &t->floor);
	wire_put_u8(&b, t->has_failed);
	put_version(&b, &t->failed);
	memcpy(out, buf_bytes(&b).p, buf_len(&b)); /* some 140 bytes */
	buf_fini(&b);
	SHA256(out, TABLE_BYTES - SHA256_DIGEST_LENGTH, out + TABLE_BYTES - SHA256_DIGEST_LENGTH);
}

static bool decode(const uint8_t in[static TABLE_BYTES], struct slot_table *t)
{
	struct wire w = wire_of(bytes_make(in, TABLE_BYTES - SHA256_DIGEST_LENGTH));
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256(w.in.p, w.in.n, sum);
	if (memcmp(sum, in + w.in.n, sizeof sum) != 0 || !bytes_eq_str(wire_raw(&w, 8), magic))
		return false;
	t->sequence = wire_u64(&w);
	for (unsigned i = 0; i < SLOTS; i++)
		if (!take_slot(&w, &t->slots[i]))
			return false;
	t->preferred = wire_u8(&w);
	t->booted = wire_u8(&w);
	t->floor = take_version(&w);
	t->has_failed = wire_u8(&w);
	t->failed = take_version(&w);
	return !wire_failed(&w) && t->preferred < SLOTS && t->booted < SLOTS;
}

int slots_load(const struct slot_disk *d, struct slot_table *out)
{
	uint8_t raw[TABLE_BYTES];
	bool is_found = false;

	for (unsigned i = 0; i < TABLE_COPIES; i++) {
		struct slot_table t = { 0 };
		if (d->table_read(d->arg, i, raw) || !decode(raw, &t) || (is_found && t.sequence < out->sequence))
			continue;
		*out = t;
		is_found = true;
	}
	return is_found ? 0 : ERR_NOT_FOUND;
}

int slots_store(const struct slot_disk *d, struct slot_table *t)
{
	uint8_t raw[TABLE_BYTES];
	struct slot_table next = *t;

	next.sequence++;
	encode(&next, raw);
	int rc = d->boot ? d->boot(d->arg, &next) : 0;
	if (!rc)
		rc = d->table_write(d->arg, next.sequence % TABLE_COPIES, raw);
	if (!rc)
		*t = next;
	return rc;
}

void slots_first(struct slot_table *t, const struct image_version *version)
{
	*t = (struct slot_table){ .slots[0] = { .state = SLOT_READY, .is_good = true, .tries = SLOT_TRIES, .version = *version } };
}

int slots_choose(const struct slot_table *t, unsigned *out)
{
	unsigned first = t->preferred, second = 1u - first;
	bool may_first = t->slots[first].state == SLOT_READY, may_second = t->slots[second].state == SLOT_READY;

	if (!may_first && !may_second)
		return ERR_NOT_FOUND;
	if (may_first && may_second)
		*out = t->slots[first].tries == 0 && t->slots[second].tries > 0 ? second : first;
	else
		*out = may_first ? first : second;
	return 0;
}

int slots_boot(struct slot_table *t, unsigned *out)
{
	int rc = slots_choose(t, out);

	if (rc)
		return rc;
	struct slot *s = &t->slots[*out];
	if (s->tries > 0)
		s->tries--;
	t->booted = (uint8_t)*out;
	return 0;
}

void slots_confirm(struct slot_table *t)
{
	struct slot *s = &t->slots[t->booted];

	s->is_good = true;
	s->tries = SLOT_TRIES;
	if (image_version_cmp(&s->floor, &t->floor) > 0)
		t->floor = s->floor;
}

bool slots_notice_failure(struct slot_table *t)
{
	const struct slot *s = &t->slots[t->preferred];

	if (t->preferred == t->booted || s->state != SLOT_READY || s->tries > 0)
		return false;
	t->has_failed = true;
	t->failed = s->version;
	t->preferred = t->booted;
	return true;
}

int slots_rollback(struct slot_table *t)
{
	unsigned other = slots_spare(t);
	struct slot *s = &t->slots[other];

	if (s->state != SLOT_READY || !s->is_good)
		return ERR_NOT_FOUND;
	if (image_version_cmp(&s->version, &t->floor) < 0)
		return ERR_DENIED;
	s->tries = SLOT_TRIES;
	t->preferred = (uint8_t)other;
	return 0;
}
