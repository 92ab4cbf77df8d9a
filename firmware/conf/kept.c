#include "kept.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* "since", "!only-from" */
static bool is_field(struct bytes name)
{
	size_t first = name.n && name.p[0] == '!';

	for (size_t i = first; i < name.n; i++)
		if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (i > first && (name.p[i] == '-' || (name.p[i] >= '0' && name.p[i] <= '9')))))
			return false;
	return name.n > first;
}

int kept_add(struct kept *k, const struct words *line, bool is_limit)
{
	struct buf b;

	if (!is_field(line->v[0]))
		return ERR_SYNTAX;
	buf_init(&b, KEPT_BYTES);
	for (size_t i = 0; i < line->n; i++) {
		if (i)
			buf_put_u8(&b, ' ');
		words_put(&b, line->v[i]);
	}
	buf_put_u8(&b, '\n');
	bool has_room = !buf_failed(&b) && buf_len(&b) <= sizeof k->text - k->n;
	if (has_room) {
		memcpy(k->text + k->n, buf_bytes(&b).p, buf_len(&b));
		k->n = (uint16_t)(k->n + buf_len(&b));
		k->is_shut |= is_limit || line->v[0].p[0] == '!';
	}
	buf_fini(&b);
	return has_room ? 0 : ERR_LIMIT;
}

void kept_put(const struct kept *k, struct buf *out)
{
	buf_put(out, k->text, k->n);
}

const char *kept_first(const struct kept *k, char out[static 32])
{
	size_t n = 0;

	while (n < k->n && n < 31 && k->text[n] != ' ' && k->text[n] != '\n')
		n++;
	memcpy(out, k->text, n);
	out[n] = '\0';
	return out;
}
