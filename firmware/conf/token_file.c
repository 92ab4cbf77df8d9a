/* The file of tokens: "token NAME", then a line for each of what it is, and at the end the checksum of all before it. */
#include "token.h"

#include "base/err.h"
#include "base/text.h"
#include "run/words.h"
#include "summed.h"

#include <stdio.h>

#define HEAD "gatehouse tokens 1\n"

static void put_token(const struct token *t, struct buf *out)
{
	char hex[2 * TOKEN_HASH_BYTES + 1];

	text_hex(bytes_make(t->hash, sizeof t->hash), hex);
	buf_putf(out, "token %s\n", t->name);
	if (!t->has_kept_role)
		buf_putf(out, "role %s\n", account_role_name(t->role));
	buf_putf(out, "hash %s\nmade %llu ", hex, (unsigned long long)t->created_s);
	words_put(out, bytes_of(t->by));
	buf_putf(out, "\nuntil %llu\n", (unsigned long long)t->until_s);
	if (t->used_s) {
		buf_putf(out, "used %llu ", (unsigned long long)t->used_s);
		words_put(out, bytes_of(t->used_from));
		buf_put_u8(out, '\n');
	}
	for (size_t i = 0; i < t->n_from; i++)
		buf_putf(out, "from %s\n", t->from[i]);
	kept_put(&t->kept, out);
}

void token_file_put(const struct token *v, size_t n, struct buf *out)
{
	buf_put_str(out, HEAD);
	for (size_t i = 0; i < n; i++)
		put_token(&v[i], out);
	summed_end(out);
}

/* ---- in: one function a field ---- */

static int get_number(struct bytes word, uint64_t *out)
{
	return bytes_to_u64(word, INT64_MAX, out) < 0 ? ERR_SYNTAX : 0;
}

static int copy(struct bytes from, char *to, size_t n)
{
	if (from.n >= n || bytes_find(from, 0) < from.n)
		return ERR_LIMIT;
	snprintf(to, n, "%.*s", BYTES_FMT(from));
	return 0;
}

static int get_role(struct token *t, const struct bytes *w)
{
	return account_role_of(w[0], &t->role);
}

static int get_hash(struct token *t, const struct bytes *w)
{
	return text_unhex(w[0], t->hash, sizeof t->hash);
}

static int get_made(struct token *t, const struct bytes *w)
{
	int rc = get_number(w[0], &t->created_s);

	return rc ? rc : copy(w[1], t->by, sizeof t->by);
}

static int get_until(struct token *t, const struct bytes *w)
{
	return get_number(w[0], &t->until_s);
}

static int get_used(struct token *t, const struct bytes *w)
{
	int rc = get_number(w[0], &t->used_s);

	return rc ? rc : copy(w[1], t->used_from, sizeof t->used_from);
}

static int get_from(struct token *t, const struct bytes *w)
{
	return token_add_from(t, w[0]);
}

enum { FIELD_ROLE, FIELD_HASH, FIELD_MADE, FIELD_UNTIL, FIELD_USED, FIELD_FROM, FIELDS_NEEDED = FIELD_USED };
static const struct {
	const char *name;
	size_t n_words; /* behind the name */
	int (*get)(struct token *t, const struct bytes *w);
} fields[] = {
	[FIELD_ROLE] = { "role", 1, get_role },   [FIELD_HASH] = { "hash", 1, get_hash }, [FIELD_MADE] = { "made", 2, get_made },
	[FIELD_UNTIL] = { "until", 1, get_until }, [FIELD_USED] = { "used", 2, get_used }, [FIELD_FROM] = { "from", 1, get_from },
};

/* One that has not all that it needs is half of one: it might be good for longer, or from more places, than was meant. */
static bool is_whole(unsigned seen)
{
	return (seen & ((1u << FIELDS_NEEDED) - 1)) == (1u << FIELDS_NEEDED) - 1;
}

/* A role of another version, more places than fit here, or of another kind: these limit the token. */
static bool is_foreign(size_t field, int rc)
{
	return (field == FIELD_ROLE && rc == ERR_UNKNOWN) || (field == FIELD_FROM && rc != 0);
}

static int keep(struct token *t, const struct words *w, size_t field)
{
	int rc = kept_add(&t->kept, w, true);

	if (rc == 0)
		t->has_kept_role |= field == FIELD_ROLE;
	return rc;
}

static int get_field(struct token *t, const struct words *w, unsigned *seen)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (!bytes_eq_str(w->v[0], fields[i].name))
			continue;
		if (w->n != fields[i].n_words + 1 || (i < FIELDS_NEEDED && (*seen & 1u << i)))
			return ERR_SYNTAX;
		*seen |= 1u << i;
		int rc = fields[i].get(t, w->v + 1);
		return is_foreign(i, rc) ? keep(t, w, i) : rc;
	}
	return kept_add(&t->kept, w, false);
}

static int new_token(const struct words *w, struct token *v, size_t *n)
{
	if (*n == TOKENS_MAX)
		return ERR_LIMIT;
	if (w->n != 2 || !token_is_name(w->v[1]))
		return ERR_SYNTAX;
	for (size_t i = 0; i < *n; i++) {
		if (bytes_eq_str(w->v[1], v[i].name))
			return ERR_SYNTAX;
	}
	struct token *t = &v[(*n)++];
	*t = (struct token){ 0 };
	snprintf(t->name, sizeof t->name, "%.*s", BYTES_FMT(w->v[1]));
	return 0;
}

static int read_lines(struct bytes text, struct token *v, size_t *n, unsigned *line)
{
	struct words w;
	struct arena arena;
	unsigned seen = ~0u;
	int rc = 0;

	arena_init(&arena, 64 << 10);
	*line = 1;
	while (rc == 0 && text.n > 0) {
		arena_reset(&arena);
		rc = words_next(&text, line, &arena, &w);
		if (rc < 0 || w.n == 0)
			continue;
		if (!bytes_eq_str(w.v[0], "token")) {
			rc = *n == 0 ? ERR_SYNTAX : get_field(&v[*n - 1], &w, &seen);
			continue;
		}
		rc = is_whole(seen) ? new_token(&w, v, n) : ERR_SYNTAX;
		seen = 0;
	}
	arena_fini(&arena);
	return rc == 0 && !is_whole(seen) ? ERR_SYNTAX : rc;
}

int token_file_read(struct bytes text, struct token *v, size_t *n, unsigned *line)
{
	struct bytes body;

	*n = 0;
	*line = 1;
	if (text.n > TOKENS_TEXT_MAX)
		return ERR_LIMIT;
	int rc = summed_body(text, bytes_of(HEAD), &body);
	return rc ? rc : read_lines(body, v, n, line);
}
