/* user app-password ...: one password for each device (app_password.h). */
#include "auth/app_password.h"
#include "auth/verifier.h"
#include "command/commands.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/scram.h"
#include "ask.h"

#include <stdlib.h>

enum { ROUNDS_MAX = 1000000 /* of imported accounts: more would stop this program for seconds */ };

static const char *text_of(int rc)
{
	static const struct {
		int rc;
		const char *text;
	} rows[] = {
		{ 0, "" },
		{ ERR_EXISTS, "there is an application password with this label already" },
		{ ERR_NOT_FOUND, "there is no such account, or no such label: user app-password list" },
		{ ERR_FULL, "the account has 20 application passwords: user app-password delete one that is not used" },
		{ ERR_BAD_STATE, "the account's password was changed meanwhile: try again" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].rc == rc)
			return rows[i].text;
	return err_text(rc);
}

/* One command under way. */
struct app_command {
	struct proc_ask *ask;
	struct scram_verifier v[SCRAM_HASH_COUNT]; /* salt_n 0: the account has none of this hash */
	char password[APP_PASSWORD_BYTES];
	size_t jid_n, label_n;
	uint8_t names[]; /* address, label */
};

static struct bytes jid_of(const struct app_command *c)
{
	return bytes_make(c->names, c->jid_n);
}

static struct bytes label_of(const struct app_command *c)
{
	return bytes_make(c->names + c->jid_n, c->label_n);
}

static void finish(struct app_command *c, int rc, const char *text)
{
	proc_done(c->ask, rc, text);
	secret_wipe(c, sizeof *c);
	free(c);
}

static struct app_command *begin(struct im *im, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct bytes jid;

	if (command_account(im, ask, args, n, 2, &jid))
		return NULL;
	bool is_label = app_password_is_label(args[1]);
	struct app_command *c = is_label ? calloc(1, sizeof *c + jid.n + args[1].n) : NULL;
	if (c) {
		c->ask = ask;
		c->jid_n = jid.n;
		c->label_n = args[1].n;
		memcpy(c->names, jid.p, jid.n);
		memcpy(c->names + jid.n, args[1].p, args[1].n);
	} else if (is_label) {
		proc_done(ask, ERR_NOMEM, err_text(ERR_NOMEM));
	} else {
		proc_done(ask, ERR_RANGE, "a label has 1 to 64 bytes, and no control characters");
	}
	arena_reset(&im->arena);
	return c;
}

/* ---- add: the account's salts, verifiers made with them, all of them into gh-store ---- */

static void on_added(struct im *im, struct ask *a, int rc)
{
	struct app_command *c = a->arg;

	(void)im;
	if (!rc) {
		proc_record_begin(c->ask);
		proc_record_text(c->ask, "label", label_of(c));
		proc_record_str(c->ask, "password", c->password);
		proc_record_end(c->ask);
	}
	finish(c, rc, text_of(rc));
}

static int make_verifiers(struct app_command *c, unsigned *n)
{
	int rc = 0;

	app_password_make(c->password);
	for (int h = 0; !rc && h < SCRAM_HASH_COUNT; h++) {
		const struct scram_verifier *v = &c->v[h];
		if (!v->salt_n)
			continue;
		++*n;
		rc = v->iterations > ROUNDS_MAX ? ERR_LIMIT :
						  scram_make_verifier((enum scram_hash)h, bytes_of(c->password),
								      bytes_make(v->salt, v->salt_n), v->iterations, &c->v[h]);
	}
	return rc ? rc : *n ? 0 : ERR_NOT_FOUND;
}

/* These have no salt: nothing of the account's is in them. */
static void put_digests(struct buf *b, const struct digest_ha1 *ha1, int n)
{
	for (int h = 0; h < n; h++) {
		wire_put_u8(b, (uint8_t)(STORE_HASH_DIGEST + h));
		wire_put_bytes(b, BYTES_NONE);
		wire_put_bytes(b, bytes_make(ha1[h].p, ha1[h].n));
		wire_put_bytes(b, BYTES_NONE);
	}
}

static void put(struct im *im, struct app_command *c)
{
	struct digest_ha1 ha1[DIGEST_ALGORITHM_COUNT];
	unsigned n = 0;
	int n_digests = 0, rc = make_verifiers(c, &n);

	if (!rc)
		rc = verifier_digests(im, jid_of(c), bytes_of(c->password), ha1, &n_digests);
	if (rc) {
		finish(c, rc, rc == ERR_LIMIT ? "the account was imported with too many rounds: user passwd" : text_of(rc));
		return;
	}
	struct buf *b = ask_begin(im, STORE_APP_PUT);
	wire_put_str(b, jid_of(c));
	wire_put_str(b, label_of(c));
	wire_put_u64(b, loop_wall_ms(im->loop));
	wire_put_u8(b, (uint8_t)(n + (unsigned)n_digests));
	for (int h = 0; h < SCRAM_HASH_COUNT; h++) {
		const struct scram_verifier *v = &c->v[h];
		size_t digest = h == SCRAM_SHA1 ? 20 : 32;
		if (!v->salt_n)
			continue;
		wire_put_u8(b, (uint8_t)h);
		wire_put_bytes(b, bytes_make(v->salt, v->salt_n));
		wire_put_bytes(b, bytes_make(v->stored_key, digest));
		wire_put_bytes(b, bytes_make(v->server_key, digest));
	}
	put_digests(b, ha1, n_digests);
	secret_wipe(ha1, sizeof ha1);
	ask_send_free(im, NULL, on_added, c, 0);
}

static void on_salt(struct im *im, struct ask *a, struct wire *w)
{
	struct app_command *c = a->arg;
	struct scram_verifier *v = &c->v[a->number];
	uint32_t iterations = wire_u32(w);
	struct bytes salt = wire_bytes(w);

	(void)im;
	if (wire_failed(w) || salt.n > sizeof v->salt)
		return;
	v->iterations = iterations; /* the same in all of them */
	v->salt_n = (uint8_t)salt.n;
	memcpy(v->salt, salt.p, salt.n);
}

static void ask_salt(struct im *im, struct app_command *c, uint64_t hash);

static void on_salts(struct im *im, struct ask *a, int rc)
{
	struct app_command *c = a->arg;

	if (rc && rc != ERR_NOT_FOUND)
		finish(c, rc, err_text(rc));
	else if (a->number + 1 < SCRAM_HASH_COUNT)
		ask_salt(im, c, a->number + 1);
	else
		put(im, c);
}

static void ask_salt(struct im *im, struct app_command *c, uint64_t hash)
{
	struct buf *b = ask_begin(im, STORE_AUTH_GET);

	wire_put_str(b, jid_of(c));
	wire_put_u8(b, (uint8_t)hash);
	ask_send_free(im, on_salt, on_salts, c, hash);
}

void user_app_add(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct app_command *c = begin(program, ask, args, n);

	if (c)
		ask_salt(program, c, 0);
}

/* ---- delete ---- */

static void on_deleted(struct im *im, struct ask *a, int rc)
{
	struct app_command *c = a->arg;

	if (!rc)
		app_password_revoked(im, jid_of(c), label_of(c));
	finish(c, rc, text_of(rc));
}

void user_app_delete(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct app_command *c = begin(program, ask, args, n);

	if (!c)
		return;
	struct buf *b = ask_begin(program, STORE_APP_DEL);
	wire_put_str(b, jid_of(c));
	wire_put_str(b, label_of(c));
	ask_send_free(program, NULL, on_deleted, c, 0);
}

/* ---- list ---- */

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct proc_ask *ask = a->arg;
	char made[TEXT_TIME_BYTES], used[TEXT_TIME_BYTES] = "never";
	struct bytes label = wire_str(w);
	uint64_t created = wire_u64(w), last = wire_u64(w);
	struct bytes address = wire_str(w);

	(void)im;
	if (wire_failed(w))
		return;
	text_time(created, false, made);
	if (last)
		text_time(last, false, used);
	proc_record_begin(ask);
	proc_record_text(ask, "label", label);
	proc_record_str(ask, "created", made);
	proc_record_str(ask, "used", used);
	proc_record_text(ask, "address", address);
	proc_record_end(ask);
}

static void on_listed(struct im *im, struct ask *a, int rc)
{
	(void)im;
	proc_done(a->arg, rc, rc == ERR_NOT_FOUND ? "there is no such account" : text_of(rc));
}

void user_app_list(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 1, &jid))
		return;
	wire_put_str(ask_begin(im, STORE_APP_LIST), jid);
	ask_send_free(im, on_item, on_listed, ask, 0);
	arena_reset(&im->arena);
}
