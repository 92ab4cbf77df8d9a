#include "sync_impl.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the directory's people ---- */

static int by_jid(const void *a, const void *b)
{
	return bytes_cmp(((const struct people_row *)a)->jid, ((const struct people_row *)b)->jid);
}

void sync_judge_rows(struct sync *s)
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

/* ---- whom gh-im knows ---- */

void sync_ask_page(struct sync *s)
{
	struct chan *im = bus_chan(s->dir->bus, PROG_IM, 0);

	s->page_id = bus_next_id(s->dir->bus);
	struct buf *b = chan_begin(im, MSG_DIR_KNOWN, s->page_id);
	wire_put_str(b, bytes_make(s->last, s->last_n));
	if (chan_end(im))
		sync_end(s, ERR_CLOSED, "gh-im is not there");
	else
		(void)sync_wait(s);
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
		sync_send_changes(s);
	else
		sync_end(s, ERR_DENIED, text);
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
		sync_end(s, rc ? rc : bad, rc ? "gh-im cannot say whom it knows" : "no memory");
	else if (is_last)
		all_known(s);
	else
		sync_ask_page(s);
	return 0;
}
