#include "token.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "net/prefix.h"
#include "run/disk.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#define DAMAGED_NAME "tokens.damaged"

static void tell_kept(const struct tokens *t)
{
	char first[32];

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].kept.n)
			log_warn("conf.tokens.aside", LOG_STR("token", t->v[i].name), LOG_STR("first", kept_first(&t->v[i].kept, first)),
			         LOG_STR("do", t->v[i].kept.is_shut ? "another version limits this token: it is not good until that one runs again" :
			                                             "it is kept for the version that knows it"));
}

static void read_text(struct tokens *t, struct bytes text)
{
	unsigned line = 0;
	int rc = token_file_read(text, t->v, &t->n, &line);

	if (rc == 0) {
		tell_kept(t);
		return;
	}
	secret_wipe(t->v, TOKENS_MAX * sizeof t->v[0]);
	t->n = 0;
	t->is_damaged = true;
	log_error("conf.tokens.damaged", LOG_INT("line", line), LOG_STR("why", err_text(rc)));
	if (renameat(t->dir_fd, TOKENS_FILE, t->dir_fd, DAMAGED_NAME) < 0)
		log_error("conf.tokens.kept", LOG_STR("why", "the damaged file cannot be put aside"));
}

int tokens_open(struct tokens *t, int dir_fd)
{
	struct buf text;

	*t = (struct tokens){ .dir_fd = dir_fd, .v = calloc(TOKENS_MAX, sizeof t->v[0]) };
	if (!t->v)
		return ERR_NOMEM;
	buf_init(&text, TOKENS_TEXT_MAX + (128 << 10));
	int rc = disk_read(dir_fd, TOKENS_FILE, &text);
	if (rc == 0 || rc == ERR_LIMIT)
		read_text(t, buf_bytes(&text));
	buf_fini(&text);
	return rc == ERR_NOT_FOUND || rc == ERR_LIMIT ? 0 : rc;
}

void tokens_close(struct tokens *t)
{
	free(t->v);
	*t = (struct tokens){ .dir_fd = -1 };
}

int tokens_save(const struct tokens *t)
{
	struct buf text;

	buf_init(&text, TOKENS_TEXT_MAX);
	token_file_put(t->v, t->n, &text);
	int rc = buf_failed(&text) ? ERR_LIMIT : disk_replace(t->dir_fd, TOKENS_FILE, buf_bytes(&text));
	if (rc < 0)
		log_error("conf.tokens.unsaved", LOG_STR("why", err_text(rc)));
	buf_fini(&text);
	return rc;
}

struct token *tokens_find(const struct tokens *t, struct bytes name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (bytes_eq_str(name, t->v[i].name))
			return &t->v[i];
	}
	return NULL;
}

struct token *tokens_add(struct tokens *t, struct bytes name)
{
	if (t->n == TOKENS_MAX)
		return NULL;
	struct token *new = &t->v[t->n++];
	*new = (struct token){ 0 };
	snprintf(new->name, sizeof new->name, "%.*s", BYTES_FMT(name));
	return new;
}

void tokens_drop(struct tokens *t, struct token *token)
{
	size_t at = (size_t)(token - t->v);

	memmove(token, token + 1, (t->n - at - 1) * sizeof *token);
	t->n--;
	secret_wipe(&t->v[t->n], sizeof t->v[0]);
}

/* ---- the text that is shown once ---- */

bool token_is_text(struct bytes text)
{
	return text.n == TOKEN_TEXT_BYTES - 1 && bytes_starts(text, BYTES(TOKEN_MARK));
}

static void hash(struct bytes text, uint8_t out[static TOKEN_HASH_BYTES])
{
	SHA256(text.p, text.n, out);
}

void token_make(struct token *t, char text[static TOKEN_TEXT_BYTES])
{
	memcpy(text, TOKEN_MARK, sizeof TOKEN_MARK - 1);
	random_hex(text + sizeof TOKEN_MARK - 1, 64);
	text[TOKEN_TEXT_BYTES - 1] = '\0';
	hash(bytes_of(text), t->hash);
}

struct token *tokens_of_text(const struct tokens *t, struct bytes text)
{
	struct token *found = NULL;
	uint8_t want[TOKEN_HASH_BYTES];

	if (!token_is_text(text))
		return NULL;
	hash(text, want);
	for (size_t i = 0; i < t->n; i++) {
		if (secret_eq(bytes_make(want, sizeof want), bytes_make(t->v[i].hash, sizeof t->v[i].hash)))
			found = &t->v[i];
	}
	secret_wipe(want, sizeof want);
	return found;
}

/* ---- where it is good, and until when ---- */

bool token_is_name(struct bytes name)
{
	return name.n <= TOKEN_NAME_MAX && account_is_name(name);
}

bool token_is_over(const struct token *t, uint64_t wall_s)
{
	return t->until_s && wall_s >= t->until_s;
}

bool token_may_come_from(const struct token *t, const char *address)
{
	uint8_t raw[16] = { 0 };
	struct prefix range;

	if (t->n_from == 0)
		return true;
	if (inet_pton(AF_INET, address, raw + 12) == 1)
		raw[10] = raw[11] = 0xff; /* as prefix.h has them: RFC 4291 2.5.5.2 */
	else if (inet_pton(AF_INET6, address, raw) != 1)
		return false;
	for (size_t i = 0; i < t->n_from; i++) {
		if (prefix_parse(bytes_of(t->from[i]), &range) == 0 && prefix_has(&range, raw))
			return true;
	}
	return false;
}

int token_add_from(struct token *t, struct bytes range)
{
	struct prefix p;

	if (t->n_from == TOKEN_FROM_MAX)
		return ERR_LIMIT;
	if (range.n >= TOKEN_FROM_BYTES || prefix_parse(range, &p) < 0)
		return ERR_SYNTAX;
	snprintf(t->from[t->n_from++], TOKEN_FROM_BYTES, "%.*s", BYTES_FMT(range));
	return 0;
}
