#include "backup_crypt.h"

#include "base/err.h"
#include "base/text.h"
#include "base/wire.h"

#include <openssl/sha.h>

enum { MAGIC_BYTES = 8, BEFORE_FIELDS = MAGIC_BYTES + 4 };

static const char magic[] = "GHBACKUP";
const char backup_head_purpose[] = "gatehouse backup head", backup_end_purpose[] = "gatehouse backup end";

void backup_host_id(const uint8_t public_key[static PUBLIC_KEY_BYTES], uint8_t out[static HOST_ID_BYTES])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	SHA256(public_key, PUBLIC_KEY_BYTES, hash);
	memcpy(out, hash, HOST_ID_BYTES);
}

const char *backup_password_weakness(struct bytes password)
{
	bool seen[256] = { false };
	unsigned n_kinds = 0;

	if (password.n < PASSWORD_MIN_BYTES)
		return "a backup's password has at least 12 characters: whoever finds the file may try for years";
	if (password.n > PASSWORD_MAX_BYTES)
		return "a backup's password has at most 1024 bytes";
	for (size_t i = 0; i < password.n; i++) {
		n_kinds += !seen[password.p[i]];
		seen[password.p[i]] = true;
	}
	return n_kinds >= 6 ? NULL : "a backup's password has at least 6 different characters";
}

void backup_head_encode(const struct backup_head *h, struct buf *out)
{
	size_t start = buf_len(out);

	buf_put(out, magic, MAGIC_BYTES);
	wire_put_u16(out, BACKUP_VERSION);
	wire_put_u16(out, 0); /* the length, below */
	wire_put_str(out, bytes_of(h->product));
	wire_put_str(out, bytes_of(h->platform));
	wire_put_str(out, bytes_of(h->name));
	buf_put(out, h->public_key, sizeof h->public_key);
	buf_put(out, h->id, sizeof h->id);
	wire_put_u32(out, h->generation);
	wire_put_u64(out, h->made_ms);
	wire_put_u8(out, h->flags);
	wire_put_u8(out, h->log2n);
	wire_put_u8(out, h->r);
	wire_put_u8(out, h->p);
	buf_put(out, h->salt, sizeof h->salt);
	buf_put(out, h->check, sizeof h->check);
	if (buf_failed(out))
		return;
	size_t n = buf_len(out) - start - BEFORE_FIELDS;
	out->p[out->off + start + MAGIC_BYTES + 2] = (uint8_t)(n >> 8);
	out->p[out->off + start + MAGIC_BYTES + 3] = (uint8_t)n;
}

/* Text of a person's eye: no control characters. */
static bool take_text(struct wire *w, char *out, size_t room)
{
	struct bytes v = wire_str(w);

	if (wire_failed(w) || v.n >= room || !text_is_utf8(v))
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return false;
	if (v.n > 0)
		memcpy(out, v.p, v.n);
	out[v.n] = 0;
	return true;
}

static void take_raw(struct wire *w, uint8_t *out, size_t n)
{
	struct bytes v = wire_raw(w, n);

	if (!wire_failed(w))
		memcpy(out, v.p, n);
}

static int take_fields(struct wire *w, struct backup_head *h, const char **why)
{
	*why = "a text of its head";
	if (!take_text(w, h->product, sizeof h->product) || !take_text(w, h->platform, sizeof h->platform) ||
	    !take_text(w, h->name, sizeof h->name))
		return ERR_SYNTAX;
	take_raw(w, h->public_key, sizeof h->public_key);
	take_raw(w, h->id, sizeof h->id);
	h->generation = wire_u32(w);
	h->made_ms = wire_u64(w);
	h->flags = wire_u8(w);
	h->log2n = wire_u8(w);
	h->r = wire_u8(w);
	h->p = wire_u8(w);
	take_raw(w, h->salt, sizeof h->salt);
	take_raw(w, h->check, sizeof h->check);
	*why = "the length of its head";
	if (wire_end(w))
		return ERR_SYNTAX;
	*why = "the cost of its password";
	if (h->log2n < SCRYPT_LOG2N_MIN || h->log2n > SCRYPT_LOG2N_MAX || h->r != SCRYPT_R || h->p < 1 || h->p > SCRYPT_P_MAX)
		return ERR_RANGE;
	backup_host_id(h->public_key, h->host_id);
	return 0;
}

int backup_head_decode(struct bytes in, struct backup_head *h, size_t *whole, const char **why)
{
	struct wire w = wire_of(in);
	size_t n_magic = in.n < MAGIC_BYTES ? in.n : MAGIC_BYTES;

	*why = "not a backup file of this product";
	if (n_magic && memcmp(in.p, magic, n_magic) != 0)
		return ERR_SYNTAX;
	(void)wire_raw(&w, MAGIC_BYTES);
	h->version = wire_u16(&w);
	size_t n = wire_u16(&w);
	if (wire_failed(&w))
		return ERR_TRUNCATED;
	*why = "a version of the backup file that this release does not know";
	if (h->version != BACKUP_VERSION)
		return ERR_UNSUPPORTED;
	*why = "the length of its head";
	if (n + BEFORE_FIELDS + BACKUP_SIGNATURE_BYTES > BACKUP_HEAD_MAX)
		return ERR_SYNTAX;
	struct wire fields = wire_of(wire_raw(&w, n));
	struct bytes signature = wire_raw(&w, BACKUP_SIGNATURE_BYTES);
	if (wire_failed(&w))
		return ERR_TRUNCATED;
	int rc = take_fields(&fields, h, why);
	if (rc)
		return rc;
	*why = "the signature of its head";
	*whole = BEFORE_FIELDS + n + BACKUP_SIGNATURE_BYTES;
	return backup_verify(h->public_key, backup_head_purpose, bytes_make(in.p, BEFORE_FIELDS + n), signature) ? 0 : ERR_CHECKSUM;
}
