#include "entry.h"

#include "base/err.h"
#include "proto/jid.h"
#include "proto/turncred.h"

enum key_kind {
	KEY_NAME,    /* a word of ours: letters, digits, . _ - */
	KEY_VAULT,   /* a name that gh-keys takes, too: a-z, digits, . - */
	KEY_DOMAIN,  /* RFC 7622 domainpart */
	KEY_PATTERN, /* domain, *.domain, or * for all */
	KEY_ADDRESS, /* bare address of a person or room (RFC 7622), or a domain, that can stand in a line of settings */
	KEY_USER,    /* OpaqueString (RFC 8265 4.2) that can stand in a line of settings */
};

/* Rows whose key is not a plain name, by the words before the '*'. */
static const struct {
	const char *before;
	enum key_kind kind;
} key_kinds[] = {
	{ "certificate ", KEY_VAULT },
	{ "compliance hold ", KEY_ADDRESS },
	{ "dns forward-zone ", KEY_DOMAIN },
	{ "domain ", KEY_DOMAIN },
	{ "federation peer ", KEY_PATTERN },
	{ "log debug domain ", KEY_DOMAIN },
	{ "sip peer ", KEY_PATTERN },
	{ "turn user ", KEY_USER },
};

static enum key_kind key_kind_of(const char *pattern)
{
	for (size_t i = 0; i < sizeof key_kinds / sizeof key_kinds[0]; i++) {
		if (strncmp(pattern, key_kinds[i].before, strlen(key_kinds[i].before)) == 0)
			return key_kinds[i].kind;
	}
	return KEY_NAME;
}

static int put_name(struct bytes key, struct buf *out, const char **why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	*why = "a name has 1 to 63 letters, digits, dots, dashes and underscores";
	if (key.n == 0 || key.n > 63)
		return ERR_SYNTAX;
	for (size_t i = 0; i < key.n; i++) {
		if (!key.p[i] || !strchr(letters, key.p[i]))
			return ERR_SYNTAX;
	}
	buf_put_bytes(out, key);
	return 0;
}

/* As key_name_is_good of firmware/keys: the chain and its key go by one name. */
static int put_vault_name(struct bytes key, struct buf *out, const char **why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	size_t n = 0;

	*why = "a certificate's name has 1 to 63 letters a-z, digits, dots and dashes, and no dot or dash at its ends";
	while (n < key.n && key.p[n] && strchr(letters, key.p[n]))
		n++;
	if (n == 0 || n != key.n || n > 63 || strchr(".-", key.p[0]) || strchr(".-", key.p[n - 1]))
		return ERR_SYNTAX;
	buf_put_bytes(out, key);
	return 0;
}

static int put_domain(struct bytes key, struct buf *out, const char **why)
{
	struct arena a;
	struct bytes normal;

	arena_init(&a, 64 << 10);
	int rc = jid_parse_domain(key, &a, &normal);
	if (rc == 0)
		buf_put_bytes(out, normal);
	else
		*why = "not a domain";
	arena_fini(&a);
	return rc == 0 || rc == ERR_NOMEM ? rc : ERR_SYNTAX;
}

/* These mean something in a line of settings. */
static bool has_syntax(struct bytes name)
{
	static const char taken[] = " \"\\=#*";

	for (size_t i = 0; i < name.n; i++)
		if (!name.p[i] || strchr(taken, name.p[i]))
			return true;
	return false;
}

static int put_address(struct bytes key, struct buf *out, const char **why)
{
	struct arena a;
	struct jid j;

	*why = "not an address like name@domain without a resource, or a domain; none of \" \\ = # *, at most 255 bytes";
	arena_init(&a, 64 << 10);
	int rc = jid_parse(key, &a, &j);
	if (rc == 0 && (j.resource_n || j.full.n > 255 || has_syntax(j.full)))
		rc = ERR_SYNTAX;
	if (rc == 0)
		buf_put_bytes(out, j.full);
	arena_fini(&a);
	return rc == 0 || rc == ERR_NOMEM ? rc : ERR_SYNTAX;
}

static int put_user(struct bytes key, struct buf *out, const char **why)
{
	struct arena a;
	struct bytes name;

	*why = "a user's name has 1 to 63 bytes, no control characters (RFC 8265 4.2), no space and none of \" \\ = # *";
	arena_init(&a, 64 << 10);
	int rc = turncred_prepare(key, &a, &name);
	if (rc == 0 && (has_syntax(name) || name.n > 63))
		rc = ERR_SYNTAX;
	if (rc == 0)
		buf_put_bytes(out, name);
	arena_fini(&a);
	return rc == 0 || rc == ERR_NOMEM ? rc : ERR_SYNTAX;
}

static int put_key(const char *pattern, struct bytes key, struct buf *out, const char **why)
{
	enum key_kind kind = key_kind_of(pattern);

	if (kind == KEY_NAME)
		return put_name(key, out, why);
	if (kind == KEY_VAULT)
		return put_vault_name(key, out, why);
	if (kind == KEY_USER)
		return put_user(key, out, why);
	if (kind == KEY_ADDRESS)
		return put_address(key, out, why);
	if (kind == KEY_PATTERN && bytes_eq_str(key, "*")) {
		buf_put_bytes(out, key);
		return 0;
	}
	if (kind == KEY_PATTERN && bytes_starts(key, BYTES("*."))) {
		buf_put_str(out, "*.");
		key = bytes_skip(key, 2);
	}
	return put_domain(key, out, why);
}

/* How many words of the row's pattern the words fit, all of them or all of the pattern; 0: none. */
static size_t fit(const char *pattern, const struct bytes *words, size_t n, bool *is_whole)
{
	struct bytes rest = bytes_of(pattern);
	size_t i = 0;

	while (rest.n > 0 && i < n) {
		size_t len = bytes_find(rest, ' ');
		struct bytes want = bytes_make(rest.p, len);
		if (!bytes_eq_str(want, "*") && !bytes_eq(want, words[i]))
			return 0;
		rest = bytes_skip(rest, len + 1);
		i++;
	}
	*is_whole = rest.n == 0;
	return i;
}

/* The words in the pattern's form, keys normalised. */
static int put_words(const char *pattern, const struct bytes *words, size_t n, struct buf *path, const char **why)
{
	struct bytes rest = bytes_of(pattern);

	for (size_t i = 0; i < n; i++) {
		size_t len = bytes_find(rest, ' ');
		if (i > 0)
			buf_put_u8(path, ' ');
		if (bytes_eq_str(bytes_make(rest.p, len), "*")) {
			int rc = put_key(pattern, words[i], path, why);
			if (rc < 0)
				return rc;
		} else {
			buf_put_bytes(path, words[i]);
		}
		rest = bytes_skip(rest, len + 1);
	}
	return buf_failed(path) ? ERR_LIMIT : 0;
}

int entry_path(const struct bytes *words, size_t n, struct buf *path, const struct setting_row **row,
               size_t *n_used, const char **why)
{
	*why = "no such setting";
	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const struct setting_row *r = setting_row((enum setting)i);
		bool is_whole = false;
		size_t used = fit(r->path, words, n, &is_whole);
		if (used == 0 || !is_whole)
			continue;
		*row = r;
		*n_used = used;
		return put_words(r->path, words, used, path, why);
	}
	return ERR_UNKNOWN;
}

int entry_prefix(const struct bytes *words, size_t n, struct buf *path, const char **why)
{
	*why = "no such setting";
	for (unsigned i = 0; i < SETTING_COUNT && n > 0; i++) {
		const struct setting_row *r = setting_row((enum setting)i);
		bool is_whole = false;
		if (fit(r->path, words, n, &is_whole) == n)
			return put_words(r->path, words, n, path, why);
	}
	return n == 0 ? 0 : ERR_UNKNOWN;
}

/* How many of the words fit the row, from the first one on; *bytes: of the pattern. */
static size_t fit_some(const char *pattern, const struct bytes *words, size_t n, size_t *bytes)
{
	struct bytes rest = bytes_of(pattern);
	size_t i = 0;

	*bytes = 0;
	while (rest.n > 0 && i < n) {
		size_t len = bytes_find(rest, ' ');
		struct bytes want = bytes_make(rest.p, len);
		if (!bytes_eq_str(want, "*") && !bytes_eq(want, words[i]))
			break;
		*bytes = (size_t)(rest.p - (const uint8_t *)pattern) + len;
		rest = bytes_skip(rest, len + 1);
		i++;
	}
	return i;
}

void entry_describe(const struct bytes *words, size_t n, struct buf *out)
{
	const char *best = "";
	size_t n_best = 0, n_bytes = 0, bytes;

	for (unsigned i = 0; i < SETTING_COUNT; i++) {
		const char *pattern = setting_row((enum setting)i)->path;
		size_t fits = fit_some(pattern, words, n, &bytes);
		if (fits > n_best) {
			best = pattern;
			n_best = fits;
			n_bytes = bytes;
		}
	}
	buf_put(out, best, n_bytes);
	if (n_best < n && best[n_bytes]) { /* a whole row: what follows is its value */
		buf_put_u8(out, ' ');
		buf_put_bytes(out, words[n_best]);
	} else if (n_best == 0 && n > 0) {
		buf_put_bytes(out, words[0]);
	}
}

static int check_value(const struct setting_row *row, struct bytes joined, bool is_adapted, struct buf *value, const char **why)
{
	if (row->type == SETTING_DOMAIN)
		return put_domain(joined, value, why);
	int rc = setting_check(row, joined, value, why);
	return rc == ERR_RANGE && is_adapted && setting_nearest(row, joined, value) == 0 ? 0 : rc;
}

static int make(const struct bytes *words, size_t n, bool is_adapted, struct buf *path, struct buf *value,
                const struct setting_row **row, const char **why)
{
	size_t used = 0;
	struct buf joined;
	int rc = entry_path(words, n, path, row, &used, why);

	if (rc < 0)
		return rc;
	if (used == n) {
		*why = "a value is missing";
		return ERR_SYNTAX;
	}
	buf_init(&joined, 1 << 20);
	for (size_t i = used; i < n; i++) {
		if (i > used)
			buf_put_u8(&joined, ' ');
		buf_put_bytes(&joined, words[i]);
	}
	*why = "too long";
	rc = buf_failed(&joined) ? ERR_LIMIT : 0;
	if (rc == 0) {
		*why = "";
		rc = check_value(*row, buf_bytes(&joined), is_adapted, value, why);
	}
	buf_fini(&joined);
	return rc;
}

int entry_make(const struct bytes *words, size_t n, struct buf *path, struct buf *value,
               const struct setting_row **row, const char **why)
{
	return make(words, n, false, path, value, row, why);
}

int entry_adapt(const struct bytes *words, size_t n, struct buf *path, struct buf *value,
                const struct setting_row **row, const char **why)
{
	return make(words, n, true, path, value, row, why);
}
