#include "auth/directory.h"

#include "base/err.h"
#include "base/random.h"
#include "run/directory.h"
#include "run/session.h"
#include "auth/login.h"
#include "ask.h"
#include "user.h"

#include <stdlib.h>

enum { WAITS_MAX = 1000, ANSWER_MS = 60000, SALT_BYTES = 16 };

/* One login whose password gh-dir is asked for. */
struct directory_wait {
	struct im *im;
	uint32_t id; /* of the ask to gh-dir; 0: not asked yet */
	uint64_t conn;
	bool is_known; /* it has an account, and a note */
	uint64_t roster; /* of the note */
	struct loop_timer timer;
};

/* ---- the note ---- */

enum { NOTE_FIRST = 1 /* it has no digest */, NOTE_VERSION = 2, NOTE_MAX = 8192 };

void directory_note_put(struct buf *b, const struct directory_note *n)
{
	wire_put_u8(b, NOTE_VERSION);
	wire_put_u8(b, n->is_gone);
	wire_put_u64(b, n->gone_ms);
	wire_put_u64(b, n->roster);
	wire_put_str(b, n->user);
	wire_put_str(b, n->name);
	wire_put_str(b, n->mail);
	wire_put_str(b, n->uri);
}

int directory_note_read(struct bytes note, struct directory_note *out)
{
	struct wire w = wire_of(note);
	uint8_t version = wire_u8(&w);
	struct directory_note n = { .is_gone = wire_u8(&w) != 0 };

	n.gone_ms = wire_u64(&w);
	n.roster = version == NOTE_FIRST ? 0 : wire_u64(&w);
	n.user = wire_str(&w);
	n.name = wire_str(&w);
	n.mail = wire_str(&w);
	n.uri = wire_str(&w);
	if (wire_end(&w) || version < NOTE_FIRST || version > NOTE_VERSION)
		return ERR_SYNTAX;
	*out = n;
	return 0;
}

void directory_load(struct user *u, struct bytes note)
{
	struct directory_note n;

	u->is_of_directory = true;
	u->is_gone = directory_note_read(note, &n) != 0 || n.is_gone;
}

/* ---- accounts ---- */

void directory_begin_account(struct im *im, struct bytes jid, uint8_t mode, const struct directory_note *n)
{
	uint8_t salt[SALT_BYTES], key[SCRAM_DIGEST_MAX];
	struct buf note;

	buf_init(&note, NOTE_MAX);
	directory_note_put(&note, n);
	struct buf *b = ask_begin(im, STORE_ACCOUNT_PUT);
	wire_put_str(b, jid);
	wire_put_u8(b, mode);
	wire_put_u64(b, loop_wall_ms(im->loop));
	wire_put_bytes(b, buf_bytes(&note));
	buf_fini(&note);
	wire_put_u8(b, SCRAM_HASH_COUNT);
	for (int h = 0; h < SCRAM_HASH_COUNT; h++) {
		size_t digest = h == SCRAM_SHA1 ? 20 : 32;
		random_bytes(salt, sizeof salt);
		wire_put_u8(b, (uint8_t)h);
		wire_put_u32(b, im->config.scram_iterations);
		wire_put_bytes(b, bytes_make(salt, sizeof salt));
		for (int i = 0; i < 2; i++) { /* keys that stem from no password */
			random_bytes(key, sizeof key);
			wire_put_bytes(b, bytes_make(key, digest));
		}
	}
}

void directory_begin_note(struct im *im, struct bytes jid, struct bytes note)
{
	struct buf *b = ask_begin(im, STORE_ACCOUNT_PUT);

	wire_put_str(b, jid);
	wire_put_u8(b, STORE_ACCOUNT_NOTE);
	wire_put_u64(b, loop_wall_ms(im->loop));
	wire_put_bytes(b, note);
	wire_put_u8(b, 0); /* no verifiers */
}

/* ---- waits ---- */

static void forget(struct directory_wait *w)
{
	if (w->id)
		(void)map_del_u64(&w->im->directory.waiting, w->id);
	loop_timer_del(w->im->loop, &w->timer);
	w->im->directory.n_waits--;
	free(w);
}

/* Its login, if that still waits. */
static struct login *login_that_waits(const struct directory_wait *w)
{
	struct login *l = login_of(w->im, w->conn);

	return l && l->state == LOGIN_DIRECTORY ? l : NULL;
}

static void fail(struct directory_wait *w, const char *condition)
{
	struct login *l = login_that_waits(w);
	struct im *im = w->im;

	forget(w);
	if (l)
		login_refuse(im, l, condition, "directory");
}

static void on_timeout(void *arg)
{
	fail(arg, "temporary-auth-failure");
}

/* ---- gh-dir ---- */

static void ask_directory(struct directory_wait *w)
{
	struct im *im = w->im;
	struct login *l = login_that_waits(w);
	struct chan *to = bus_chan(im->bus, PROG_DIR, 0);
	uint32_t id = bus_next_id(im->bus);

	if (!l || !to || map_add_u64(&im->directory.waiting, id, w) || loop_timer_set(im->loop, &w->timer, ANSWER_MS)) {
		fail(w, "temporary-auth-failure");
		return;
	}
	w->id = id;
	struct buf *b = chan_begin(to, MSG_DIR_CHECK, id);
	wire_put_str(b, bytes_of(l->jid));
	wire_put_bytes(b, bytes_make(l->password.p, l->password.n));
	int rc = chan_end(to);
	secret_fini(&l->password);
	if (rc)
		fail(w, "temporary-auth-failure");
}

/* With the account's verifiers anew: a token of FAST stems from them. */
static void proved(struct directory_wait *w)
{
	struct im *im = w->im;
	struct login *l = login_that_waits(w);

	forget(w);
	if (!l)
		return;
	l->is_proved = true;
	login_look_up(im, l);
}

static void get_note(struct directory_wait *w, struct bytes jid, ask_done_fn done);

/* It was made at this moment: by another login of theirs, or by somebody for himself. */
static void on_noted_meanwhile(struct im *im, struct ask *a, int rc)
{
	struct directory_wait *w = a->arg;

	(void)im;
	if (!rc && w->is_known)
		proved(w);
	else
		fail(w, rc && rc != ERR_NOT_FOUND ? "temporary-auth-failure" : "not-authorized");
}

/* Their account is made at their first login, when no synchronisation has brought it yet. */
static void on_written(struct im *im, struct ask *a, int rc)
{
	struct directory_wait *w = a->arg;
	struct login *l = login_that_waits(w);

	(void)im;
	if (rc == ERR_EXISTS && l)
		get_note(w, bytes_of(l->jid), on_noted_meanwhile);
	else if (rc)
		fail(w, "temporary-auth-failure");
	else
		proved(w);
}

static void write_down(struct directory_wait *w, struct bytes jid, const struct directory_note *n)
{
	struct im *im = w->im;

	if (!w->is_known) {
		user_forget(im, jid);
		directory_begin_account(im, jid, STORE_ACCOUNT_NEW_NOTED, n);
	} else {
		struct buf note;
		buf_init(&note, NOTE_MAX);
		directory_note_put(&note, n);
		struct buf *b = ask_begin(im, STORE_BLOB_PUT);
		wire_put_str(b, jid);
		wire_put_str(b, BYTES(STORE_DIRECTORY_KEY));
		wire_put_bytes(b, buf_bytes(&note));
		buf_fini(&note);
	}
	ask_send_free(im, NULL, on_written, w, 0);
}

int directory_on_verdict(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct wire wire = wire_of(f->body);
	int rc = (int)(int32_t)wire_u32(&wire);
	struct directory_note n = { .is_gone = false };

	(void)from;
	n.user = wire_str(&wire);
	n.name = wire_str(&wire);
	n.mail = wire_str(&wire);
	n.uri = wire_str(&wire);
	if (wire_end(&wire))
		return ERR_PROTOCOL;
	struct directory_wait *w = map_get_u64(&im->directory.waiting, f->id);
	if (!w)
		return 0; /* too late */
	struct login *l = login_that_waits(w);
	if (rc || !l) {
		fail(w, rc == ERR_AUTH ? "not-authorized" : "temporary-auth-failure");
		return 0;
	}
	(void)map_del_u64(&im->directory.waiting, w->id);
	w->id = 0;
	loop_timer_del(im->loop, &w->timer);
	n.roster = w->is_known ? w->roster : DIRECTORY_ROSTER_NONE;
	write_down(w, bytes_of(l->jid), &n);
	return 0;
}

/* ---- the account's note ---- */

static void on_note(struct im *im, struct ask *a, struct wire *w)
{
	struct directory_wait *wait = a->arg;
	struct directory_note n;

	(void)im;
	wait->is_known = directory_note_read(wire_bytes(w), &n) == 0 && !n.is_gone;
	wait->roster = wait->is_known ? n.roster : 0;
}

static void on_note_done(struct im *im, struct ask *a, int rc)
{
	struct directory_wait *w = a->arg;

	(void)im;
	if (rc && rc != ERR_NOT_FOUND)
		fail(w, "temporary-auth-failure");
	else if (!w->is_known)
		fail(w, "not-authorized"); /* this box's own, or gone from the directory */
	else
		ask_directory(w);
}

static void get_note(struct directory_wait *w, struct bytes jid, ask_done_fn done)
{
	struct buf *b = ask_begin(w->im, STORE_BLOB_GET);

	wire_put_str(b, jid);
	wire_put_str(b, BYTES(STORE_DIRECTORY_KEY));
	ask_send_free(w->im, on_note, done, w, 0);
}

bool directory_is_asked(const struct im *im, const struct login *l)
{
	return im->directory.is_on && l->mechanism->is_plain && l->flags & AUTH_TLS;
}

void directory_ask(struct im *im, struct login *l)
{
	struct directory_wait *w = im->directory.n_waits < WAITS_MAX ? calloc(1, sizeof *w) : NULL;

	if (!w) {
		login_refuse(im, l, "temporary-auth-failure", "directory");
		return;
	}
	im->directory.n_waits++;
	w->im = im;
	w->conn = l->conn;
	loop_timer_init(&w->timer, on_timeout, w);
	l->state = LOGIN_DIRECTORY;
	if (l->is_unknown)
		ask_directory(w);
	else
		get_note(w, bytes_of(l->jid), on_note_done);
}

/* ---- life ---- */

void directory_apply(struct im *im, const struct settings *s)
{
	im->directory.is_there = settings_bool(s, SET_DIR_ENABLED);
	im->directory.is_on = im->directory.is_there && settings_bool(s, SET_DIR_AUTHENTICATION);
	im->directory.has_cards = im->directory.is_there && settings_bool(s, SET_DIR_VCARDS);
}

void directory_down(struct im *im)
{
	size_t at = 0;

	for (struct directory_wait *w; (w = map_next(&im->directory.waiting, &at)); at = 0)
		fail(w, "temporary-auth-failure");
}

void directory_fini(struct im *im)
{
	directory_down(im);
	map_fini(&im->directory.waiting);
}
