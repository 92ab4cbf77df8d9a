/* token.h - API tokens: what a program shows instead of a name and a password (Authorization: Bearer, RFC 6750). An administrator makes
 * one, sees it once, and takes it away again; of each the file "tokens" of gh-conf's folder keeps a SHA-256, as 256 random bits need
 * no slow hash. A file that is damaged is put aside as "tokens.damaged": then no token is good. Tokens are this box's own: a backup has
 * none of them. */
#ifndef CONF_TOKEN_H
#define CONF_TOKEN_H

#include "account.h"

#define TOKENS_FILE "tokens"
#define TOKEN_MARK "ght_"     /* how each begins: for people, and for programs that look for secrets where none belong */
#define TOKEN_BY "token:"     /* before its name, where an account's would stand */

enum {
	TOKENS_MAX = 64,
	TOKEN_NAME_MAX = OPER_NAME_MAX - (sizeof TOKEN_BY - 1),
	TOKEN_HASH_BYTES = 32,
	TOKEN_TEXT_BYTES = sizeof TOKEN_MARK - 1 + 64 + 1, /* with its NUL */
	TOKEN_FROM_MAX = 8,
	TOKEN_FROM_BYTES = 50,    /* 2001:db8::/64 */
	TOKENS_TEXT_MAX = 256 << 10,
};

struct token {
	char name[TOKEN_NAME_MAX + 1];
	enum oper_role role;
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t created_s, until_s; /* since 1970; until 0: for good */
	char by[64];                 /* who made it */
	uint64_t used_s;             /* 0: never */
	char used_from[ACCOUNT_FROM_BYTES];
	char from[TOKEN_FROM_MAX][TOKEN_FROM_BYTES]; /* addresses and ranges it may come from; none: any */
	size_t n_from;
	struct kept kept;            /* what this version does not know (kept.h); shut: it is not good here */
	bool has_kept_role;
};

struct tokens {
	int dir_fd; /* somebody else closes it */
	struct token *v;
	size_t n;
	bool is_damaged;
	uint64_t saved_s; /* when uses were written last */
};

/* Reads the file; none: no tokens. A damaged one is no error. ERR_NOMEM; ERR_IO: it is there and cannot be read. */
int tokens_open(struct tokens *t, int dir_fd);
void tokens_close(struct tokens *t);
/* Writes all. ERR_IO, ERR_LIMIT: the file is as it was, and the caller takes its change back. */
int tokens_save(const struct tokens *t);
/* Valid until the next tokens_add, tokens_drop. NULL. */
struct token *tokens_find(const struct tokens *t, struct bytes name);
/* A new one, last, with the name alone; the name is right and not there yet. NULL: TOKENS_MAX. */
struct token *tokens_add(struct tokens *t, struct bytes name);
void tokens_drop(struct tokens *t, struct token *token);
/* Whose text is this? All are compared, in the same time. NULL. */
struct token *tokens_of_text(const struct tokens *t, struct bytes text);

/* Makes its text, to be shown once, and the hash of it. */
void token_make(struct token *t, char text[static TOKEN_TEXT_BYTES]);
bool token_is_text(struct bytes text);
/* Like an account's (account.h), but shorter. */
bool token_is_name(struct bytes name);
bool token_is_over(const struct token *t, uint64_t wall_s);
/* May it come from this address (as text)? */
bool token_may_come_from(const struct token *t, const char *address);
/* Adds an address or a range. ERR_SYNTAX, ERR_LIMIT. */
int token_add_from(struct token *t, struct bytes range);

/* The file's content and back; lines that are not known are no damage. ERR_CHECKSUM, ERR_SYNTAX, ERR_LIMIT: *line says where. v holds TOKENS_MAX. Pure. */
void token_file_put(const struct token *v, size_t n, struct buf *out);
int token_file_read(struct bytes text, struct token *v, size_t *n, unsigned *line);

#endif
