#include "files.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	MINUTE_MS = 60000,
	LOW_PERCENT = 95,  /* of the total: the alarm stands from here */
	HIGH_PERCENT = 90, /* and ends below */
	FREE_SLACK = 5,    /* the same for the disk, in per cent of it (C-MFE-08) */
	FILE_COST = 8192,  /* what a file takes beside its bytes: label, rest of a block, inode. Else a million of one byte were nothing */
	FORGET_MAX = 256,  /* users in a turn */
};

static uint64_t used_by(const struct owner *o)
{
	return o->bytes + o->reserved + ((uint64_t)o->files + o->uploads) * FILE_COST;
}

static uint64_t used_by_all(const struct files *f)
{
	return f->bytes + f->reserved + ((uint64_t)f->n_files + f->n_transfers) * FILE_COST;
}

struct owner *quota_owner(struct files *f, struct bytes jid)
{
	struct owner *o = map_get(&f->owners, jid);

	if (o)
		return o;
	o = calloc(1, sizeof *o + jid.n + 1);
	if (!o)
		return NULL;
	memcpy(o->jid, jid.p, jid.n);
	o->jid_n = jid.n;
	if (map_add(&f->owners, bytes_make(o->jid, o->jid_n), o)) {
		free(o);
		return NULL;
	}
	return o;
}

/* Is there room for so many bytes more? */
static int has_room(struct files *f, const struct owner *o, uint64_t size)
{
	uint64_t all = used_by_all(f), own = used_by(o);

	size += FILE_COST;
	if (!f->is_counted)
		return ERR_AGAIN;
	if (own > f->config.user_quota || size > f->config.user_quota - own)
		return ERR_FULL;
	if (all > f->config.total || size > f->config.total - all || shelf_free(&f->shelf) <= f->config.free_percent) {
		quota_look(f);
		return ERR_AGAIN;
	}
	return 0;
}

static int take_slot(struct files *f, struct owner *o, uint32_t *retry_s)
{
	uint64_t now_ms = loop_now(f->loop);

	if (!o->window_ms || now_ms - o->window_ms >= MINUTE_MS) {
		o->window_ms = now_ms;
		o->slots = 0;
	}
	if (o->slots >= f->config.slots_minute) {
		*retry_s = (uint32_t)((o->window_ms + MINUTE_MS - now_ms) / 1000 + 1);
		return ERR_LIMIT;
	}
	o->slots++;
	return 0;
}

int quota_slot(struct files *f, struct owner *o, uint64_t size, uint32_t *retry_s)
{
	if (size > f->config.file_max)
		return ERR_RANGE;
	int rc = take_slot(f, o, retry_s);
	return rc ? rc : has_room(f, o, size);
}

int quota_enter(struct files *f, struct owner *o, uint64_t size)
{
	if (o->uploads >= UPLOADS_OWNER_MAX)
		return ERR_LIMIT;
	int rc = has_room(f, o, size);
	if (rc)
		return rc;
	o->uploads++;
	o->reserved += size;
	f->reserved += size;
	return 0;
}

void quota_leave(struct files *f, struct owner *o, uint64_t size)
{
	o->uploads--;
	o->reserved -= size;
	f->reserved -= size;
}

void quota_add(struct files *f, struct owner *o, uint64_t size)
{
	o->files++;
	o->bytes += size;
	f->n_files++;
	f->bytes += size;
}

void quota_del(struct files *f, const struct shelf_label *l)
{
	struct owner *o = map_get(&f->owners, bytes_of(l->owner));

	if (!o || !o->files)
		return;
	o->files--;
	o->bytes -= l->size;
	f->n_files--;
	f->bytes -= l->size;
}

static void forget_idle(struct files *f)
{
	uint64_t now_ms = loop_now(f->loop);
	size_t at = 0;

	int n = 0;
	for (struct owner *o; n < FORGET_MAX && (o = map_next(&f->owners, &at));) {
		if (o->files || o->uploads || now_ms - o->window_ms < MINUTE_MS)
			continue;
		(void)map_del(&f->owners, bytes_make(o->jid, o->jid_n));
		free(o);
		at = 0; /* the table has changed */
		n++;
	}
}

void quota_look(struct files *f)
{
	unsigned free_now = shelf_free(&f->shelf), used = (unsigned)(used_by_all(f) * 100 / f->config.total);
	bool is_low = used >= LOW_PERCENT || free_now <= f->config.free_percent;
	char text[160];

	if (f->is_low && !is_low)
		is_low = used >= HIGH_PERCENT || free_now < f->config.free_percent + FREE_SLACK;
	f->is_low = is_low;
	snprintf(text, sizeof text, "%u %% of upload total are in use, %u %% of the disk are free", used, free_now);
	alarm_set(ALARM_UPLOADS_FULL, "", is_low, text);
	forget_idle(f);
}

void quota_fini(struct files *f)
{
	size_t at = 0;

	for (struct owner *o; (o = map_next(&f->owners, &at));)
		free(o);
	map_fini(&f->owners);
}
