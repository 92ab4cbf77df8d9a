/* The stream engine of gh-s2s. The work is done in its own folder, where its headers are. */
#include <stddef.h>
#include <stdint.h>

int s2s_stream_fuzz(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return s2s_stream_fuzz(data, size);
}
