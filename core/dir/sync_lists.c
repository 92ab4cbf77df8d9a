#include "sync_impl.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdio.h>

static bool is_in(const struct people_row *r)
{
	return r->state == ROW_SAME;
}

bool sync_settle_lists(struct sync *s)
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
	struct buf *b = sync_begin_change(s, MSG_DIR_ROSTER, ROSTER, r);
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
		sync_end(s, rc, "no memory");
		return false;
	}
	return sync_sent(s);
}

bool sync_send_lists(struct sync *s)
{
	struct people_row *r;
	struct bytes jid;
	uint64_t digest;

	while (s->n_waiting < SYNC_WINDOW && next_list(s, &jid, &digest, &r))
		if (!send_list(s, jid, digest, r))
			return false;
	return true;
}

void sync_tell_groups(const struct sync *s)
{
	char text[120];

	(void)snprintf(text, sizeof text, "%u groups are too large, %u contact lists are full", s->groups.too_large, s->full);
	alarm_set(ALARM_DIRECTORY_GROUPS, "", s->groups.too_large || s->full, text);
}
