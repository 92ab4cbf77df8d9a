#include "run/words.h"

#include "base/err.h"

/* Offset of the quote that ends the word, or the length. */
static size_t quote_end(struct bytes text)
{
	size_t i = 1;

	while (i < text.n && text.p[i] != '"')
		i += text.p[i] == '\\' ? 2 : 1;
	return i < text.n ? i : text.n;
}

/* A word in quotes: *text stands at the opening quote. The escapes need a copy. */
static int take_quoted(struct bytes *text, unsigned *line, struct arena *a, struct bytes *word)
{
	size_t end = quote_end(*text), n = 0;
	uint8_t *copy = arena_alloc(a, end);

	if (end == text->n)
		return ERR_TRUNCATED;
	if (!copy)
		return ERR_NOMEM;
	for (size_t i = 1; i < end; i++) {
		uint8_t c = text->p[i];
		if (c == '\\' && (text->p[i + 1] == '"' || text->p[i + 1] == '\\'))
			c = text->p[++i];
		if (c == 0)
			return ERR_SYNTAX;
		*line += c == '\n';
		copy[n++] = c;
	}
	*text = bytes_skip(*text, end + 1);
	*word = bytes_make(copy, n);
	return text->n == 0 || memchr(" \t\r\n", *text->p, 4) ? 0 : ERR_SYNTAX;
}

static int take_plain(struct bytes *text, struct bytes *word)
{
	size_t n = 0;

	for (; n < text->n && !memchr(" \t\r\n", text->p[n], 4); n++) {
		if (text->p[n] < 0x20 || text->p[n] == 0x7f || text->p[n] == '"')
			return ERR_SYNTAX;
	}
	*word = bytes_make(text->p, n);
	*text = bytes_skip(*text, n);
	return 0;
}

int words_next(struct bytes *text, unsigned *line, struct arena *a, struct words *out)
{
	out->n = 0;
	while (text->n > 0) {
		uint8_t c = *text->p;
		int rc = 0;
		if (c == '#') {
			*text = bytes_skip(*text, bytes_find(*text, '\n'));
			continue;
		}
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			*text = bytes_skip(*text, 1);
			*line += c == '\n';
			if (c == '\n')
				return 0;
			continue;
		}
		if (out->n == WORDS_MAX)
			return ERR_LIMIT;
		if (c == '"')
			rc = take_quoted(text, line, a, &out->v[out->n]);
		else
			rc = take_plain(text, &out->v[out->n]);
		if (rc < 0)
			return rc;
		out->n++;
	}
	return 0;
}

static void put_quoted(struct buf *out, struct bytes v)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, v.p[i]);
	}
	buf_put_u8(out, '"');
}

/* Can these bytes stand outside quotes, spaces apart? */
static bool is_plain(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < 0x20 || v.p[i] == 0x7f || v.p[i] == '"' || v.p[i] == '\\')
			return false;
	}
	return v.n > 0 && *v.p != '#';
}

void words_put(struct buf *out, struct bytes word)
{
	if (is_plain(word) && bytes_find(word, ' ') == word.n)
		buf_put_bytes(out, word);
	else
		put_quoted(out, word);
}

void words_put_text(struct buf *out, struct bytes text)
{
	bool is_word_start = true, fits = is_plain(text);
	size_t n_words = 1;

	for (size_t i = 0; fits && i < text.n; i++) {
		bool is_space = text.p[i] == ' ';
		if (is_word_start && (is_space || text.p[i] == '#'))
			fits = false;
		n_words += is_space;
		is_word_start = is_space;
	}
	if (fits && !is_word_start && n_words < WORDS_MAX / 2)
		buf_put_bytes(out, text);
	else
		put_quoted(out, text);
}
