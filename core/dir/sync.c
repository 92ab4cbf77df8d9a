#include "sync_impl.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

enum { SOON_MS = 2000, AGAIN_MS = 60000, ANSWER_MS = 60000 };

/* ---- its end ---- */

static void arm(struct dir *d, uint64_t ms)
{
	if (d->config.syncs && loop_timer_set(d->loop, &d->sync_timer, ms))
		log_error("dir.sync.timer", LOG_STR("reason", "no memory"));
}

void sync_end(struct sync *s, int rc, const char *text)
{
	struct dir *d = s->dir;
	struct sync_figures *f = &s->figures;

	(void)snprintf(f->text, sizeof f->text, "%s", text);
	f->took_ms = loop_now(d->loop) - s->began_ms;
	d->last_sync = *f;
	sync_log_end(s, rc);
	alarm_set(ALARM_DIRECTORY_SYNC, "", rc != 0, f->text);
	if (s->ask) {
		sync_put_figures(s->ask, f);
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
	sync_end(arg, ERR_TIMEOUT, "gh-im does not answer");
}

bool sync_wait(struct sync *s)
{
	if (loop_timer_set(s->dir->loop, &s->patience, ANSWER_MS) == 0)
		return true;
	sync_end(s, ERR_NOMEM, "no memory");
	return false;
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
	sync_ask_page(s);
}

static void on_people(void *arg, int rc, const char *text)
{
	struct sync *s = arg;

	if (rc) {
		sync_end(s, rc, text);
		return;
	}
	sync_tell_faults(&s->people, s->dir->config.people.is_by_uri);
	sync_judge_rows(s);
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
	sync_ask_page(s);
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
		sync_put_figures(ask, &d->last_sync);
	proc_done(ask, 0, d->syncing ? "one is under way" : d->last_sync.began_ms ? "" : "none since gh-dir began");
}

void sync_init(struct dir *d)
{
	loop_timer_init(&d->sync_timer, on_timer, d);
}

void sync_apply(struct dir *d)
{
	if (d->syncing)
		sync_end(d->syncing, ERR_AGAIN, "the settings of the directory have changed meanwhile");
	loop_timer_del(d->loop, &d->sync_timer);
	if (!d->config.syncs)
		alarm_clear(ALARM_DIRECTORY_SYNC, "");
	arm(d, SOON_MS);
}

void sync_down(struct dir *d)
{
	if (d->syncing && !d->syncing->is_reading)
		sync_end(d->syncing, ERR_CLOSED, "gh-im is not there");
}

void sync_stop(struct dir *d)
{
	d->config.syncs = false;
	if (d->syncing)
		sync_end(d->syncing, ERR_CLOSED, "gh-dir ends");
	loop_timer_del(d->loop, &d->sync_timer);
}
