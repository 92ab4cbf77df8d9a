#include "files.h"

#include "base/err.h"
#include "base/text.h"

#include <stdlib.h>

/* Walks over all files, a few at a time, so that nobody who uploads waits for them. */

enum { STEP_FILES = 128, LIST_MAX = 10000 };

enum purpose { JOB_COUNT, JOB_EXPIRE, JOB_LIST, JOB_DELETE, JOB_FORGET };

struct job {
	struct list node;
	enum purpose purpose;
	const struct shelf *shelf; /* which is walked: first the one of files, then the quarantine */
	char last_day[9];
	struct shelf_walk walk;
	struct proc_ask *ask; /* of an operator, to be answered at the end */
	uint64_t until_s;     /* JOB_EXPIRE: files up to then go */
	uint64_t n;
	struct map owners; /* JOB_FORGET: those that are gone */
	char owner[SLOT_OWNER_MAX + 1], id[SLOT_ID_BYTES * 2 + 1]; /* "" any */
};

static const char *id_of(const char *place)
{
	return place + 12; /* "YYYYMMDD/HH/" */
}

static void remove_file(struct files *f, const char *place, const struct shelf_label *l, enum files_stat what, struct job *j)
{
	if (shelf_delete(j->shelf, place))
		return; /* gone already, or the disk refuses: the next walk tries again */
	f->stats[what]++;
	j->n++;
	quota_del(f, l);
	f->n_quarantined -= l->virus[0] && f->n_quarantined;
}

static void list_file(struct job *j, const char *place, const struct shelf_label *l)
{
	char at[TEXT_TIME_BYTES];

	if (j->n++ >= LIST_MAX)
		return;
	text_time(l->created_s * 1000, false, at);
	proc_record_begin(j->ask);
	proc_record_str(j->ask, "file", id_of(place));
	proc_record_str(j->ask, "name", l->name);
	proc_record_str(j->ask, "type", l->type);
	proc_record_int(j->ask, "bytes", (int64_t)l->size);
	proc_record_str(j->ask, "uploaded", at);
	proc_record_str(j->ask, "virus", l->virus);
	proc_record_end(j->ask);
}

static void visit(struct files *f, struct job *j, const char *place, const struct shelf_label *l)
{
	struct owner *o;

	switch (j->purpose) {
	case JOB_COUNT:
		o = quota_owner(f, bytes_of(l->owner));
		if (o)
			quota_add(f, o, l->size);
		f->n_quarantined += o && l->virus[0];
		return;
	case JOB_EXPIRE:
		if (l->created_s <= j->until_s)
			remove_file(f, place, l, STAT_EXPIRED, j);
		return;
	case JOB_LIST:
		list_file(j, place, l);
		return;
	case JOB_DELETE:
	case JOB_FORGET:
		log_info("files.deleted", LOG_STR("user", l->owner), LOG_STR("file", id_of(place)));
		remove_file(f, place, l, STAT_DELETED, j);
		return;
	}
}

static bool is_meant(const struct job *j, const char *place, const struct shelf_label *l)
{
	if (j->purpose == JOB_FORGET)
		return map_get(&j->owners, bytes_of(l->owner)) != NULL;
	return (!j->owner[0] || strcmp(j->owner, l->owner) == 0) && (!j->id[0] || strcmp(j->id, id_of(place)) == 0);
}

static void forget_names(struct map *m)
{
	size_t at = 0;

	for (char *name; (name = map_next(m, &at));)
		free(name);
	map_fini(m);
}

static void begin_forgetting(struct files *f);

static void finish(struct files *f, struct job *j)
{
	list_del(&j->node);
	f->n_jobs--;
	forget_names(&j->owners);
	if (j->purpose == JOB_COUNT) {
		f->is_counted = true;
		log_info("files.counted", LOG_INT("files", f->n_files), LOG_INT("bytes", f->bytes), LOG_INT("unreadable", j->n));
		job_expire(f);
	}
	if (j->purpose == JOB_EXPIRE && j->n)
		log_info("files.expired", LOG_INT("files", j->n));
	if (j->ask && j->purpose == JOB_DELETE)
		proc_done(j->ask, j->n ? 0 : ERR_NOT_FOUND, j->n ? "" : "there is no such file");
	else if (j->ask)
		proc_done(j->ask, 0, j->n > LIST_MAX ? "there are more: these are the first" : "");
	quota_look(f);
	free(j);
	begin_forgetting(f);
}

/* False: it is done. */
static bool step(struct files *f, struct job *j)
{
	char place[SHELF_PLACE_BYTES];
	struct shelf_label l;

	for (int i = 0; i < STEP_FILES; i++) {
		if (!shelf_walk_next(j->shelf, &j->walk, place)) {
			if (j->shelf == &f->quarantine)
				return false;
			j->shelf = &f->quarantine;
			shelf_walk_begin(&j->walk, j->last_day);
			continue;
		}
		if (j->id[0] && strcmp(j->id, id_of(place)) != 0)
			continue;
		int rc = shelf_look(j->shelf, place, &l, NULL);
		if (rc && rc != ERR_NOT_FOUND && j->purpose == JOB_COUNT) {
			j->n++;
			log_error("files.damaged", LOG_STR("file", place));
		}
		if (!rc && is_meant(j, place, &l))
			visit(f, j, place, &l);
	}
	return true;
}

static void on_timer(void *arg)
{
	struct files *f = arg;

	LIST_EACH (it, &f->jobs) {
		struct job *j = LIST_OWNER(it, struct job, node);
		if (!step(f, j))
			finish(f, j);
	}
	if (!list_is_empty(&f->jobs))
		(void)loop_timer_set(f->loop, &f->job_timer, 0); /* it had room before */
}

void jobs_init(struct files *f)
{
	list_init(&f->jobs);
	loop_timer_init(&f->job_timer, on_timer, f);
}

void jobs_fini(struct files *f)
{
	LIST_EACH (it, &f->jobs) {
		struct job *j = LIST_OWNER(it, struct job, node);
		list_del(it);
		shelf_walk_end(&j->walk);
		forget_names(&j->owners);
		free(j); /* its ask ends with this program */
	}
	forget_names(&f->forgotten);
}

static struct job *job_new(struct files *f, enum purpose purpose, const char *last_day, int *rc)
{
	struct job *j = f->n_jobs < JOBS_MAX ? calloc(1, sizeof *j) : NULL;

	*rc = j ? loop_timer_set(f->loop, &f->job_timer, 0) : f->n_jobs < JOBS_MAX ? ERR_NOMEM : ERR_FULL;
	if (*rc) {
		free(j);
		return NULL;
	}
	j->purpose = purpose;
	j->shelf = &f->shelf;
	memcpy(j->last_day, last_day, strlen(last_day) + 1);
	shelf_walk_begin(&j->walk, last_day);
	list_add_tail(&f->jobs, &j->node);
	f->n_jobs++;
	return j;
}

int job_count(struct files *f)
{
	int rc;

	(void)job_new(f, JOB_COUNT, "", &rc);
	return rc;
}

static bool is_under_way(const struct files *f, enum purpose purpose)
{
	LIST_EACH (it, &f->jobs)
		if (LIST_OWNER(it, struct job, node)->purpose == purpose)
			return true;
	return false;
}

/* One walk for all accounts that have gone since the last one. */
static void begin_forgetting(struct files *f)
{
	int rc;

	if (!f->is_counted || f->forgotten.count == 0 || is_under_way(f, JOB_FORGET))
		return;
	struct job *j = job_new(f, JOB_FORGET, "", &rc);
	if (!j)
		return; /* with the end of the next one */
	j->owners = f->forgotten;
	f->forgotten = (struct map){ 0 };
}

void job_forget(struct files *f, struct bytes owner)
{
	const struct owner *o = map_get(&f->owners, owner);
	char *name = f->is_counted && (!o || !o->files) ? NULL : malloc(owner.n + 1);

	if (!name)
		return; /* it has none; without memory they go by age */
	memcpy(name, owner.p, owner.n);
	name[owner.n] = '\0';
	if (map_add(&f->forgotten, bytes_make(name, owner.n), name))
		free(name); /* it is there already */
	begin_forgetting(f);
}

void job_expire(struct files *f)
{
	uint64_t now_s = loop_wall_ms(f->loop) / 1000;
	char last[9];
	int rc;

	if (!f->is_counted || !f->config.keep_s || now_s <= f->config.keep_s)
		return;
	if (is_under_way(f, JOB_EXPIRE))
		return;
	/* The day of a slot may be the one before its file's. */
	shelf_day(now_s - f->config.keep_s, last);
	struct job *j = job_new(f, JOB_EXPIRE, last, &rc);
	if (j)
		j->until_s = now_s - f->config.keep_s;
}

int job_list(struct files *f, struct proc_ask *ask, struct bytes owner)
{
	int rc = owner.n > SLOT_OWNER_MAX ? ERR_LIMIT : 0;
	struct job *j = rc ? NULL : job_new(f, JOB_LIST, "", &rc);

	if (!j)
		return rc;
	memcpy(j->owner, owner.p, owner.n);
	j->ask = ask;
	return 0;
}

int job_delete(struct files *f, struct proc_ask *ask, struct bytes owner, struct bytes id)
{
	int rc = !f->is_counted ? ERR_AGAIN : owner.n > SLOT_OWNER_MAX || id.n >= sizeof ((struct job *)0)->id ? ERR_LIMIT : 0;
	struct job *j = rc ? NULL : job_new(f, JOB_DELETE, "", &rc);

	if (!j)
		return rc;
	memcpy(j->owner, owner.p ? owner.p : (const uint8_t *)"", owner.n);
	memcpy(j->id, id.p ? id.p : (const uint8_t *)"", id.n);
	j->ask = ask;
	return 0;
}
