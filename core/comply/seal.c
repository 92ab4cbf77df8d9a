#include "seal.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "ledger.h"
#include "run/complyseal.h"
#include "run/disk.h"

int seal_append(int dir_fd, uint64_t segment, const struct seal *s)
{
	char name[LEDGER_NAME_BYTES];
	struct buf b;

	ledger_name(segment, "sig", name);
	buf_init(&b, COMPLY_SIGNATURE_MAX + COMPLY_KEY_MAX + 128);
	wire_put_u64(&b, s->number);
	buf_put_bytes(&b, s->hash);
	wire_put_str(&b, s->signature);
	wire_put_str(&b, s->key);
	int fd = buf_failed(&b) ? -1 : openat(dir_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	off_t before = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	int rc = fd < 0 || before < 0 || disk_write(fd, buf_bytes(&b)) || fdatasync(fd) ? ERR_IO : 0;
	if (rc && fd >= 0 && before >= 0)
		(void)!ftruncate(fd, before); /* half of one would hide those behind it; the next start tries again */
	if (fd >= 0)
		(void)close(fd); /* synced */
	buf_fini(&b);
	return rc;
}

int seal_read(int dir_fd, uint64_t segment, struct buf *out)
{
	char name[LEDGER_NAME_BYTES];

	ledger_name(segment, "sig", name);
	int rc = disk_read(dir_fd, name, out);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int seal_repair(int dir_fd, uint64_t segment)
{
	char name[LEDGER_NAME_BYTES];
	struct seal s;
	struct buf b;
	size_t whole = 0;

	buf_init(&b, SEAL_FILE_MAX);
	int rc = seal_read(dir_fd, segment, &b);
	struct wire w = wire_of(buf_bytes(&b));
	while (seal_next(&w, &s))
		whole = w.at;
	if (!rc && whole < buf_len(&b)) {
		ledger_name(segment, "sig", name);
		int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		rc = fd < 0 || ftruncate(fd, (off_t)whole) ? ERR_IO : 0;
		if (fd >= 0)
			(void)close(fd); /* the next seal is synced, and this with it */
	}
	buf_fini(&b);
	return rc;
}

bool seal_next(struct wire *w, struct seal *out)
{
	struct seal s = { .number = wire_u64(w) };

	s.hash = wire_raw(w, RECORD_HASH_BYTES);
	s.signature = wire_str(w);
	s.key = wire_str(w);
	if (wire_failed(w))
		return false;
	*out = s;
	return true;
}

bool seal_verify(const struct seal *s)
{
	const uint8_t *p = s->key.p;
	EVP_PKEY *pkey = s->key.n && s->key.n <= COMPLY_KEY_MAX ? d2i_PUBKEY(NULL, &p, (long)s->key.n) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf m;

	buf_init(&m, COMPLY_SEAL_BYTES);
	buf_put(&m, COMPLY_SEAL_PREFIX, sizeof COMPLY_SEAL_PREFIX);
	wire_put_u64(&m, s->number);
	buf_put_bytes(&m, s->hash);
	bool is_right = pkey && ctx && !buf_failed(&m) && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 &&
	                EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) > 0 &&
	                EVP_DigestVerify(ctx, s->signature.p, s->signature.n, buf_bytes(&m).p, buf_bytes(&m).n) == 1;
	buf_fini(&m);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return is_right;
}

void seal_pin(struct bytes key, char out[static SEAL_PIN_HEX + 1])
{
	uint8_t digest[RECORD_HASH_BYTES];

	SHA256(key.p, key.n, digest);
	text_hex(bytes_make(digest, sizeof digest), out);
}
