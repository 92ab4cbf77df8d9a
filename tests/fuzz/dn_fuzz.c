/* Distinguished names of a directory that may be hostile: a key is no longer than it may be, and letters' cases and spaces before it
 * are nothing to it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char other[DN_MAX + 1];
	struct arena a;

	arena_init(&a, 1 << 20);
	struct bytes key = dn_key(bytes_make(data, size), &a);
	must(key.n <= 2 * DN_MAX && (size <= DN_MAX || !key.n));
	if (size < DN_MAX) {
		other[0] = ' ';
		for (size_t i = 0; i < size; i++)
			other[i + 1] = (char)(data[i] < 0x80 ? toupper(data[i]) : data[i]);
		must(bytes_eq(key, dn_key(bytes_make(other, size + 1), &a)));
	}
	arena_fini(&a);
	return 0;
}
