/* The initiator message of HT-*: what is read is the whole input, cut at its first NUL. */
#include <stdlib.h>

#include "proto/hashed_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size }, authcid, hash;
	uint8_t made[HASHED_TOKEN_BYTES];

	if (hashed_token_read(in, &authcid, &hash))
		return 0;
	if (!authcid.n || bytes_find(authcid, 0) < authcid.n || hash.n != HASHED_TOKEN_BYTES ||
	    authcid.n + 1 + hash.n != size)
		abort();
	if (hashed_token_make(authcid, HASHED_TOKEN_INITIATOR, hash, made))
		abort();
	return 0;
}
