/* user disable, user enable, user roster, show user: what one account is like. */
#include "command/commands.h"

#include "base/err.h"
#include "base/text.h"
#include "auth/app_password.h"
#include "auth/directory.h"
#include "ask.h"
#include "presence/online.h"
#include "presence/subscription.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

/* One command about one account. */
struct about {
	struct proc_ask *ask;
	bool is_on;       /* enable */
	uint64_t seen_ms; /* when it was last here; 0: not known */
	uint32_t contacts;
	bool is_disabled, is_of_directory, is_gone;
	size_t jid_n;
	uint8_t jid[];
};

static struct bytes jid_of(const struct about *a)
{
	return bytes_make(a->jid, a->jid_n);
}

/* NULL: the command has been answered. */
static struct about *begin(struct im *im, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct bytes jid;

	if (command_account(im, ask, args, n, 1, &jid))
		return NULL;
	struct about *a = calloc(1, sizeof *a + jid.n);
	if (a) {
		a->ask = ask;
		a->jid_n = jid.n;
		memcpy(a->jid, jid.p, jid.n);
	} else {
		proc_done(ask, ERR_NOMEM, err_text(ERR_NOMEM));
	}
	arena_reset(&im->arena);
	return a;
}

static void finish(struct about *a, int rc)
{
	proc_done(a->ask, rc, command_text(rc));
	free(a);
}

/* ---- disable and enable ---- */

static void on_switched(struct im *im, struct ask *ask, int rc)
{
	struct about *a = ask->arg;
	struct user *u = rc ? NULL : user_find(im, jid_of(a));

	if (u) {
		u->is_disabled = !a->is_on;
		if (u->is_disabled)
			session_kick_all(im, u, "not-authorized", "The account is disabled");
	}
	/* SIP clients that are registered, and those who are logging in. */
	if (!rc && !a->is_on)
		app_password_revoked(im, jid_of(a), BYTES_NONE);
	finish(a, rc);
}

static void switch_to(struct im *im, struct about *a, bool is_on)
{
	char now[24];

	a->is_on = is_on;
	(void)snprintf(now, sizeof now, "%llu", (unsigned long long)loop_wall_ms(im->loop));
	struct buf *b = ask_begin(im, STORE_BLOB_PUT);
	wire_put_str(b, jid_of(a));
	wire_put_str(b, BYTES(STORE_DISABLED_KEY));
	wire_put_bytes(b, is_on ? BYTES_NONE : bytes_of(now));
	ask_send_free(im, NULL, on_switched, a, 0);
}

void user_disable(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct about *a = begin(program, ask, args, n);

	if (a)
		switch_to(program, a, false);
}

void user_enable(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct about *a = begin(program, ask, args, n);

	if (a)
		switch_to(program, a, true);
}

/* ---- roster ---- */

static void put_groups(struct buf *b, struct bytes groups)
{
	struct wire w = wire_of(groups);

	for (bool is_first = true; wire_left(&w) && !wire_failed(&w); is_first = false) {
		if (!is_first)
			buf_put_u8(b, '\n');
		buf_put_bytes(b, wire_str(&w));
	}
}

static void on_contact(struct im *im, struct ask *ask, struct wire *w)
{
	struct about *a = ask->arg;

	if (wire_u8(w) != STORE_USER_CONTACT)
		return;
	struct bytes jid = wire_str(w);
	uint8_t bits = wire_u8(w);
	struct bytes name = wire_str(w), groups = wire_bytes(w);
	if (wire_failed(w) || !(bits & CONTACT_LISTED))
		return;
	buf_clear(&im->out);
	put_groups(&im->out, groups);
	proc_record_begin(a->ask);
	proc_record_text(a->ask, "contact", jid);
	proc_record_text(a->ask, "name", name);
	proc_record_str(a->ask, "subscription", subscription_name(bits));
	proc_record_text(a->ask, "groups", buf_bytes(&im->out));
	proc_record_end(a->ask);
}

static void on_rostered(struct im *im, struct ask *ask, int rc)
{
	(void)im;
	finish(ask->arg, rc);
}

void user_roster(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct about *a = begin(program, ask, args, n);

	if (!a)
		return;
	wire_put_str(ask_begin(program, STORE_USER_GET), jid_of(a));
	ask_send_free(program, on_contact, on_rostered, a, 0);
}

/* ---- show ---- */

static void on_part(struct im *im, struct ask *ask, struct wire *w)
{
	struct about *a = ask->arg;
	struct directory_note note;

	(void)im;
	switch (wire_u8(w)) {
	case STORE_USER_VERSION: /* comes first: also when the ask is sent again */
		a->contacts = 0;
		a->is_disabled = a->is_of_directory = a->is_gone = false;
		break;
	case STORE_USER_CONTACT:
		(void)wire_str(w);
		a->contacts += (wire_u8(w) & CONTACT_LISTED) != 0;
		break;
	case STORE_USER_DISABLED:
		a->is_disabled = true;
		break;
	case STORE_USER_DIRECTORY:
		a->is_of_directory = true;
		a->is_gone = !directory_note_read(wire_bytes(w), &note) && note.is_gone;
		break;
	default:
		break;
	}
}

static void record(struct im *im, struct about *a)
{
	const struct user *u = user_find(im, jid_of(a));
	char seen[TEXT_TIME_BYTES] = "never";

	if (u)
		LIST_EACH (it, &u->sessions) {
			const struct session *s = LIST_OWNER(it, struct session, node);
			a->seen_ms = s->opened_ms > a->seen_ms ? s->opened_ms : a->seen_ms;
		}
	if (a->seen_ms)
		text_time(a->seen_ms, false, seen);
	proc_record_begin(a->ask);
	proc_record_text(a->ask, "user", jid_of(a));
	proc_record_str(a->ask, "account", a->is_disabled ? "disabled" : "enabled");
	proc_record_str(a->ask, "directory", a->is_gone ? "gone" : a->is_of_directory ? "yes" : "no");
	proc_record_str(a->ask, "presence", online_how_names[online_how(im, u)]);
	proc_record_str(a->ask, "seen", seen);
	proc_record_int(a->ask, "contacts", a->contacts);
	proc_record_int(a->ask, "sessions", u ? u->n_sessions : 0);
	proc_record_end(a->ask);
	arena_reset(&im->arena);
}

/* What iq_last_left keeps. */
static void on_last(struct im *im, struct ask *ask, struct wire *w)
{
	struct about *a = ask->arg;

	(void)im;
	(void)bytes_to_u64(wire_bytes(w), UINT64_MAX >> 1, &a->seen_ms); /* else it is not known */
}

static void on_last_done(struct im *im, struct ask *ask, int rc)
{
	struct about *a = ask->arg;

	if (!rc || rc == ERR_NOT_FOUND) {
		record(im, a);
		rc = 0;
	}
	finish(a, rc);
}

static void on_parts(struct im *im, struct ask *ask, int rc)
{
	struct about *a = ask->arg;

	if (rc) {
		finish(a, rc);
		return;
	}
	struct buf *b = ask_begin(im, STORE_BLOB_GET);
	wire_put_str(b, jid_of(a));
	wire_put_str(b, BYTES("last"));
	ask_send_free(im, on_last, on_last_done, a, 0);
}

void show_user(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct about *a = begin(program, ask, args, n);

	if (!a)
		return;
	wire_put_str(ask_begin(program, STORE_USER_GET), jid_of(a));
	ask_send_free(program, on_part, on_parts, a, 0);
}
