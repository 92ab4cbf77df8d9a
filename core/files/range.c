#include "range.h"

enum range_kind range_read(struct bytes value, uint64_t size, uint64_t *from, uint64_t *n)
{
	uint64_t first = 0, last = size ? size - 1 : 0, number;

	if (value.n < 6 || !bytes_eq_nocase(bytes_make(value.p, 6), BYTES("bytes=")))
		return RANGE_NONE;
	value = bytes_skip(value, 6);
	size_t dash = bytes_find(value, '-');
	if (dash == value.n)
		return RANGE_NONE;
	struct bytes a = bytes_make(value.p, dash), b = bytes_skip(value, dash + 1);
	if (a.n && bytes_to_u64(a, UINT64_MAX, &first))
		return RANGE_NONE;
	if (b.n && bytes_to_u64(b, UINT64_MAX, &number))
		return RANGE_NONE;
	if (!a.n && !b.n)
		return RANGE_NONE;
	if (a.n && b.n && number < first)
		return RANGE_NONE;
	if (a.n && first >= size)
		return RANGE_OUT;
	if (!a.n) { /* the last so many */
		if (number == 0 || size == 0)
			return RANGE_OUT;
		first = number < size ? size - number : 0;
	} else if (b.n && number < last)
		last = number;
	*from = first;
	*n = last - first + 1;
	return RANGE_PART;
}
