#include "comply.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "format.h"
#include "proto/jid.h"
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>

/* compliance export: gh-conf opens one and then asks for part after part, as fast as the operator takes them. Who opened it, what for
 * and what came out of it are records of the archive itself. */

enum { PART_BYTES = 192 << 10, PART_MAX = PART_BYTES + 2 * RECORD_BODY_MAX + (64 << 10), STEP_BYTES = 4 << 20, IDLE_MS = 60000,
       WHO_MAX = 1023, BY_MAX = 63, ARENA_MAX = 32 << 20 };

struct export {
	struct list node;
	struct comply *comply;
	struct loop_timer idle;
	uint32_t ticket;
	enum format_kind kind;
	char who[WHO_MAX + 1]; /* "" everybody, and events */
	char by[BY_MAX + 1];
	uint64_t from_ms, until_ms;
	uint64_t until;   /* number of the first record that does not count */
	uint64_t segment; /* that is open, or was last; 0: none yet */
	bool is_open, is_over;
	struct reader reader;
	struct buf out;
	struct arena arena;
	uint64_t n;
};

static void close_segment(struct export *e)
{
	if (e->is_open)
		reader_close(&e->reader);
	e->is_open = false;
}

static void free_it(struct export *e)
{
	struct comply *c = e->comply;

	intake_event(c, "exported", "by=%s ticket=%u records=%llu %s", e->by, e->ticket, (unsigned long long)e->n,
	             e->is_over ? "whole" : "broken off");
	c->stats[STAT_EXPORTED] += e->n;
	close_segment(e);
	loop_timer_del(c->loop, &e->idle);
	list_del(&e->node);
	c->n_exports--;
	buf_fini(&e->out);
	arena_fini(&e->arena);
	free(e);
}

static void on_idle(void *arg)
{
	free_it(arg);
}

/* ---- begin ---- */

/* In the form that records have. */
static int read_who(struct export *e, struct bytes text)
{
	struct jid j;
	int rc = jid_parse(text, &e->arena, &j);

	if (!rc && (j.resource_n || j.full.n > WHO_MAX))
		rc = ERR_SYNTAX;
	if (!rc)
		snprintf(e->who, sizeof e->who, "%.*s", BYTES_FMT(j.full));
	arena_reset(&e->arena);
	return rc;
}

static int read_args(struct export *e, const struct bytes *args, size_t n)
{
	e->until_ms = UINT64_MAX;
	if (n != 5 || format_of(args[0], &e->kind) || args[1].n > WHO_MAX || args[4].n > BY_MAX)
		return ERR_SYNTAX;
	if (!bytes_eq_str(args[1], "all") && read_who(e, args[1]))
		return ERR_UNKNOWN;
	snprintf(e->by, sizeof e->by, "%.*s", BYTES_FMT(args[4]));
	if (args[2].n && format_time(args[2], false, &e->from_ms))
		return ERR_RANGE;
	return args[3].n && format_time(args[3], true, &e->until_ms) ? ERR_RANGE : 0;
}

/* format, who ("all"), from, until (both may be empty), by: answers one record with the ticket and the name of the file. */
void export_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct comply *c = program;
	struct export *e = c->n_exports < EXPORTS_MAX ? calloc(1, sizeof *e) : NULL;

	if (!e) {
		proc_done(ask, ERR_FULL, "so many exports are under way already");
		return;
	}
	arena_init(&e->arena, ARENA_MAX);
	int rc = read_args(e, args, n);
	if (rc) {
		arena_fini(&e->arena);
		free(e);
		proc_done(ask, rc, rc == ERR_RANGE ? "a time is like 2026-11-27 or 2026-11-27T10:00:00Z" :
		                   rc == ERR_UNKNOWN ? "whose: all, an address without a resource, or a domain" : "the format is json or eml");
		return;
	}
	e->comply = c;
	e->ticket = bus_next_id(c->bus);
	buf_init(&e->out, PART_MAX);
	loop_timer_init(&e->idle, on_idle, e);
	list_add_tail(&c->exports, &e->node);
	c->n_exports++;
	/* First of all: nobody reads without that. */
	intake_event(c, "export", "by=%s ticket=%u format=%.*s who=%s from=%.*s until=%.*s", e->by, e->ticket, BYTES_FMT(args[0]),
	             e->who[0] ? e->who : "all", BYTES_FMT(args[2]), BYTES_FMT(args[3]));
	intake_commit(c);
	if (c->is_failing || loop_timer_set(c->loop, &e->idle, IDLE_MS)) {
		free_it(e);
		proc_done(ask, ERR_IO, "nothing is exported while it cannot be recorded");
		return;
	}
	e->until = c->ledger.next;
	log_info("comply.export", LOG_STR("by", e->by), LOG_INT("ticket", e->ticket), LOG_STR("who", e->who[0] ? e->who : "all"));
	proc_record_begin(ask);
	proc_record_int(ask, "ticket", e->ticket);
	proc_record_str(ask, "file", format_file(e->kind));
	proc_record_end(ask);
	proc_done(ask, 0, "");
}

/* ---- part after part ---- */

static bool is_wanted(const struct export *e, const struct record *r)
{
	if (r->at_ms < e->from_ms || r->at_ms > e->until_ms)
		return false;
	return !e->who[0] || hold_is_of(r->from, bytes_of(e->who)) || hold_is_of(r->to, bytes_of(e->who));
}

/* The next segment that may have something of the time; false: there is none. */
static bool open_next(struct export *e)
{
	const struct ledger *l = &e->comply->ledger;
	size_t i = 0;

	while (i < l->n_segments && l->segments[i].first <= e->segment)
		i++;
	/* All of a segment is from before its successor was begun. */
	while (i + 1 < l->n_segments && l->segments[i + 1].begun_ms && l->segments[i + 1].begun_ms < e->from_ms)
		i++;
	for (; i < l->n_segments && l->segments[i].first < e->until; i++) {
		e->segment = l->segments[i].first;
		if (reader_open_all(&e->reader, l, e->segment) == 0) {
			e->is_open = true;
			return true;
		}
	}
	return false;
}

static int put(struct export *e, const struct record_frame *f)
{
	size_t before = buf_len(&e->out);
	struct record r;

	if (f->pruned || record_read(f->body, &r) || !is_wanted(e, &r))
		return 0;
	const struct format_in in = { .record = &r, .hash = f->hash, .parsers = e->comply->parsers, .arena = &e->arena };
	bool is_put = format_put(e->kind, &in, &e->out);
	arena_reset(&e->arena);
	if (!is_put) {
		buf_truncate(&e->out, before);
		return ERR_NOMEM;
	}
	e->n++;
	return 0;
}

/* 0: there is more; ERR_NOT_FOUND: that was all. */
static int fill(struct export *e)
{
	struct record_frame f;
	size_t bytes = 0;
	int rc = 0;

	while (!rc && buf_len(&e->out) < PART_BYTES && bytes < STEP_BYTES) {
		if (!e->is_open && !open_next(e))
			return ERR_NOT_FOUND;
		if (e->reader.number >= e->until)
			return ERR_NOT_FOUND;
		rc = reader_frame(&e->reader, &f);
		if (rc == ERR_NOT_FOUND) {
			close_segment(e);
			rc = 0;
			continue;
		}
		if (rc) /* what stands behind a damaged record is not proved; the next segment is */
			return rc;
		bytes += f.n;
		rc = put(e, &f);
	}
	return rc;
}

static struct export *find(const struct comply *c, struct bytes ticket)
{
	uint64_t n;

	if (bytes_to_u64(ticket, UINT32_MAX, &n))
		return NULL;
	LIST_EACH (it, &c->exports) {
		struct export *e = LIST_OWNER(it, struct export, node);
		if (e->ticket == n)
			return e;
	}
	return NULL;
}

/* ticket: answers a record with the next part (which may be empty) and whether it was the last one. */
void export_read_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct comply *c = program;
	struct export *e = n == 1 ? find(c, args[0]) : NULL;
	char text[96] = "";

	if (!e) {
		proc_done(ask, ERR_NOT_FOUND, "the export has ended: nobody asked for a minute");
		return;
	}
	int rc = fill(e);
	e->is_over = rc == ERR_NOT_FOUND;
	if (e->is_over)
		format_end(e->kind, &e->out);
	proc_record_begin(ask);
	proc_record_text(ask, "part", buf_bytes(&e->out));
	proc_record_int(ask, "more", rc == 0);
	proc_record_end(ask);
	buf_clear(&e->out);
	if (!rc && !loop_timer_set(c->loop, &e->idle, IDLE_MS)) {
		proc_done(ask, 0, "");
		return;
	}
	if (e->is_over)
		snprintf(text, sizeof text, "%llu records", (unsigned long long)e->n);
	else
		snprintf(text, sizeof text, "record %llu cannot be read (%s): compliance verify", (unsigned long long)e->reader.number, err_text(rc));
	proc_done(ask, e->is_over ? 0 : rc, text);
	free_it(e);
}

void export_fini(struct comply *c)
{
	while (!list_is_empty(&c->exports))
		free_it(LIST_OWNER(c->exports.next, struct export, node));
}
