/* An operator's line for a capture: limits, then an expression for libpcap. Any text is refused or gives a program that
 * the kernel would load. */
#include <linux/filter.h>
#include <stdlib.h>

#include "filter.h"
#include "limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = { data, size };
	char why[FILTER_WHY_MAX], limits_why[LIMITS_WHY_MAX];
	struct filter f;
	struct limits l;
	int dlt = 1;

	if (limits_read(&text, &l, limits_why))
		return 0;
	if (l.seconds == 0 || l.bytes == 0 || l.files == 0 || l.files > LIMITS_FILES_MAX)
		abort();
	if (size % 2)
		dlt = 12; /* DLT_RAW */
	if (filter_compile(text, dlt, l.snap_length, &f, why))
		return 0;
	if (f.n == 0 || f.n > BPF_MAXINSNS || BPF_CLASS(f.code[f.n - 1].code) != BPF_RET)
		abort();
	filter_fini(&f);
	return 0;
}
