/* Any bytes as a backup file: an error that names its place, or a head that encodes again. The first byte says in which
 * steps the rest comes and whether there is a password. */
#include "backup_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(void *arg, enum backup_section section, struct bytes piece)
{
	(void)arg;
	return section == 0 || piece.n > BACKUP_PIECE_MAX ? abort(), 0 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct backup_reader r;

	if (size == 0)
		return 0;
	size_t step = 1 + (data[0] & 0x7f) * 37;
	struct bytes in = bytes_make(data + 1, size - 1);
	/* A head that is signed and dear in scrypt would only make the fuzzer slow. */
	int rc = backup_reader_init(&r, data[0] & 0x80 && size < 200 ? BYTES("fuzz") : BYTES_NONE);
	while (!rc && in.n > 0) {
		size_t n = in.n < step ? in.n : step;
		rc = backup_reader_feed(&r, bytes_make(in.p, n), take, NULL);
		in = bytes_skip(in, n);
	}
	if (!rc)
		rc = backup_reader_end(&r);
	if (rc < 0 && !r.why[0])
		abort();
	backup_reader_fini(&r);
	return 0;
}
