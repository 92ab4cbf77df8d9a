#include "account.h"

#include "base/err.h"
#include "base/text.h"
#include "run/words.h"
#include "summed.h"

#include <assert.h>
#include <stdio.h>

#define HEAD "gatehouse accounts 1\n"

static const char *const role_names[] = { "auditor", "operator", "admin", "crypto", "api", "compliance" };
static_assert(sizeof role_names / sizeof role_names[0] == OPER_ROLE_COUNT, "one name a role");

bool account_is_name(struct bytes name)
{
	if (name.n == 0 || name.n > OPER_NAME_MAX || name.p[0] < 'a' || name.p[0] > 'z' || bytes_eq_str(name, "root"))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return true;
}

const char *account_role_name(enum oper_role role)
{
	return role < OPER_ROLE_COUNT ? role_names[role] : "nobody";
}

int account_role_of(struct bytes name, enum oper_role *out)
{
	for (unsigned i = 0; i < OPER_ROLE_COUNT; i++) {
		if (!bytes_eq_str(name, role_names[i]))
			continue;
		*out = (enum oper_role)i;
		return 0;
	}
	return ERR_UNKNOWN;
}

bool account_is_shut(const struct account *a)
{
	return a->kept.is_shut;
}

/* ---- out ---- */

static void put_scrypt(const char *field, const struct scrypt *s, struct buf *out)
{
	char salt[2 * SCRYPT_SALT_BYTES + 1], hash[2 * SCRYPT_HASH_BYTES + 1];

	text_hex(bytes_make(s->salt, sizeof s->salt), salt);
	text_hex(bytes_make(s->hash, sizeof s->hash), hash);
	buf_putf(out, "%s %u %u %u %s %s\n", field, s->log2_n, s->r, s->p, salt, hash);
}

static void put_totp(const struct account *a, struct buf *out)
{
	char secret[2 * ACCOUNT_TOTP_BYTES + 1];

	if (a->totp == TOTP_OFF)
		return;
	text_hex(bytes_make(a->totp_secret, sizeof a->totp_secret), secret);
	buf_putf(out, "totp %s %s %llu\n", a->totp == TOTP_ON ? "on" : "pending", secret, (unsigned long long)a->totp_step);
}

static void put_account(const struct account *a, struct buf *out)
{
	buf_putf(out, "account %s\n", a->name);
	if (!a->has_kept_role)
		buf_putf(out, "role %s\n", account_role_name(a->role));
	buf_putf(out, "created %llu\nchanged %llu\n", (unsigned long long)a->created_s, (unsigned long long)a->changed_s);
	if (scrypt_is_sane(&a->password))
		put_scrypt("password", &a->password, out);
	for (size_t i = 0; i < a->n_old; i++)
		put_scrypt("old", &a->old[i], out);
	if (a->expiry_days != ACCOUNT_EXPIRY_DEFAULT)
		buf_putf(out, "expiry %d\n", a->expiry_days);
	if (a->must_change)
		buf_put_str(out, "must-change\n");
	if (a->failures)
		buf_putf(out, "failures %u\n", a->failures);
	if (a->login_s) {
		buf_putf(out, "login %llu ", (unsigned long long)a->login_s);
		words_put(out, bytes_of(a->login_from));
		buf_put_u8(out, '\n');
	}
	put_totp(a, out);
	for (size_t i = 0; i < a->n_keys; i++) {
		buf_put_str(out, "key ");
		words_put(out, bytes_of(a->keys[i]));
		buf_put_u8(out, '\n');
	}
	kept_put(&a->kept, out);
}

void account_file_put(const struct account *v, size_t n, struct buf *out)
{
	buf_put_str(out, HEAD);
	for (size_t i = 0; i < n; i++)
		put_account(&v[i], out);
	summed_end(out);
}

/* ---- in: one function a field; a is the account that the line is about ---- */

static int get_number(struct bytes word, uint64_t max, uint64_t *out)
{
	return bytes_to_u64(word, max, out) < 0 ? ERR_SYNTAX : 0;
}

static int get_role(struct account *a, const struct bytes *w)
{
	return account_role_of(w[0], &a->role);
}

static int get_created(struct account *a, const struct bytes *w)
{
	return get_number(w[0], INT64_MAX, &a->created_s);
}

static int get_changed(struct account *a, const struct bytes *w)
{
	return get_number(w[0], INT64_MAX, &a->changed_s);
}

/* Of a failure *to is as before: so with all that may be kept (ERR_RANGE, ERR_LIMIT, ERR_UNKNOWN). */
static int get_scrypt(struct scrypt *to, const struct bytes *w)
{
	struct scrypt fresh = { 0 }, *s = &fresh;
	uint64_t log2_n, r, p;

	if (bytes_to_u64(w[0], UINT8_MAX, &log2_n) < 0 || bytes_to_u64(w[1], UINT8_MAX, &r) < 0 || bytes_to_u64(w[2], UINT8_MAX, &p) < 0 ||
	    text_unhex(w[3], s->salt, sizeof s->salt) < 0 || text_unhex(w[4], s->hash, sizeof s->hash) < 0)
		return ERR_SYNTAX;
	s->log2_n = (uint8_t)log2_n;
	s->r = (uint8_t)r;
	s->p = (uint8_t)p;
	if (!scrypt_is_sane(s))
		return ERR_RANGE;
	*to = fresh;
	return 0;
}

static int get_password(struct account *a, const struct bytes *w)
{
	return get_scrypt(&a->password, w);
}

static int get_old(struct account *a, const struct bytes *w)
{
	int rc = a->n_old == ACCOUNT_OLD_MAX ? ERR_LIMIT : get_scrypt(&a->old[a->n_old], w);

	a->n_old += rc == 0;
	return rc;
}

static int get_expiry(struct account *a, const struct bytes *w)
{
	uint64_t days;
	int rc = get_number(w[0], 100000, &days);

	if (rc == 0)
		a->expiry_days = (int32_t)days;
	return rc;
}

static int get_must_change(struct account *a, const struct bytes *w)
{
	(void)w;
	a->must_change = true;
	return 0;
}

static int get_failures(struct account *a, const struct bytes *w)
{
	uint64_t n;
	int rc = get_number(w[0], UINT32_MAX, &n);

	if (rc == 0)
		a->failures = (uint32_t)n;
	return rc;
}

static int copy(struct bytes from, char *to, size_t n)
{
	if (from.n >= n || bytes_find(from, 0) < from.n)
		return ERR_LIMIT;
	snprintf(to, n, "%.*s", BYTES_FMT(from));
	return 0;
}

static int get_login(struct account *a, const struct bytes *w)
{
	uint64_t at_s;
	int rc = get_number(w[0], INT64_MAX, &at_s);

	if (rc == 0)
		rc = copy(w[1], a->login_from, sizeof a->login_from);
	if (rc == 0)
		a->login_s = at_s;
	return rc;
}

static int get_totp(struct account *a, const struct bytes *w)
{
	if (!bytes_eq_str(w[0], "on") && !bytes_eq_str(w[0], "pending"))
		return ERR_SYNTAX;
	a->totp = bytes_eq_str(w[0], "on") ? TOTP_ON : TOTP_PENDING;
	if (text_unhex(w[1], a->totp_secret, sizeof a->totp_secret) < 0)
		return ERR_SYNTAX;
	return get_number(w[2], INT64_MAX, &a->totp_step);
}

static int get_key(struct account *a, const struct bytes *w)
{
	int rc = a->n_keys == ACCOUNT_KEYS_MAX ? ERR_LIMIT : copy(w[0], a->keys[a->n_keys], ACCOUNT_KEY_BYTES);

	a->n_keys += rc == 0;
	return rc;
}

static const struct {
	const char *name;
	size_t n_words; /* behind the name */
	int (*get)(struct account *a, const struct bytes *w);
} fields[] = {
	{ "role", 1, get_role },     { "created", 1, get_created },         { "changed", 1, get_changed },
	{ "password", 5, get_password }, { "old", 5, get_old },             { "expiry", 1, get_expiry },
	{ "must-change", 0, get_must_change }, { "failures", 1, get_failures }, { "login", 2, get_login },
	{ "totp", 3, get_totp },     { "key", 1, get_key },
};

/* A field of another version, or what that one puts into a field of ours: a role, a costlier password, more keys. */
static int keep(struct account *a, const struct words *w, int why)
{
	bool is_role = bytes_eq_str(w->v[0], "role"), is_password = bytes_eq_str(w->v[0], "password");

	if (why != ERR_UNKNOWN && why != ERR_RANGE && why != ERR_LIMIT)
		return why;
	int rc = kept_add(&a->kept, w, is_role || is_password);
	if (rc == 0)
		a->has_kept_role |= is_role;
	return rc;
}

static int get_field(struct account *a, const struct words *w)
{
	int rc = ERR_UNKNOWN;

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (bytes_eq_str(w->v[0], fields[i].name))
			rc = w->n == fields[i].n_words + 1 ? fields[i].get(a, w->v + 1) : ERR_SYNTAX;
	return rc == 0 ? 0 : keep(a, w, rc);
}

static int new_account(const struct words *w, struct account *v, size_t *n)
{
	if (*n == ACCOUNTS_MAX)
		return ERR_LIMIT;
	if (w->n != 2 || !account_is_name(w->v[1]))
		return ERR_SYNTAX;
	struct account *a = &v[(*n)++];
	*a = (struct account){ .expiry_days = ACCOUNT_EXPIRY_DEFAULT };
	snprintf(a->name, sizeof a->name, "%.*s", BYTES_FMT(w->v[1]));
	for (size_t i = 0; i + 1 < *n; i++) {
		if (strcmp(v[i].name, a->name) == 0)
			return ERR_EXISTS;
	}
	return 0;
}

static int read_lines(struct bytes text, struct account *v, size_t *n, unsigned *line)
{
	struct words w;
	struct arena arena;
	int rc = 0;

	arena_init(&arena, 64 << 10);
	*line = 1;
	while (rc == 0 && text.n > 0) {
		arena_reset(&arena);
		rc = words_next(&text, line, &arena, &w);
		if (rc < 0 || w.n == 0)
			continue;
		if (bytes_eq_str(w.v[0], "account"))
			rc = new_account(&w, v, n);
		else
			rc = *n == 0 ? ERR_SYNTAX : get_field(&v[*n - 1], &w);
	}
	arena_fini(&arena);
	for (size_t i = 0; rc == 0 && i < *n; i++)
		rc = scrypt_is_sane(&v[i].password) || v[i].kept.is_shut ? 0 : ERR_SYNTAX; /* one without a password is half of one */
	return rc;
}

int account_file_read(struct bytes text, struct account *v, size_t *n, unsigned *line)
{
	struct bytes body;

	*n = 0;
	*line = 1;
	if (text.n > ACCOUNT_TEXT_MAX)
		return ERR_LIMIT;
	int rc = summed_body(text, bytes_of(HEAD), &body);
	if (rc == 0)
		rc = read_lines(body, v, n, line);
	return rc == ERR_UNKNOWN ? ERR_SYNTAX : rc;
}
