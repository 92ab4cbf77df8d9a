/* D-REN: a contact has another address from now on, in every list that has it. */
#include "base/err.h"
#include "bulk/job.h"
#include "pep/caps.h"
#include "presence/presence.h"
#include "presence/roster.h"

/* ---- whose lists ---- */

static void on_owner(struct im *im, struct ask *a, struct wire *w)
{
	struct bulk *b = a->arg;
	struct bytes jid = wire_str(w);

	(void)im;
	if (wire_failed(w) || jid.n > sizeof b->last || b->n_parts == BULK_SLICE || bytes_cmp(jid, bytes_make(b->last, b->last_n)) <= 0)
		return; /* a page that is sent again begins anew */
	memcpy(b->last, jid.p, jid.n);
	b->last_n = jid.n;
	(void)bulk_add(b, jid);
}

static void end_row(struct im *im, struct bulk *b);

static void on_owners(struct im *im, struct ask *a, int rc)
{
	struct bulk *b = a->arg;

	if (rc == ERR_FULL || rc == ERR_CLOSED) {
		bulk_end(im, b, rc);
		return;
	}
	if (rc)
		b->row_result = BULK_ERROR;
	if (rc || b->n_parts == 0)
		end_row(im, b);
	else
		bulk_run(im, b);
}

static void ask_owners(struct im *im, struct bulk *b)
{
	struct buf *body = ask_begin(im, STORE_CONTACT_OWNERS);

	wire_put_str(body, b->row.contact);
	wire_put_str(body, bytes_make(b->last, b->last_n));
	wire_put_u32(body, BULK_SLICE);
	ask_send_free(im, on_owner, on_owners, b, 0);
}

/* ---- a row ---- */

static void begin_row(struct im *im, struct bulk *b)
{
	enum bulk_result result;

	/* Rows that are none: a turn of the loop for so many of them. */
	for (unsigned rows = 0; rows < BULK_SLICE; rows++) {
		if (bulk_row(b, bulk_row_rename, &b->row, &result)) {
			bulk_end(im, b, 0);
			return;
		}
		if (result == BULK_DONE)
			break;
		bulk_say(b, b->csv.line, result, 0);
		b->row.contact = BYTES_NONE;
	}
	b->row_line = b->csv.line;
	b->row_lists = 0;
	b->row_result = BULK_DONE;
	b->last_n = 0;
	b->is_in_row = b->row.contact.n > 0;
	if (b->is_in_row) {
		b->row.contact = arena_dup(&b->row_arena, b->row.contact);
		b->row.to = arena_dup(&b->row_arena, b->row.to);
		ask_owners(im, b);
	} else {
		bulk_run(im, b);
	}
}

static void end_row(struct im *im, struct bulk *b)
{
	if (b->row_result == BULK_DONE && !b->row_lists)
		b->row_result = BULK_NOBODY;
	b->done += b->row_lists > 0;
	bulk_say(b, b->row_line, b->row_result, b->row_lists);
	b->is_in_row = false;
	arena_reset(&b->row_arena);
	bulk_next(im, b);
}

static void next(struct im *im, struct bulk *b)
{
	if (b->is_in_row)
		ask_owners(im, b);
	else
		begin_row(im, b);
}

/* ---- a list ---- */

/* Who sees whom under the new address. */
static void show(struct im *im, struct user *u, const struct bulk_row *row)
{
	const struct contact *c = user_contact(u, row->to);

	if (!c || !(c->bits & CONTACT_FROM))
		return;
	presence_show(im, u, row->to);
	caps_show(im, u, row->to);
}

static void apply(struct im *im, struct bulk *b, struct bulk_part *part)
{
	struct user *u = part->user;
	const struct contact *c = user_contact(u, b->row.contact), *there = user_contact(u, b->row.to);

	part->is_theirs = c && c->bits & CONTACT_LISTED;
	if (!part->is_theirs)
		return; /* a request of somebody who is in no list */
	if (c->shared_n || (there && there->shared_n)) {
		part->result = BULK_DIRECTORY;
	} else if (bytes_eq(b->row.to, user_jid(u))) {
		part->result = BULK_SELF;
	} else {
		bool was_shown = c->bits & CONTACT_FROM;
		bulk_wait(part);
		if (roster_move(im, u, c, b->row.to, bulk_written, part)) {
			bulk_written(im, &(struct ask){ .arg = part }, ERR_NOMEM);
			return;
		}
		if (was_shown)
			presence_hide(im, u, b->row.contact);
		show(im, u, &b->row);
		presence_ask(im, u, b->row.to);
	}
}

static void end(struct im *im, struct bulk *b)
{
	bool is_more = b->n_parts == BULK_SLICE;

	if (!b->is_in_row) {
		bulk_next(im, b);
		return;
	}
	for (size_t i = 0; i < b->n_parts; i++) {
		const struct bulk_part *p = &b->parts[i];
		if (p->result == BULK_DONE)
			b->row_lists += p->is_theirs;
		else if (p->result != BULK_NOT_LOCAL) /* an account that is going has no list */
			b->row_result = p->result;
	}
	if (is_more)
		bulk_next(im, b);
	else
		end_row(im, b);
}

const struct bulk_kind bulk_rename = { BULK_RENAME, bulk_row_is_head_rename, next, apply, end };
