#include "command/commands.h"

#include "base/err.h"
#include "base/text.h"
#include "bulk/bulk.h"
#include "portable/portable.h"
#include "proto/scram.h"
#include "run/bulk.h"
#include "run/portable.h"
#include "announce/announce.h"
#include "announce/notice.h"
#include "auth/app_password.h"
#include "auth/verifier.h"
#include "ask.h"
#include "domain.h"
#include "iq/report.h"
#include "presence/online.h"
#include "room/rooms.h"
#include "session.h"
#include "delivery/sm.h"
#include "user.h"

#include <stdlib.h>

enum { LIST_PAGE = 1000 };

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
	struct bytes jid;
	struct buf secrets;

	if (command_account(im, ask, args, n, 2, &jid))
		return;
	buf_init(&secrets, VERIFIERS_BYTES_MAX);
	int rc = verifier_put_all(im, &secrets, jid, args[1]);
	struct change *c = NULL;
	if (rc)
		proc_done(ask, rc, rc == ERR_SYNTAX ? "this password cannot be used (RFC 8265 4.2)" : err_text(rc));
	else
		c = change_new(ask, jid);
	if (c) {
		user_forget(im, jid);
		buf_put_bytes(begin_account(im, jid, mode), buf_bytes(&secrets));
		ask_send_free(im, NULL, on_put, c, 0);
	}
	buf_fini(&secrets);
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
		rc = verifier_read(args[i], &hash, &v);
		if (!rc)
			verifier_put(b, hash, &v);
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
	{ PORTABLE_FEED, portable_feed },
	{ PORTABLE_PAGE, portable_page },
};
const size_t im_n_commands = sizeof im_commands / sizeof im_commands[0];
