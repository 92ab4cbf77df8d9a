/* Any text as the head of an upgrade file, signed by a key of ours, as the signature would keep the fuzzer out: refused with
 * a reason, or a head whose chunks tile its parts, and that encodes to a head that is equal. */
#include "image_head.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;
static uint8_t trust[IMAGE_KEYS][IMAGE_KEY_BYTES];

static void sign(uint8_t raw[static IMAGE_HEAD_BYTES])
{
	static const uint8_t seed[32] = { 1, 2, 3 };
	size_t n = IMAGE_KEY_BYTES;

	if (!key) {
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
		if (!key || !EVP_PKEY_get_raw_public_key(key, trust[1], &n))
			abort();
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	n = IMAGE_SIGNATURE_BYTES;
	if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) <= 0 ||
	    EVP_DigestSign(ctx, raw + IMAGE_TEXT_BYTES, &n, raw, IMAGE_TEXT_BYTES) <= 0)
		abort();
	EVP_MD_CTX_free(ctx);
}

static void check_chunks(const struct image_head *h)
{
	struct image_place at;
	uint64_t file = image_payload_offset(h), bytes[PART_COUNT] = { 0 };
	uint32_t i = 0;

	for (; image_place_of(h, i, &at); i++) {
		if (at.n == 0 || at.n > IMAGE_CHUNK_BYTES || at.file_offset != file || at.offset != bytes[at.part])
			abort();
		file += at.n;
		bytes[at.part] += at.n;
	}
	if (i != image_chunks(h) || memcmp(bytes, h->part_bytes, sizeof bytes) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t raw[IMAGE_HEAD_BYTES] = { 0 };
	struct image_head h, again;
	const char *why = "";

	memcpy(raw, data, size < IMAGE_TEXT_BYTES ? size : IMAGE_TEXT_BYTES);
	sign(raw);
	if (image_head_decode(raw, trust, &h, &why)) {
		if (!why[0])
			abort();
		return 0;
	}
	check_chunks(&h);
	image_head_encode(&h, raw);
	sign(raw);
	if (image_head_decode(raw, trust, &again, &why))
		abort();
	memcpy(again.id, h.id, sizeof h.id);
	if (memcmp(&again, &h, sizeof h) != 0)
		abort();
	return 0;
}
