/* Commands about the relay's users. A password is hashed here and gone: settings have the keys alone
 * (RFC 8489 9.2.2). */
#include "base/err.h"
#include "base/secret.h"
#include "conf.h"
#include "entry.h"
#include "proto/turncred.h"

enum { KEYS_MAX = 256, PREPARE_ROOM = 16 << 10 };

static int put_keys(const struct rows *r, struct bytes name, struct bytes password, struct arena *a, struct buf *keys, const char **why)
{
	struct bytes user, secret;

	*why = "a user's name is text without control characters (RFC 8265 4.2)";
	int rc = turncred_prepare(name, a, &user);
	if (rc < 0)
		return rc;
	*why = "a password is text without control characters (RFC 8265 4.2)";
	rc = turncred_prepare(password, a, &secret);
	if (rc < 0)
		return rc;
	*why = "the digests failed";
	rc = turncred_put_keys(user, rows_value(r, SET_TURN_REALM, BYTES_NONE), secret, keys);
	secret_wipe((void *)(uintptr_t)secret.p, secret.n);
	return rc;
}

/* As `set turn user NAME key KEYS`. */
static int put_row(struct oper *o, struct bytes name, struct bytes keys, const char **why)
{
	const struct bytes words[] = { BYTES("turn"), BYTES("user"), name, BYTES("key"), keys };
	const struct setting_row *row;
	struct buf path, value;

	buf_init(&path, 4096);
	buf_init(&value, KEYS_MAX);
	int rc = entry_make(words, sizeof words / sizeof words[0], &path, &value, &row, why);
	if (rc == 0)
		rc = oper_decide(o, buf_bytes(&path));
	if (rc == 0)
		rc = rows_set(&o->candidate, buf_bytes(&path), buf_bytes(&value));
	secret_wipe(value.p, value.cap);
	buf_fini(&value);
	buf_fini(&path);
	return rc;
}

int turn_user_put(struct oper *o, struct bytes name, struct bytes password, const char **why)
{
	struct arena a;
	struct buf keys;

	arena_init(&a, PREPARE_ROOM);
	buf_init(&keys, KEYS_MAX);
	int rc = oper_begin(o);
	if (rc == 0)
		rc = put_keys(oper_rows(o), name, password, &a, &keys, why);
	if (rc == 0)
		rc = put_row(o, name, buf_bytes(&keys), why);
	secret_wipe(keys.p, keys.cap);
	buf_fini(&keys);
	arena_fini(&a);
	return rc;
}

COMMAND_FN(cmd_turn_user_add)
{
	const char *why = "";
	int rc = turn_user_put(o, args->v[0], args->v[1], &why);

	(void)c;
	(void)cmd;
	oper_done(o, rc, rc < 0 ? why : "in your candidate: commit");
}
