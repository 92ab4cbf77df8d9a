/* What decodes encodes to the same bytes. */
#include <stdlib.h>

#include "proto/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope e;
	struct buf b;

	if (envelope_decode(bytes_make(data, size), &e) != 0)
		return 0;
	buf_init(&b, 1 << 24);
	envelope_encode(&b, &e);
	if (!bytes_eq(buf_bytes(&b), bytes_make(data, size)))
		abort();
	buf_fini(&b);
	return 0;
}
