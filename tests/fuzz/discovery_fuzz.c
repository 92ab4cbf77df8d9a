/* Documents of a web server that may be anybody's, in both forms: what is found is not empty, and nothing is put when nothing is found. */
#include <stdlib.h>

#include "base/err.h"
#include "discovery_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf href;

	for (unsigned i = 0; i < 2 * DISCOVERY_LINK_COUNT; i++) {
		buf_init(&href, 1024);
		int rc = discovery_read_meta(bytes_make(data, size), i % 2, (enum discovery_link)(i / 2), &href);
		if (rc && rc != ERR_NOT_FOUND && rc != ERR_SYNTAX && rc != ERR_NOMEM)
			abort();
		if ((rc == ERR_NOT_FOUND || rc == ERR_SYNTAX) && buf_len(&href))
			abort();
		buf_fini(&href);
	}
	return 0;
}
