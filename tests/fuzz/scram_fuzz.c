/* An exchange: flags, client-first, newline, client-final. Success only ever with "v=". */
#include <stdlib.h>

#include "proto/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_password(struct bytes in)
{
	struct arena a;
	struct bytes once, twice;

	arena_init(&a, 1 << 20);
	if (scram_saslprep(in, &a, &once) == 0)
		if (scram_saslprep(once, &a, &twice) != 0 || !bytes_eq(once, twice))
			abort();
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct bytes in = { data + 1, size - 1 }, authzid, cb;
	struct bytes first = { in.p, bytes_find(in, '\n') };
	struct bytes last = bytes_skip(in, first.n + 1);
	enum scram_hash h = data[0] & 1 ? SCRAM_SHA256 : SCRAM_SHA1;
	struct scram_verifier v;
	struct scram_server s;
	struct buf out;

	buf_init(&out, 8192);
	scram_server_init(&s, h, data[0] & 2, data[0] & 4);
	if (scram_make_verifier(h, BYTES("pencil"), BYTES("salt"), 1, &v) != 0)
		abort();
	if (scram_server_first(&s, first, &authzid, &cb) == 0 &&
	    scram_server_challenge(&s, &v, "3rfcNHYJY1ZVvWVs7j", &out) == 0) {
		buf_clear(&out);
		size_t which;
		if (scram_server_final(&s, &v, 1, last, BYTES("cb-data"), &out, &which) == 0 &&
		    !bytes_starts(buf_bytes(&out), BYTES("v=")))
			abort();
	}
	scram_server_fini(&s);
	buf_fini(&out);
	check_password(in);
	return 0;
}
