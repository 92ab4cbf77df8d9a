/* What gh-log reads back and takes in: the first byte says which. A file of records with alarms, a program's bytes as a
 * line, filter words. */
#include <stdlib.h>

#include "base/err.h"
#include "base/text.h"
#include "book.h"
#include "filter.h"
#include "records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void play_records(struct bytes in)
{
	struct book_past p;
	struct bytes body;
	bool is_standing;
	size_t n;

	while (record_take(in, &body, &n) == 0) {
		if (n > in.n || body.n > RECORD_MAX_BYTES)
			abort();
		if (book_decode(body, &is_standing, &p) == 0 && (p.alarm >= ALARM_COUNT || p.prog >= PROG_COUNT || strlen(p.key) > ALARM_KEY_MAX))
			abort();
		in = bytes_skip(in, n);
	}
	(void)book_decode(in, &is_standing, &p); /* without a sum, so that the fuzzer gets past it */
}

static void play_line(struct bytes raw)
{
	struct bytes key, value, pairs;
	struct line l;
	struct buf out;

	buf_init(&out, 2 * LINE_TEXT_MAX);
	line_take(raw, PROG_S2S, 0, 1795546800123, &out);
	if (buf_failed(&out) || buf_len(&out) > LINE_TEXT_MAX || line_parse(buf_bytes(&out), &l))
		abort();
	for (size_t i = 0; i < buf_len(&out);) {
		size_t n = text_shown(bytes_skip(buf_bytes(&out), i));
		if (n == 0)
			abort();
		i += n;
	}
	if (!bytes_eq_str(l.who, "gh-s2s[0]"))
		abort();
	for (pairs = l.pairs; line_pair(&pairs, &key, &value);)
		if (value.n > l.pairs.n)
			abort();
	buf_fini(&out);
}

static void play_filter(struct bytes in)
{
	struct bytes words[8];
	struct filter f;
	struct line l;
	const char *why = NULL;
	size_t n = 0;

	while (in.n && n < 8) {
		words[n] = bytes_make(in.p, bytes_find(in, ' '));
		in = bytes_skip(in, words[n++].n + 1);
	}
	if (filter_parse(words, n, 1795546800123, &f, &why)) {
		if (!why)
			abort();
		return;
	}
	if (line_parse(BYTES("2026-11-24T19:00:00.123Z warn gh-s2s[0] s2s.out.failed domain=b.example"), &l) == 0)
		(void)filter_fits(&f, &l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct bytes in = bytes_make(data + 1, size - 1);
	if (data[0] % 3 == 0)
		play_records(in);
	else if (data[0] % 3 == 1)
		play_line(in);
	else
		play_filter(in);
	return 0;
}
