/* What a hostile ICAP service sends (RFC 3507), of a look and of a file (scan_fuzz.h). */
#include "scan_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && size <= 65536)
		scan_fuzz(PROTOCOL_ICAP, bytes_make(data, size));
	return 0;
}
