#include "proto/record.h"

#include <openssl/sha.h>

#include "base/err.h"
#include "proto/envelope.h"

static const char magic[8] = "GHCOMPL1";
static const uint32_t pruned_bit = 0x80000000;
enum { PRUNED_BYTES = 4 + RECORD_HASH_BYTES, BODY_MIN = 8 + 1 + 8 };

/* ---- fields ---- */

void record_put_fields(struct buf *b, const struct record *r)
{
	wire_put_u8(b, r->kind);
	wire_put_u64(b, r->at_ms);
	switch (r->kind) {
	case RECORD_STANZA:
		wire_put_u8(b, r->door);
		wire_put_u8(b, r->stanza_kind);
		wire_put_u8(b, r->type);
		wire_put_u64(b, r->trace);
		wire_put_str(b, r->from);
		wire_put_str(b, r->to);
		wire_put_str(b, r->sid);
		wire_put_bytes(b, r->stanza);
		break;
	case RECORD_FILE:
		wire_put_str(b, r->from);
		wire_put_str(b, r->name);
		wire_put_str(b, r->media);
		wire_put_u64(b, r->size);
		wire_put_str(b, r->text);
		break;
	case RECORD_TRANSFER:
		wire_put_u8(b, r->fact);
		wire_put_str(b, r->from);
		wire_put_str(b, r->name);
		wire_put_str(b, r->media);
		wire_put_u64(b, r->size);
		wire_put_u64(b, r->moved);
		wire_put_str(b, r->text);
		wire_put_str(b, r->address);
		wire_put_str(b, r->detail);
		break;
	default:
		wire_put_str(b, r->name);
		wire_put_str(b, r->text);
	}
}

static int read_stanza(struct wire *w, struct record *r)
{
	r->door = wire_u8(w);
	r->stanza_kind = wire_u8(w);
	r->type = wire_u8(w);
	r->trace = wire_u64(w);
	r->from = wire_str(w);
	r->to = wire_str(w);
	r->sid = wire_str(w);
	r->stanza = wire_bytes(w);
	return r->door < DOOR_COUNT && r->stanza_kind < STANZA_KIND_COUNT && r->type < STANZA_TYPE_COUNT ? 0 : ERR_RANGE;
}

static int read_transfer(struct wire *w, struct record *r)
{
	r->fact = wire_u8(w);
	r->from = wire_str(w);
	r->name = wire_str(w);
	r->media = wire_str(w);
	r->size = wire_u64(w);
	r->moved = wire_u64(w);
	r->text = wire_str(w);
	r->address = wire_str(w);
	r->detail = wire_str(w);
	return r->fact < TRANSFER_FACT_COUNT ? 0 : ERR_RANGE;
}

const char *transfer_fact_name(unsigned fact)
{
	static const char *const names[TRANSFER_FACT_COUNT] = { "put", "get", "infected", "unscanned" };

	return fact < TRANSFER_FACT_COUNT ? names[fact] : "";
}

static int read_by_kind(struct wire *w, struct record *r)
{
	switch (r->kind) {
	case RECORD_STANZA:
		return read_stanza(w, r);
	case RECORD_FILE:
		r->from = wire_str(w);
		r->name = wire_str(w);
		r->media = wire_str(w);
		r->size = wire_u64(w);
		r->text = wire_str(w);
		return 0;
	case RECORD_TRANSFER:
		return read_transfer(w, r);
	case RECORD_EVENT:
		r->name = wire_str(w);
		r->text = wire_str(w);
		return r->name.n <= RECORD_EVENT_MAX && r->text.n <= RECORD_TEXT_MAX ? 0 : ERR_RANGE;
	default:
		return ERR_RANGE;
	}
}

int record_read_fields(struct bytes in, struct record *out)
{
	struct wire w = wire_of(in);
	struct record r = { .number = out->number };

	r.kind = wire_u8(&w);
	r.at_ms = wire_u64(&w);
	int rc = wire_failed(&w) ? ERR_TRUNCATED : read_by_kind(&w, &r);
	int end = wire_end(&w);
	if (end || rc)
		return end ? end : rc;
	*out = r;
	return 0;
}

int record_read(struct bytes body, struct record *out)
{
	struct wire w = wire_of(body);
	struct record r = { .number = wire_u64(&w) };
	int rc = wire_failed(&w) ? ERR_TRUNCATED : record_read_fields(bytes_skip(body, 8), &r);

	if (!rc)
		*out = r;
	return rc;
}

/* ---- the chain ---- */

static void chain(struct bytes length_and_body, uint8_t hash[static RECORD_HASH_BYTES])
{
	uint8_t both[2 * RECORD_HASH_BYTES];

	memcpy(both, hash, RECORD_HASH_BYTES);
	SHA256(length_and_body.p, length_and_body.n, both + RECORD_HASH_BYTES);
	SHA256(both, sizeof both, hash);
}

void record_append(struct buf *b, uint64_t number, struct bytes fields, uint8_t hash[static RECORD_HASH_BYTES])
{
	size_t at = buf_len(b);

	wire_put_u32(b, (uint32_t)(8 + fields.n));
	wire_put_u64(b, number);
	buf_put_bytes(b, fields);
	if (buf_failed(b))
		return;
	chain(bytes_skip(buf_bytes(b), at), hash);
	buf_put(b, hash, RECORD_HASH_BYTES);
}

void record_append_pruned(struct buf *b, uint32_t n, const uint8_t hash[static RECORD_HASH_BYTES])
{
	wire_put_u32(b, pruned_bit | PRUNED_BYTES);
	wire_put_u32(b, n);
	buf_put(b, hash, RECORD_HASH_BYTES);
}

void record_put_head(struct buf *b, const struct record_head *h)
{
	buf_put(b, magic, sizeof magic);
	wire_put_u64(b, h->first);
	wire_put_u64(b, h->begun_ms);
	buf_put(b, h->hash, sizeof h->hash);
}

int record_read_head(struct bytes in, struct record_head *out)
{
	struct wire w = wire_of(in);
	struct bytes m = wire_raw(&w, sizeof magic);
	uint64_t first = wire_u64(&w), begun_ms = wire_u64(&w);
	struct bytes hash = wire_raw(&w, RECORD_HASH_BYTES);

	if (wire_failed(&w))
		return ERR_TRUNCATED;
	if (memcmp(m.p, magic, sizeof magic) != 0 || first == 0 || first > INT64_MAX)
		return ERR_SYNTAX;
	out->first = first;
	out->begun_ms = begun_ms;
	memcpy(out->hash, hash.p, RECORD_HASH_BYTES);
	return 0;
}

int record_frame(struct bytes in, struct record_frame *out)
{
	struct wire w = wire_of(in);
	uint32_t length = wire_u32(&w);
	struct record_frame f = { 0 };

	if (wire_failed(&w))
		return ERR_TRUNCATED;
	if (length & pruned_bit) {
		if (length != (pruned_bit | PRUNED_BYTES))
			return ERR_RANGE;
		f.pruned = wire_u32(&w);
		f.hash = wire_raw(&w, RECORD_HASH_BYTES);
		if (!wire_failed(&w) && !f.pruned)
			return ERR_RANGE;
	} else {
		if (length < BODY_MIN || length > RECORD_BODY_MAX)
			return ERR_RANGE;
		f.body = wire_raw(&w, length);
		f.hash = wire_raw(&w, RECORD_HASH_BYTES);
	}
	if (wire_failed(&w))
		return ERR_TRUNCATED;
	f.n = in.n - wire_left(&w);
	*out = f;
	return 0;
}

bool record_check(const struct record_frame *f, uint8_t hash[static RECORD_HASH_BYTES])
{
	uint8_t want[RECORD_HASH_BYTES];

	if (!f->pruned) {
		memcpy(want, hash, sizeof want);
		chain(bytes_make(f->body.p - 4, f->body.n + 4), want); /* the length stands before the body */
		if (memcmp(want, f->hash.p, sizeof want) != 0)
			return false;
	}
	memcpy(hash, f->hash.p, RECORD_HASH_BYTES);
	return true;
}
