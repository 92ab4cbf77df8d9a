#include "command/commands.h"

#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "bulk/bulk.h"
#include "proto/scram.h"
#include "run/bulk.h"
#include "sip/digest.h"
#include "announce/announce.h"
#include "announce/notice.h"
#include "auth/app_password.h"
#include "ask.h"
#include "domain.h"
#include "iq/report.h"
#include "presence/online.h"
#include "room/rooms.h"
#include "session.h"
#include "delivery/sm.h"
#include "user.h"

#include <stdlib.h>

enum { SALT_BYTES = 16, LIST_PAGE = 1000 };

const char *command_text(int rc)
{
	return rc == ERR_EXISTS ? "there is such an account already" : rc == ERR_NOT_FOUND ? "there is no such account" :
	       rc == ERR_DENIED ? "this person is one of the directory: the password is changed there" : rc ? err_text(rc) : "";
}

static void on_done(struct im *im, struct ask *a, int rc)
{
	(void)im;
	proc_done(a->arg, rc, command_text(rc));
}

int command_account(struct im *im, struct proc_ask *ask, const struct bytes *args, size_t n, size_t want, struct bytes *out)
{
	struct jid j;
	const char *why = NULL;

	if (n < want)
		why = "too few arguments";
	else if (jid_parse(args[0], &im->arena, &j) || !j.local_n || j.resource_n)
		why = "the account must be name@domain";
	else if (!domain_of(im, jid_domain(&j)))
		why = "this domain does not live here: set domain DOMAIN certificate NAME";
	else if (rooms_host(im, jid_domain(&j)))
		why = "this domain is one of rooms (im rooms DOMAIN service): nobody has an account there";
	if (why) {
		proc_done(ask, ERR_RANGE, why);
		arena_reset(&im->arena);
		return ERR_RANGE;
	}
	*out = j.full;
	return 0;
}

static void put_verifier(struct buf *b, enum scram_hash h, const struct scram_verifier *v)
{
	size_t digest = h == SCRAM_SHA1 ? 20 : 32;

	wire_put_u8(b, (uint8_t)h);
	wire_put_u32(b, v->iterations);
	wire_put_bytes(b, bytes_make(v->salt, v->salt_n));
	wire_put_bytes(b, bytes_make(v->stored_key, digest));
	wire_put_bytes(b, bytes_make(v->server_key, digest));
}

static void put_digest(struct buf *b, enum digest_algorithm a, const struct digest_ha1 *h)
{
	wire_put_u8(b, (uint8_t)(STORE_HASH_DIGEST + a));
	wire_put_u32(b, 0);
	wire_put_bytes(b, BYTES_NONE);
	wire_put_bytes(b, bytes_make(h->p, h->n));
	wire_put_bytes(b, BYTES_NONE);
}

int command_digests(const struct im *im, struct bytes jid, struct bytes password, struct digest_ha1 out[static DIGEST_ALGORITHM_COUNT], int *n)
{
	struct jid j = jid_of_normal(jid);
	int rc = 0;

	*n = im->config.has_digest_md5 ? DIGEST_ALGORITHM_COUNT : DIGEST_SHA256 + 1;
	for (int a = 0; !rc && a < *n; a++)
		rc = digest_make_ha1((enum digest_algorithm)a, jid_local(&j), jid_domain(&j), password, &out[a]);
	return rc;
}

static struct buf *begin_account(struct im *im, struct bytes jid, uint8_t mode)
{
	struct buf *b = ask_begin(im, STORE_ACCOUNT_PUT);

	wire_put_str(b, jid);
	wire_put_u8(b, mode);
	wire_put_u64(b, loop_wall_ms(im->loop));
	return b;
}

/* What must be done for an account once gh-store has changed it. */
struct change {
	struct proc_ask *ask;
	size_t jid_n;
	uint8_t jid[];
};

/* NULL: the command has been answered. */
static struct change *change_new(struct proc_ask *ask, struct bytes jid)
{
	struct change *c = malloc(sizeof *c + jid.n);

	if (!c) {
		proc_done(ask, ERR_NOMEM, err_text(ERR_NOMEM));
		return NULL;
	}
	c->ask = ask;
	c->jid_n = jid.n;
	memcpy(c->jid, jid.p, jid.n);
	return c;
}

/* A new password takes the application passwords along. */
static void on_put(struct im *im, struct ask *a, int rc)
{
	struct change *c = a->arg;

	if (!rc)
		app_password_revoked(im, bytes_make(c->jid, c->jid_n), BYTES_NONE);
	proc_done(c->ask, rc, command_text(rc));
	free(c);
}

static void put_account(struct im *im, struct proc_ask *ask, const struct bytes *args, size_t n, uint8_t mode)
{
	struct scram_verifier v[SCRAM_HASH_COUNT];
	struct digest_ha1 ha1[DIGEST_ALGORITHM_COUNT];
	int n_digests = 0;
	struct bytes jid, password;
	uint8_t salt[SALT_BYTES];
	int rc = 0;

	if (command_account(im, ask, args, n, 2, &jid))
		return;
	if (!args[1].n || scram_saslprep(args[1], &im->arena, &password)) {
		proc_done(ask, ERR_SYNTAX, "this password cannot be used (RFC 8265 4.2)");
		arena_reset(&im->arena);
		return;
	}
	for (int h = 0; !rc && h < SCRAM_HASH_COUNT; h++) {
		random_bytes(salt, sizeof salt);
		rc = scram_make_verifier((enum scram_hash)h, password, bytes_make(salt, sizeof salt),
					 im->config.scram_iterations, &v[h]);
	}
	if (!rc)
		rc = command_digests(im, jid, password, ha1, &n_digests);
	struct change *c = NULL;
	if (rc)
		proc_done(ask, rc, err_text(rc));
	else
		c = change_new(ask, jid);
	if (c) {
		user_forget(im, jid);
		struct buf *b = begin_account(im, jid, mode);
		wire_put_u8(b, (uint8_t)(SCRAM_HASH_COUNT + n_digests));
		for (int h = 0; h < SCRAM_HASH_COUNT; h++)
			put_verifier(b, (enum scram_hash)h, &v[h]);
		for (int h = 0; h < n_digests; h++)
			put_digest(b, (enum digest_algorithm)h, &ha1[h]);
		ask_send_free(im, NULL, on_put, c, 0);
	}
	secret_wipe(v, sizeof v);
	secret_wipe(ha1, sizeof ha1);
	arena_reset(&im->arena);
}

static void user_add(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	put_account(program, ask, args, n, STORE_ACCOUNT_NEW);
}

static void user_passwd(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	put_account(program, ask, args, n, STORE_ACCOUNT_CHANGE);
}

/* "SCRAM-SHA-256$4096:SALT$STORED:SERVER", the three in base64 (RFC 5803 4). */
static int unbase64(struct bytes in, uint8_t *out, size_t max, size_t *n)
{
	struct buf b;

	buf_init(&b, 1024);
	int rc = text_unbase64(in, &b);
	*n = buf_len(&b);
	if (!rc && *n > max)
		rc = ERR_LIMIT;
	if (!rc)
		memcpy(out, buf_bytes(&b).p, *n);
	buf_fini(&b);
	return rc;
}

static struct bytes cut(struct bytes *rest, uint8_t at)
{
	size_t n = bytes_find(*rest, at);
	struct bytes head = bytes_make(rest->p, n);

	*rest = bytes_skip(*rest, n + 1);
	return head;
}

static int read_verifier(struct bytes in, enum scram_hash *hash, struct scram_verifier *v)
{
	struct bytes name = cut(&in, '$'), rounds = cut(&in, ':'), salt = cut(&in, '$'), stored = cut(&in, ':');
	uint64_t iterations;
	size_t salt_n, stored_n, server_n;

	if (bytes_eq_str(name, "SCRAM-SHA-1"))
		*hash = SCRAM_SHA1;
	else if (bytes_eq_str(name, "SCRAM-SHA-256"))
		*hash = SCRAM_SHA256;
	else
		return ERR_UNKNOWN;
	if (bytes_to_u64(rounds, 10000000, &iterations) || !iterations || unbase64(salt, v->salt, sizeof v->salt, &salt_n) ||
	    unbase64(stored, v->stored_key, sizeof v->stored_key, &stored_n) ||
	    unbase64(in, v->server_key, sizeof v->server_key, &server_n))
		return ERR_SYNTAX;
	size_t digest = *hash == SCRAM_SHA1 ? 20 : 32;
	if (!salt_n || stored_n != digest || server_n != digest)
		return ERR_RANGE;
	v->iterations = (uint32_t)iterations;
	v->salt_n = (uint8_t)salt_n;
	return 0;
}

static void user_import(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct scram_verifier v;
	enum scram_hash hash;
	struct bytes jid;

	if (command_account(im, ask, args, n, 2, &jid))
		return;
	user_forget(im, jid);
	struct buf *b = begin_account(im, jid, STORE_ACCOUNT_NEW);
	wire_put_u8(b, (uint8_t)(n - 1));
	int rc = n > 1 + SCRAM_HASH_COUNT ? ERR_RANGE : 0;
	for (size_t i = 1; !rc && i < n; i++) {
		rc = read_verifier(args[i], &hash, &v);
		if (!rc)
			put_verifier(b, hash, &v);
	}
	if (rc)
		proc_done(ask, rc, "a verifier is SCRAM-SHA-256$ROUNDS:SALT$STORED:SERVER in base64");
	else
		ask_send_free(im, NULL, on_done, ask, 0);
	secret_wipe(&v, sizeof v);
	arena_reset(&im->arena);
}

static void on_deleted(struct im *im, struct ask *a, int rc)
{
	struct change *c = a->arg;

	if (!rc)
		upload_forget(im, bytes_make(c->jid, c->jid_n));
	proc_done(c->ask, rc, command_text(rc));
	free(c);
}

static void user_delete(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct bytes jid;

	if (command_account(im, ask, args, n, 1, &jid))
		return;
	user_gone(im, jid);
	struct change *c = change_new(ask, jid);
	if (c) {
		wire_put_str(ask_begin(im, STORE_ACCOUNT_DEL), jid);
		ask_send_free(im, NULL, on_deleted, c, 0);
	}
	arena_reset(&im->arena);
}

/* A walk over all accounts, page after page: gh-store gives LIST_PAGE at most. */
struct listing {
	struct proc_ask *ask;
	unsigned in_page;
	size_t domain_n, last_n;
	uint8_t domain[1024], last[2048]; /* names behind `last` are still to come; RFC 7622 3.1 */
};

static void on_listed(struct im *im, struct ask *a, struct wire *w)
{
	struct listing *l = a->arg;
	char at[TEXT_TIME_BYTES];
	struct bytes jid = wire_str(w);
	uint64_t created = wire_u64(w);
	bool is_disabled = wire_u8(w), has_sha256 = wire_u8(w);
	struct user *u = user_find(im, jid);

	if (wire_failed(w) || jid.n > sizeof l->last || bytes_cmp(jid, bytes_make(l->last, l->last_n)) <= 0)
		return; /* a page that is sent again begins anew */
	memcpy(l->last, jid.p, jid.n);
	l->last_n = jid.n;
	l->in_page++;
	text_time(created, false, at);
	proc_record_begin(l->ask);
	proc_record_text(l->ask, "user", jid);
	proc_record_str(l->ask, "created", at);
	proc_record_int(l->ask, "sessions", u ? u->n_sessions : 0);
	proc_record_str(l->ask, "account", is_disabled ? "disabled" : "enabled");
	proc_record_str(l->ask, "presence", online_how_names[online_how(im, u)]);
	proc_record_str(l->ask, "scram-sha-256", has_sha256 ? "yes" : "no");
	proc_record_end(l->ask);
	arena_reset(&im->arena);
}

static void list_page(struct im *im, struct listing *l);

static void on_page(struct im *im, struct ask *a, int rc)
{
	struct listing *l = a->arg;

	if (!rc && l->in_page == LIST_PAGE) {
		list_page(im, l);
		return;
	}
	proc_done(l->ask, rc, rc ? err_text(rc) : "");
	free(l);
}

static void list_page(struct im *im, struct listing *l)
{
	struct buf *b = ask_begin(im, STORE_ACCOUNT_LIST);

	l->in_page = 0;
	wire_put_str(b, bytes_make(l->domain, l->domain_n));
	wire_put_str(b, bytes_make(l->last, l->last_n));
	wire_put_u32(b, LIST_PAGE);
	ask_send_free(im, on_listed, on_page, l, 0);
}

static void show_users(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct listing *l = calloc(1, sizeof *l);

	if (!l || (n > 0 && args[0].n > sizeof l->domain)) {
		free(l);
		proc_done(ask, ERR_LIMIT, err_text(ERR_LIMIT));
		return;
	}
	l->ask = ask;
	l->domain_n = n > 0 ? args[0].n : 0;
	if (l->domain_n)
		memcpy(l->domain, args[0].p, l->domain_n);
	list_page(program, l);
}

static void record_session(struct proc_ask *ask, const struct session *s)
{
	char at[TEXT_TIME_BYTES];

	text_time(s->opened_ms, false, at);
	proc_record_begin(ask);
	proc_record_text(ask, "session", session_full(s));
	proc_record_str(ask, "state", s->conn ? "attached" : "lost");
	proc_record_str(ask, "presence", session_is_available(s) ? "available" : "unavailable");
	proc_record_int(ask, "priority", s->priority);
	proc_record_str(ask, "management", !s->sm ? "off" : s->sm->is_resumable ? "resumable" : "on");
	proc_record_str(ask, "app-password", s->app ? s->app : "");
	proc_record_int(ask, "queued", s->queue_n);
	proc_record_str(ask, "door", prog_name((enum prog)s->door_prog));
	proc_record_int(ask, "worker", s->door);
	proc_record_str(ask, "opened", at);
	proc_record_end(ask);
}

static void show_sessions(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	size_t at = 0;

	for (const struct user *u; (u = map_next(&im->users, &at));) {
		if (n && !bytes_eq(user_jid(u), args[0]))
			continue;
		LIST_EACH (it, &u->sessions)
			record_session(ask, LIST_OWNER(it, struct session, node));
	}
	proc_done(ask, 0, "");
}

#define CLOSED_CONDITION "policy-violation"
#define CLOSED_TEXT "Closed by the administrator"

static void session_close(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	struct jid j;
	bool is_one = n && !jid_parse(args[0], &im->arena, &j);
	struct user *u = is_one && !j.resource_n ? user_find(im, j.full) : NULL;
	struct session *s = is_one ? session_by_full(im, j.full) : NULL;
	bool is_there = s || (u && u->n_sessions);

	if (s)
		session_kick(im, s, CLOSED_CONDITION, CLOSED_TEXT);
	else if (u)
		session_kick_all(im, u, CLOSED_CONDITION, CLOSED_TEXT);
	proc_done(ask, is_there ? 0 : ERR_NOT_FOUND, is_there ? "" : "there is no such session");
	arena_reset(&im->arena);
}

const struct proc_command im_commands[] = {
	{ "user add", user_add },
	{ "user passwd", user_passwd },
	{ "user import", user_import },
	{ "user delete", user_delete },
	{ "user disable", user_disable },
	{ "user enable", user_enable },
	{ "user roster", user_roster },
	{ "show user", show_user },
	{ "show presence", show_presence },
	{ "announce send", announce_send },
	{ "announce motd set", announce_motd_set },
	{ "announce motd edit", announce_motd_edit },
	{ "announce motd show", announce_motd_show },
	{ "announce motd delete", announce_motd_delete },
	{ "user app-password add", user_app_add },
	{ "user app-password list", user_app_list },
	{ "user app-password delete", user_app_delete },
	{ "user device list", user_device_list },
	{ "user device revoke", user_device_revoke },
	{ "user policy show", user_policy_show },
	{ "user policy set", user_policy_set },
	{ "user archive delete", user_archive_delete },
	{ "show archive", show_archive },
	{ "show users", show_users },
	{ "show sessions", show_sessions },
	{ "show reports", show_reports },
	{ "session close", session_close },
	{ "show rooms", rooms_show },
	{ "room destroy", rooms_destroy },
	{ "room kick", rooms_kick },
	{ BULK_FEED, bulk_feed },
	{ BULK_PAGE, bulk_page },
};
const size_t im_n_commands = sizeof im_commands / sizeof im_commands[0];
