/* D-CIM: contacts come into people's lists; what is there already stays as it is. */
#include "base/err.h"
#include "bulk/job.h"
#include "presence/roster.h"

enum { GROUPS_BYTES = 32 << 10 };

static void next(struct im *im, struct bulk *b)
{
	struct bulk_row row;
	enum bulk_result result;
	int rc = 0;

	for (unsigned rows = 0; rows < BULK_SLICE && (rc = bulk_row(b, bulk_row_import, &row, &result)) == 0; rows++) {
		struct bulk_part *p = bulk_add(b, result == BULK_DONE ? row.user : BYTES_NONE);
		p->line = b->csv.line;
		if (result != BULK_DONE) {
			p->result = result;
			continue;
		}
		/* The fields are gone with the next row. */
		row.name = arena_dup(&b->arena, row.name);
		row.group = arena_dup(&b->arena, row.group);
		row.contact = arena_dup(&b->arena, row.contact);
		p->row = row;
	}
	if (rc && b->n_parts == 0)
		bulk_end(im, b, 0);
	else
		bulk_run(im, b);
}

/* In the list as the row has it? Changes p if not. */
static bool has(struct contact_parts *p, const struct bulk_row *row, struct buf *groups, bool *is_too_much)
{
	uint8_t group[2 + BULK_ROW_MAX];
	bool is_there = p->bits & CONTACT_LISTED;
	size_t before;

	buf_put_bytes(groups, p->groups);
	before = buf_len(groups);
	*is_too_much = false;
	if (row->group.n) {
		group[0] = (uint8_t)(row->group.n >> 8);
		group[1] = (uint8_t)row->group.n;
		memcpy(group + 2, row->group.p, row->group.n);
		*is_too_much = !roster_add_groups(groups, bytes_make(group, 2 + row->group.n));
	}
	is_there = is_there && buf_len(groups) == before && (p->name.n || !row->name.n);
	if (!p->name.n)
		p->name = row->name;
	p->groups = buf_bytes(groups);
	p->bits |= CONTACT_LISTED;
	return is_there;
}

static void apply(struct im *im, struct bulk *b, struct bulk_part *part)
{
	struct user *u = part->user;
	const struct contact *c = user_contact(u, part->row.contact);
	struct contact_parts p = c ? contact_parts(c) : (struct contact_parts){ .jid = part->row.contact };
	bool is_too_much;
	struct buf groups;

	(void)b;
	if (p.shared.n) {
		part->result = BULK_DIRECTORY;
		return;
	}
	if (!roster_has_room(im, u, c)) {
		part->result = BULK_FULL;
		return;
	}
	buf_init(&groups, GROUPS_BYTES);
	if (!has(&p, &part->row, &groups, &is_too_much) && !is_too_much) {
		bulk_wait(part);
		if (roster_put(im, u, &p, bulk_written, part))
			bulk_written(im, &(struct ask){ .arg = part }, ERR_NOMEM);
	}
	if (is_too_much)
		part->result = BULK_FULL;
	buf_fini(&groups);
}

static void end(struct im *im, struct bulk *b)
{
	for (size_t i = 0; i < b->n_parts; i++) {
		if (b->parts[i].result == BULK_DONE)
			b->done++;
		else
			bulk_say(b, b->parts[i].line, b->parts[i].result, 0);
	}
	bulk_next(im, b);
}

const struct bulk_kind bulk_import = { BULK_IMPORT, bulk_row_is_head_import, next, apply, end };
