/* The message of OAUTHBEARER: what is read lies inside the input and has no separator in it. */
#include <stdlib.h>

#include "proto/oauthbearer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct bytes v, struct bytes in)
{
	return !v.n || (v.p >= in.p && v.p + v.n <= in.p + in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, size }, authzid, token;

	if (oauthbearer_read(in, &authzid, &token))
		return 0;
	if (!token.n || !is_inside(authzid, in) || !is_inside(token, in) || bytes_find(token, 1) < token.n)
		abort();
	return 0;
}
