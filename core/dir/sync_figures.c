#include "sync_impl.h"

#include "base/err.h"
#include "base/text.h"
#include "run/alarm.h"

#include <stdio.h>

void sync_put_figures(struct proc_ask *ask, const struct sync_figures *f)
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

void sync_count(struct sync *s, const struct change *c, int rc)
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

void sync_log_end(const struct sync *s, int rc)
{
	const struct sync_figures *f = &s->figures;

	if (rc)
		log_warn("dir.sync.failed", LOG_STR("reason", f->text), LOG_INT("people", f->people), LOG_INT("known", s->known));
	else
		log_info("dir.sync.done", LOG_INT("ms", f->took_ms), LOG_INT("people", f->people), LOG_INT("added", f->added),
		         LOG_INT("changed", f->changed), LOG_INT("gone", f->gone), LOG_INT("deleted", f->removed),
		         LOG_INT("duplicate", f->duplicates), LOG_INT("failed", f->failed));
}

void sync_tell_faults(const struct people *p, bool is_by_uri)
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
