/* Any text as the file of operators' accounts, under a right checksum: an error, or accounts that are written and read back to the
 * same text. And as it is, without one. */
#include "account.h"

#include "base/err.h"
#include "base/text.h"

#include <openssl/sha.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void put_checksum(struct buf *b)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];

	SHA256(buf_bytes(b).p, buf_len(b), digest);
	text_hex(bytes_make(digest, sizeof digest), hex);
	buf_putf(b, "sha256 %s\n", hex);
}

static void check_round_trip(const struct account *v, size_t n, struct account *again)
{
	struct buf text, text2;
	unsigned line;
	size_t m;

	buf_init(&text, 64 << 20);
	buf_init(&text2, 64 << 20);
	account_file_put(v, n, &text);
	if (buf_len(&text) <= ACCOUNT_TEXT_MAX) {
		must(account_file_read(buf_bytes(&text), again, &m, &line) == 0 && m == n);
		account_file_put(again, m, &text2);
		must(bytes_eq(buf_bytes(&text), buf_bytes(&text2)));
	}
	buf_fini(&text);
	buf_fini(&text2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct account *v = calloc(ACCOUNTS_MAX, sizeof *v), *again = calloc(ACCOUNTS_MAX, sizeof *again);
	struct buf text;
	unsigned line = 0;
	size_t n;

	must(v && again);
	if (account_file_read(bytes_make(data, size), v, &n, &line) < 0)
		must(line > 0);
	buf_init(&text, 64 << 20);
	buf_put(&text, data, size);
	put_checksum(&text);
	int rc = account_file_read(buf_bytes(&text), v, &n, &line);
	must(rc == 0 || line > 0);
	must(n <= ACCOUNTS_MAX);
	if (rc == 0)
		check_round_trip(v, n, again);
	buf_fini(&text);
	free(v);
	free(again);
	return 0;
}
