#include "sync.h"

#include "base/err.h"
#include "base/text.h"
#include "groups.h"
#include "people.h"
#include "run/alarm.h"
#include "run/directory.h"

#include <stdio.h>
#include <stdlib.h>

enum { SOON_MS = 2000, AGAIN_MS = 60000, ANSWER_MS = 60000, WINDOW = 64, JID_MAX = 3071 };
enum { ROSTER = DIRECTORY_CHANGE_COUNT };
enum row_state { ROW_NEW, ROW_SAME, ROW_CHANGED, ROW_DUPLICATE, ROW_BAD };

/* Somebody whom gh-im knows and the directory does not have. */
struct vanished {
	struct bytes jid;
	uint64_t gone_ms;
	uint64_t roster; /* digest of what gh-im's list has (DIR_ROSTER) */
	bool is_gone, is_removed;
};

struct change {
	uint32_t id; /* 0: free */
	uint8_t what; /* enum directory_change, or ROSTER */
	struct people_row *row; /* NULL: it is not in the directory */
};

struct sync {
	struct dir *dir;
	struct proc_ask *ask; /* NULL: nobody waits for it */
	bool is_forced, is_reading; /* reading: gh-im is not needed yet */
	struct people people;
	struct vanished *vanished;
	size_t n_vanished, room;
	uint32_t page_id; /* of the DIR_KNOWN under way */
	size_t last_n;
	uint8_t last[JID_MAX]; /* of the page before */
	uint32_t known, found_known;
	size_t row_at, vanished_at; /* what comes next */
	struct groups groups;
	bool has_groups, is_settled; /* they are there; contact lists are being written */
	size_t lists_at, ended_at;   /* which comes next */
	const char *groups_trouble;  /* why they could not be read; NULL: they could, or are not wanted */
	unsigned full;               /* lists with more contacts than may be */
	unsigned n_waiting;
	struct change waiting[WINDOW];
	struct loop_timer patience;
	uint64_t began_ms; /* of the loop */
	struct sync_figures figures;
};

/* ---- its end ---- */

static void put_figures(struct proc_ask *ask, const struct sync_figures *f)
{
	char at[TEXT_TIME_BYTES];

	text_time(f->began_ms, false, at);
	proc_record_begin(ask);
	proc_record_str(ask, "began", at);
	proc_record_int(ask, "ms", (int64_t)f->took_ms);
	proc_record_str(ask, "result", f->text[0] ? f->text : "ok");
	proc_record_int(ask, "people", f->people);
	proc_record_int(ask, "added", f->added);
	proc_record_int(ask, "changed", f->changed);
	proc_record_int(ask, "gone", f->gone);
	proc_record_int(ask, "deleted", f->removed);
	proc_record_int(ask, "duplicate", f->duplicates);
	proc_record_int(ask, "no-address", f->bad);
	proc_record_int(ask, "local", f->local);
	proc_record_int(ask, "other-domain", f->foreign);
	proc_record_int(ask, "groups", f->groups);
	proc_record_int(ask, "groups-left-out", f->groups_out);
	proc_record_int(ask, "contact-lists", f->rosters);
	proc_record_int(ask, "failed", f->failed);
	proc_record_end(ask);
}

static void arm(struct dir *d, uint64_t ms)
{
	if (d->config.syncs && loop_timer_set(d->loop, &d->sync_timer, ms))
		log_error("dir.sync.timer", LOG_STR("reason", "no memory"));
}

static void tell_end(const struct sync *s, int rc)
{
	const struct sync_figures *f = &s->figures;

	if (rc)
		log_warn("dir.sync.failed", LOG_STR("reason", f->text), LOG_INT("people", f->people), LOG_INT("known", s->known));
	else
		log_info("dir.sync.done", LOG_INT("ms", f->took_ms), LOG_INT("people", f->people), LOG_INT("added", f->added),
		         LOG_INT("changed", f->changed), LOG_INT("gone", f->gone), LOG_INT("deleted", f->removed),
		         LOG_INT("duplicate", f->duplicates), LOG_INT("failed", f->failed));
}

static void end(struct sync *s, int rc, const char *text)
{
	struct dir *d = s->dir;
	struct sync_figures *f = &s->figures;

	(void)snprintf(f->text, sizeof f->text, "%s", text);
	f->took_ms = loop_now(d->loop) - s->began_ms;
	d->last_sync = *f;
	tell_end(s, rc);
	alarm_set(ALARM_DIRECTORY_SYNC, "", rc != 0, f->text);
	if (s->ask) {
		put_figures(s->ask, f);
		proc_done(s->ask, rc, text);
	}
	loop_timer_del(d->loop, &s->patience);
	groups_fini(&s->groups);
	people_fini(&s->people);
	free(s->vanished);
	free(s);
	d->syncing = NULL;
	arm(d, rc ? AGAIN_MS : d->config.sync_ms);
}

static void on_patience(void *arg)
{
	end(arg, ERR_TIMEOUT, "gh-im does not answer");
}

/* ---- what is to be done ---- */

static int by_jid(const void *a, const void *b)
{
	return bytes_cmp(((const struct people_row *)a)->jid, ((const struct people_row *)b)->jid);
}

/* Whose address somebody else has too, or who has none (D-DUP). Leaves the rows in the order of addresses. */
static void judge_rows(struct sync *s)
{
	struct people *p = &s->people;

	if (p->n)
		qsort(p->rows, p->n, sizeof *p->rows, by_jid);
	for (size_t i = 0; i < p->n; i++) {
		struct people_row *r = &p->rows[i];
		bool is_shared = (i > 0 && by_jid(r, r - 1) == 0) || (i + 1 < p->n && by_jid(r, r + 1) == 0);
		r->state = !r->jid.n ? ROW_BAD : is_shared ? ROW_DUPLICATE : ROW_NEW;
		r->roster = DIRECTORY_ROSTER_NONE; /* of a new account */
		s->figures.bad += r->state == ROW_BAD;
		s->figures.duplicates += r->state == ROW_DUPLICATE;
	}
	s->figures.people = (uint32_t)p->n - s->figures.bad - s->figures.duplicates;
}

static void tell_faults(const struct people *p, bool is_by_uri)
{
	const struct people_faults f = people_faults(p->rows, p->n);
	char text[80];

	(void)snprintf(text, sizeof text, "%zu people: directory validate userid", f.duplicate_users);
	alarm_set(ALARM_DUPLICATE_USER, "", f.duplicate_users > 0, text);
	(void)snprintf(text, sizeof text, "%zu people: directory validate uri", f.duplicate_uris);
	alarm_set(ALARM_DUPLICATE_URI, "", is_by_uri && f.duplicate_uris, text);
	alarm_set(ALARM_DUPLICATE_URI_WARNING, "", !is_by_uri && f.duplicate_uris, text);
	(void)snprintf(text, sizeof text, "%zu people: directory validate uri", f.bad_uris);
	alarm_set(ALARM_INVALID_URI, "", is_by_uri && f.bad_uris, text);
	alarm_set(ALARM_INVALID_URI_WARNING, "", !is_by_uri && f.bad_uris, text);
}

/* A directory that seems empty or halved is more likely a mistake there, or in the settings, than the truth. */
static bool is_credible(struct sync *s, char *text, size_t room)
{
	if (s->is_forced)
		return true;
	if (!s->figures.people)
		(void)snprintf(text, room, "the directory has nobody: nothing is changed");
	else if ((uint64_t)s->found_known * 2 < s->known)
		(void)snprintf(text, room, "the directory has only %u of the %u people known here: nothing is changed", s->found_known, s->known);
	else
		return true;
	return false;
}

/* The next change: its address and, where the directory has the person, the row. */
static bool next_change(struct sync *s, enum directory_change *what, struct bytes *jid, struct people_row **row)
{
	uint64_t now = loop_wall_ms(s->dir->loop);

	for (; s->row_at < s->people.n; s->row_at++) {
		struct people_row *r = &s->people.rows[s->row_at];
		if (r->state != ROW_NEW && r->state != ROW_CHANGED)
			continue;
		s->row_at++;
		*what = r->state == ROW_NEW ? DIRECTORY_ADD : DIRECTORY_UPDATE;
		*jid = r->jid;
		*row = r;
		return true;
	}
	for (; s->vanished_at < s->n_vanished; s->vanished_at++) {
		struct vanished *v = &s->vanished[s->vanished_at];
		if (v->is_gone && now - v->gone_ms < s->dir->config.grace_ms)
			continue;
		s->vanished_at++;
		v->is_removed = v->is_gone;
		*what = v->is_gone ? DIRECTORY_REMOVE : DIRECTORY_GONE;
		*jid = v->jid;
		*row = NULL;
		return true;
	}
	return false;
}

static struct change *free_place(struct sync *s)
{
	for (unsigned i = 0; i < WINDOW; i++)
		if (!s->waiting[i].id)
			return &s->waiting[i];
	return NULL;
}

static bool wait_on(struct sync *s)
{
	if (loop_timer_set(s->dir->loop, &s->patience, ANSWER_MS) == 0)
		return true;
	end(s, ERR_NOMEM, "no memory");
	return false;
}

static struct buf *begin(struct sync *s, enum msg type, uint8_t what, struct people_row *r)
{
	struct change *c = free_place(s);

	*c = (struct change){ bus_next_id(s->dir->bus), what, r };
	s->n_waiting++;
	return chan_begin(bus_chan(s->dir->bus, PROG_IM, 0), type, c->id);
}

/* False: the synchronisation is over. */
static bool sent(struct sync *s)
{
	if (chan_end(bus_chan(s->dir->bus, PROG_IM, 0)) == 0)
		return true;
	end(s, ERR_CLOSED, "gh-im is not there");
	return false;
}

static bool send_change(struct sync *s, enum directory_change what, struct bytes jid, struct people_row *r)
{
	static const struct people_row nobody;
	const struct people_row *says = r ? r : &nobody;
	struct buf *b = begin(s, MSG_DIR_CHANGE, (uint8_t)what, r);

	wire_put_u8(b, (uint8_t)what);
	wire_put_str(b, jid);
	wire_put_str(b, says->user);
	wire_put_str(b, says->name);
	wire_put_str(b, says->mail);
	wire_put_str(b, says->uri);
	return sent(s);
}

/* ---- contact lists (A-10) ---- */

static bool is_in(const struct people_row *r)
{
	return r->state == ROW_SAME;
}

/* Everybody who is to come in is in. Without groups all lists are to be empty of them. */
static bool settle(struct sync *s)
{
	if (s->is_settled || !s->has_groups)
		return s->is_settled;
	int rc = groups_settle(&s->groups, is_in);
	s->has_groups = s->is_settled = !rc;
	s->figures.groups = (uint32_t)s->groups.n - s->groups.too_large;
	s->figures.groups_out = s->groups.too_large;
	s->figures.failed += rc != 0;
	return !rc;
}

/* The next list that gh-im does not have so. */
static bool next_list(struct sync *s, struct bytes *jid, uint64_t *digest, struct people_row **row)
{
	for (; s->lists_at < s->people.n; s->lists_at++) {
		struct people_row *r = &s->people.rows[s->lists_at];
		*digest = is_in(r) ? groups_digest(&s->groups, r) : r->roster;
		if (*digest == r->roster)
			continue;
		s->lists_at++;
		*jid = r->jid;
		*row = r;
		return true;
	}
	for (; s->ended_at < s->n_vanished; s->ended_at++) {
		struct vanished *v = &s->vanished[s->ended_at];
		if (v->roster == DIRECTORY_ROSTER_NONE || v->is_removed)
			continue;
		s->ended_at++;
		*jid = v->jid;
		*digest = DIRECTORY_ROSTER_NONE;
		*row = NULL;
		return true;
	}
	return false;
}

static bool send_list(struct sync *s, struct bytes jid, uint64_t digest, struct people_row *r)
{
	struct buf *b = begin(s, MSG_DIR_ROSTER, ROSTER, r);
	unsigned left_out = 0;

	wire_put_str(b, jid);
	wire_put_u64(b, digest);
	int rc = 0;
	if (r && digest != DIRECTORY_ROSTER_NONE)
		rc = groups_put_roster(&s->groups, r, b, &left_out);
	else
		wire_put_u16(b, 0);
	s->full += left_out > 0;
	if (rc) {
		end(s, rc, "no memory");
		return false;
	}
	return sent(s);
}

static void tell_groups(const struct sync *s)
{
	char text[120];

	(void)snprintf(text, sizeof text, "%u groups are too large, %u contact lists are full", s->groups.too_large, s->full);
	alarm_set(ALARM_DIRECTORY_GROUPS, "", s->groups.too_large || s->full, text);
}

/* As much as may be under way at once; first accounts, and when all of them are answered the lists. */
static void send_changes(struct sync *s)
{
	enum directory_change what;
	struct people_row *r;
	struct bytes jid;
	uint64_t digest;

	while (!s->is_settled && s->n_waiting < WINDOW && next_change(s, &what, &jid, &r))
		if (!send_change(s, what, jid, r))
			return;
	if (!s->n_waiting)
		(void)settle(s);
	while (s->is_settled && s->n_waiting < WINDOW && next_list(s, &jid, &digest, &r))
		if (!send_list(s, jid, digest, r))
			return;
	if (s->n_waiting) {
		(void)wait_on(s);
		return;
	}
	if (s->is_settled)
		tell_groups(s);
	end(s, 0, s->groups_trouble ? s->groups_trouble : "");
}

static void count(struct sync *s, const struct change *c, int rc)
{
	struct sync_figures *f = &s->figures;
	uint32_t *const done[] = { &f->added, &f->changed, &f->gone, &f->removed, &f->rosters };

	if (c->row && c->what != ROSTER) /* who could not come in is in no group */
		c->row->state = rc ? ROW_BAD : ROW_SAME;
	if (!rc)
		(*done[c->what])++;
	else if (rc == ERR_EXISTS && c->what != ROSTER)
		f->local++;
	else if (rc == ERR_RANGE)
		f->foreign++;
	else
		f->failed++;
}

int sync_on_changed(void *program, struct chan *from, const struct frame *f)
{
	struct sync *s = ((struct dir *)program)->syncing;
	struct wire w = wire_of(f->body);
	int rc = (int)(int32_t)wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	for (unsigned i = 0; s && i < WINDOW; i++) {
		struct change *c = &s->waiting[i];
		if (!c->id || c->id != f->id)
			continue;
		c->id = 0;
		s->n_waiting--;
		count(s, c, rc);
		send_changes(s);
		return 0;
	}
	return 0; /* of one that has ended */
}

/* ---- whom gh-im knows ---- */

static void ask_page(struct sync *s)
{
	struct chan *im = bus_chan(s->dir->bus, PROG_IM, 0);

	s->page_id = bus_next_id(s->dir->bus);
	struct buf *b = chan_begin(im, MSG_DIR_KNOWN, s->page_id);
	wire_put_str(b, bytes_make(s->last, s->last_n));
	if (chan_end(im))
		end(s, ERR_CLOSED, "gh-im is not there");
	else
		(void)wait_on(s);
}

static int add_vanished(struct sync *s, const struct vanished *v)
{
	if (s->n_vanished == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		struct vanished *more = s->room < PEOPLE_MAX ? realloc(s->vanished, room * sizeof *more) : NULL;
		if (!more)
			return ERR_NOMEM;
		s->vanished = more;
		s->room = room;
	}
	s->vanished[s->n_vanished] = *v;
	struct bytes *jid = &s->vanished[s->n_vanished].jid;
	*jid = arena_dup(&s->people.arena, v->jid);
	s->n_vanished += jid->n > 0;
	return jid->n ? 0 : ERR_NOMEM;
}

static int take_known(struct sync *s, struct wire *w)
{
	struct people_row key = { .jid = wire_str(w) };
	bool is_gone = wire_u8(w);
	uint64_t gone_ms = wire_u64(w);
	struct bytes user = wire_str(w), name = wire_str(w), mail = wire_str(w), uri = wire_str(w);
	uint64_t roster = wire_u64(w);

	if (wire_failed(w) || key.jid.n > sizeof s->last)
		return ERR_PROTOCOL;
	memcpy(s->last, key.jid.p, key.jid.n);
	s->last_n = key.jid.n;
	s->known += !is_gone;
	struct people_row *r = s->people.n ? bsearch(&key, s->people.rows, s->people.n, sizeof key, by_jid) : NULL;
	if (!r)
		return add_vanished(s, &(struct vanished){ .jid = key.jid, .gone_ms = gone_ms, .roster = is_gone ? roster : 0, .is_gone = is_gone }); /* GONE forgets it */
	s->found_known += !is_gone;
	bool is_same = !is_gone && bytes_eq(user, r->user) && bytes_eq(name, r->name) && bytes_eq(mail, r->mail) && bytes_eq(uri, r->uri);
	if (r->state == ROW_NEW)
		r->state = is_same ? ROW_SAME : ROW_CHANGED;
	r->roster = is_same ? roster : 0; /* UPDATE forgets it */
	return 0;
}

static void all_known(struct sync *s)
{
	char text[sizeof s->figures.text];

	if (is_credible(s, text, sizeof text))
		send_changes(s);
	else
		end(s, ERR_DENIED, text);
}

int sync_on_page(void *program, struct chan *from, const struct frame *f)
{
	struct sync *s = ((struct dir *)program)->syncing;
	struct wire w = wire_of(f->body);
	int rc = (int)(int32_t)wire_u32(&w), bad = 0;
	bool is_last = wire_u8(&w);

	(void)from;
	if (!s || s->page_id != f->id)
		return 0; /* of one that has ended */
	s->page_id = 0;
	for (uint16_t n = wire_u16(&w); n && !bad; n--)
		bad = take_known(s, &w);
	if (bad != ERR_NOMEM && (bad || wire_end(&w)))
		return ERR_PROTOCOL;
	if (rc || bad)
		end(s, rc ? rc : bad, rc ? "gh-im cannot say whom it knows" : "no memory");
	else if (is_last)
		all_known(s);
	else
		ask_page(s);
	return 0;
}

/* ---- its start ---- */

/* Groups that cannot be read change no contact list; people come in all the same. */
static void on_groups(void *arg, int rc)
{
	struct sync *s = arg;

	s->is_reading = false;
	s->has_groups = !rc;
	if (rc) {
		s->groups_trouble = rc == ERR_LIMIT ? "ok, but there are too many groups, or the server gives only a part of them" :
				    "ok, but the groups cannot be read: directory group-base, directory group-filter";
		log_warn("dir.groups.failed", LOG_STR("reason", err_name(rc)));
	}
	alarm_set(ALARM_DIRECTORY_GROUPS, "", rc != 0, s->groups_trouble);
	ask_page(s);
}

static void on_people(void *arg, int rc, const char *text)
{
	struct sync *s = arg;

	if (rc) {
		end(s, rc, text);
		return;
	}
	tell_faults(&s->people, s->dir->config.people.is_by_uri);
	judge_rows(s);
	if (s->dir->config.has_groups) {
		s->groups.done = on_groups;
		s->groups.arg = s;
		groups_start(s->dir, &s->people, &s->groups);
		return;
	}
	s->groups.dir = s->dir; /* none: what they gave ends */
	s->groups.people = &s->people;
	s->has_groups = true;
	s->is_reading = false;
	ask_page(s);
}

/* NULL: without memory. */
static struct sync *start(struct dir *d, struct proc_ask *ask, bool is_forced)
{
	struct sync *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	loop_timer_del(d->loop, &d->sync_timer);
	d->syncing = s;
	d->stats[STAT_SYNCS]++;
	s->dir = d;
	s->ask = ask;
	s->is_forced = is_forced;
	s->is_reading = true;
	s->began_ms = loop_now(d->loop);
	s->figures.began_ms = loop_wall_ms(d->loop);
	loop_timer_init(&s->patience, on_patience, s);
	s->people.done = on_people;
	s->people.arg = s;
	people_start(d, &s->people);
	return s;
}

static void on_timer(void *arg)
{
	struct dir *d = arg;

	/* One at a time: either takes its memory. */
	if (d->validating || d->syncing || !d->is_usable || !start(d, NULL, false))
		arm(d, AGAIN_MS);
}

void sync_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct dir *d = program;
	bool is_forced = n && bytes_eq_str(args[0], "force");

	if (n && !is_forced)
		proc_done(ask, ERR_RANGE, "force, or nothing");
	else if (!d->config.syncs)
		proc_done(ask, ERR_BAD_STATE, "set directory sync on");
	else if (d->validating || d->syncing)
		proc_done(ask, ERR_AGAIN, d->syncing ? "one is under way" : "directory validate is under way");
	else if (!start(d, ask, is_forced))
		proc_done(ask, ERR_NOMEM, err_text(ERR_NOMEM));
}

void sync_show(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct dir *d = program;

	(void)args, (void)n;
	if (d->last_sync.began_ms)
		put_figures(ask, &d->last_sync);
	proc_done(ask, 0, d->syncing ? "one is under way" : d->last_sync.began_ms ? "" : "none since gh-dir began");
}

void sync_init(struct dir *d)
{
	loop_timer_init(&d->sync_timer, on_timer, d);
}

void sync_apply(struct dir *d)
{
	if (d->syncing)
		end(d->syncing, ERR_AGAIN, "the settings of the directory have changed meanwhile");
	loop_timer_del(d->loop, &d->sync_timer);
	if (!d->config.syncs)
		alarm_clear(ALARM_DIRECTORY_SYNC, "");
	arm(d, SOON_MS);
}

void sync_down(struct dir *d)
{
	if (d->syncing && !d->syncing->is_reading)
		end(d->syncing, ERR_CLOSED, "gh-im is not there");
}

void sync_stop(struct dir *d)
{
	d->config.syncs = false;
	if (d->syncing)
		end(d->syncing, ERR_CLOSED, "gh-dir ends");
	loop_timer_del(d->loop, &d->sync_timer);
}
