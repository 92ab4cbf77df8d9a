#include "summed.h"

#include "base/err.h"
#include "base/text.h"

#include <openssl/sha.h>

#define CHECKSUM "sha256 "
enum { CHECKSUM_LINE = sizeof CHECKSUM - 1 + 2 * SHA256_DIGEST_LENGTH + 1 };

static void checksum(struct bytes text, char out[static 2 * SHA256_DIGEST_LENGTH + 1])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256(text.p, text.n, digest);
	text_hex(bytes_make(digest, sizeof digest), out);
}

void summed_end(struct buf *out)
{
	char sum[2 * SHA256_DIGEST_LENGTH + 1];

	checksum(buf_bytes(out), sum);
	buf_putf(out, CHECKSUM "%s\n", sum);
}

int summed_body(struct bytes text, struct bytes head, struct bytes *body)
{
	char sum[2 * SHA256_DIGEST_LENGTH + 1];

	if (!bytes_starts(text, head))
		return ERR_SYNTAX;
	if (text.n < head.n + CHECKSUM_LINE)
		return ERR_CHECKSUM;
	struct bytes summed = bytes_make(text.p, text.n - CHECKSUM_LINE), tail = bytes_skip(text, summed.n);
	checksum(summed, sum);
	if (!bytes_starts(tail, bytes_of(CHECKSUM)) || memcmp(tail.p + sizeof CHECKSUM - 1, sum, sizeof sum - 1) != 0 ||
	    tail.p[tail.n - 1] != '\n')
		return ERR_CHECKSUM;
	*body = bytes_skip(summed, head.n);
	return 0;
}
