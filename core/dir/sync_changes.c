#include "sync_impl.h"

#include "base/err.h"

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
	for (unsigned i = 0; i < SYNC_WINDOW; i++)
		if (!s->waiting[i].id)
			return &s->waiting[i];
	return NULL;
}

struct buf *sync_begin_change(struct sync *s, enum msg type, uint8_t what, struct people_row *r)
{
	struct change *c = free_place(s);

	*c = (struct change){ bus_next_id(s->dir->bus), what, r };
	s->n_waiting++;
	return chan_begin(bus_chan(s->dir->bus, PROG_IM, 0), type, c->id);
}

bool sync_sent(struct sync *s)
{
	if (chan_end(bus_chan(s->dir->bus, PROG_IM, 0)) == 0)
		return true;
	sync_end(s, ERR_CLOSED, "gh-im is not there");
	return false;
}

static bool send_change(struct sync *s, enum directory_change what, struct bytes jid, struct people_row *r)
{
	static const struct people_row nobody;
	const struct people_row *says = r ? r : &nobody;
	struct buf *b = sync_begin_change(s, MSG_DIR_CHANGE, (uint8_t)what, r);

	wire_put_u8(b, (uint8_t)what);
	wire_put_str(b, jid);
	wire_put_str(b, says->user);
	wire_put_str(b, says->name);
	wire_put_str(b, says->mail);
	wire_put_str(b, says->uri);
	return sync_sent(s);
}

void sync_send_changes(struct sync *s)
{
	enum directory_change what;
	struct people_row *r;
	struct bytes jid;

	while (!s->is_settled && s->n_waiting < SYNC_WINDOW && next_change(s, &what, &jid, &r))
		if (!send_change(s, what, jid, r))
			return;
	if (!s->n_waiting)
		(void)sync_settle_lists(s);
	if (s->is_settled && !sync_send_lists(s))
		return;
	if (s->n_waiting) {
		(void)sync_wait(s);
		return;
	}
	if (s->is_settled)
		sync_tell_groups(s);
	sync_end(s, 0, s->groups_trouble ? s->groups_trouble : "");
}

int sync_on_changed(void *program, struct chan *from, const struct frame *f)
{
	struct sync *s = ((struct dir *)program)->syncing;
	struct wire w = wire_of(f->body);
	int rc = (int)(int32_t)wire_u32(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	for (unsigned i = 0; s && i < SYNC_WINDOW; i++) {
		struct change *c = &s->waiting[i];
		if (!c->id || c->id != f->id)
			continue;
		c->id = 0;
		s->n_waiting--;
		sync_count(s, c, rc);
		sync_send_changes(s);
		return 0;
	}
	return 0; /* of one that has ended */
}
