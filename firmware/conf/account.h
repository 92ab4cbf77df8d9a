/* account.h - an operator's account, and all of them as a file of text (accounts.h keeps it). Not among the settings:
 * history and generations carry no password hashes. Pure. */
#ifndef CONF_ACCOUNT_H
#define CONF_ACCOUNT_H

#include "base/buf.h"
#include "kept.h"
#include "run/oper.h"
#include "scrypt.h"

enum {
	ACCOUNTS_MAX = 64,
	ACCOUNT_OLD_MAX = 24,      /* former passwords */
	ACCOUNT_KEYS_MAX = 8,      /* SSH public keys */
	ACCOUNT_KEY_BYTES = 1024,  /* of one, as a line of authorized_keys */
	ACCOUNT_FROM_BYTES = 64,
	ACCOUNT_TOTP_BYTES = 20,   /* RFC 4226 4: 160 bits */
	ACCOUNT_TEXT_MAX = 1 << 20, /* of the file */
	ACCOUNT_EXPIRY_DEFAULT = -1,
};

enum account_totp { TOTP_OFF, TOTP_PENDING, TOTP_ON };

struct account {
	char name[OPER_NAME_MAX + 1];
	enum oper_role role;
	struct scrypt password;
	struct scrypt old[ACCOUNT_OLD_MAX]; /* latest first */
	size_t n_old;
	uint64_t created_s, changed_s; /* since 1970; changed: of the password */
	int32_t expiry_days;           /* of the password; 0: never; ACCOUNT_EXPIRY_DEFAULT: as the setting says */
	bool must_change;
	uint32_t failures;             /* since the last login */
	uint64_t login_s;              /* 0: never */
	char login_from[ACCOUNT_FROM_BYTES];
	enum account_totp totp;
	uint8_t totp_secret[ACCOUNT_TOTP_BYTES];
	uint64_t totp_step;            /* the last one used: none before it is taken again */
	char keys[ACCOUNT_KEYS_MAX][ACCOUNT_KEY_BYTES];
	size_t n_keys;
	struct kept kept;              /* what this version does not know */
	bool has_kept_role;            /* the role too: role is the least one then */
};

/* A lower-case letter, then lower-case letters, digits, '-', '_', '.'; at most OPER_NAME_MAX bytes; and not "root",
 * which is the console's. */
bool account_is_name(struct bytes name);
/* "admin" and so on; ERR_UNKNOWN. */
const char *account_role_name(enum oper_role role);
int account_role_of(struct bytes name, enum oper_role *out);

/* The whole file, with its checksum at the end. */
void account_file_put(const struct account *v, size_t n, struct buf *out);
/* May it be used here? Else a newer version limits it in a way that this one does not know, or gives it a role or a password of such a
 * kind: it is kept, and nobody logs in by it. */
bool account_is_shut(const struct account *a);

/* Reads a file. Lines that it does not know are no damage: see kept.h. ERR_CHECKSUM: it does not end with the checksum of what it says; ERR_SYNTAX, ERR_LIMIT. Then *line says
 * where. v holds ACCOUNTS_MAX; it is changed on failure too, and is to be wiped then. */
int account_file_read(struct bytes text, struct account *v, size_t *n, unsigned *line);

#endif
