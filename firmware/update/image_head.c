#include "image_head.h"

#include "base/err.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

const char *const image_part_names[PART_COUNT] = { "uki", "root", "hash" };
static const char magic[] = "gatehouse-upgrade 1\n";

/* ---- versions ---- */

int image_version_parse(struct bytes text, struct image_version *out)
{
	struct image_version v = { { 0 } };
	unsigned i = 0;
	uint64_t n;

	for (bool more = true; more; i++) {
		struct bytes word = bytes_make(text.p, bytes_find(text, '.'));
		if (i == 3 || bytes_to_u64(word, UINT16_MAX, &n) || (word.n > 1 && *word.p == '0'))
			return ERR_SYNTAX;
		v.n[i] = (uint16_t)n;
		more = word.n < text.n;
		text = bytes_skip(text, word.n + 1);
		if (more && text.n == 0)
			return ERR_SYNTAX;
	}
	if (i < 2)
		return ERR_SYNTAX;
	*out = v;
	return 0;
}

int image_version_cmp(const struct image_version *a, const struct image_version *b)
{
	for (unsigned i = 0; i < 3; i++)
		if (a->n[i] != b->n[i])
			return a->n[i] < b->n[i] ? -1 : 1;
	return 0;
}

void image_version_text(const struct image_version *v, char out[static IMAGE_VERSION_TEXT])
{
	snprintf(out, IMAGE_VERSION_TEXT, "%u.%u.%u", v->n[0], v->n[1], v->n[2]);
}

/* ---- the text ---- */

static bool take_line(struct bytes *text, const char *key, struct bytes *value)
{
	struct bytes line = bytes_make(text->p, bytes_find(*text, '\n'));
	size_t n = strlen(key);

	if (line.n == text->n || line.n <= n + 1 || memcmp(line.p, key, n) != 0 || line.p[n] != ' ')
		return false;
	*value = bytes_skip(line, n + 1);
	*text = bytes_skip(*text, line.n + 1);
	return true;
}

static int take_parts(struct bytes *text, struct image_head *h)
{
	struct bytes value;
	char key[16];

	for (unsigned i = 0; i < PART_COUNT; i++) {
		snprintf(key, sizeof key, "part %s", image_part_names[i]);
		if (!take_line(text, key, &value) || bytes_to_u64(value, (uint64_t)IMAGE_CHUNKS_MAX * IMAGE_CHUNK_BYTES, &h->part_bytes[i]))
			return ERR_SYNTAX;
	}
	uint64_t n = 0;
	for (unsigned i = 0; i < PART_COUNT; i++)
		n += (h->part_bytes[i] + IMAGE_CHUNK_BYTES - 1) / IMAGE_CHUNK_BYTES;
	return n > 0 && n <= IMAGE_CHUNKS_MAX ? 0 : ERR_RANGE;
}

/* A name of letters, digits and '-': any other character would not come out as it went in. */
static int take_platform(struct bytes *text, struct image_head *h)
{
	struct bytes value;

	if (!take_line(text, "platform", &value) || value.n >= sizeof h->platform)
		return ERR_SYNTAX;
	for (size_t i = 0; i < value.n; i++)
		if (!isalnum(value.p[i]) && value.p[i] != '-')
			return ERR_SYNTAX;
	memcpy(h->platform, value.p, value.n);
	return 0;
}

static int take_text(struct bytes text, struct image_head *h, const char **why)
{
	struct bytes value;

	*why = "its version";
	if (!take_line(&text, "version", &value) || image_version_parse(value, &h->version))
		return ERR_SYNTAX;
	*why = "its floor";
	if (!take_line(&text, "floor", &value) || image_version_parse(value, &h->floor) || image_version_cmp(&h->floor, &h->version) > 0)
		return ERR_SYNTAX;
	*why = "its platform";
	if (take_platform(&text, h))
		return ERR_SYNTAX;
	*why = "its hashes";
	if (!take_line(&text, "hashes", &value) || text_unhex(value, h->hashes, sizeof h->hashes))
		return ERR_SYNTAX;
	*why = "its parts";
	int rc = take_parts(&text, h);
	*why = rc ? "its parts" : "something follows its parts";
	for (size_t i = 0; !rc && i < text.n; i++)
		rc = text.p[i] ? ERR_SYNTAX : 0;
	return rc;
}

static bool is_signed(const uint8_t raw[static IMAGE_HEAD_BYTES], const uint8_t key[static IMAGE_KEY_BYTES])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, IMAGE_KEY_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_good = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) > 0 &&
	               EVP_DigestVerify(ctx, raw + IMAGE_TEXT_BYTES, IMAGE_SIGNATURE_BYTES, raw, IMAGE_TEXT_BYTES) > 0;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return is_good;
}

int image_head_decode(const uint8_t raw[static IMAGE_HEAD_BYTES], image_trust trust, struct image_head *out, const char **why)
{
	struct image_head h = { 0 };
	bool is_good = false;

	*why = "not an upgrade file of this product";
	if (memcmp(raw, magic, sizeof magic - 1) != 0)
		return ERR_SYNTAX;
	*why = "its signature is of nobody whom this box trusts";
	for (unsigned i = 0; i < IMAGE_KEYS; i++)
		is_good |= is_signed(raw, trust[i]);
	if (!is_good)
		return ERR_AUTH;
	int rc = take_text(bytes_make(raw + sizeof magic - 1, IMAGE_TEXT_BYTES - (sizeof magic - 1)), &h, why);
	if (rc)
		return rc;
	SHA256(raw, IMAGE_HEAD_BYTES, h.id);
	*out = h;
	*why = "";
	return 0;
}

void image_head_encode(const struct image_head *h, uint8_t out[static IMAGE_TEXT_BYTES])
{
	char version[IMAGE_VERSION_TEXT], lowest[IMAGE_VERSION_TEXT], hex[2 * IMAGE_HASH_BYTES + 1];

	memset(out, 0, IMAGE_TEXT_BYTES);
	image_version_text(&h->version, version);
	image_version_text(&h->floor, lowest);
	text_hex(bytes_make(h->hashes, sizeof h->hashes), hex);
	int n = snprintf((char *)out, IMAGE_TEXT_BYTES, "%sversion %s\nfloor %s\nplatform %s\nhashes %s\n", magic, version, lowest, h->platform, hex);
	for (unsigned i = 0; i < PART_COUNT; i++)
		n += snprintf((char *)out + n, IMAGE_TEXT_BYTES - (size_t)n, "part %s %llu\n", image_part_names[i], (unsigned long long)h->part_bytes[i]);
}

/* ---- geometry ---- */

static uint32_t part_chunks(uint64_t bytes)
{
	return (uint32_t)((bytes + IMAGE_CHUNK_BYTES - 1) / IMAGE_CHUNK_BYTES);
}

uint32_t image_chunks(const struct image_head *h)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < PART_COUNT; i++)
		n += part_chunks(h->part_bytes[i]);
	return n;
}

uint64_t image_payload_offset(const struct image_head *h)
{
	return IMAGE_HEAD_BYTES + (uint64_t)image_chunks(h) * IMAGE_HASH_BYTES;
}

bool image_place_of(const struct image_head *h, uint32_t i, struct image_place *out)
{
	uint64_t at = image_payload_offset(h);

	for (unsigned p = 0; p < PART_COUNT; p++) {
		uint32_t n = part_chunks(h->part_bytes[p]);
		if (i < n) {
			uint64_t offset = (uint64_t)i * IMAGE_CHUNK_BYTES, left = h->part_bytes[p] - offset;
			*out = (struct image_place){ (enum image_part)p, offset, left < IMAGE_CHUNK_BYTES ? (size_t)left : IMAGE_CHUNK_BYTES, at + offset };
			return true;
		}
		i -= n;
		at += h->part_bytes[p];
	}
	return false;
}
