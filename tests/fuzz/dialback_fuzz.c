/* Four lines: secret, receiving, originating, stream id. The key fits them and nothing else. */
#include <stdlib.h>

#include "proto/dialback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = { data, size }, part[4];
	char key[DIALBACK_KEY_BYTES];

	if (size > 8192)
		return 0;
	for (int i = 0; i < 4; i++) {
		part[i] = bytes_make(rest.p, bytes_find(rest, '\n'));
		rest = bytes_skip(rest, part[i].n + 1);
	}
	dialback_key(part[0], part[1], part[2], part[3], key);
	if (strlen(key) != 64 || !dialback_check(part[0], part[1], part[2], part[3], bytes_of(key)))
		abort();
	if (dialback_check(part[0], part[1], part[2], part[3], rest) && !bytes_eq_str(rest, key))
		abort();
	key[size % 64] ^= 1;
	if (dialback_check(part[0], part[1], part[2], part[3], bytes_of(key)))
		abort();
	return 0;
}
