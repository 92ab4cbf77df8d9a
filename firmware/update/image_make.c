#include "image_make.h"

#include "base/err.h"

#include <stdlib.h>

#include <openssl/sha.h>

static int make_list(const struct image_head *h, image_source_fn source, void *arg, uint8_t *list)
{
	static uint8_t data[IMAGE_CHUNK_BYTES];
	struct image_place at;
	int rc = 0;

	for (uint32_t i = 0; !rc && image_place_of(h, i, &at); i++) {
		rc = source(arg, at.part, at.offset, data, at.n);
		SHA256(data, at.n, list + (size_t)i * IMAGE_HASH_BYTES);
	}
	return rc;
}

static int put_head(const struct image_head *h, EVP_PKEY *key, image_sink_fn sink, void *arg)
{
	uint8_t raw[IMAGE_HEAD_BYTES];
	size_t n = IMAGE_SIGNATURE_BYTES;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	image_head_encode(h, raw);
	bool is_signed = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) > 0 &&
	                 EVP_DigestSign(ctx, raw + IMAGE_TEXT_BYTES, &n, raw, IMAGE_TEXT_BYTES) > 0 && n == IMAGE_SIGNATURE_BYTES;
	EVP_MD_CTX_free(ctx);
	return is_signed ? sink(arg, bytes_make(raw, sizeof raw)) : ERR_SYS;
}

static int put_payload(const struct image_head *h, image_source_fn source, image_sink_fn sink, void *arg)
{
	static uint8_t data[IMAGE_CHUNK_BYTES];
	struct image_place at;
	int rc = 0;

	for (uint32_t i = 0; !rc && image_place_of(h, i, &at); i++) {
		rc = source(arg, at.part, at.offset, data, at.n);
		if (!rc)
			rc = sink(arg, bytes_make(data, at.n));
	}
	return rc;
}

int image_make(struct image_head *head, EVP_PKEY *key, image_source_fn source, image_sink_fn sink, void *arg)
{
	size_t n = (size_t)image_chunks(head) * IMAGE_HASH_BYTES;
	uint8_t *list = malloc(n ? n : 1);
	int rc = !list ? ERR_NOMEM : n == 0 || image_chunks(head) > IMAGE_CHUNKS_MAX ? ERR_RANGE : make_list(head, source, arg, list);

	if (!rc) {
		SHA256(list, n, head->hashes);
		rc = put_head(head, key, sink, arg);
	}
	if (!rc)
		rc = sink(arg, bytes_make(list, n));
	if (!rc)
		rc = put_payload(head, source, sink, arg);
	free(list);
	return rc;
}
