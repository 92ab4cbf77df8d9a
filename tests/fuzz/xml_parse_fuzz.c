/* One element on its own: parsed, written, and parsed again it is the same. */
#include "fuzz_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xml_node *n = NULL;
	struct arena a;

	arena_init(&a, 1 << 22);
	if (xml_parse(bytes_make(data, size), "urn:d", &xml_limits_default, &a, &n) == 0) {
		fuzz_check_rewrite(n, "urn:d");
		fuzz_check_rewrite(n, "");
		fuzz_check_rewrite(xml_clone(&a, n), "urn:other");
	}
	arena_fini(&a);
	return 0;
}
