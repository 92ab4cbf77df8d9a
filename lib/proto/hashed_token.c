#include "hashed_token.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/err.h"

static const struct {
	const char *name, *binding;
} kinds[] = {
	[HASHED_TOKEN_NONE] = { "HT-SHA-256-NONE", "" },
	[HASHED_TOKEN_END_POINT] = { "HT-SHA-256-ENDP", "tls-server-end-point" },
	[HASHED_TOKEN_EXPORTER] = { "HT-SHA-256-EXPR", "tls-exporter" },
	[HASHED_TOKEN_UNIQUE] = { "HT-SHA-256-UNIQ", "tls-unique" },
};
_Static_assert(sizeof kinds / sizeof kinds[0] == HASHED_TOKEN_COUNT, "a row for each kind");

enum { BINDING_MAX = 64 };

const char *hashed_token_name(enum hashed_token_kind kind)
{
	return kinds[kind].name;
}

const char *hashed_token_binding(enum hashed_token_kind kind)
{
	return kinds[kind].binding;
}

int hashed_token_find(struct bytes name, enum hashed_token_kind *kind)
{
	for (int i = 0; i < HASHED_TOKEN_COUNT; i++) {
		if (bytes_eq_str(name, kinds[i].name)) {
			*kind = (enum hashed_token_kind)i;
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}

int hashed_token_read(struct bytes in, struct bytes *authcid, struct bytes *hash)
{
	size_t n = bytes_find(in, 0);

	if (!n || n >= in.n || in.n - n - 1 != HASHED_TOKEN_BYTES)
		return ERR_SYNTAX;
	*authcid = bytes_make(in.p, n);
	*hash = bytes_skip(in, n + 1);
	return 0;
}

int hashed_token_make(struct bytes token, enum hashed_token_side side, struct bytes binding,
		      uint8_t out[static HASHED_TOKEN_BYTES])
{
	static const char *const sides[] = { "Initiator", "Responder" };
	uint8_t message[16 + BINDING_MAX];
	size_t n = strlen(sides[side]);
	unsigned out_n = 0;

	if (binding.n > BINDING_MAX)
		return ERR_LIMIT;
	memcpy(message, sides[side], n);
	if (binding.n)
		memcpy(message + n, binding.p, binding.n);
	return HMAC(EVP_sha256(), token.p, (int)token.n, message, n + binding.n, out, &out_n) ? 0 : ERR_NOMEM;
}
