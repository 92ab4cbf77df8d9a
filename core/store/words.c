#include "words.h"

#include "base/err.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf8.h>

enum { PARTS_MAX = 32, PLACE_MAX = 16383 }; /* PostgreSQL 15, 12.11: higher places count as this one */

struct word {
	char text[WORD_BYTES_MAX + 4];
	size_t n;
};

static bool is_of_word(UChar32 c)
{
	return U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK | U_GC_CO_MASK);
}

static bool is_accent(UChar32 c)
{
	return c >= 0x300 && c <= 0x36f;
}

static void put_letter(struct word *w, UChar32 c)
{
	if (is_accent(c) || w->n >= WORD_BYTES_MAX)
		return;
	c = u_foldCase(c, U_FOLD_CASE_DEFAULT);
	uint8_t utf8[U8_MAX_LENGTH];
	int n = 0;
	U8_APPEND_UNSAFE(utf8, n, c);
	for (int i = 0; i < n && w->n + (size_t)(n - i) <= WORD_BYTES_MAX; i++)
		w->text[w->n++] = (char)utf8[i];
}

/* A letter without its accents. */
static void put_parts(struct word *w, const UNormalizer2 *nfd, UChar32 c)
{
	UErrorCode err = U_ZERO_ERROR;
	UChar parts[PARTS_MAX];
	int32_t n = unorm2_getDecomposition(nfd, c, parts, PARTS_MAX, &err);

	if (n < 0 || U_FAILURE(err)) {
		put_letter(w, c);
		return;
	}
	for (int32_t i = 0; i < n;) {
		UChar32 part;
		U16_NEXT(parts, i, n, part);
		put_letter(w, part);
	}
}

/* The next word; false at the end. */
static bool next_word(struct bytes *text, struct word *w)
{
	UErrorCode err = U_ZERO_ERROR;
	const UNormalizer2 *nfd = unorm2_getNFDInstance(&err);
	size_t at = 0;

	w->n = 0;
	while (U_SUCCESS(err) && at < text->n) {
		UChar32 c;
		U8_NEXT(text->p, at, text->n, c);
		bool is_in = c >= 0 && is_of_word(c);
		if (is_in)
			put_parts(w, nfd, c);
		else if (w->n)
			break;
	}
	*text = bytes_skip(*text, at);
	return w->n > 0;
}

/* No word has a slash: it is the owner's. */
static void put_owner(struct buf *out, int64_t owner)
{
	buf_putf(out, "'/%lld'", (long long)owner);
}

int words_vector(struct bytes text, int64_t owner, struct buf *out)
{
	struct word w;
	unsigned place = 0;

	if (!text.n)
		return 0; /* of nothing, nothing is found */
	put_owner(out, owner);
	while (buf_len(out) < WORDS_BYTES_MAX && next_word(&text, &w)) {
		place += place < PLACE_MAX;
		buf_putf(out, " '%.*s':%u", (int)w.n, w.text, place);
	}
	return buf_failed(out) ? ERR_NOMEM : 0;
}

static void put_phrase(struct buf *out, struct bytes text)
{
	struct word w;
	const char *between = "";

	buf_put_str(out, " & (");
	while (next_word(&text, &w)) {
		buf_putf(out, "%s'%.*s'", between, (int)w.n, w.text);
		between = " <-> ";
	}
	buf_put_str(out, *between ? ")" : "'/')"); /* which is nowhere */
}

int words_query(struct bytes text, int64_t owner, unsigned most, struct buf *out)
{
	unsigned n = 0;

	put_owner(out, owner);
	while (text.n) {
		size_t end = 0;
		while (end < text.n && text.p[end] > ' ')
			end++;
		if (end && ++n > most)
			return ERR_LIMIT;
		if (end)
			put_phrase(out, bytes_make(text.p, end));
		text = bytes_skip(text, end + 1);
	}
	return buf_failed(out) ? ERR_NOMEM : 0;
}
