/* Any bytes as files of certificates and keys: an error that says what is wrong, or a bundle whose chain can be sorted and
 * written. The first byte says whether there is a password, and where the bytes are cut into two files. */
#include "bundle.h"

#include "base/err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct bundle *b)
{
	char why[256];
	struct buf pem;

	buf_init(&pem, 1 << 20);
	int rc = bundle_sort(b, NULL, 1700000000);
	if (rc < 0 && !b->why[0])
		abort();
	if (rc == 0 && (b->n_chain == 0 || b->n_chain > b->n_certs || bundle_put_chain(b, &pem) < 0 || buf_len(&pem) == 0))
		abort();
	for (size_t i = 0; i < b->n_certs; i++)
		(void)bundle_weakness(b->certs[i], why, sizeof why); /* only that it ends */
	buf_fini(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle b = { 0 };

	if (size < 2)
		return 0;
	struct bytes in = bytes_make(data + 1, size - 1), password = data[0] & 0x80 ? BYTES("fuzz") : BYTES_NONE;
	size_t first = data[0] & 0x7f ? in.n * (data[0] & 0x7f) / 128 : in.n;
	b.iterations = BUNDLE_ITERATIONS_MAX - 3000; /* what takes long is only slow here */
	int rc = bundle_add(&b, bytes_make(in.p, first), password);
	if (!rc && first < in.n)
		rc = bundle_add(&b, bytes_skip(in, first), password);
	if (rc < 0 && !b.why[0])
		abort();
	if (!rc)
		use(&b);
	bundle_fini(&b);
	return 0;
}
