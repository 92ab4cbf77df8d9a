#include "bulk/bulk.h"

#include "base/err.h"
#include "bulk/job.h"
#include "domain.h"
#include "room/rooms.h"

#include <stdlib.h>

enum { FEED_MS = 2000 };
enum { FEED_KIND, FEED_LINE, FEED_SKIP, FEED_LAST, FEED_TEXT, FEED_ARGS };

/* ---- rows ---- */

int bulk_row(struct bulk *b, enum bulk_result (*read)(const struct bytes *fields, size_t n, struct arena *a, struct bulk_row *out),
             struct bulk_row *out, enum bulk_result *result)
{
	for (;;) {
		int rc = csv_row(&b->csv);
		const struct csv *c = &b->csv;

		if (rc == ERR_NOT_FOUND || rc == ERR_TRUNCATED)
			return ERR_NOT_FOUND;
		*result = BULK_FORMAT;
		if (rc)
			return 0;
		if ((c->n == 1 && !c->fields[0].n) || (c->line == 1 && b->kind->is_head(c->fields, c->n)))
			continue;
		*result = read(c->fields, c->n, &b->arena, out);
		return 0;
	}
}

void bulk_say(struct bulk *b, unsigned line, enum bulk_result r, uint32_t lists)
{
	wire_put_u32(&b->results, line);
	wire_put_u8(&b->results, (uint8_t)r);
	wire_put_u32(&b->results, lists);
	b->errors += r == BULK_ERROR;
}

/* ---- a slice ---- */

struct bulk_part *bulk_add(struct bulk *b, struct bytes user)
{
	struct im *im = b->im;
	struct bulk_part *p = &b->parts[b->n_parts++];
	struct jid j = jid_of_normal(user);

	*p = (struct bulk_part){ .job = b, .result = BULK_NOT_LOCAL };
	if (!user.n || !domain_of(im, jid_domain(&j)) || rooms_host(im, jid_domain(&j)))
		return p;
	p->is_ours = !user_find(im, user);
	p->user = user_get(im, user);
	p->result = p->user ? BULK_DONE : BULK_ERROR;
	if (p->user)
		user_pin(p->user);
	return p;
}

static void release(struct im *im, struct bulk *b)
{
	for (size_t i = 0; i < b->n_parts; i++) {
		struct bulk_part *p = &b->parts[i];
		if (!p->user)
			continue;
		user_unpin(im, p->user);
		/* Unless somebody else has come to want it: a file may have more people than memory should. */
		bool is_last = true;
		for (size_t k = i + 1; k < b->n_parts && is_last; k++)
			is_last = b->parts[k].user != p->user;
		struct bytes jid = user_jid(p->user);
		if (p->is_ours && is_last)
			user_forget(im, arena_dup(&b->arena, jid));
		p->user = NULL;
	}
}

static void drop(struct bulk *b)
{
	b->im->bulk = NULL;
	csv_fini(&b->csv);
	arena_fini(&b->arena);
	arena_fini(&b->row_arena);
	buf_fini(&b->results);
	free(b);
}

static void finish_slice(struct im *im, struct bulk *b)
{
	if (--b->pending)
		return;
	b->kind->end(im, b);
}

void bulk_wait(struct bulk_part *p)
{
	p->job->pending++;
}

void bulk_written(struct im *im, struct ask *a, int rc)
{
	struct bulk_part *p = a->arg;

	if (rc)
		p->result = rc == ERR_NOT_FOUND ? BULK_NOT_LOCAL : BULK_ERROR; /* the account has been deleted meanwhile */
	finish_slice(im, p->job);
}

/* gh-store answers in order: everybody has been loaded. */
static void on_loaded(struct im *im, struct ask *a, int rc)
{
	struct bulk *b = a->arg;

	if (rc == ERR_FULL || rc == ERR_CLOSED) { /* the question was not asked, or we end */
		bulk_end(im, b, rc);
		return;
	}
	b->pending = 1;
	for (size_t i = 0; i < b->n_parts; i++) {
		struct bulk_part *p = &b->parts[i];
		if (!p->user || p->result != BULK_DONE)
			continue;
		if (p->user->state == USER_READY)
			b->kind->apply(im, b, p);
		else
			p->result = p->user->state == USER_NONE ? BULK_NOT_LOCAL : BULK_ERROR;
		arena_reset(&im->arena);
	}
	finish_slice(im, b);
}

void bulk_run(struct im *im, struct bulk *b)
{
	struct buf *body = ask_begin(im, STORE_BLOB_GET);

	wire_put_str(body, BYTES_NONE);
	wire_put_str(body, BYTES_NONE);
	ask_send_free(im, NULL, on_loaded, b, 0);
}

void bulk_end(struct im *im, struct bulk *b, int rc)
{
	struct proc_ask *ask = b->ask;

	release(im, b);
	if (!rc && buf_failed(&b->results))
		rc = ERR_LIMIT;
	if (!rc) {
		proc_record_begin(ask);
		proc_record_int(ask, "consumed", (int64_t)(b->text_n - b->csv.rest.n));
		proc_record_int(ask, "line", b->csv.next_line);
		proc_record_int(ask, "skip", b->csv.is_skipping);
		proc_record_int(ask, "done", (int64_t)b->done);
		proc_record_int(ask, "errors", (int64_t)b->errors);
		proc_record_text(ask, "results", buf_bytes(&b->results));
		proc_record_end(ask);
	}
	drop(b);
	proc_done(ask, rc, rc == ERR_FULL ? "gh-store has too much to do" : rc ? err_text(rc) : "");
}

void bulk_next(struct im *im, struct bulk *b)
{
	release(im, b);
	b->n_parts = 0;
	arena_reset(&b->arena);
	if (!b->is_in_row && loop_now(im->loop) - b->began_ms >= FEED_MS)
		bulk_end(im, b, 0); /* the rest is given again, unless the operator does not want it any more */
	else
		b->kind->next(im, b);
}

/* ---- begin ---- */

static const struct bulk_kind *kind_of(struct bytes name)
{
	static const struct bulk_kind *const kinds[] = { &bulk_import, &bulk_rename };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (bytes_eq_str(name, kinds[i]->name))
			return kinds[i];
	return NULL;
}

void bulk_feed(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct im *im = program;
	const struct bulk_kind *kind = n == FEED_ARGS ? kind_of(args[FEED_KIND]) : NULL;
	uint64_t line;

	if (!kind || bytes_to_u64(args[FEED_LINE], UINT32_MAX, &line) || args[FEED_TEXT].n > BULK_PIECE_MAX) {
		proc_done(ask, ERR_SYNTAX, "not a piece of a list of contacts");
		return;
	}
	struct bytes text = args[FEED_TEXT];
	struct bulk *b = im->bulk ? NULL : calloc(1, sizeof *b + text.n);
	if (!b) {
		proc_done(ask, ERR_AGAIN, im->bulk ? "another list of contacts is being read" : err_text(ERR_NOMEM));
		return;
	}
	b->im = im;
	b->ask = ask;
	b->kind = kind;
	b->began_ms = loop_now(im->loop);
	b->text_n = text.n;
	if (text.n)
		memcpy(b->text, text.p, text.n);
	csv_init(&b->csv, bytes_make(b->text, text.n), args[FEED_LAST].n > 0, (unsigned)line, BULK_ROW_MAX);
	b->csv.is_skipping = args[FEED_SKIP].n > 0;
	if (line == 1 && !b->csv.is_skipping)
		csv_pass_mark(&b->csv);
	arena_init(&b->arena, BULK_ARENA_MAX);
	arena_init(&b->row_arena, BULK_ARENA_MAX);
	buf_init(&b->results, BULK_PIECE_MAX * BULK_RESULT_BYTES); /* a row has a byte at least */
	im->bulk = b;
	kind->next(im, b);
}

void bulk_fini(struct im *im)
{
	if (!im->bulk)
		return;
	release(im, im->bulk);
	drop(im->bulk);
}
