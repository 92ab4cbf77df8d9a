/* totp.h - one-time codes by time (RFC 6238): six digits, steps of 30 s, HMAC-SHA-1, as authenticator programs have them. Pure. */
#ifndef CONF_TOTP_H
#define CONF_TOTP_H

#include "account.h"

enum { TOTP_STEP_S = 30, TOTP_DIGITS = 6, TOTP_SKEW_STEPS = 1 };

/* The code of one step (RFC 4226 5.3) into out, with a NUL. ERR_NOMEM. */
int totp_code(const uint8_t secret[static ACCOUNT_TOTP_BYTES], uint64_t step, char out[static TOTP_DIGITS + 1]);
/* Is it the code of now, or of one step before or after (RFC 6238 5.2), and of a later step than *last? Then *last
 * becomes its step: no code is good twice. Spaces in the code do not matter. ERR_AUTH. */
int totp_check(const uint8_t secret[static ACCOUNT_TOTP_BYTES], struct bytes code, uint64_t now_s, uint64_t *last);
/* otpauth://totp/... with the secret in base32 (RFC 4648 6), for an authenticator program. box, name: words of ours. */
void totp_put_uri(const struct account *a, struct bytes box, struct buf *out);
/* Base32 without padding. */
void totp_put_base32(struct bytes in, struct buf *out);

#endif
