#include "totp.h"

#include "base/err.h"
#include "base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

int totp_code(const uint8_t secret[static ACCOUNT_TOTP_BYTES], uint64_t step, char out[static TOTP_DIGITS + 1])
{
	uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++)
		counter[i] = (uint8_t)(step >> (56 - 8 * i));
	if (!HMAC(EVP_sha1(), secret, ACCOUNT_TOTP_BYTES, counter, sizeof counter, mac, &n) || n < 20)
		return ERR_NOMEM;
	unsigned at = mac[n - 1] & 0xf;
	uint32_t v = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];
	snprintf(out, TOTP_DIGITS + 1, "%06u", v % 1000000);
	return 0;
}

int totp_check(const uint8_t secret[static ACCOUNT_TOTP_BYTES], struct bytes code, uint64_t now_s, uint64_t *last)
{
	char digits[TOTP_DIGITS + 1] = "", right[TOTP_DIGITS + 1];
	uint64_t now = now_s / TOTP_STEP_S, found = 0;
	size_t n = 0;

	for (size_t i = 0; i < code.n; i++) {
		if (code.p[i] == ' ')
			continue;
		if (code.p[i] < '0' || code.p[i] > '9' || n == TOTP_DIGITS)
			return ERR_AUTH;
		digits[n++] = (char)code.p[i];
	}
	if (n != TOTP_DIGITS)
		return ERR_AUTH;
	for (uint64_t step = now > TOTP_SKEW_STEPS ? now - TOTP_SKEW_STEPS : 1; step <= now + TOTP_SKEW_STEPS; step++) {
		if (totp_code(secret, step, right) < 0)
			return ERR_NOMEM;
		if (step > *last && secret_eq(bytes_make(digits, n), bytes_make(right, n)))
			found = step;
	}
	if (!found)
		return ERR_AUTH;
	*last = found;
	return 0;
}

void totp_put_base32(struct bytes in, struct buf *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t bits = 0;
	unsigned n = 0;

	for (size_t i = 0; i < in.n; i++) {
		bits = bits << 8 | in.p[i];
		for (n += 8; n >= 5; n -= 5)
			buf_put_u8(out, (uint8_t)alphabet[bits >> (n - 5) & 31]);
	}
	if (n > 0)
		buf_put_u8(out, (uint8_t)alphabet[bits << (5 - n) & 31]);
}

static void put_escaped(struct bytes text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_')
			buf_put_u8(out, c);
		else
			buf_putf(out, "%%%02X", c);
	}
}

void totp_put_uri(const struct account *a, struct bytes box, struct buf *out)
{
	buf_put_str(out, "otpauth://totp/");
	put_escaped(box, out);
	buf_put_u8(out, ':');
	put_escaped(bytes_of(a->name), out);
	buf_put_str(out, "?secret=");
	totp_put_base32(bytes_make(a->totp_secret, sizeof a->totp_secret), out);
	buf_put_str(out, "&issuer=");
	put_escaped(box, out);
}
