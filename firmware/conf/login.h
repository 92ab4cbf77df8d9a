/* login.h - from a name and a password to an account: OPER_LOGIN and OPER_LOGIN_NEW (run/oper.h), and new passwords. Passwords are
 * hashed in the second process (hasher.h); one thing at a time on a connection. */
#ifndef CONF_LOGIN_H
#define CONF_LOGIN_H

#include "base/wire.h"
#include "hasher.h"
#include "throttle.h"
#include "account.h"

struct oper;

/* A new password is ready for its account, or was refused (rc, why). */
typedef void (*login_password_fn)(struct oper *o, int rc, const char *why, const struct scrypt *fresh);
/* An old password has been compared. */
typedef void (*login_compare_fn)(struct oper *o, int rc);

enum { LOGIN_WAIT_MS = 60000, LOGIN_CODE_BYTES = 16 };

/* What a connection is hashing; all of it is wiped at its end. */
struct login {
	struct hash_job job;
	struct throttle_try try;
	char name[OPER_NAME_MAX + 1]; /* of the account */
	char code[LOGIN_CODE_BYTES];
	uint64_t totp_step;           /* of the code: used up when the login ends well */
	uint8_t salt[SCRYPT_SALT_BYTES]; /* of the password that was right */
	bool is_new;                  /* LOGIN_NEW */
	uint8_t fresh[OPER_PASSWORD_MAX];
	size_t fresh_n;
	size_t compared;              /* former passwords that were compared */
	unsigned tries;
	enum oper_role role;          /* of the account that a command makes */
	login_password_fn then;
	login_compare_fn compare;
};

/* Frames' bodies behind the type. ERR_*: a broken frame; else an answer comes, now or later. */
int login_on_frame(struct oper *o, bool is_new, struct wire *w);
/* A user of the system that is an account (run/oper_user.h) has come: sshd has let him in. He becomes the account, unless it is an
 * api's, its password is over, or it has too many sessions: then he is nobody. */
void login_by_user(struct oper *o, unsigned uid);
/* Is the account one whose password is over? wall_s: now. */
bool login_is_over(const struct oper *o, const struct account *a, uint64_t wall_s);
/* Days until the password is over; -1: never. */
int64_t login_days_left(const struct oper *o, const struct account *a, uint64_t wall_s);
/* May one more session of this account begin? */
bool login_has_place(const struct oper *o, const char *account);
bool login_demands_code(const struct oper *o, const struct account *a);
/* Checks a new password of an account and hashes it; is_own: it is chosen by its person, so former ones are compared.
 * The account may not be there yet. `then` is called, perhaps at once. */
void login_new_password(struct oper *o, const char *name, struct bytes password, bool is_own, login_password_fn then);
/* The same for a password of the box's own making: nothing is checked. It stays in o->login.fresh until `then` has been called. */
void login_hash_password(struct oper *o, const char *name, struct bytes password, login_password_fn then);
/* Puts a hash in, and the one before it into the former ones. */
void login_set_password(struct oper *o, struct account *a, const struct scrypt *fresh, bool must_change);
/* Is this the account's password? `then` is called, perhaps at once. Wrong ones are counted as wrong logins. */
void login_compare(struct oper *o, const struct account *a, struct bytes password, login_compare_fn then);
/* The connection ends. */
void login_cancel(struct oper *o);

#endif
